//! The version that a form was made for, as its hidden field `seen` carries it.

use crate::form::Fields;
use rustok_app::{Precondition, Saved};

/// What the field carries.
pub(crate) fn text(saved: Saved) -> String {
    format!("{}-{}", saved.version, saved.at_micros)
}

/// The condition that the thing is as the form showed it. What was sent in another form matches nothing.
pub(crate) fn condition(fields: &Fields) -> Precondition {
    let seen = fields.text("seen").split_once('-').and_then(|(version, at)| {
        Some(Saved {
            version: version.parse().ok()?,
            at_micros: at.parse().ok()?,
        })
    });
    Precondition::OneOf(seen.into_iter().collect())
}
