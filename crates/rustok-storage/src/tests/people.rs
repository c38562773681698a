//! Accounts, members and sessions: who may open a session, and what ends one.

use super::*;
use crate::people::accounts::{self, Account};
use crate::people::members::{delete_member, insert_member, list_members, lock_owners, set_role};
use crate::people::sessions::{
    NewSession, find_session, insert_link, list_sessions, open_session, take_link, touch_session,
};
use crate::standing::{Writer, find_standing, on_behalf_of};
use jiff::{SignedDuration, ToSpan as _};
use rustok_auth::account::{MAX_SESSIONS, SESSION_LIFE};
use rustok_auth::ids::UserId;
use rustok_auth::{PasswordHash, Person, Principal, Role, TokenHash};
use rustok_core::page::Limit;
use rustok_test_support::both_databases;
use rustok_text::CanonicalEmail;

fn email(name: &str) -> CanonicalEmail {
    CanonicalEmail::parse(&format!("{name}@example.com")).unwrap()
}

/// An account whose id is `number`, with a password.
async fn account(store: &Store, number: u128, name: &str) -> Account {
    let person = Person {
        email: email(name),
        name: name.to_owned(),
    };
    let password = PasswordHash::stored("x".to_owned());
    let mut tx = store.platform_write(soon()).await.unwrap();
    accounts::insert_account(&mut tx, id(number).into(), &person, Some(&password), now(), None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    find(store, name).await
}

async fn find(store: &Store, name: &str) -> Account {
    let mut tx = store.platform_read(soon()).await.unwrap();
    accounts::find_account(&mut tx, &email(name))
        .await
        .unwrap()
        .unwrap()
}

async fn join(store: &Store, shop: TenantHandle, account: &Account, role: Role) {
    let mut tx = store.write(shop, soon()).await.unwrap();
    insert_member(&mut tx, account, role, now()).await.unwrap();
    tx.commit().await.unwrap();
}

fn hash(number: u8) -> TokenHash {
    TokenHash::from_bytes([number; 32])
}

fn new(user: UserId, number: u8) -> NewSession {
    let now = now()
        .checked_add(SignedDuration::from_secs(number.into()))
        .unwrap();
    NewSession {
        id: id(number.into()).into(),
        user,
        hash: hash(number),
        host: "shop1.localhost".to_owned(),
        device: "Browser".to_owned(),
        address: Some("192.0.2.1".to_owned()),
        now,
        expires_at: now.checked_add(SESSION_LIFE).unwrap(),
        account_version: None,
        second_factor: false,
        replaces: None,
    }
}

async fn opened(store: &Store, shop: TenantHandle, new: &NewSession) -> bool {
    let mut tx = store.write(shop, soon()).await.unwrap();
    let opened = open_session(&mut tx, new).await.unwrap();
    tx.commit().await.unwrap();
    opened
}

/// The role in the session with this number, if there is one in this tenant.
async fn role_in(store: &Store, shop: TenantHandle, number: u8) -> Option<Role> {
    let mut tx = store.read(shop, soon()).await.unwrap();
    find_session(&mut tx, &hash(number))
        .await
        .unwrap()
        .map(|found| found.role)
}

both_databases! {
    async fn only_a_member_of_the_tenant_opens_a_session_and_only_there(db) {
        let store = open(&db).await;
        let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        let jane = account(&store, 5, "jane").await;
        assert!(!opened(&store, one, &new(jane.id, 1)).await);
        join(&store, one, &jane, Role::Editor).await;
        assert!(opened(&store, one, &new(jane.id, 1)).await);
        assert_eq!(role_in(&store, one, 1).await, Some(Role::Editor));
        assert_eq!(role_in(&store, two, 1).await, None);
        assert!(!opened(&store, two, &new(jane.id, 2)).await);
        join(&store, two, &jane, Role::Viewer).await;
        assert!(opened(&store, two, &new(jane.id, 1)).await, "the same id and secret are no clash");
        assert_eq!(role_in(&store, two, 1).await, Some(Role::Viewer));
        let mut tx = store.read(one, soon()).await.unwrap();
        let session = find_session(&mut tx, &hash(1)).await.unwrap().unwrap().session;
        assert_eq!((session.user_id, &*session.host, &*session.device), (jane.id, "shop1.localhost", "Browser"));
        assert!(session.is_valid(now()) && session.address.as_deref() == Some("192.0.2.1"));
    }

    async fn an_account_that_changed_since_its_password_was_checked_opens_no_session(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let jane = account(&store, 5, "jane").await;
        join(&store, shop, &jane, Role::Editor).await;
        let checked = NewSession { account_version: Some(jane.version), ..new(jane.id, 1) };
        let mut tx = store.platform_write(soon()).await.unwrap();
        let other = PasswordHash::stored("y".to_owned());
        accounts::set_password(&mut tx, jane.id, &other, Some(jane.version), None).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!opened(&store, shop, &checked).await);
        let mut tx = store.platform_write(soon()).await.unwrap();
        let late = accounts::set_password(&mut tx, jane.id, &other, Some(jane.version), None).await;
        assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
        drop(tx);
        let jane = find(&store, "jane").await;
        assert_eq!((jane.password_hash.as_ref(), jane.version), (Some(&other), 2));
        let checked = NewSession { account_version: Some(jane.version), ..new(jane.id, 1) };
        assert!(opened(&store, shop, &checked).await);
    }

    async fn a_new_password_ends_all_sessions_but_one_in_every_tenant(db) {
        let store = open(&db).await;
        let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        let (jane, joe) = (account(&store, 5, "jane").await, account(&store, 6, "joe").await);
        for shop in [one, two] {
            join(&store, shop, &jane, Role::Editor).await;
        }
        join(&store, one, &joe, Role::Editor).await;
        for (shop, number) in [(one, 1), (one, 2), (two, 3)] {
            assert!(opened(&store, shop, &new(jane.id, number)).await);
        }
        assert!(opened(&store, one, &new(joe.id, 4)).await);
        let mut tx = store.write(one, soon()).await.unwrap();
        insert_link(&mut tx, jane.id, &hash(9), Timestamp::MAX).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.platform_write(soon()).await.unwrap();
        let password = PasswordHash::stored("y".to_owned());
        accounts::set_password(&mut tx, jane.id, &password, None, Some(id(2).into())).await.unwrap();
        tx.commit().await.unwrap();
        for (shop, number, expected) in [(one, 1, false), (one, 2, true), (two, 3, false), (one, 4, true)] {
            assert_eq!(role_in(&store, shop, number).await.is_some(), expected, "{number}");
        }
        let mut tx = store.write(one, soon()).await.unwrap();
        assert_eq!(take_link(&mut tx, &hash(9), now()).await.unwrap(), None);
    }

    async fn a_disabled_account_is_nobody_until_it_is_enabled(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let jane = account(&store, 5, "jane").await;
        join(&store, shop, &jane, Role::Owner).await;
        assert!(opened(&store, shop, &new(jane.id, 1)).await);
        let set = async |at| {
            let mut tx = store.platform_write(soon()).await.unwrap();
            accounts::set_disabled(&mut tx, jane.id, at).await.unwrap();
            tx.commit().await.unwrap();
        };
        set(Some(now())).await;
        assert_eq!(role_in(&store, shop, 1).await, None);
        assert!(!opened(&store, shop, &new(jane.id, 2)).await);
        let mut tx = store.write(shop, soon()).await.unwrap();
        assert_eq!(list_members(&mut tx).await.unwrap()[0].disabled_at, Some(now()));
        assert_eq!(lock_owners(&mut tx).await.unwrap(), []);
        let standing = find_standing(&mut tx, Principal::User(jane.id), now()).await;
        assert!(matches!(standing, Err(StoreError::SessionEnded)), "{standing:?}");
        drop(tx);
        set(None).await;
        assert!(opened(&store, shop, &new(jane.id, 2)).await);
        let mut tx = store.read(shop, soon()).await.unwrap();
        assert_eq!(find_standing(&mut tx, Principal::User(jane.id), now()).await.unwrap().role, Role::Owner);
    }

    async fn another_role_and_a_removal_end_the_sessions_of_the_member(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let (jane, joe) = (account(&store, 5, "jane").await, account(&store, 6, "joe").await);
        for (account, number) in [(&jane, 1), (&joe, 2)] {
            join(&store, shop, account, Role::Owner).await;
            assert!(opened(&store, shop, &new(account.id, number)).await);
        }
        let mut tx = store.write(shop, soon()).await.unwrap();
        assert_eq!(lock_owners(&mut tx).await.unwrap(), [jane.id, joe.id]);
        set_role(&mut tx, jane.id, 1, Role::Viewer, now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.write(shop, soon()).await.unwrap();
        let stale = set_role(&mut tx, jane.id, 1, Role::Owner, now()).await;
        assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
        drop(tx);
        let mut tx = store.write(shop, soon()).await.unwrap();
        let stale = delete_member(&mut tx, jane.id, 1).await;
        assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
        drop(tx);
        assert_eq!((role_in(&store, shop, 1).await, role_in(&store, shop, 2).await), (None, Some(Role::Owner)));
        assert!(opened(&store, shop, &new(jane.id, 3)).await);
        assert_eq!(role_in(&store, shop, 3).await, Some(Role::Viewer));
        let mut tx = store.write(shop, soon()).await.unwrap();
        delete_member(&mut tx, jane.id, 2).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(role_in(&store, shop, 3).await, None);
        assert!(!opened(&store, shop, &new(jane.id, 4)).await);
    }

    async fn a_write_of_a_session_that_ended_is_refused(db) {
        let store = open(&db).await;
        let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        let jane = account(&store, 5, "jane").await;
        join(&store, one, &jane, Role::Editor).await;
        assert!(opened(&store, one, &new(jane.id, 1)).await);
        let (session, user) = (Writer::Session(id(1).into()), Writer::User(jane.id));
        let written = async |shop, writer, author: u128| {
            let mut tx = on_behalf_of(store.write(shop, soon()).await.unwrap(), writer);
            let values = rustok_db::params![tx.tenant(), id(author), format!("a{author}"), now()].to_vec();
            tx.db.execute_one("authors", INSERT_AUTHOR, &values).await.unwrap();
            tx.commit().await
        };
        written(one, session, 1).await.unwrap();
        written(one, user, 2).await.unwrap();
        for writer in [session, user] {
            assert!(matches!(written(two, writer, 3).await, Err(StoreError::SessionEnded)));
        }
        let mut tx = store.write(one, soon()).await.unwrap();
        set_role(&mut tx, jane.id, 1, Role::Viewer, now()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(written(one, session, 4).await, Err(StoreError::SessionEnded)));
        written(one, user, 5).await.unwrap();
        let mut tx = store.write(one, soon()).await.unwrap();
        delete_member(&mut tx, jane.id, 2).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(written(one, user, 6).await, Err(StoreError::SessionEnded)));
    }

    async fn a_browser_has_one_session_and_a_member_a_limited_number(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let jane = account(&store, 5, "jane").await;
        join(&store, shop, &jane, Role::Editor).await;
        assert!(opened(&store, shop, &new(jane.id, 1)).await);
        let again = NewSession { replaces: Some(hash(1)), ..new(jane.id, 2) };
        assert!(opened(&store, shop, &again).await);
        assert_eq!((role_in(&store, shop, 1).await, role_in(&store, shop, 2).await.is_some()), (None, true));
        let last = u8::try_from(MAX_SESSIONS).unwrap() + 3;
        for number in 3..=last {
            assert!(opened(&store, shop, &new(jane.id, number)).await);
        }
        let mut tx = store.write(shop, soon()).await.unwrap();
        let left = list_sessions(&mut tx, jane.id).await.unwrap();
        assert_eq!((left.len(), left[0].id), (MAX_SESSIONS, id(last.into()).into()));
        assert!(find_session(&mut tx, &hash(3)).await.unwrap().is_none());
        // Seen later, never earlier.
        let later = now().checked_add(1.hour()).unwrap();
        let newest = left[0].id;
        assert_eq!(touch_session(&mut tx, newest, later).await.unwrap(), 1);
        assert_eq!(touch_session(&mut tx, newest, now()).await.unwrap(), 0);
    }

    async fn a_link_opens_once_and_in_time(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let jane = account(&store, 5, "jane").await;
        join(&store, shop, &jane, Role::Editor).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        for number in [1, 2] {
            insert_link(&mut tx, jane.id, &hash(number), now()).await.unwrap();
        }
        let (before, at) = (now().checked_sub(1.second()).unwrap(), now());
        assert_eq!(take_link(&mut tx, &hash(1), at).await.unwrap(), None, "too late");
        assert_eq!(take_link(&mut tx, &hash(1), before).await.unwrap(), Some(jane.id));
        assert_eq!(take_link(&mut tx, &hash(1), before).await.unwrap(), None, "again");
        tx.commit().await.unwrap();
        let mut tx = store.platform_write(soon()).await.unwrap();
        assert_eq!(accounts::delete_ended(&mut tx, before, 9).await.unwrap(), 0);
        assert_eq!(accounts::delete_ended(&mut tx, at, 9).await.unwrap(), 1);
    }

    async fn an_address_has_one_account(db) {
        let store = open(&db).await;
        let jane = account(&store, 5, "jane").await;
        let person = Person { email: email("jane"), name: "Other".to_owned() };
        let mut tx = store.platform_write(soon()).await.unwrap();
        let taken = accounts::insert_account(&mut tx, id(6).into(), &person, None, now(), None).await.unwrap_err();
        assert!(taken.is_taken("users(email)"), "{taken:?}");
        drop(tx);
        let mut tx = store.platform_read(soon()).await.unwrap();
        let listed = accounts::list_accounts(&mut tx, None, Limit::default()).await.unwrap().items;
        assert_eq!(listed, std::slice::from_ref(&jane));
        assert_eq!(accounts::find_account_by_id(&mut tx, jane.id).await.unwrap(), Some(jane));
    }
}
