//! Who gets what from every page and every form, compared with `routes.txt`.

use crate::routes::{Answers, ROLES, Route, routes};
use crate::site::{Site, read, token_in, with_token};
use reqwest::Method;
use rustok_test_app::{Operator, header};
use rustok_test_support::both_databases;

both_databases! {
    async fn each_role_gets_what_the_table_says(db) {
        let site = Site::open(&db).await;
        let mut differing = Vec::new();
        let mut sessions = Vec::new();
        for role in ROLES {
            sessions.push(site.session(role).await);
        }
        for route in routes() {
            let Answers::Members(decided) = route.answers else { continue };
            let mut seen = Vec::new();
            for (at, role) in ROLES.into_iter().enumerate() {
                let thing = site.thing(route.thing).await;
                let address = site.address(&route, &thing);
                let status = if route.is_read() {
                    read(site.get(Some(&sessions[at]), &address)).await.0
                } else {
                    // The form as an owner finds it, with the token of the one who sends it.
                    let form = site.form(&sessions[0], &route, &thing).await;
                    let token = site.form_token(&sessions[at]).await;
                    let status = read(site.post(Some(&sessions[at]), &address, &with_token(&form.fields, Some(&token)))).await.0;
                    if route.path == "/admin/sign-out" {
                        sessions[at] = site.session(role).await;
                    }
                    status
                };
                seen.push(status);
            }
            if seen != decided {
                differing.push(format!("{}: {seen:?} instead of {decided:?}", route.name()));
            }
        }
        assert!(differing.is_empty(), "crates/rustok-pages/tests/routes.txt says otherwise:\n{}", differing.join("\n"));
    }

    async fn a_stranger_is_led_to_the_sign_in_and_a_form_is_refused(db) {
        let site = Site::open(&db).await;
        site.shop.server.create_tenant("shop2").await;
        let foreign = site.shop.server.open_session("shop2", "owner").await;
        let owner = site.session("owner").await;
        for route in routes() {
            let thing = site.thing(route.thing).await;
            let address = site.address(&route, &thing);
            if let Answers::Everyone(decided) = route.answers {
                let typed: Vec<_> = route.typed.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                let request = if route.is_read() { site.get(None, &address) } else { site.post(None, &address, &typed) };
                assert_eq!(read(request).await.0, decided, "{}", route.name());
                continue;
            }
            // Without a session, with one that nobody has, and with one of another tenant.
            let made_up = format!("rts_{}", "A".repeat(43));
            for session in [None, Some(made_up.as_str()), Some(foreign.as_str())] {
                if route.is_read() {
                    let response = site.get(session, &address).send().await.unwrap();
                    let to = header(&response, "location");
                    assert!(response.status() == 303 && to.starts_with("/admin/sign-in?next=/admin"), "{}: {} {to}", route.name(), response.status());
                } else {
                    let form = site.form(&owner, &route, &thing).await;
                    let (status, _) = read(site.post(session, &address, &form.fields)).await;
                    assert_eq!(status, 401, "{}", route.name());
                }
            }
        }
    }

    /// Whatever the member of another tenant may do there, nothing of this one is there.
    async fn things_of_another_tenant_do_not_exist(db) {
        let site = Site::open(&db).await;
        site.shop.server.create_tenant("shop2").await;
        let owner = site.session("owner").await;
        let foreign = site.shop.server.open_session("shop2", "owner").await;
        let there = |method: Method, path: &str| {
            site.shop.request_to("shop2", method, path)
                .header("cookie", format!("session={foreign}")).header("sec-fetch-site", "same-origin").header("accept", "text/html")
        };
        let home = there(Method::GET, "/admin").send().await.unwrap().text().await.unwrap();
        let token = token_in(&crate::html::forms(&home)[0].fields).unwrap();
        for route in routes().into_iter().filter(Route::is_of_tenant) {
            let thing = site.thing(route.thing).await;
            let address = site.address(&route, &thing);
            let (status, text) = if route.is_read() {
                read(there(Method::GET, &address)).await
            } else {
                let form = site.form(&owner, &route, &thing).await;
                let body = with_token(&form.fields, Some(&token));
                let body: Vec<_> = body.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(body).finish();
                read(there(Method::POST, &address).header("content-type", "application/x-www-form-urlencoded").body(encoded)).await
            };
            assert_eq!(status, 404, "{}: {text}", route.name());
            // A form that was not saved shows what was typed into it.
            let is_silent = !route.is_read() || !text.contains("Green tea");
            assert!(is_silent && !text.contains("buyer@"), "{}: {text}", route.name());
        }
    }
}
