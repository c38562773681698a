//! Members over HTTP: sign-in, the cookie and where it is believed, and the rules between members.

use reqwest::{Method, RequestBuilder, Response};
use rustok_app::people::{self, Confirmation, SetRole};
use rustok_app::{Ctx, PlatformCtx, tenants};
use rustok_auth::ids::UserId;
use rustok_auth::second_factor::{Seed, step};
use rustok_auth::{Role, TokenSecret};
use rustok_core::deadline::Deadline;
use rustok_http::settings::HttpSettings;
use rustok_test_app::{Operator, Setup, Shop, errors, header, ok, problem};
use rustok_test_support::both_databases;
use serde_json::{Value, json};
use std::sync::Arc;

const PASSWORD: &str = "correct horse";
const EMAIL: &str = "jane@example.com";

fn sign_in(shop: &Shop, email: &str, password: &str) -> RequestBuilder {
    shop.request(Method::PUT, "/api/admin/v1/session")
        .json(&json!({ "email": email, "password": password }))
}

async fn invited(shop: &Shop, email: &str, role: &str) -> String {
    let invite = json!({ "email": email, "role": role });
    let issued = ok(shop.admin(Method::POST, "/invitations").json(&invite), 200).await;
    issued["secret"].as_str().unwrap().to_owned()
}

fn accept(shop: &Shop, invitation: &str) -> RequestBuilder {
    let body = json!({ "invitation": invitation, "name": "Jane Roe", "password": PASSWORD });
    shop.request(Method::PUT, "/api/admin/v1/session/invitation")
        .json(&body)
}

/// A member with a password.
async fn member(shop: &Shop, role: &str) -> Value {
    let invitation = invited(shop, EMAIL, role).await;
    ok(accept(shop, &invitation), 200).await
}

