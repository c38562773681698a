//! Tokens: what limits them, and when they end.

use crate::people::{in_session, invalid, member, refused};
use crate::shop::{Shop, soon};
use rustok_app::people::{self, SetRole};
use rustok_app::tenants::{
    self, ApiToken, IssuedToken, MAX_OVERLAP, NewToken, RotateToken, check_standing, store_token_use,
};
use rustok_app::{Ctx, IdempotencyKey};
use rustok_auth::{Action, Actor, Role};
use rustok_core::error::RichError;
use rustok_test_support::both_databases;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn new(role: Role, scopes: Option<&[&str]>) -> NewToken {
    NewToken {
        name: "A program".to_owned(),
        role,
        scopes: scopes.map(|scopes| scopes.iter().map(|name| (*name).to_owned()).collect()),
        expires_at: None,
    }
}

async fn create(ctx: &Ctx, new: NewToken) -> Result<(ApiToken, IssuedToken), RichError> {
    tenants::create_token(ctx, new, IdempotencyKey::none())
        .await?
        .made()
}

async fn rotate(
    ctx: &Ctx,
    token: &IssuedToken,
    overlap: Duration,
) -> Result<(ApiToken, IssuedToken), RichError> {
    let rotate = RotateToken {
        id: token.id,
        overlap,
    };
    tenants::rotate_token(ctx, rotate, IdempotencyKey::none())
        .await?
        .made()
}

async fn actor(shop: &Shop, token: &IssuedToken) -> Result<Actor, RichError> {
    tenants::authenticate(&shop.services, &shop.tenant, &token.secret, soon()).await
}

async fn works(shop: &Shop, token: &IssuedToken) -> bool {
    actor(shop, token).await.is_ok()
}

