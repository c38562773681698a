//! People: who gets a session, for how long, and what members may do to each other.

use crate::shop::{Shop, add_tenant};
use rustok_app::content::{self, NewContent};
use rustok_app::people::{
    self, AcceptInvitation, Browser, ChangePassword, Invite, OpenedSession, SetRole, SignIn,
};
use rustok_app::tenants::check_standing;
use rustok_app::{Ctx, IdempotencyKey};
use rustok_auth::{Action, Actor, Member, Role, TokenSecret};
use rustok_content::TranslationInput;
use rustok_core::error::RichError;
use rustok_test_support::both_databases;
use rustok_text::BodyFormat;
use std::time::Duration;

const HOST: &str = "shop1.localhost";
const PASSWORD: &str = "correct horse";
const HOUR: Duration = Duration::from_secs(3_600);

fn browser() -> Browser {
    Browser {
        host: HOST.to_owned(),
        device: "Browser".to_owned(),
        ..Browser::default()
    }
}

async fn sign_in(ctx: &Ctx, email: &str, password: &str) -> Result<OpenedSession, RichError> {
    let browser = browser();
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

/// A member with a password.
pub(crate) async fn member(shop: &Shop, name: &str, role: Role) -> Member {
    let email = format!("{name}@example.com");
    let account = people::create_account(&shop.platform(), &email, name, Some(PASSWORD))
        .await
        .unwrap();
    people::grant(&shop.ctx(), &account, role).await.unwrap()
}

async fn actor(shop: &Shop, secret: &TokenSecret) -> Result<Actor, RichError> {
    let found = people::authenticate_session(&shop.services, &shop.tenant, secret, HOST, crate::shop::soon());
    Ok(found.await?.actor)
}

/// The context of a member in a new session.
pub(crate) async fn in_session(shop: &Shop, member: &Member) -> Ctx {
    let opened = sign_in(&shop.visitor(), &member.email, PASSWORD).await.unwrap();
    let actor = actor(shop, &opened.secret).await.unwrap();
    Ctx { actor, ..shop.ctx() }
}

#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, RichError>, code: &str) {
    let error = answer.unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
}

/// `validation_failed`, with these violations.
#[track_caller]
pub(crate) fn invalid<T: std::fmt::Debug>(answer: Result<T, RichError>, expected: &[&str]) {
    let error = answer.unwrap_err();
    let found: Vec<_> = error
        .violations()
        .iter()
        .map(|v| format!("{} {}", v.pointer, v.code))
        .collect();
    assert_eq!(found, expected, "{error:?}");
}

async fn invite(ctx: &Ctx, email: &str, role: Role) -> Result<String, RichError> {
    let invite = Invite {
        email: email.to_owned(),
        role,
    };
    let issued = people::invite(ctx, invite, IdempotencyKey::none())
        .await?
        .made()?;
    Ok(issued.secret.expose())
}

async fn accept(ctx: &Ctx, invitation: &str, password: &str) -> Result<Member, RichError> {
    let name = "Joe";
    people::accept(
        ctx,
        AcceptInvitation {
            invitation,
            name,
            password,
        },
    )
    .await
}

fn set(member: &Member, role: Role) -> SetRole {
    SetRole {
        member: member.user_id.into(),
        role,
    }
}

async fn article(ctx: &Ctx) -> Result<rustok_content::ids::NodeId, RichError> {
    let text = TranslationInput {
        title: "Tea".to_owned(),
        slug: None,
        excerpt: String::new(),
        body: "x".to_owned(),
        format: BodyFormat::Markdown,
    };
    let new = NewContent {
        kind: "post".to_owned(),
        locale: Some("en".to_owned()),
        text,
        author: None,
        terms: Vec::new(),
    };
    let made = content::create(ctx, new, IdempotencyKey::none()).await?.made()?;
    Ok(made.detail.node.any().id())
}

