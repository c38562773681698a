//! Shows what a text will look like, before it is saved.

use crate::context::Ctx;
use crate::heavy::heavy;
use rustok_auth::Action;
use rustok_content::{ContentError, FieldError};
use rustok_core::error::RichError;
use rustok_text::body::{BodyFormat, Sanitised, render_html};

/// The HTML that a save would store for this body, and what it would remove from it. Nothing is saved.
///
/// # Errors
/// `validation_failed` at `#/body`, and authorization errors.
pub fn preview(ctx: &Ctx, format: BodyFormat, body: &str) -> Result<Sanitised, RichError> {
    ctx.authorize(Action::ReadContent)?;
    heavy(body.len(), || render_html(format, body)).map_err(|error| {
        let violation = FieldError::new("body", error.code(), error.to_string());
        ContentError::ValidationFailed(vec![violation]).into()
    })
}