both_databases! {
    async fn scopes_and_the_end_are_checked(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        invalid(create(&ctx, new(Role::Viewer, Some(&[]))).await, &["#/scopes out_of_range"]);
        invalid(create(&ctx, new(Role::Viewer, Some(&["read_orders", "x", "pay_order"]))).await,
            &["#/scopes/1 unknown_scope", "#/scopes/2 not_in_role"]);
        let over = NewToken { expires_at: Some(ctx.now()), ..new(Role::Viewer, None) };
        invalid(create(&ctx, over).await, &["#/expires_at in_past"]);

        let (_, token) = create(&ctx, new(Role::Admin, Some(&["manage_tokens", "read_orders"]))).await.unwrap();
        let own = Ctx { actor: actor(&shop, &token).await.unwrap(), ..shop.ctx() };
        refused(own.authorize(Action::ReadContent), "forbidden");
        refused(check_standing(&own, Action::ReadContent).await, "forbidden");
        check_standing(&own, Action::ReadOrders).await.unwrap();
        refused(create(&own, new(Role::Viewer, None)).await, "role_above_own");
        let (_, whole) = create(&ctx, new(Role::Admin, None)).await.unwrap();
        refused(rotate(&own, &whole, HOUR).await, "role_above_own");
        create(&own, new(Role::Viewer, Some(&["read_orders"]))).await.unwrap();
    }

    async fn an_expired_token_is_over_and_makes_room(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        let end = ctx.now().saturating_add(HOUR).unwrap();
        let (token, issued) = create(&ctx, NewToken { expires_at: Some(end), ..new(Role::Admin, None) }).await.unwrap();
        let own = Ctx { actor: actor(&shop, &issued).await.unwrap(), ..shop.ctx() };
        shop.clock.advance(HOUR - Duration::from_secs(1));
        assert!(works(&shop, &issued).await);
        shop.clock.advance(Duration::from_secs(1));
        assert!(!works(&shop, &issued).await);
        refused(check_standing(&own, Action::ReadOrders).await, "unauthenticated");
        assert_eq!(tenants::list_valid_tokens(&ctx).await.unwrap(), []);
        refused(rotate(&ctx, &issued, HOUR).await, "token_not_found");
        create(&ctx, new(Role::Admin, None)).await.unwrap();
        let all = tenants::list_tokens(&ctx).await.unwrap();
        assert_eq!((all[0].id, all[0].revoked_at), (token.id, Some(end)));
    }

    async fn a_replaced_token_works_until_the_overlap_is_over(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        let end = ctx.now().saturating_add(HOUR * 48).unwrap();
        let limited = NewToken { expires_at: Some(end), ..new(Role::Admin, Some(&["read_orders"])) };
        let (old, old_issued) = create(&ctx, limited).await.unwrap();
        shop.clock.advance(HOUR);
        invalid(rotate(&ctx, &old_issued, MAX_OVERLAP + HOUR).await, &["#/overlap_seconds out_of_range"]);
        let (fresh, issued) = rotate(&ctx, &old_issued, HOUR).await.unwrap();
        assert_eq!((&fresh.name, fresh.role, fresh.scopes), (&old.name, old.role, old.scopes));
        assert_eq!(fresh.expires_at, Some(end.saturating_add(HOUR).unwrap()));
        assert!(works(&shop, &old_issued).await && works(&shop, &issued).await);
        shop.clock.advance(HOUR);
        assert!(!works(&shop, &old_issued).await && works(&shop, &issued).await);
        // An overlap makes no token live longer, and none at all ends it at once.
        shop.clock.advance(HOUR * 46);
        let (third, _) = rotate(&ctx, &issued, MAX_OVERLAP).await.unwrap();
        let listed = tenants::list_valid_tokens(&ctx).await.unwrap();
        assert_eq!(listed.iter().map(|token| (token.id, token.expires_at)).collect::<Vec<_>>(),
            [(fresh.id, fresh.expires_at), (third.id, third.expires_at)]);
        rotate(&ctx, &issued, Duration::ZERO).await.unwrap();
        assert!(!works(&shop, &issued).await);
    }

    async fn tokens_end_with_the_rights_of_the_member_who_made_them(db) {
        let shop = Shop::open(db.url()).await;
        let owner = member(&shop, "owner", Role::Owner).await;
        let maker = member(&shop, "maker", Role::Owner).await;
        let ctx = in_session(&shop, &maker).await;
        let (token, first) = create(&ctx, new(Role::Admin, None)).await.unwrap();
        assert_eq!((token.member, token.actor), (Some(maker.user_id), Some(ctx.actor.to_string())));
        // A token that a token made is the member's too.
        let own = Ctx { actor: actor(&shop, &first).await.unwrap(), ..shop.ctx() };
        let (_, second) = create(&own, new(Role::Viewer, None)).await.unwrap();
        let (_, others) = create(&in_session(&shop, &owner).await, new(Role::Viewer, None)).await.unwrap();
        let all = async || [works(&shop, &first).await, works(&shop, &second).await, works(&shop, &others).await];
        assert_eq!(all().await, [true; 3]);

        // While the account is disabled its tokens rest.
        people::disable(&shop.platform(), &maker.email).await.unwrap();
        assert_eq!(all().await, [false, false, true]);
        refused(check_standing(&own, Action::ReadOrders).await, "unauthenticated");
        refused(create(&own, new(Role::Viewer, None)).await, "unauthenticated");
        people::enable(&shop.platform(), &maker.email).await.unwrap();
        assert_eq!(all().await, [true; 3]);

        let set = |role| SetRole { member: maker.user_id.into(), role };
        people::set_role(&shop.ctx(), set(Role::Manager)).await.unwrap();
        assert_eq!(all().await, [false, false, true]);
        people::set_role(&shop.ctx(), set(Role::Admin)).await.unwrap();
        assert_eq!(all().await, [false, false, true], "what ended does not come back");
        let (_, third) = create(&in_session(&shop, &maker).await, new(Role::Viewer, None)).await.unwrap();
        people::remove_member(&shop.ctx(), maker.user_id.into()).await.unwrap();
        assert!(!works(&shop, &third).await);
        let account = people::find_account(&shop.platform(), &maker.email).await.unwrap();
        people::grant(&shop.ctx(), &account, Role::Owner).await.unwrap();
        assert!(!works(&shop, &third).await, "what ended does not come back");
    }

    async fn the_last_use_is_stored_beside_the_requests(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        let (token, issued) = create(&ctx, new(Role::Viewer, None)).await.unwrap();
        let used = async || tenants::list_valid_tokens(&ctx).await.unwrap()[0].used_at;
        let store = async || store_token_use(&shop.services, soon()).await.unwrap();
        assert_eq!(token.used_at, None);
        let start = ctx.now();
        for (pause, stored) in [(Duration::ZERO, 1), (HOUR / 2, 0), (HOUR / 2, 1)] {
            shop.clock.advance(pause);
            let before = used().await;
            assert!(works(&shop, &issued).await && works(&shop, &issued).await);
            assert_eq!(used().await, before, "a request stores nothing");
            assert_eq!(store().await, stored);
        }
        assert_eq!(used().await, Some(start.saturating_add(HOUR).unwrap()));
    }
}