both_databases! {
    async fn a_member_signs_in_and_nobody_learns_why_another_cannot(db) {
        let shop = Shop::open(db.url()).await;
        let (visitor, platform) = (shop.visitor(), shop.platform());
        let jane = member(&shop, "jane", Role::Editor).await;
        let opened = sign_in(&visitor, " Jane@Example.COM", PASSWORD).await.unwrap();
        assert_eq!(opened.session.member, jane);
        let found = actor(&shop, &opened.secret).await.unwrap();
        assert!(matches!(found, Actor::User { id, role: Role::Editor, .. } if id == jane.user_id), "{found:?}");
        people::create_account(&platform, "stranger@example.com", "No member", Some(PASSWORD)).await.unwrap();
        people::create_account(&platform, "new@example.com", "No password", None).await.unwrap();
        let long = "a".repeat(1_000);
        let mut said = Vec::new();
        for (email, password) in [
            ("jane@example.com", "correct hors"),
            ("jane@example.com", ""),
            ("jane@example.com", &long),
            ("nobody@example.com", PASSWORD),
            ("stranger@example.com", PASSWORD),
            ("new@example.com", ""),
            ("no address", PASSWORD),
        ] {
            let error = sign_in(&visitor, email, password).await.unwrap_err();
            said.push((error.status(), error.code().to_owned(), error.public_message().map(str::to_owned)));
        }
        said.dedup();
        assert_eq!((said.len(), said[0].0, &*said[0].1), (1, 401, "sign_in_failed"));
        let counts: Vec<_> = shop.services.counts.sign_ins.read().collect();
        assert_eq!(counts, [("opened", 1), ("refused", 7), ("failed", 0)]);
    }

    async fn a_session_is_of_one_tenant_and_one_host_and_ends_in_time(db) {
        let shop = Shop::open(db.url()).await;
        let other = add_tenant(&shop.services, "shop2").await;
        let jane = member(&shop, "jane", Role::Editor).await;
        let opened = sign_in(&shop.visitor(), &jane.email, PASSWORD).await.unwrap();
        let ask = async |tenant, host: &str| {
            people::authenticate_session(&shop.services, tenant, &opened.secret, host, crate::shop::soon()).await
        };
        ask(&shop.tenant, HOST).await.unwrap();
        refused(ask(&shop.tenant, "shop.example").await, "unauthenticated");
        refused(ask(&other, HOST).await, "unauthenticated");
        // It goes on while it is used, but not for ever.
        for _ in 0..65 {
            shop.clock.advance(HOUR * 11);
            ask(&shop.tenant, HOST).await.unwrap();
        }
        shop.clock.advance(HOUR * 6);
        refused(ask(&shop.tenant, HOST).await, "unauthenticated");
        let opened = sign_in(&shop.visitor(), &jane.email, PASSWORD).await.unwrap();
        shop.clock.advance(HOUR * 12);
        refused(actor(&shop, &opened.secret).await, "unauthenticated");
    }

    async fn sessions_are_listed_and_ended_by_their_member_only(db) {
        let shop = Shop::open(db.url()).await;
        let (jane, joe) = (member(&shop, "jane", Role::Viewer).await, member(&shop, "joe", Role::Owner).await);
        let (one, two) = (in_session(&shop, &jane).await, in_session(&shop, &jane).await);
        let joes = in_session(&shop, &joe).await;
        let listed = people::list_sessions(&one).await.unwrap();
        assert_eq!((listed.len(), &*listed[0].device), (2, "Browser"));
        let own = people::read_session(&one).await.unwrap();
        assert!(own.member == jane && listed.iter().any(|session| session.id == own.id));
        refused(people::end_session(&joes, own.id).await, "session_not_found");
        people::sign_out(&one).await.unwrap();
        refused(people::read_session(&one).await, "unauthenticated");
        refused(people::sign_out(&one).await, "session_not_found");
        // What was under way in it does not commit.
        let article = article(&Ctx { actor: one.actor, ..joes.clone() }).await;
        assert!(matches!(article.unwrap_err().code(), "unauthenticated" | "forbidden"));
        assert_eq!(people::list_sessions(&two).await.unwrap().len(), 1);
        people::end_all_sessions(&two).await.unwrap();
        refused(people::read_session(&two).await, "unauthenticated");
        people::read_session(&joes).await.unwrap();
        for ctx in [shop.ctx(), shop.visitor()] {
            assert!(people::list_sessions(&ctx).await.is_err());
        }
    }

    async fn all_other_sessions_of_the_member_end_and_the_own_one_stays(db) {
        let shop = Shop::open(db.url()).await;
        let (jane, joe) = (member(&shop, "jane", Role::Viewer).await, member(&shop, "joe", Role::Owner).await);
        let (here, there) = (in_session(&shop, &jane).await, in_session(&shop, &jane).await);
        let joes = in_session(&shop, &joe).await;
        people::end_other_sessions(&here).await.unwrap();
        refused(people::read_session(&there).await, "unauthenticated");
        for ctx in [&here, &joes] {
            people::read_session(ctx).await.unwrap();
        }
        // What has ended ends no others.
        refused(people::end_other_sessions(&there).await, "unauthenticated");
        people::read_session(&here).await.unwrap();
        assert!(people::end_other_sessions(&shop.ctx()).await.is_err());
    }

    async fn a_password_is_changed_by_who_knows_it(db) {
        let shop = Shop::open(db.url()).await;
        let jane = member(&shop, "jane", Role::Viewer).await;
        let (here, there) = (in_session(&shop, &jane).await, in_session(&shop, &jane).await);
        let change = async |current, new| people::change_password(&here, ChangePassword { current, new }).await;
        invalid(change("wrong", "another password").await, &["#/current_password wrong_password"]);
        invalid(change(PASSWORD, "short").await, &["#/new_password too_short"]);
        invalid(change("", "another password").await, &["#/current_password wrong_password"]);
        change(PASSWORD, "another password").await.unwrap();
        people::read_session(&here).await.unwrap();
        refused(people::read_session(&there).await, "unauthenticated");
        refused(sign_in(&shop.visitor(), &jane.email, PASSWORD).await, "sign_in_failed");
        sign_in(&shop.visitor(), &jane.email, "another password").await.unwrap();
        people::sign_out(&here).await.unwrap();
        refused(change("another password", PASSWORD).await, "unauthenticated");
        sign_in(&shop.visitor(), &jane.email, "another password").await.unwrap();
    }

    async fn the_operator_sets_passwords_disables_and_gives_links(db) {
        let shop = Shop::open(db.url()).await;
        let platform = shop.platform();
        refused(people::create_account(&platform, "x", "", Some("y")).await, "validation_failed");
        let jane = people::create_account(&platform, "jane@example.com", "Jane", None).await.unwrap();
        refused(people::create_account(&platform, "JANE@example.com", "Jane", None).await, "email_taken");
        refused(people::issue_link(&shop.ctx(), jane.id).await, "sign_in_failed");
        people::grant(&shop.ctx(), &jane, Role::Owner).await.unwrap();
        refused(people::grant(&shop.ctx(), &jane, Role::Owner).await, "already_member");
        let link = async || people::issue_link(&shop.ctx(), jane.id).await.unwrap().expose();
        let first = link().await;
        let opened = people::exchange_link(&shop.visitor(), &first, browser()).await.unwrap().opened().unwrap();
        refused(people::exchange_link(&shop.visitor(), &first, browser()).await, "sign_in_failed");
        let late = link().await;
        shop.clock.advance(HOUR);
        refused(people::exchange_link(&shop.visitor(), &late, browser()).await, "sign_in_failed");
        // Who came by a link and has no password sets one.
        let ctx = Ctx { actor: actor(&shop, &opened.secret).await.unwrap(), ..shop.ctx() };
        people::change_password(&ctx, ChangePassword { current: "", new: PASSWORD }).await.unwrap();
        sign_in(&shop.visitor(), "jane@example.com", PASSWORD).await.unwrap();
        let kept = link().await;
        people::disable(&platform, "jane@example.com").await.unwrap();
        refused(actor(&shop, &opened.secret).await, "unauthenticated");
        refused(sign_in(&shop.visitor(), "jane@example.com", PASSWORD).await, "sign_in_failed");
        refused(people::exchange_link(&shop.visitor(), &kept, browser()).await, "sign_in_failed");
        refused(people::set_password(&platform, "jane@example.com", PASSWORD).await, "account_disabled");
        people::enable(&platform, "jane@example.com").await.unwrap();
        people::set_password(&platform, "jane@example.com", "another password").await.unwrap();
        sign_in(&shop.visitor(), "jane@example.com", "another password").await.unwrap();
        refused(people::find_account(&platform, "joe@example.com").await, "user_not_found");
        // None of it is for requests.
        let admin = in_session(&shop, &member(&shop, "admin", Role::Owner).await).await;
        refused(people::issue_link(&admin, jane.id).await, "forbidden");
        refused(people::grant(&admin, &jane, Role::Viewer).await, "forbidden");
    }

    async fn nobody_gives_or_takes_a_role_above_their_own(db) {
        let shop = Shop::open(db.url()).await;
        let owner = member(&shop, "owner", Role::Owner).await;
        let (admin, jane) = (member(&shop, "admin", Role::Admin).await, member(&shop, "jane", Role::Viewer).await);
        let ctx = in_session(&shop, &admin).await;
        refused(people::set_role(&ctx, set(&jane, Role::Owner)).await, "role_above_own");
        refused(people::set_role(&ctx, set(&owner, Role::Viewer)).await, "role_above_own");
        refused(people::set_role(&ctx, set(&admin, Role::Owner)).await, "role_above_own");
        refused(people::remove_member(&ctx, owner.user_id.into()).await, "role_above_own");
        refused(invite(&ctx, "joe@example.com", Role::Owner).await, "role_above_own");
        let viewer = in_session(&shop, &jane).await;
        let manager = people::set_role(&ctx, set(&jane, Role::Manager)).await.unwrap();
        assert_eq!((manager.role, manager.version), (Role::Manager, 2));
        refused(people::read_session(&viewer).await, "unauthenticated");
        let manager = in_session(&shop, &jane).await;
        refused(people::set_role(&manager, set(&jane, Role::Admin)).await, "forbidden");
        refused(people::list_members(&manager).await, "forbidden");
        refused(people::remove_member(&manager, admin.user_id.into()).await, "forbidden");
        refused(invite(&manager, "joe@example.com", Role::Viewer).await, "forbidden");
        people::remove_member(&manager, jane.user_id.into()).await.unwrap();
        refused(people::remove_member(&ctx, jane.user_id.into()).await, "member_not_found");
        assert_eq!(people::list_members(&ctx).await.unwrap().len(), 2);
    }

    async fn the_last_owner_stays(db) {
        let shop = Shop::open(db.url()).await;
        let (one, two) = (member(&shop, "one", Role::Owner).await, member(&shop, "two", Role::Owner).await);
        let (ones, twos) = (in_session(&shop, &one).await, in_session(&shop, &two).await);
        // Both leave at once: one of them stays.
        let (first, second) = tokio::join!(
            people::remove_member(&ones, one.user_id.into()),
            people::set_role(&twos, set(&two, Role::Viewer))
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let left = people::list_members(&shop.ctx()).await.unwrap();
        let owners: Vec<_> = left.iter().filter(|member| member.role == Role::Owner).collect();
        assert_eq!(owners.len(), 1);
        refused(people::set_role(&shop.ctx(), set(owners[0], Role::Admin)).await, "last_owner");
        refused(people::remove_member(&shop.ctx(), owners[0].user_id.into()).await, "last_owner");
        // Who cannot sign in is no other owner.
        let three = member(&shop, "three", Role::Owner).await;
        people::disable(&shop.platform(), &three.email).await.unwrap();
        refused(people::remove_member(&shop.ctx(), owners[0].user_id.into()).await, "last_owner");
    }

    async fn an_invitation_makes_a_member_and_never_takes_an_account_over(db) {
        let shop = Shop::open(db.url()).await;
        let owner = in_session(&shop, &member(&shop, "owner", Role::Owner).await).await;
        let visitor = shop.visitor();
        let joe = "Joe@Example.com";
        let old = invite(&owner, joe, Role::Viewer).await.unwrap();
        let secret = invite(&owner, joe, Role::Editor).await.unwrap();
        let listed = people::list_invitations(&owner).await.unwrap();
        assert_eq!((listed.len(), &*listed[0].email, listed[0].role), (1, "joe@example.com", Role::Editor));
        refused(accept(&visitor, &old, PASSWORD).await, "invitation_not_found");
        invalid(accept(&visitor, &secret, "short").await, &["#/password too_short"]);
        let nameless = AcceptInvitation { invitation: &secret, name: "", password: "" };
        invalid(people::accept(&visitor, nameless).await, &["#/name required", "#/password too_short"]);
        let made = accept(&visitor, &secret, PASSWORD).await.unwrap();
        assert_eq!((&*made.email, &*made.name, made.role), ("joe@example.com", "Joe", Role::Editor));
        sign_in(&visitor, joe, PASSWORD).await.unwrap();
        refused(accept(&visitor, &secret, PASSWORD).await, "invitation_not_found");
        refused(invite(&owner, joe, Role::Viewer).await, "already_member");

        // Another tenant invites the same person, and tries to be them.
        let tenant = add_tenant(&shop.services, "shop2").await;
        let (system, visitor) = (Ctx { tenant: tenant.clone(), ..shop.ctx() }, Ctx { tenant, ..shop.visitor() });
        let secret = invite(&system, joe, Role::Admin).await.unwrap();
        refused(accept(&shop.visitor(), &secret, PASSWORD).await, "invitation_not_found");
        refused(accept(&visitor, &secret, "a password of theirs").await, "sign_in_failed");
        refused(sign_in(&visitor, joe, PASSWORD).await, "sign_in_failed");
        accept(&visitor, &secret, PASSWORD).await.unwrap();
        sign_in(&visitor, joe, PASSWORD).await.unwrap();

        // Taken back, and too old.
        let secret = invite(&owner, "ann@example.com", Role::Viewer).await.unwrap();
        let id = people::list_invitations(&owner).await.unwrap()[0].id;
        people::revoke_invitation(&owner, id).await.unwrap();
        refused(people::revoke_invitation(&owner, id).await, "invitation_not_found");
        refused(accept(&shop.visitor(), &secret, PASSWORD).await, "invitation_not_found");
        let secret = invite(&owner, "ann@example.com", Role::Viewer).await.unwrap();
        shop.clock.advance(HOUR * 24 * 7);
        refused(accept(&shop.visitor(), &secret, PASSWORD).await, "invitation_not_found");
        for wrong in ["", "x", "rti_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            refused(accept(&shop.visitor(), wrong, PASSWORD).await, "invitation_not_found");
        }
    }

    /// A request that was authenticated before another owner changed the role, and that writes after it.
    async fn a_role_that_was_taken_gives_no_rights_to_a_request_under_way(db) {
        let shop = Shop::open(db.url()).await;
        let (one, two) = (member(&shop, "one", Role::Owner).await, member(&shop, "two", Role::Owner).await);
        let (ones, twos) = (in_session(&shop, &one).await, in_session(&shop, &two).await);
        people::set_role(&twos, set(&one, Role::Viewer)).await.unwrap();
        refused(people::set_role(&ones, set(&one, Role::Owner)).await, "unauthenticated");
        refused(people::remove_member(&ones, one.user_id.into()).await, "unauthenticated");
        let members = people::list_members(&twos).await.unwrap();
        let found = members.iter().find(|member| member.user_id == one.user_id).unwrap();
        assert_eq!((found.role, found.version), (Role::Viewer, 2));
    }

    async fn an_invitation_is_worth_what_its_inviter_may_give(db) {
        let shop = Shop::open(db.url()).await;
        let (owner, admin) = (member(&shop, "owner", Role::Owner).await, member(&shop, "admin", Role::Admin).await);
        let other = member(&shop, "other", Role::Owner).await;
        let (owners, admins) = (in_session(&shop, &owner).await, in_session(&shop, &admin).await);
        let visitor = shop.visitor();
        let by_owner = invite(&owners, "o@example.com", Role::Owner).await.unwrap();
        let by_admin = invite(&admins, "a@example.com", Role::Viewer).await.unwrap();
        // An admin neither takes back nor replaces what only an owner gives.
        let listed = people::list_invitations(&admins).await.unwrap();
        let owners_id = listed.iter().find(|found| found.role == Role::Owner).unwrap().id;
        refused(people::revoke_invitation(&admins, owners_id).await, "role_above_own");
        refused(invite(&admins, "o@example.com", Role::Viewer).await, "role_above_own");

        people::set_role(&shop.ctx(), set(&owner, Role::Admin)).await.unwrap();
        refused(accept(&visitor, &by_owner, PASSWORD).await, "invitation_not_found");
        refused(people::find_account(&shop.platform(), "o@example.com").await, "user_not_found");
        people::set_role(&shop.ctx(), set(&owner, Role::Owner)).await.unwrap();
        people::disable(&shop.platform(), &owner.email).await.unwrap();
        refused(accept(&visitor, &by_owner, PASSWORD).await, "invitation_not_found");
        people::set_role(&shop.ctx(), set(&admin, Role::Manager)).await.unwrap();
        refused(accept(&visitor, &by_admin, PASSWORD).await, "invitation_not_found");
        people::remove_member(&shop.ctx(), admin.user_id.into()).await.unwrap();
        refused(accept(&visitor, &by_admin, PASSWORD).await, "invitation_not_found");
        let by_other = invite(&in_session(&shop, &other).await, "a@example.com", Role::Owner).await.unwrap();
        accept(&visitor, &by_other, PASSWORD).await.unwrap();
    }

    /// A tenant can invite any address and accept itself.
    async fn an_address_that_was_taken_by_an_invitation_is_worth_nothing_to_the_operator(db) {
        let shop = Shop::open(db.url()).await;
        let secret = invite(&shop.ctx(), "victim@example.com", Role::Viewer).await.unwrap();
        accept(&shop.visitor(), &secret, PASSWORD).await.unwrap();
        let platform = shop.platform();
        let taken = people::find_account(&platform, "victim@example.com").await.unwrap();
        let other = Ctx { tenant: add_tenant(&shop.services, "shop2").await, ..shop.ctx() };
        refused(people::grant(&other, &taken, Role::Owner).await, "account_not_vouched");
        refused(people::issue_link(&shop.ctx(), taken.id).await, "account_not_vouched");
        let theirs = people::set_password(&platform, "victim@example.com", "another password").await.unwrap();
        assert_eq!(theirs, people::find_account(&platform, "victim@example.com").await.unwrap());
        people::grant(&other, &theirs, Role::Owner).await.unwrap();
        people::issue_link(&shop.ctx(), taken.id).await.unwrap();
        refused(sign_in(&shop.visitor(), "victim@example.com", PASSWORD).await, "sign_in_failed");
        // An account that changed since it was read is a member as it is now.
        let third = Ctx { tenant: add_tenant(&shop.services, "shop3").await, ..shop.ctx() };
        people::set_password(&platform, "victim@example.com", PASSWORD).await.unwrap();
        people::grant(&third, &theirs, Role::Owner).await.unwrap();
        let visitor = Ctx { tenant: third.tenant, ..shop.visitor() };
        sign_in(&visitor, "victim@example.com", PASSWORD).await.unwrap();
        // What the rules refuse does not tell whether there is an account.
        let fourth = add_tenant(&shop.services, "shop4").await;
        let (system, visitor) = (Ctx { tenant: fourth.clone(), ..shop.ctx() }, Ctx { tenant: fourth, ..shop.visitor() });
        for address in ["victim@example.com", "new@example.com"] {
            let secret = invite(&system, address, Role::Viewer).await.unwrap();
            invalid(accept(&visitor, &secret, "short").await, &["#/password too_short"]);
        }
    }

    async fn an_author_changes_what_is_their_own(db) {
        let shop = Shop::open(db.url()).await;
        let jane = in_session(&shop, &member(&shop, "jane", Role::Author).await).await;
        let joe = in_session(&shop, &member(&shop, "joe", Role::Author).await).await;
        let editor = in_session(&shop, &member(&shop, "editor", Role::Editor).await).await;
        let (hers, editors) = (article(&jane).await.unwrap(), article(&editor).await.unwrap());
        let publish = async |ctx: &Ctx, node: rustok_content::ids::NodeId| {
            let publish = content::PublishNode { node: node.into(), published_at: None };
            content::publish(ctx, publish, IdempotencyKey::none()).await
        };
        refused(publish(&joe, hers).await, "forbidden");
        refused(publish(&jane, editors).await, "forbidden");
        refused(content::delete(&joe, hers.into()).await, "forbidden");
        drop(publish(&jane, hers).await.unwrap());
        drop(content::unpublish(&editor, hers.into(), IdempotencyKey::none()).await.unwrap());
        refused(content::delete(&jane, editors.into()).await, "forbidden");
        content::delete(&jane, hers.into()).await.unwrap();
    }

    /// Work that goes on after its session, such as an import, is the member's.
    async fn what_is_done_later_for_a_member_needs_their_role(db) {
        let shop = Shop::open(db.url()).await;
        member(&shop, "owner", Role::Owner).await;
        let jane = member(&shop, "jane", Role::Editor).await;
        let ctx = in_session(&shop, &jane).await;
        people::sign_out(&ctx).await.unwrap();
        let later = Ctx { sender: rustok_auth::Principal::of(&ctx.actor.to_string()), ..shop.ctx() };
        check_standing(&later, Action::ImportData).await.unwrap();
        article(&later).await.unwrap();
        let viewer = people::set_role(&shop.ctx(), set(&jane, Role::Viewer)).await.unwrap();
        refused(check_standing(&later, Action::ImportData).await, "forbidden");
        people::remove_member(&shop.ctx(), viewer.user_id.into()).await.unwrap();
        refused(check_standing(&later, Action::ImportData).await, "unauthenticated");
        refused(article(&later).await, "unauthenticated");
    }
}
