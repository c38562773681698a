//! The second factor: what it is turned on with, what it takes at the sign-in, and what a tenant may ask.

use crate::mail::{again, at_origin, key, shop};
use crate::shop::{Shop, add_tenant, soon};
use rustok_app::mail::MailRoute;
use rustok_app::people::{
    self, Browser, Confirmation, OpenedSession, PendingSignIn, SignIn, SignedIn, mailbox,
};
use rustok_app::secrets::Keyring;
use rustok_app::tenants::{self, UpdateOwnSettings};
use rustok_app::{Ctx, Target, orders};
use rustok_auth::second_factor::{Seed, step};
use rustok_auth::{Actor, Role};
use rustok_core::error::RichError;
use rustok_core::page::Limit;
use rustok_events::MailKind;
use rustok_tenancy::{Tenant, TenantEdit};
use rustok_test_support::both_databases;
use std::sync::Arc;
use std::time::Duration;

const JANE: &str = "jane@example.com";
const PASSWORD: &str = "correct horse";
const HOST: &str = "shop1.localhost";
const STEP: Duration = Duration::from_secs(30);

fn browser(host: &str) -> Browser {
    Browser {
        host: host.to_owned(),
        ..Browser::default()
    }
}

fn visitor(shop: &Shop) -> Ctx {
    Ctx {
        actor: Actor::Anonymous,
        ..at_origin(shop)
    }
}

async fn janes(url: &str) -> Shop {
    let shop = shop(url, Keyring::new(key(1), []), MailRoute::Mailbox).await;
    let account = people::create_account(&shop.platform(), JANE, "Jane", Some(PASSWORD))
        .await
        .unwrap();
    people::grant(&shop.ctx(), &account, Role::Owner).await.unwrap();
    shop
}

async fn first(shop: &Shop, password: &str) -> Result<SignedIn, RichError> {
    let sign_in = SignIn {
        email: JANE,
        password,
        browser: browser(HOST),
    };
    people::sign_in(&visitor(shop), sign_in).await
}

async fn pending(shop: &Shop) -> PendingSignIn {
    let SignedIn::Pending(pending) = first(shop, PASSWORD).await.unwrap() else {
        unreachable!("a session without the second factor");
    };
    pending
}

async fn second(shop: &Shop, pending: &PendingSignIn, code: &str) -> Result<OpenedSession, RichError> {
    people::finish_sign_in(&visitor(shop), pending, code, browser(HOST)).await
}

async fn in_session(shop: &Shop, opened: &OpenedSession) -> Ctx {
    let found = people::authenticate_session(&shop.services, &shop.tenant, &opened.secret, HOST, soon());
    let found = found.await.unwrap();
    Ctx {
        actor: found.actor,
        lacks_second_factor: found.lacks_second_factor,
        ..shop.ctx()
    }
}

/// The app of a person.
struct App(Seed);

impl App {
    fn read(address: &str) -> Self {
        let (_, rest) = address.split_once("secret=").unwrap();
        Self(Seed::of_key(rest.split('&').next().unwrap()).unwrap())
    }

    fn code(&self, shop: &Shop) -> String {
        self.0.code(step(shop.ctx().now())).as_str().to_owned()
    }

    /// A code that is not taken now.
    fn wrong(&self, shop: &Shop) -> String {
        self.0.code(step(shop.ctx().now()) + 10).as_str().to_owned()
    }
}

/// Turns Jane's second factor on.
async fn turned_on(shop: &Shop, ctx: &Ctx) -> (App, Vec<String>) {
    let begun = people::begin_second_factor(ctx, PASSWORD).await.unwrap();
    let app = App::read(&begun.address);
    let wrong = people::confirm_second_factor(ctx, &app.wrong(shop))
        .await
        .unwrap();
    assert!(matches!(wrong, Confirmation::Wrong(shown) if shown.key == begun.key));
    let confirmed = people::confirm_second_factor(ctx, &app.code(shop)).await.unwrap();
    let Confirmation::On(codes) = confirmed else {
        unreachable!("a wrong code");
    };
    (app, codes)
}

async fn mails(shop: &Shop) -> Vec<String> {
    let kept = mailbox::list(&shop.ctx(), None, Limit::default()).await.unwrap();
    let of_kind = kept.items.into_iter();
    let of_kind = of_kind.filter(|mail| mail.kind == MailKind::SecondFactor);
    of_kind.map(|mail| mail.words.subject).collect()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, RichError>, code: &str) {
    let error = answer.unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
}

