//! `/admin/preferences`: the language and the look of the pages, kept in cookies.

use crate::respond::{PageResult, set_cookie};
use crate::view::{LANGUAGE_COOKIE, SCHEME_COOKIE, SCHEMES};
use crate::visit::{OpenForm, see_other};
use crate::words::Language;
use axum::{Router, routing};
use rustok_http::session::SignInCtx;
use rustok_http::state::HttpState;

/// One year, in seconds.
const KEPT: u32 = 31_536_000;

/// Keeps a choice. It needs no session, but comes from a page of this host.
async fn save(_of_this_host: SignInCtx, OpenForm(fields): OpenForm) -> PageResult {
    let mut response = see_other(own_path(fields.text("next")));
    if let Some(language) = fields.filled("language").and_then(Language::parse) {
        set_cookie(&mut response, LANGUAGE_COOKIE, language.tag(), KEPT);
    }
    if let Some(scheme) = fields.filled("scheme") {
        match SCHEMES.into_iter().find(|known| *known == scheme) {
            Some(scheme) => set_cookie(&mut response, SCHEME_COOKIE, scheme, KEPT),
            None => set_cookie(&mut response, SCHEME_COOKIE, "", 0),
        }
    }
    Ok(response)
}

/// The path to go on to: only a page of the administration on this host, whatever a link says.
pub(super) fn own_path(next: &str) -> &str {
    let is_page = next == "/admin" || next.starts_with("/admin/") || next.starts_with("/admin?");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_page && is_plain && next.len() <= 2_000 {
        next
    } else {
        "/admin"
    }
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/preferences", routing::post(save))
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn a_link_leads_only_to_pages_of_this_host() {
        for (next, path) in [
            (
                "/admin/orders?status=paid&q=a%20b",
                "/admin/orders?status=paid&q=a%20b",
            ),
            ("", "/admin"),
            ("//evil.example", "/admin"),
            ("/\\evil.example", "/admin"),
            ("https://evil.example/admin/", "/admin"),
            ("/admin.evil.example", "/admin"),
            ("/admin/\r\nset-cookie: x", "/admin"),
            ("/admin/orders\u{2028}", "/admin"),
        ] {
            assert_eq!(own_path(next), path, "{next:?}");
        }
    }
}