/// The secret in the cookie that a response sets.
fn cookie(response: &Response) -> String {
    let cookie = header(response, "set-cookie");
    let (secret, rest) = cookie.strip_prefix("session=").unwrap().split_once(';').unwrap();
    assert_eq!(rest, " Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
    secret.to_owned()
}

async fn signed_in(shop: &Shop) -> String {
    cookie(&sign_in(shop, EMAIL, PASSWORD).send().await.unwrap())
}

/// Turns the second factor of a member on; returns the recovery codes.
async fn second_factor(shop: &Shop, session: &str) -> Vec<String> {
    let services = shop.server.services();
    let platform = PlatformCtx::system(services.clone(), "test", Deadline::never());
    let slug = services.validator.slug("shop1").unwrap();
    let tenant = tenants::find(&platform, &slug).await.unwrap();
    let tenant = Arc::new(tenant);
    let secret = TokenSecret::parse(session).unwrap();
    let host = "shop1.localhost";
    let found = people::authenticate_session(services, &tenant, &secret, host, Deadline::never());
    let ctx = Ctx {
        actor: found.await.unwrap().actor,
        ..Ctx::system(services.clone(), tenant, "test", Deadline::never())
    };
    let begun = people::begin_second_factor(&ctx, PASSWORD).await.unwrap();
    let code = Seed::of_key(&begun.key).unwrap().code(step(ctx.now()));
    match people::confirm_second_factor(&ctx, code.as_str()).await.unwrap() {
        Confirmation::On(codes) => codes,
        Confirmation::Wrong(_) => panic!("a wrong code"),
    }
}

both_databases! {
    async fn a_second_factor_is_asked_for(db) {
        let shop = Shop::open(db.url()).await;
        member(&shop, "editor").await;
        let session = signed_in(&shop).await;
        let codes = second_factor(&shop, &session).await;
        let with_code = |code: &str| {
            let body = json!({ "email": EMAIL, "password": PASSWORD, "code": code });
            shop.request(Method::PUT, "/api/admin/v1/session").json(&body)
        };
        let missing = problem(sign_in(&shop, EMAIL, PASSWORD).send().await.unwrap(), 401, "second_factor_required").await;
        assert_eq!(missing["status"], 401);
        problem(sign_in(&shop, EMAIL, "another").send().await.unwrap(), 401, "sign_in_failed").await;
        problem(with_code("000000").send().await.unwrap(), 401, "sign_in_failed").await;
        let opened = with_code(&codes[0]).send().await.unwrap();
        assert_eq!(opened.status(), 200);
        assert!(cookie(&opened).starts_with("rts_"));
        problem(with_code(&codes[0]).send().await.unwrap(), 401, "sign_in_failed").await;
        // A link too, which is used up by a request without the code.
        let ctx = rustok_test_app::beside(db.url(), "shop1").await;
        let platform = PlatformCtx::system(ctx.services.clone(), "test", Deadline::never());
        people::set_password(&platform, EMAIL, PASSWORD).await.unwrap();
        let user = people::find_account(&platform, EMAIL).await.unwrap().id;
        for (code, status, problem) in [(None, 401, "second_factor_required"), (Some(&codes[1]), 200, "")] {
            let link = people::issue_link(&ctx, user).await.unwrap().expose();
            let exchange = shop.request(Method::PUT, "/api/admin/v1/session/link");
            let body = match code {
                Some(code) => json!({ "link": link, "code": code }),
                None => json!({ "link": link }),
            };
            let response = exchange.json(&body).send().await.unwrap();
            assert_eq!(response.status(), status, "{problem}");
        }
    }

    async fn a_person_is_invited_signs_in_works_and_signs_out(db) {
        let shop = Shop::open(db.url()).await;
        let made = member(&shop, "editor").await;
        assert_eq!((&made["email"], &made["role"]), (&json!(EMAIL), &json!("editor")));
        let response = sign_in(&shop, "JANE@example.com", PASSWORD).header("user-agent", "Lynx/2.9").send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-store"));
        let session = cookie(&response);
        assert!(session.starts_with("rts_"));
        let body = response.text().await.unwrap();
        assert!(!body.contains("rts_") && body.contains(EMAIL), "{body}");
        let own = ok(shop.in_session(&session, Method::GET, "/session"), 200).await;
        assert_eq!(own["member"], made);
        let listed = ok(shop.in_session(&session, Method::GET, "/sessions"), 200).await;
        let listed = &listed["items"][0];
        assert_eq!((&listed["device"], &listed["host"], &listed["address"]),
            (&json!("Lynx/2.9"), &json!("shop1.localhost"), &json!("127.0.0.1")));

        // What a member does is done by the member.
        let node = json!({ "kind": "post", "locale": "en", "title": "Tea", "body": "x", "format": "markdown" });
        let node = ok(shop.in_session(&session, Method::POST, "/nodes").json(&node), 201).await;
        let history = shop.in_session(&session, Method::GET, &format!("/nodes/{}/history", node["id"].as_str().unwrap()));
        assert_eq!(ok(history, 200).await["items"][0]["actor"], format!("user:{}", made["id"].as_str().unwrap()));
        problem(shop.in_session(&session, Method::GET, "/members").send().await.unwrap(), 403, "forbidden").await;

        let out = shop.in_session(&session, Method::DELETE, "/session").send().await.unwrap();
        assert_eq!((out.status().as_u16(), header(&out, "set-cookie")),
            (204, "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
        problem(shop.in_session(&session, Method::GET, "/session").send().await.unwrap(), 401, "unauthenticated").await;
    }

    async fn a_session_is_taken_from_pages_of_its_own_host_only(db) {
        let shop = Shop::open(db.url()).await;
        member(&shop, "editor").await;
        let session = signed_in(&shop).await;
        let write = |fields: &[(&str, &str)]| {
            let write = shop.request(Method::DELETE, "/api/admin/v1/sessions/00000000-0000-7000-8000-000000000000");
            let write = write.header("cookie", format!("session={session}"));
            fields.iter().fold(write, |write, (name, value)| write.header(*name, *value))
        };
        for fields in [
            &[][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://shop1.localhost")],
            &[("origin", "http://shop2.localhost")],
            &[("origin", "null")],
        ] {
            problem(write(fields).send().await.unwrap(), 403, "cross_site_request").await;
        }
        for fields in [&[("sec-fetch-site", "same-origin")][..], &[("origin", "http://shop1.localhost")]] {
            problem(write(fields).send().await.unwrap(), 404, "session_not_found").await;
        }
        // A page of another shop cannot sign its visitor in here either.
        let foreign = sign_in(&shop, EMAIL, PASSWORD).header("origin", "http://shop2.localhost");
        problem(foreign.send().await.unwrap(), 403, "cross_site_request").await;
        // Another tenant, another host of this one, another place in the request, two cookies.
        shop.server.create_tenant("shop2").await;
        shop.server.add_host("shop1", "shop.example").await;
        for host in ["shop2.localhost", "shop.example"] {
            let url = format!("{}/api/admin/v1/session", shop.server.url());
            let ask = shop.client.get(url).header("host", host).header("cookie", format!("session={session}"));
            problem(ask.send().await.unwrap(), 401, "unauthenticated").await;
        }
        let bearer = shop.request(Method::GET, "/api/admin/v1/session").bearer_auth(&session);
        problem(bearer.send().await.unwrap(), 401, "unauthenticated").await;
        let twice = shop.request(Method::GET, "/api/admin/v1/session").header("cookie", format!("session={session}; session=x"));
        problem(twice.send().await.unwrap(), 401, "unauthenticated").await;
        let secure = shop.request(Method::GET, "/api/admin/v1/session").header("cookie", format!("__Host-session={session}"));
        problem(secure.send().await.unwrap(), 401, "unauthenticated").await;
        // The storefront looks at no session.
        let store = shop.request(Method::GET, "/api/store/v1/products").header("cookie", format!("session={session}"));
        ok(store, 200).await;
    }

    async fn no_password_is_taken_over_plain_http_from_elsewhere(db) {
        let shop = Shop::open(db.url()).await;
        shop.server.add_host("shop1", "shop.example").await;
        let url = format!("{}/api/admin/v1/session", shop.server.url());
        let plain = shop.client.put(url).header("host", "shop.example").json(&json!({ "email": EMAIL, "password": PASSWORD }));
        let refused = problem(plain.send().await.unwrap(), 403, "tls_required").await;
        assert!(refused["detail"].as_str().unwrap().contains("RUSTOK_BASE_URL"));
    }

    async fn over_tls_the_cookie_is_for_tls_and_this_host_only(db) {
        let setup = Setup {
            http: HttpSettings { base_url: Some("https://shop.example".parse().unwrap()), ..HttpSettings::default() },
            ..Setup::default()
        };
        let shop = Shop::open_with(db.url(), setup).await;
        shop.server.add_host("shop1", "shop.example").await;
        member(&shop, "editor").await;
        let url = format!("{}/api/admin/v1/session", shop.server.url());
        let signed_in = shop.client.put(&url).header("host", "shop.example").header("origin", "https://shop.example")
            .json(&json!({ "email": EMAIL, "password": PASSWORD })).send().await.unwrap();
        assert_eq!(signed_in.status(), 200);
        let cookie = header(&signed_in, "set-cookie").to_owned();
        assert!(cookie.starts_with("__Host-session=rts_") && cookie.contains("; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
        let own = shop.client.get(&url).header("host", "shop.example").header("cookie", cookie.split(';').next().unwrap());
        ok(own, 200).await;
    }

    async fn signing_in_again_ends_the_session_that_the_browser_had(db) {
        let shop = Shop::open(db.url()).await;
        member(&shop, "editor").await;
        let first = signed_in(&shop).await;
        let again = sign_in(&shop, EMAIL, PASSWORD).header("cookie", format!("session={first}"));
        let second = cookie(&again.send().await.unwrap());
        assert_ne!(first, second);
        problem(shop.in_session(&first, Method::GET, "/session").send().await.unwrap(), 401, "unauthenticated").await;
        ok(shop.in_session(&second, Method::GET, "/session"), 200).await;
        // One that nobody gave out is never taken over.
        let made_up = format!("rts_{}", "A".repeat(43));
        let fixed = sign_in(&shop, EMAIL, PASSWORD).header("cookie", format!("session={made_up}"));
        assert_ne!(cookie(&fixed.send().await.unwrap()), made_up);
        problem(shop.in_session(&made_up, Method::GET, "/session").send().await.unwrap(), 401, "unauthenticated").await;
    }

    async fn a_password_is_changed_and_a_wrong_one_slowed_down(db) {
        let shop = Shop::open(db.url()).await;
        member(&shop, "editor").await;
        let (here, there) = (signed_in(&shop).await, signed_in(&shop).await);
        let change = |current: &str, new: &str| {
            let body = json!({ "current_password": current, "new_password": new });
            shop.in_session(&here, Method::PUT, "/password").json(&body)
        };
        let wrong = problem(change("x", "another password").send().await.unwrap(), 422, "validation_failed").await;
        assert_eq!(errors(&wrong), ["#/current_password wrong_password"]);
        assert_eq!(change(PASSWORD, "another password").send().await.unwrap().status(), 204);
        ok(shop.in_session(&here, Method::GET, "/session"), 200).await;
        problem(shop.in_session(&there, Method::GET, "/session").send().await.unwrap(), 401, "unauthenticated").await;
        // Two sign-ins have been counted already.
        for _ in 0..8 {
            problem(sign_in(&shop, EMAIL, PASSWORD).send().await.unwrap(), 401, "sign_in_failed").await;
        }
        problem(sign_in(&shop, EMAIL, "another password").send().await.unwrap(), 429, "rate_limited").await;
        problem(sign_in(&shop, "joe@example.com", PASSWORD).send().await.unwrap(), 401, "sign_in_failed").await;
    }

    async fn members_are_listed_changed_and_removed(db) {
        let shop = Shop::open(db.url()).await;
        let owner = shop.server.open_session("shop1", "owner").await;
        let jane = member(&shop, "viewer").await;
        let session = signed_in(&shop).await;
        let path = format!("/members/{}", jane["id"].as_str().unwrap());
        let role = |session: &str, role: &str| {
            shop.in_session(session, Method::PUT, &format!("{path}/role")).json(&json!({ "role": role }))
        };
        problem(role(&session, "admin").send().await.unwrap(), 403, "forbidden").await;
        let unknown = problem(role(&owner, "boss").send().await.unwrap(), 422, "validation_failed").await;
        assert_eq!(errors(&unknown), ["#/role invalid"]);
        let stale = role(&owner, "admin").header("if-match", "\"7.0\"");
        problem(stale.send().await.unwrap(), 412, "version_conflict").await;
        assert_eq!(ok(role(&owner, "admin"), 200).await["version"], 2);
        problem(shop.in_session(&session, Method::GET, "/session").send().await.unwrap(), 401, "unauthenticated").await;
        let session = signed_in(&shop).await;
        let listed = ok(shop.in_session(&session, Method::GET, "/members"), 200).await;
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        problem(role(&session, "owner").send().await.unwrap(), 403, "role_above_own").await;
        let owner_id = listed["items"][0]["id"].as_str().unwrap();
        let remove = shop.in_session(&session, Method::DELETE, &format!("/members/{owner_id}"));
        problem(remove.send().await.unwrap(), 403, "role_above_own").await;
        // An admin's token is an admin.
        problem(shop.admin(Method::DELETE, &format!("/members/{owner_id}")).send().await.unwrap(), 403, "role_above_own").await;
        let leave = shop.in_session(&owner, Method::DELETE, &format!("/members/{owner_id}"));
        problem(leave.send().await.unwrap(), 409, "last_owner").await;
        assert_eq!(shop.in_session(&session, Method::DELETE, &path).send().await.unwrap().status(), 204);
        problem(shop.in_session(&session, Method::GET, "/session").send().await.unwrap(), 401, "unauthenticated").await;
    }

    async fn an_invitation_is_shown_once_repeated_by_its_key_and_taken_back(db) {
        let shop = Shop::open(db.url()).await;
        let invite = || shop.admin(Method::POST, "/invitations").header("idempotency-key", "one")
            .json(&json!({ "email": EMAIL, "role": "viewer" }));
        let issued = ok(invite(), 200).await;
        assert_eq!(ok(invite(), 200).await, issued);
        let listed = ok(shop.admin(Method::GET, "/invitations"), 200).await;
        assert!(listed["items"][0]["secret"].is_null() && listed["items"][0]["id"] == issued["id"]);
        let path = format!("/invitations/{}", issued["id"].as_str().unwrap());
        assert_eq!(shop.admin(Method::DELETE, &path).send().await.unwrap().status(), 204);
        problem(shop.admin(Method::DELETE, &path).send().await.unwrap(), 404, "invitation_not_found").await;
        problem(accept(&shop, issued["secret"].as_str().unwrap()).send().await.unwrap(), 404, "invitation_not_found").await;
        let above = shop.admin(Method::POST, "/invitations").json(&json!({ "email": EMAIL, "role": "owner" }));
        problem(above.send().await.unwrap(), 403, "role_above_own").await;
    }

    async fn a_link_signs_in_once(db) {
        let shop = Shop::open(db.url()).await;
        let made = member(&shop, "editor").await;
        let ctx = rustok_test_app::beside(db.url(), "shop1").await;
        let id = made["id"].as_str().unwrap().parse().unwrap();
        // The operator vouches for an account that an invitation made.
        assert_eq!(people::issue_link(&ctx, id).await.unwrap_err().code(), "account_not_vouched");
        let platform = PlatformCtx::system(ctx.services.clone(), "test", Deadline::never());
        people::set_password(&platform, EMAIL, "another password").await.unwrap();
        let link = people::issue_link(&ctx, id).await.unwrap().expose();
        let exchange = || shop.request(Method::PUT, "/api/admin/v1/session/link").json(&json!({ "link": link }));
        let session = cookie(&exchange().send().await.unwrap());
        ok(shop.in_session(&session, Method::GET, "/session"), 200).await;
        problem(exchange().send().await.unwrap(), 401, "sign_in_failed").await;
    }

    /// There is nothing in a process that would have to learn of it.
    async fn what_another_process_ends_is_over_at_once(db) {
        let shop = Shop::open(db.url()).await;
        let made = member(&shop, "editor").await;
        let ctx = rustok_test_app::beside(db.url(), "shop1").await;
        let platform = PlatformCtx::system(ctx.services.clone(), "test", Deadline::never());
        let id: UserId = made["id"].as_str().unwrap().parse().unwrap();
        let is_over = async |session: &str| {
            let list = || shop.in_session(session, Method::GET, "/nodes");
            problem(list().send().await.unwrap(), 401, "unauthenticated").await;
        };
        let session = signed_in(&shop).await;
        ok(shop.in_session(&session, Method::GET, "/nodes"), 200).await;
        people::set_password(&platform, EMAIL, "another password").await.unwrap();
        is_over(&session).await;
        let fresh = cookie(&sign_in(&shop, EMAIL, "another password").send().await.unwrap());
        let set = SetRole { member: id.into(), role: Role::Viewer };
        people::set_role(&ctx, set).await.unwrap();
        is_over(&fresh).await;
        let fresh = cookie(&sign_in(&shop, EMAIL, "another password").send().await.unwrap());
        people::disable(&platform, EMAIL).await.unwrap();
        is_over(&fresh).await;
        people::enable(&platform, EMAIL).await.unwrap();
        let fresh = cookie(&sign_in(&shop, EMAIL, "another password").send().await.unwrap());
        people::remove_member(&ctx, id.into()).await.unwrap();
        is_over(&fresh).await;
    }

    async fn tokens_are_made_listed_and_revoked(db) {
        let shop = Shop::open(db.url()).await;
        let admin = shop.server.open_session("shop1", "admin").await;
        let create = |role: &str| {
            let body = json!({ "name": "Stock system", "role": role });
            shop.in_session(&admin, Method::POST, "/tokens").json(&body)
        };
        let refused = problem(create("owner").send().await.unwrap(), 422, "validation_failed").await;
        assert_eq!(errors(&refused), ["#/role invalid"]);
        let made = ok(create("viewer"), 200).await;
        let secret = made["secret"].as_str().unwrap();
        let read = || shop.request(Method::GET, "/api/admin/v1/nodes").bearer_auth(secret);
        ok(read(), 200).await;
        let listed = ok(shop.in_session(&admin, Method::GET, "/tokens"), 200).await;
        let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|token| token["name"].clone()).collect();
        assert_eq!(names, ["test", "Stock system"]);
        assert!(!listed.to_string().contains("rtk_"));
        let path = format!("/tokens/{}", made["id"].as_str().unwrap());
        assert_eq!(shop.in_session(&admin, Method::DELETE, &path).send().await.unwrap().status(), 204);
        problem(read().send().await.unwrap(), 401, "unauthenticated").await;
        problem(shop.in_session(&admin, Method::DELETE, &path).send().await.unwrap(), 404, "token_not_found").await;
        assert_eq!(ok(shop.in_session(&admin, Method::GET, "/tokens"), 200).await["items"].as_array().unwrap().len(), 1);
        // A token that is limited may do nothing else, and makes none that may.
        let limited = json!({ "name": "Sender", "role": "admin", "scopes": ["read_orders", "manage_tokens"],
            "expires_at": "2999-01-01T00:00:00Z" });
        let made = ok(shop.in_session(&admin, Method::POST, "/tokens").json(&limited), 200).await;
        assert_eq!(made["scopes"], json!(["read_orders", "manage_tokens"]));
        let secret = made["secret"].as_str().unwrap();
        let get = |path: &str| shop.request(Method::GET, &format!("/api/admin/v1{path}")).bearer_auth(secret);
        ok(get("/orders"), 200).await;
        problem(get("/nodes").send().await.unwrap(), 403, "forbidden").await;
        let make = |body: &serde_json::Value| {
            let request = shop.request(Method::POST, "/api/admin/v1/tokens").bearer_auth(secret);
            request.header("idempotency-key", body.to_string()).json(body)
        };
        let whole = json!({ "name": "x", "role": "viewer" });
        problem(make(&whole).send().await.unwrap(), 403, "role_above_own").await;
        ok(make(&json!({ "name": "x", "role": "viewer", "scopes": ["read_orders"] })), 200).await;
        let path = format!("/tokens/{}/rotate", made["id"].as_str().unwrap());
        let rotated = ok(shop.in_session(&admin, Method::POST, &path).json(&json!({ "overlap_seconds": 0 })), 200).await;
        assert_eq!((&rotated["name"], &rotated["scopes"]), (&made["name"], &made["scopes"]));
        problem(get("/orders").send().await.unwrap(), 401, "unauthenticated").await;
        let editor = shop.server.open_session("shop1", "editor").await;
        problem(shop.in_session(&editor, Method::GET, "/tokens").send().await.unwrap(), 403, "forbidden").await;
    }
}
