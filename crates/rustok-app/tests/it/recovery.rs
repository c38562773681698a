//! What a person can do who reads their mailbox, and what nobody learns from it.

use crate::mail::{again, at_origin, key, shop};
use crate::shop::{Shop, add_tenant};
use rustok_app::Ctx;
use rustok_app::mail::MailRoute;
use rustok_app::people::{self, Browser, OpenedSession, SignIn, mailbox};
use rustok_app::secrets::Keyring;
use rustok_auth::{Actor, Role, SecretKind, TokenSecret};
use rustok_core::error::RichError;
use rustok_core::page::Limit;
use rustok_events::MailKind;
use rustok_test_support::both_databases;
use std::time::{Duration, Instant};

const JANE: &str = "jane@example.com";
const OLD: &str = "correct horse";
const NEW: &str = "battery staple";

fn browser(device: &str) -> Browser {
    Browser {
        host: "shop1.localhost".to_owned(),
        device: device.to_owned(),
        ..Browser::default()
    }
}

/// A shop with a mailbox, and its member Jane.
async fn janes(url: &str) -> (Shop, Ctx) {
    let shop = shop(url, Keyring::new(key(1), []), MailRoute::Mailbox).await;
    let account = people::create_account(&shop.platform(), JANE, "Jane", Some(OLD))
        .await
        .unwrap();
    people::grant(&shop.ctx(), &account, Role::Editor).await.unwrap();
    let visitor = Ctx {
        actor: Actor::Anonymous,
        ..at_origin(&shop)
    };
    (shop, visitor)
}

async fn sign_in(ctx: &Ctx, password: &str, device: &str) -> Result<OpenedSession, RichError> {
    let (email, browser) = (JANE, browser(device));
    people::sign_in(
        ctx,
        SignIn {
            email,
            password,
            browser,
        },
    )
    .await?
    .opened()
}

/// The texts of the mails of a kind, the newest first.
async fn mails(shop: &Shop, kind: MailKind) -> Vec<String> {
    let kept = mailbox::list(&shop.ctx(), None, Limit::default())
        .await
        .unwrap()
        .items;
    let of_kind = kept.into_iter().filter(|mail| mail.kind == kind);
    of_kind.map(|mail| mail.words.text).collect()
}

/// What follows the text `before` in the newest mail of a kind, to the end of the line.
async fn mailed(shop: &Shop, kind: MailKind, before: &str) -> String {
    let text = mails(shop, kind).await.remove(0);
    let (_, rest) = text.split_once(before).unwrap();
    rest.lines().next().unwrap().to_owned()
}

async fn enter(ctx: &Ctx, secret: &TokenSecret, code: &str) -> Result<OpenedSession, RichError> {
    people::sign_in_by_code(ctx, Some(secret), code, browser("x"))
        .await?
        .opened()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, RichError>, code: &str) {
    let error = answer.unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
}