async fn require(shop: &mut Shop, is_required: bool) {
    let edit = |tenant: &Tenant| {
        let mut settings = tenant.settings.clone();
        settings.require_second_factor = is_required;
        Ok(TenantEdit {
            name: tenant.name.clone(),
            settings,
        })
    };
    let update = UpdateOwnSettings {
        if_match: Target::from(()).if_match,
        edit: &edit,
    };
    let tenant = tenants::update_own_settings(&shop.ctx(), update).await.unwrap();
    shop.tenant = Arc::new(tenant);
}

both_databases! {
    async fn a_password_alone_opens_no_session_any_more(db) {
        let shop = janes(db.url()).await;
        let opened = first(&shop, PASSWORD).await.unwrap().opened().unwrap();
        let jane = in_session(&shop, &opened).await;
        let wrong = people::begin_second_factor(&jane, "another").await.unwrap_err();
        assert_eq!(wrong.violations()[0].pointer, "#/current_password");
        refused(people::confirm_second_factor(&jane, "000000").await, "second_factor_off");
        // What was begun does not count yet.
        people::begin_second_factor(&jane, PASSWORD).await.unwrap();
        first(&shop, PASSWORD).await.unwrap().opened().unwrap();
        let (app, codes) = turned_on(&shop, &jane).await;
        assert_eq!(codes.len(), 10);
        refused(people::begin_second_factor(&jane, PASSWORD).await, "second_factor_on");
        people::read_member(&jane).await.unwrap();
        refused(first(&shop, "another").await, "sign_in_failed");
        refused(first(&shop, PASSWORD).await.unwrap().opened(), "second_factor_required");
        // The code that turned it on is used up.
        let waits = pending(&shop).await;
        refused(second(&shop, &waits, &app.code(&shop)).await, "sign_in_failed");
        shop.clock.advance(STEP);
        let code = app.code(&shop);
        for wrong in ["", "x", &app.wrong(&shop), "AAAA-AAAA-AAAA-AAAA"] {
            refused(second(&shop, &waits, wrong).await, "sign_in_failed");
        }
        let opened = second(&shop, &waits, &format!("{} {}", &code[..3], &code[3..])).await.unwrap();
        assert_eq!(opened.session.member.email, JANE);
        // A replay, in the same step and in the next.
        refused(second(&shop, &waits, &code).await, "sign_in_failed");
        shop.clock.advance(STEP);
        refused(second(&shop, &waits, &code).await, "sign_in_failed");
        second(&shop, &waits, &app.code(&shop)).await.unwrap();
        assert_eq!(mails(&shop).await, ["Second factor turned on: shop1"]);
        // A link and a new password need it too.
        let user = people::find_account(&shop.platform(), JANE).await.unwrap().id;
        let link = people::issue_link(&shop.ctx(), user).await.unwrap().expose();
        let by_link = people::exchange_link(&visitor(&shop), &link, browser(HOST)).await.unwrap();
        assert!(matches!(by_link, SignedIn::Pending(_)));
        refused(people::exchange_link(&visitor(&shop), &link, browser(HOST)).await, "sign_in_failed");
        people::set_password(&shop.platform(), JANE, PASSWORD).await.unwrap();
        pending(&shop).await;
    }

    async fn a_proof_is_worth_nothing_elsewhere_or_later(db) {
        let shop = janes(db.url()).await;
        let opened = first(&shop, PASSWORD).await.unwrap().opened().unwrap();
        let jane = in_session(&shop, &opened).await;
        let (app, _) = turned_on(&shop, &jane).await;
        let waits = pending(&shop).await;
        let text = waits.expose().to_owned();
        let here = visitor(&shop);
        PendingSignIn::open(&here, &text, HOST).unwrap();
        refused(PendingSignIn::open(&here, &text, "other.localhost"), "sign_in_failed");
        let other = Ctx { tenant: add_tenant(&shop.services, "shop2").await, ..here.clone() };
        refused(PendingSignIn::open(&other, &text, HOST), "sign_in_failed");
        for wrong in ["", "x", &text[1..], &"A".repeat(2_000)] {
            refused(PendingSignIn::open(&here, wrong, HOST), "sign_in_failed");
        }
        // The right password of an account that is no member tells nothing.
        let sign_in = SignIn { email: JANE, password: PASSWORD, browser: browser(HOST) };
        refused(people::sign_in(&other, sign_in).await, "sign_in_failed");
        // Another password ends it.
        people::set_password(&shop.platform(), JANE, "battery staple").await.unwrap();
        shop.clock.advance(STEP);
        refused(second(&shop, &waits, &app.code(&shop)).await, "sign_in_failed");
        shop.clock.advance(Duration::from_secs(300));
        refused(PendingSignIn::open(&here, &text, HOST), "sign_in_failed");
    }

    async fn a_recovery_code_works_once(db) {
        let shop = janes(db.url()).await;
        let opened = first(&shop, PASSWORD).await.unwrap().opened().unwrap();
        let jane = in_session(&shop, &opened).await;
        let (app, codes) = turned_on(&shop, &jane).await;
        let waits = pending(&shop).await;
        second(&shop, &waits, &codes[3].to_lowercase()).await.unwrap();
        refused(second(&shop, &waits, &codes[3]).await, "sign_in_failed");
        assert!(mails(&shop).await.contains(&"Recovery code used: shop1".to_owned()));
        // New ones end the earlier ones.
        let wrong = people::new_recovery_codes(&jane, "123").await.unwrap_err();
        assert_eq!(wrong.violations()[0].pointer, "#/code");
        let new = people::new_recovery_codes(&jane, &codes[4]).await.unwrap();
        assert_eq!(new.len(), 10);
        refused(second(&shop, &waits, &codes[5]).await, "sign_in_failed");
        second(&shop, &waits, &new[0]).await.unwrap();
        // At once, from two places: one of them.
        let (one, two) = (second(&shop, &waits, &new[1]), second(&shop, &waits, &new[1]));
        let (one, two) = tokio::join!(one, two);
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|is_ok| **is_ok).count(), 1);
        shop.clock.advance(STEP);
        people::turn_off_second_factor(&jane, &app.code(&shop)).await.unwrap();
        assert!(mails(&shop).await.contains(&"Second factor turned off: shop1".to_owned()));
        refused(people::turn_off_second_factor(&jane, &new[2]).await, "second_factor_off");
        first(&shop, PASSWORD).await.unwrap().opened().unwrap();
    }

    async fn wrong_codes_are_limited_and_nobody_is_locked_out(db) {
        let shop = janes(db.url()).await;
        let opened = first(&shop, PASSWORD).await.unwrap().opened().unwrap();
        let jane = in_session(&shop, &opened).await;
        let (app, codes) = turned_on(&shop, &jane).await;
        shop.clock.advance(STEP);
        for _ in 0..20 {
            refused(second(&shop, &pending(&shop).await, &app.wrong(&shop)).await, "sign_in_failed");
        }
        refused(second(&shop, &pending(&shop).await, &app.code(&shop)).await, "sign_in_failed");
        second(&shop, &pending(&shop).await, &codes[0]).await.unwrap();
        shop.clock.advance(Duration::from_secs(3_600));
        second(&shop, &pending(&shop).await, &app.code(&shop)).await.unwrap();
    }

    async fn a_tenant_may_ask_every_member_for_it(db) {
        let mut shop = janes(db.url()).await;
        let opened = first(&shop, PASSWORD).await.unwrap().opened().unwrap();
        let order = uuid::Uuid::nil().into();
        refused(orders::get(&in_session(&shop, &opened).await, order).await, "order_not_found");
        require(&mut shop, true).await;
        let jane = in_session(&shop, &opened).await;
        refused(orders::get(&jane, order).await, "second_factor_missing");
        people::read_member(&jane).await.unwrap();
        let (_, codes) = turned_on(&shop, &jane).await;
        let jane = in_session(&shop, &opened).await;
        refused(orders::get(&jane, order).await, "order_not_found");
        people::turn_off_second_factor(&jane, &codes[0]).await.unwrap();
        refused(orders::get(&in_session(&shop, &opened).await, order).await, "second_factor_missing");
        require(&mut shop, false).await;
        refused(orders::get(&in_session(&shop, &opened).await, order).await, "order_not_found");
    }

    async fn the_operator_turns_it_off_and_keys_are_changed(db) {
        let shop = janes(db.url()).await;
        let opened = first(&shop, PASSWORD).await.unwrap().opened().unwrap();
        let jane = in_session(&shop, &opened).await;
        let (app, _) = turned_on(&shop, &jane).await;
        let both = again(db.url(), &shop, Keyring::new(key(2), [key(1)]), MailRoute::Mailbox).await;
        assert_eq!(people::seal_seeds_again(&both.platform()).await.unwrap(), 1);
        assert_eq!(people::seal_seeds_again(&both.platform()).await.unwrap(), 0);
        let new = again(db.url(), &shop, Keyring::new(key(2), []), MailRoute::Off).await;
        shop.clock.advance(STEP);
        second(&new, &pending(&new).await, &app.code(&shop)).await.unwrap();
        let account = people::reset_second_factor(&new.platform(), JANE).await.unwrap();
        assert_eq!(account, people::find_account(&new.platform(), JANE).await.unwrap());
        refused(people::reset_second_factor(&new.platform(), JANE).await, "second_factor_off");
        first(&new, PASSWORD).await.unwrap().opened().unwrap();
        people::read_member(&jane).await.unwrap();
    }
}
