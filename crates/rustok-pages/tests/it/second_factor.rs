//! The pages of the second factor: turned on with a picture and a key, asked for at the sign-in, asked of every member.

use crate::site::{OWNER, PASSWORD, Site, read};
use rustok_auth::second_factor::{Seed, step};
use rustok_core::clock::{Clock, SystemClock};
use rustok_test_support::both_databases;

const PATH: &str = "/admin/account/second-factor";

fn fields(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// The value of a cookie that a response sets, and where it leads.
async fn given(request: reqwest::RequestBuilder, name: &str) -> (String, String) {
    let response = request.send().await.unwrap();
    let to = response.headers()["location"].to_str().unwrap().to_owned();
    let cookies = response.headers().get_all("set-cookie").iter();
    let found = cookies
        .filter_map(|cookie| cookie.to_str().unwrap().strip_prefix(name)?.strip_prefix('='))
        .next();
    let value = found.unwrap().split(';').next().unwrap().to_owned();
    (value, to)
}

both_databases! {
    async fn a_member_turns_it_on_and_is_asked_for_it(db) {
        let site = Site::open(&db).await;
        let sign_in = fields(&[("email", OWNER), ("password", PASSWORD), ("next", "/admin/orders")]);
        let (session, to) = given(site.post(None, "/admin/sign-in", &sign_in), "session").await;
        assert_eq!(to, "/admin/orders");
        let token = site.form_token(&session).await;
        let posted = |of: &[(&str, &str)]| {
            let mut all = fields(of);
            all.push(("form_token".to_owned(), token.clone()));
            read(site.post(Some(&session), PATH, &all))
        };
        let (status, page) = posted(&[("do", "begin"), ("current_password", "another")]).await;
        assert_eq!(status, 422, "{page}");
        let (status, page) = posted(&[("do", "begin"), ("current_password", PASSWORD)]).await;
        assert!(status == 200 && page.contains("<svg role=\"img\"") && !page.contains("style="), "{page}");
        let seed = Seed::of_key(between(&page, "<code>", "</code>")).unwrap();
        let code = |late: i64| seed.code(step(SystemClock.now()) + late).as_str().to_owned();
        let (status, page) = posted(&[("do", "confirm"), ("code", &code(10))]).await;
        assert!(status == 422 && page.contains("<svg role=\"img\""), "{page}");
        let (status, page) = posted(&[("do", "confirm"), ("code", &code(0))]).await;
        assert_eq!((status, page.matches("<li><code>").count()), (200, 10), "{page}");
        let recovery = between(&page, "<li><code>", "</code>").to_owned();
        // The password leads to the second step, and to no session.
        let (waits, to) = given(site.post(None, "/admin/sign-in", &sign_in), "second").await;
        assert_eq!(to, "/admin/sign-in/second?next=/admin/orders");
        let second = |code: &str, waits: &str| {
            let typed = fields(&[("code", code), ("next", "/admin/orders")]);
            site.post(None, "/admin/sign-in/second", &typed).header("cookie", format!("second={waits}"))
        };
        let (status, page) = read(second("000000", &waits)).await;
        assert!(status == 401 && page.contains("role=\"alert\""), "{page}");
        let (status, _) = read(second(&code(1), "x")).await;
        assert_eq!(status, 401);
        let (session, to) = given(second(&code(1), &waits), "session").await;
        assert_eq!(to, "/admin/orders");
        site.page(Some(&session), "/admin/orders").await;
        drop(given(second(&recovery, &waits), "session").await);
        let (status, _) = read(second(&recovery, &waits)).await;
        assert_eq!(status, 401);
    }

    async fn a_shop_asks_it_of_every_member(db) {
        let site = Site::open(&db).await;
        let owner = site.session("owner").await;
        let members = "/admin/settings/members";
        let page = site.page(Some(&owner), members).await;
        let forms = crate::html::forms(&page).into_iter();
        let mut form = forms.into_iter().find(|form| form.action == "/admin/settings/second-factor").unwrap();
        form.fields.push(("require_second_factor".to_owned(), "true".to_owned()));
        let (status, _) = read(site.post(Some(&owner), &form.action, &form.fields)).await;
        assert_eq!(status, 303);
        for path in ["/admin", "/admin/orders", members] {
            let response = site.get(Some(&owner), path).send().await.unwrap();
            assert_eq!((response.status().as_u16(), &response.headers()["location"]), (303, &PATH.parse().unwrap()), "{path}");
        }
        let (status, _) = read(site.post(Some(&owner), &form.action, &form.fields)).await;
        assert_eq!(status, 403);
        let page = site.page(Some(&owner), PATH).await;
        assert!(page.contains("asks for a second factor"), "{page}");
        site.page(Some(&owner), "/admin/account").await;
    }
}
