//! `/admin/account/second-factor`: the member turns the second factor of their account on and off. The key and the recovery
//! codes are in the response to the form alone: they are not kept, and no address shows them again.

use crate::form::{Fields, Form};
use crate::format::Moment;
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::view::{Section, View};
use crate::visit::{Posted, SECOND_FACTOR_PATH, Visit};
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::{Router, routing};
use http::StatusCode;
use qrcode::{Color, QrCode};
use rustok_app::people::{self, Confirmation, Enrolment};
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_http::state::HttpState;
use std::fmt::Write as _;

/// The white space around the picture that cameras need, in modules (ISO 18004, 9.1).
const QUIET: usize = 4;

/// The key for an app, as text and as a picture.
struct Enrol {
    key: String,
    /// The width of the picture, in modules.
    size: usize,
    /// The dark modules, as the path of an SVG.
    path: String,
}

/// What the page shows.
enum Shown {
    Begin,
    Enrol(Enrol),
    On(Moment),
    Codes(Vec<String>),
}

#[derive(Template)]
#[template(path = "admin/second_factor.html")]
struct SecondFactor<'a> {
    v: &'a View,
    email: String,
    form: Form,
    is_asked: bool,
    shown: Shown,
}

/// A QR code: one stroke for the dark modules that stand side by side.
fn enrol(enrolment: &Enrolment) -> Result<Enrol, RichError> {
    let code = QrCode::new(&enrolment.address)
        .map_err(|error| RichError::new(ErrorKind::Internal, format!("a QR code: {error}")))?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        for same in row.chunk_by(|one, other| one == other) {
            if same.first() == Some(&Color::Dark) {
                let length = same.len();
                // Writing to a text cannot fail.
                let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
            }
            x += same.len();
        }
    }
    Ok(Enrol {
        key: enrolment.key.clone(),
        size: width + 2 * QUIET,
        path,
    })
}

/// What the page shows by itself.
fn state(view: &View) -> Shown {
    let since = view.member.as_ref().and_then(|member| member.second_factor_at);
    since.map_or(Shown::Begin, |since| Shown::On(view.formats.short(since)))
}

fn render(Visit { ctx, view, .. }: Visit, status: StatusCode, shown: Shown, form: Form) -> PageResult {
    let view = view.at(Section::Account);
    let email = view.member.as_ref().map(|member| member.email.clone());
    let template = SecondFactor {
        email: email.unwrap_or_default(),
        is_asked: ctx.lacks_second_factor && !matches!(shown, Shown::Codes(_)),
        form,
        shown,
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(visit: Visit) -> PageResult {
    let shown = state(&visit.view);
    render(visit, StatusCode::OK, shown, Form::default())
}

fn wrong_code() -> RichError {
    let violation = FieldViolation::new("#/code", "wrong_code", "is not a code that is taken now");
    RichError::new(ErrorKind::Validation, "another code").with_violations([violation])
}

async fn change(State(http): State<HttpState>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    // A guess of the password or of a code, as one at the sign-in.
    let account = visit.ctx.actor.to_string();
    if let Err(refused) = http.limits().admit_sign_in(&account, None) {
        return Ok(refused.into_response());
    }
    let (ctx, code) = (&visit.ctx, fields.text("code"));
    let done_so = match fields.text("do") {
        "begin" => people::begin_second_factor(ctx, fields.text("current_password"))
            .await
            .and_then(|enrolment| Ok(Shown::Enrol(enrol(&enrolment)?))),
        "confirm" => match people::confirm_second_factor(ctx, code).await {
            Ok(Confirmation::On(codes)) => Ok(Shown::Codes(codes)),
            Ok(Confirmation::Wrong(enrolment)) => {
                let shown = Shown::Enrol(enrol(&enrolment)?);
                let form = Form::refused(visit.view.words, Fields::default(), &wrong_code());
                return render(visit, StatusCode::UNPROCESSABLE_ENTITY, shown, form);
            }
            Err(refusal) => Err(refusal),
        },
        "codes" => people::new_recovery_codes(ctx, code).await.map(Shown::Codes),
        _ => match people::turn_off_second_factor(ctx, code).await {
            Ok(()) => return done(SECOND_FACTOR_PATH, "flash-second-off"),
            Err(refusal) => Err(refusal),
        },
    };
    match done_so {
        Ok(shown) => render(visit, StatusCode::OK, shown, Form::default()),
        Err(refusal) => {
            let (status, refusal) = refused_status(refusal)?;
            // What was typed is secret: it is not shown again.
            let form = Form::refused(visit.view.words, Fields::default(), &refusal);
            let shown = state(&visit.view);
            render(visit, status, shown, form)
        }
    }
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/account/second-factor", routing::get(show).post(change))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each module of the picture is one of the QR code.
    #[test]
    fn the_path_draws_the_code() {
        let enrolment = Enrolment {
            key: "KEY".to_owned(),
            address: "otpauth://totp/Shop:jane%40example.com?secret=KEY&issuer=Shop".to_owned(),
        };
        let drawn = enrol(&enrolment).unwrap();
        let code = QrCode::new(&enrolment.address).unwrap();
        assert_eq!(drawn.size, code.width() + 8);
        let mut dark = 0;
        for stroke in drawn.path.split('M').skip(1) {
            let (at, rest) = stroke.split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            for at in x..x + length {
                assert_eq!(code[(at - QUIET, y - QUIET)], Color::Dark, "{at} {y}");
                dark += 1;
            }
        }
        let all = code.to_colors();
        assert_eq!(dark, all.iter().filter(|color| **color == Color::Dark).count());
    }
}