both_databases! {
    async fn a_forgotten_password_is_set_anew_once(db) {
        let (shop, visitor) = janes(db.url()).await;
        let session = sign_in(&visitor, OLD, "x").await.unwrap();
        people::request_password_reset(&visitor, " JANE@example.com ").await.unwrap();
        let reset = mailed(&shop, MailKind::PasswordReset, "https://shop1.example/admin/password-reset?reset=").await;
        let short = people::reset_password(&visitor, &reset, "short").await.unwrap_err();
        assert_eq!(short.violations()[0].pointer, "#/new_password");
        // Another tenant, and what is no such link.
        let other = Ctx { tenant: add_tenant(&shop.services, "shop2").await, ..visitor.clone() };
        refused(people::reset_password(&other, &reset, NEW).await, "reset_not_found");
        let unknown = TokenSecret::from_random_bytes(SecretKind::Reset, [1; 32]).expose();
        for wrong in ["", "x", &*unknown, &*session.secret.expose()] {
            refused(people::reset_password(&visitor, wrong, NEW).await, "reset_not_found");
        }
        people::reset_password(&visitor, &reset, NEW).await.unwrap();
        refused(people::reset_password(&visitor, &reset, NEW).await, "reset_not_found");
        refused(sign_in(&visitor, OLD, "x").await, "sign_in_failed");
        sign_in(&visitor, NEW, "x").await.unwrap();
        let deadline = crate::shop::soon();
        let host = "shop1.localhost";
        let ended = people::authenticate_session(&shop.services, &shop.tenant, &session.secret, host, deadline).await;
        refused(ended, "unauthenticated");
        // Too old, and of a time before another password.
        people::request_password_reset(&visitor, JANE).await.unwrap();
        let late = mailed(&shop, MailKind::PasswordReset, "?reset=").await;
        shop.clock.advance(Duration::from_secs(3_600));
        refused(people::reset_password(&visitor, &late, NEW).await, "reset_not_found");
        people::request_password_reset(&visitor, JANE).await.unwrap();
        let before = mailed(&shop, MailKind::PasswordReset, "?reset=").await;
        people::set_password(&shop.platform(), JANE, OLD).await.unwrap();
        refused(people::reset_password(&visitor, &before, NEW).await, "reset_not_found");
        // A disabled account gets no mail.
        let count = mails(&shop, MailKind::PasswordReset).await.len();
        people::disable(&shop.platform(), JANE).await.unwrap();
        people::request_password_reset(&visitor, JANE).await.unwrap();
        assert_eq!(mails(&shop, MailKind::PasswordReset).await.len(), count);
    }

    async fn a_code_signs_in_the_browser_that_asked(db) {
        let (shop, visitor) = janes(db.url()).await;
        let secret = people::request_sign_in_code(&visitor, JANE).await.unwrap();
        let code = mailed(&shop, MailKind::SignInCode, "\n\n").await;
        assert_eq!(code.len(), 6, "{code}");
        let other = people::request_sign_in_code(&visitor, "nobody@example.com").await.unwrap();
        refused(enter(&visitor, &other, &code).await, "sign_in_failed");
        refused(people::sign_in_by_code(&visitor, None, &code, browser("x")).await, "sign_in_failed");
        let wrong = if code == "111111" { "222222" } else { "111111" };
        for _ in 0..4 {
            refused(enter(&visitor, &secret, wrong).await, "sign_in_failed");
        }
        let opened = enter(&visitor, &secret, &format!("{} {}", &code[..3], &code[3..])).await.unwrap();
        assert_eq!(opened.session.member.email, JANE);
        refused(enter(&visitor, &secret, &code).await, "sign_in_failed");
        // Five wrong attempts are all there are.
        let secret = people::request_sign_in_code(&visitor, JANE).await.unwrap();
        let code = mailed(&shop, MailKind::SignInCode, "\n\n").await;
        let wrong = if code == "111111" { "222222" } else { "111111" };
        for _ in 0..5 {
            refused(enter(&visitor, &secret, wrong).await, "sign_in_failed");
        }
        refused(enter(&visitor, &secret, &code).await, "sign_in_failed");
        // Ten minutes.
        let secret = people::request_sign_in_code(&visitor, JANE).await.unwrap();
        let code = mailed(&shop, MailKind::SignInCode, "\n\n").await;
        shop.clock.advance(Duration::from_secs(600));
        refused(enter(&visitor, &secret, &code).await, "sign_in_failed");
        // A password works all the while.
        sign_in(&visitor, OLD, "x").await.unwrap();
    }

    async fn one_member_gets_five_mails_an_hour(db) {
        let (shop, visitor) = janes(db.url()).await;
        let asked = (0..8).map(|_| people::request_sign_in_code(&visitor, JANE));
        for asked in futures_util::future::join_all(asked).await {
            asked.unwrap();
        }
        assert_eq!(mails(&shop, MailKind::SignInCode).await.len(), 5);
        people::request_password_reset(&visitor, JANE).await.unwrap();
        assert_eq!(mails(&shop, MailKind::PasswordReset).await.len(), 1, "codes do not count for links");
        shop.clock.advance(Duration::from_secs(3_601));
        people::request_sign_in_code(&visitor, JANE).await.unwrap();
        assert_eq!(mails(&shop, MailKind::SignInCode).await.len(), 6);
    }

    async fn nobody_learns_whether_an_address_has_an_account(db) {
        let (shop, visitor) = janes(db.url()).await;
        let step = Duration::from_millis(250);
        for email in [JANE, "nobody@example.com", "x", ""] {
            let started = Instant::now();
            people::request_password_reset(&visitor, email).await.unwrap();
            people::request_sign_in_code(&visitor, email).await.unwrap();
            assert!(started.elapsed() >= step * 2, "{email}");
        }
        let kept = mailbox::list(&shop.ctx(), None, Limit::default()).await.unwrap().items;
        assert!(kept.iter().all(|mail| mail.recipient == JANE) && kept.len() == 2);
        // A member of another tenant is nobody here.
        let other = Ctx { tenant: add_tenant(&shop.services, "shop2").await, ..visitor };
        people::request_password_reset(&other, JANE).await.unwrap();
        let theirs = mailbox::list(&Ctx { tenant: other.tenant, ..shop.ctx() }, None, Limit::default()).await.unwrap();
        assert!(theirs.items.is_empty());
        let ctx = again(db.url(), &shop, Keyring::new(key(1), []), MailRoute::Off).await.visitor();
        for email in [JANE, "nobody@example.com"] {
            refused(people::request_password_reset(&ctx, email).await, "mail_not_set_up");
            refused(people::request_sign_in_code(&ctx, email).await, "mail_not_set_up");
        }
    }

    async fn a_new_device_is_reported_once(db) {
        let (shop, visitor) = janes(db.url()).await;
        for device in ["Firefox/130", "Firefox/131", "Lynx", "Firefox/130"] {
            sign_in(&visitor, OLD, device).await.unwrap();
            shop.clock.advance(Duration::from_secs(1));
        }
        let told = mails(&shop, MailKind::NewDevice).await;
        assert_eq!(told.len(), 2);
        assert!(told[0].contains("Device: Lynx\n") && told[1].contains("Device: Firefox/130\n"), "{told:?}");
    }
}
