//! What a hostile page, a hostile link or a hostile visitor tries.

use crate::html;
use crate::routes::routes;
use crate::site::{OWNER, PASSWORD, Site, read, with_token};
use reqwest::Response;
use rustok_app::people::{self, SetRole};
use rustok_auth::Role;
use rustok_auth::ids::UserId;
use rustok_test_app::header;
use rustok_test_support::both_databases;
use std::time::{Duration, Instant};

/// The session that a sign-in opened.
fn session_of(response: &Response) -> String {
    let cookies = response.headers().get_all("set-cookie").iter();
    let mut sessions = cookies.filter_map(|cookie| cookie.to_str().unwrap().strip_prefix("session="));
    sessions.next().unwrap().split(';').next().unwrap().to_owned()
}

fn credentials(email: &str, password: &str) -> Vec<(String, String)> {
    vec![
        ("email".to_owned(), email.to_owned()),
        ("password".to_owned(), password.to_owned()),
    ]
}

/// Whether an address is one of this host, however a browser reads it.
fn stays(address: &str) -> bool {
    let is_path = address.starts_with('/') && !address.starts_with("//");
    let is_plain = address
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_plain && (is_path || address.starts_with(['#', '?']))
}

both_databases! {
    async fn a_form_is_taken_from_pages_of_its_own_session_only(db) {
        let site = Site::open(&db).await;
        let (mut owner, other) = (site.session("owner").await, site.session("owner").await);
        let others = site.form_token(&other).await;
        let own = ("sec-fetch-site", "same-origin");
        for route in routes().into_iter().filter(|route| !route.is_read() && !route.is_open()) {
            let thing = site.thing(route.thing).await;
            let address = site.address(&route, &thing);
            let form = site.form(&owner, &route, &thing).await;
            for token in [None, Some(""), Some("x"), Some(&*others)] {
                let (status, text) = read(site.post(Some(&owner), &address, &with_token(&form.fields, token))).await;
                assert_eq!(status, 403, "{} with the token {token:?}", route.name());
                assert!(text.contains("opened in an earlier session"), "{text}");
            }
            for from in [
                &[][..],
                &[("sec-fetch-site", "cross-site")],
                &[("sec-fetch-site", "same-site")],
                &[("sec-fetch-site", "none")],
                &[("origin", "http://shop2.localhost")],
                &[("origin", "https://evil.example")],
                &[("origin", "null")],
                &[own, own],
            ] {
                let (status, text) = read(site.post_from(from, Some(&owner), &address, &form.fields)).await;
                assert_eq!(status, 403, "{} from {from:?}", route.name());
                assert!(text.contains("came from another page"), "{text}");
            }
            // None of them has changed anything: the form is still that of the page.
            let (status, text) = read(site.post(Some(&owner), &address, &form.fields)).await;
            assert_eq!(status, route.owner_gets(), "{}: {text}", route.name());
            if route.path == "/admin/sign-out" {
                owner = site.session("owner").await;
            }
        }
    }

    async fn a_session_that_was_there_before_the_sign_in_is_not_kept(db) {
        let site = Site::open(&db).await;
        let known_to_others = site.session("viewer").await;
        let made_up = format!("rts_{}", "A".repeat(43));
        for planted in [known_to_others, made_up] {
            let response = site.post(Some(&planted), "/admin/sign-in", &credentials(OWNER, PASSWORD)).send().await.unwrap();
            assert_eq!(response.status(), 303);
            let given = session_of(&response);
            assert_ne!(given, planted);
            let _ = site.page(Some(&given), "/admin").await;
            assert_eq!(read(site.get(Some(&planted), "/admin")).await.0, 303, "the planted session is over");
        }
        // What a foreign page sends does not sign anyone in.
        for from in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "http://shop2.localhost")] {
            for route in routes().into_iter().filter(|route| !route.is_read() && route.is_open()) {
                let (status, _) = read(site.post_from(&[from], None, route.path, &credentials(OWNER, PASSWORD))).await;
                assert_eq!(status, 403, "{} from {from:?}", route.name());
            }
        }
    }

    async fn no_link_leads_away_from_the_shop(db) {
        let site = Site::open(&db).await;
        let evil = [
            "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/admin\\..\\..\\evil.example",
            "javascript:alert(1)", "data:text/html,x", "/admin.evil.example", "/admin/\r\nlocation: //evil.example", "/%0a/evil.example",
            "///evil.example", "http:evil.example", "/admin/../..//evil.example/", "@evil.example",
        ];
        let owner = site.session("owner").await;
        for (number, next) in evil.into_iter().enumerate() {
            // Sign-ins to one account are limited.
            let email = format!("jane{number}@shop1.example");
            site.member(&email, "viewer").await;
            for route in routes().into_iter().filter(|route| !route.is_read() && route.is_open()) {
                let mut fields = credentials(&email, PASSWORD);
                for name in ["next", "return", "to"] {
                    fields.push((name.to_owned(), next.to_owned()));
                }
                for name in ["link", "invitation"] {
                    fields.push((name.to_owned(), format!("{next}{number}")));
                }
                fields.push(("language".to_owned(), "en".to_owned()));
                let response = site.post(None, route.path, &fields).send().await.unwrap();
                let to = header(&response, "location");
                assert!(to.is_empty() || stays(to), "{}: {next} leads to {to}", route.name());
                assert!(response.status() != 429, "{}: {next} was not tried", route.name());
            }
            let query = form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
            for route in routes().into_iter().filter(|route| route.is_page() && route.thing.is_none()) {
                let session = (!route.is_open()).then_some(owner.as_str());
                let mark = if route.path.contains('?') { '&' } else { '?' };
                let html = site.page(session, &format!("{}{mark}next={query}", route.path)).await;
                for piece in html::pieces(&html) {
                    let html::Piece::Tag(_, attributes) = piece else { continue };
                    for (name, value) in attributes {
                        let is_address = matches!(name.as_str(), "href" | "src" | "action" | "formaction" | "hx-get");
                        assert!(!is_address || stays(&value) || value.starts_with("mailto:"), "{}: {name}={value}", route.name());
                        assert!(name != "value" || stays(&value) || !value.contains("evil"), "{}: {name}={value}", route.name());
                    }
                }
            }
        }
    }

    async fn an_address_is_known_to_nobody_by_the_answer_or_its_time(db) {
        let site = Site::open(&db).await;
        let mut seen = Vec::new();
        // On a busy machine a round may say nothing. A missing hash would show in each.
        for round in 0..4 {
            let (known, unknown) = (format!("known{round}@shop1.example"), format!("nobody{round}@shop1.example"));
            site.member(&known, "viewer").await;
            let mut times = [Duration::MAX, Duration::MAX];
            for _ in 0..5 {
                let mut texts = Vec::new();
                for (at, email) in [&known, &unknown].into_iter().enumerate() {
                    let started = Instant::now();
                    let (status, text) = read(site.post(None, "/admin/sign-in", &credentials(email, "wrong password"))).await;
                    times[at] = times[at].min(started.elapsed());
                    assert_eq!(status, 401, "{text}");
                    texts.push(text.replace(email, "someone"));
                }
                assert_eq!(texts[0], texts[1]);
            }
            let [known, unknown] = times;
            if known * 5 < unknown * 8 && unknown * 5 < known * 8 {
                return;
            }
            seen.push(times);
        }
        panic!("known and unknown addresses take {seen:?}");
    }

    async fn guesses_are_slowed_down_and_nobody_else_is(db) {
        let site = Site::open(&db).await;
        site.member("joe@shop1.example", "viewer").await;
        let guess = || site.post(None, "/admin/sign-in", &credentials(OWNER, "wrong password"));
        let mut refused = None;
        for _ in 0..20 {
            let response = guess().send().await.unwrap();
            if response.status() == 429 {
                refused = Some(response);
                break;
            }
            assert_eq!(response.status(), 401);
        }
        let refused = refused.unwrap_or_else(|| panic!("twenty guesses are taken"));
        assert!(header(&refused, "retry-after").parse::<u32>().unwrap() > 0);
        let text = refused.text().await.unwrap();
        assert!(text.contains("Too many requests") && text.contains("Come back in"), "{text}");
        // The right password is a guess too, for now; another person signs in.
        assert_eq!(read(site.post(None, "/admin/sign-in", &credentials(OWNER, PASSWORD))).await.0, 429);
        assert_eq!(read(site.post(None, "/admin/sign-in", &credentials("joe@shop1.example", PASSWORD))).await.0, 303);
    }

    /// A link, an invitation and the present password can be guessed too.
    async fn guesses_of_all_that_opens_an_account_are_slowed_down(db) {
        let site = Site::open(&db).await;
        let owner = site.session("owner").await;
        let token = site.form_token(&owner).await;
        for (path, fields, session) in [
            ("/admin/sign-in/link", &[("link", "none")][..], None),
            ("/admin/invitation", &[("invitation", "no such"), ("name", "Joe"), ("password", PASSWORD)], None),
            ("/admin/account/password", &[("current_password", "a guess"), ("new_password", PASSWORD), ("form_token", &token)], Some(owner.as_str())),
        ] {
            let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let mut statuses = Vec::new();
            for _ in 0..20 {
                statuses.push(read(site.post(session, path, &fields)).await.0);
            }
            assert_ne!(statuses[0], 429, "{path}");
            assert_eq!(statuses[19], 429, "{path}: {statuses:?}");
        }
    }

    /// There is nothing in a process that would have to learn of it.
    async fn a_session_that_another_process_ends_is_over_at_once(db) {
        let site = Site::open(&db).await;
        let sign_in = async || {
            let response = site.post(None, "/admin/sign-in", &credentials(OWNER, PASSWORD)).send().await.unwrap();
            session_of(&response)
        };
        let is_over = async |session: &str| {
            assert_eq!(read(site.get(Some(session), "/admin")).await.0, 303);
            assert_eq!(read(site.post(Some(session), "/admin/sign-out", &[])).await.0, 401);
        };
        site.member("second@shop1.example", "owner").await;
        let session = sign_in().await;
        let _ = site.page(Some(&session), "/admin").await;
        let members = people::list_members(&site.operator).await.unwrap();
        let owner: UserId = members.iter().find(|member| member.email == OWNER).unwrap().user_id;
        let _ = people::set_role(&site.operator, SetRole { member: owner.into(), role: Role::Admin }).await.unwrap();
        is_over(&session).await;
        let session = sign_in().await;
        let _ = people::disable(&site.platform(), OWNER).await.unwrap();
        is_over(&session).await;
    }
}
