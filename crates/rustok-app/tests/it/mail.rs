//! Mails: written with the change that they report, sealed, sent afterwards.

use crate::shop::{Shop, services, soon};
use rustok_app::jobs::run_due;
use rustok_app::mail::{MailPort, MailRoute, MailSending, OutgoingMail, seal_again};
use rustok_app::people::{self, Invite, mailbox};
use rustok_app::secrets::{Keyring, SecretKey};
use rustok_app::{Ctx, IdempotencyKey, PlatformCtx};
use rustok_auth::Role;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::Limit;
use rustok_events::{JobKind, MailKind};
use rustok_storage::Opener;
use rustok_test_support::both_databases;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) fn key(byte: u8) -> SecretKey {
    SecretKey::new([byte; 32])
}

/// A shop on this database, with a way for mails.
pub(crate) async fn shop(url: &str, keys: Keyring, mail: MailRoute) -> Shop {
    let shop = Shop::open(url).await;
    again(url, &shop, keys, mail).await
}

/// The same shop in a process with other settings.
pub(crate) async fn again(url: &str, shop: &Shop, keys: Keyring, mail: MailRoute) -> Shop {
    let other = services(url, Opener::Command, &shop.clock).await;
    let other = Arc::into_inner(other).unwrap().with_secrets(keys).with_mail(mail);
    Shop {
        services: Arc::new(other),
        clock: Arc::clone(&shop.clock),
        tenant: Arc::clone(&shop.tenant),
    }
}

/// A mail server that refuses as it is said, and else takes mails.
#[derive(Debug, Default)]
struct Fake {
    refuses: Mutex<Vec<ErrorKind>>,
    taken: Mutex<Vec<(String, String)>>,
}

impl MailPort for Fake {
    fn send<'a>(&'a self, mail: &'a OutgoingMail, _: Deadline) -> MailSending<'a> {
        Box::pin(async {
            if let Some(kind) = self.refuses.lock().unwrap().pop() {
                return Err(RichError::new(kind, "no"));
            }
            self.taken
                .lock()
                .unwrap()
                .push((mail.to.clone(), mail.text.clone()));
            Ok(())
        })
    }
}

async fn invite(ctx: &Ctx, email: &str) -> Result<String, RichError> {
    let invite = Invite {
        email: email.to_owned(),
        role: Role::Viewer,
    };
    let issued = people::invite(ctx, invite, IdempotencyKey::none())
        .await?
        .made()?;
    Ok(issued.secret.expose())
}

pub(crate) fn at_origin(shop: &Shop) -> Ctx {
    Ctx {
        origin: Some("https://shop1.example".to_owned()),
        ..shop.ctx()
    }
}

async fn round(shop: &Shop) -> (usize, usize, usize) {
    let platform = PlatformCtx::system(shop.services.clone(), "mail", soon());
    let round = run_due(&platform, &[JobKind::SendMail], 10, || false)
        .await
        .unwrap();
    (round.due, round.done, round.failed)
}

both_databases! {
    async fn a_mail_is_sent_after_the_change_and_then_forgotten(db) {
        let server = Arc::new(Fake::default());
        let shop = shop(db.url(), Keyring::new(key(1), []), MailRoute::Port(server.clone())).await;
        let secret = invite(&at_origin(&shop), "joe@example.com").await.unwrap();
        assert!(server.taken.lock().unwrap().is_empty(), "no mail leaves with a request");
        // Tried again after a failure of the server.
        *server.refuses.lock().unwrap() = vec![ErrorKind::ExternalService];
        assert_eq!(round(&shop).await, (1, 0, 1));
        assert_eq!(round(&shop).await, (0, 0, 0));
        shop.clock.advance(Duration::from_secs(3_600));
        assert_eq!(round(&shop).await, (1, 1, 0));
        let (to, text) = server.taken.lock().unwrap().pop().unwrap();
        assert_eq!(to, "joe@example.com");
        let link = format!("https://shop1.example/admin/invitation?invitation={secret}\n");
        assert!(text.contains(&link), "{text}");
        assert_eq!(round(&shop).await, (0, 0, 0));
        // Not tried again after a refusal for good.
        invite(&at_origin(&shop), "ann@example.com").await.unwrap();
        *server.refuses.lock().unwrap() = vec![ErrorKind::Validation];
        assert_eq!(round(&shop).await, (1, 0, 0));
        shop.clock.advance(Duration::from_secs(100_000));
        assert_eq!(round(&shop).await, (0, 0, 0));
        assert!(server.taken.lock().unwrap().is_empty());
        // Nothing to be sealed: both texts are gone.
        let newer = again(db.url(), &shop, Keyring::new(key(2), [key(1)]), MailRoute::Off).await;
        assert_eq!(seal_again(&newer.platform()).await.unwrap(), 0);
    }

    async fn a_change_that_is_refused_writes_no_mail(db) {
        let shop = shop(db.url(), Keyring::new(key(1), []), MailRoute::Mailbox).await;
        invite(&at_origin(&shop), "joe@example.com").await.unwrap();
        let accounts = people::create_account(&shop.platform(), "ann@example.com", "Ann", None).await.unwrap();
        people::grant(&shop.ctx(), &accounts, Role::Viewer).await.unwrap();
        assert_eq!(invite(&at_origin(&shop), "ann@example.com").await.unwrap_err().code(), "already_member");
        let kept = mailbox::list(&shop.ctx(), None, Limit::default()).await.unwrap().items;
        let seen: Vec<_> = kept.iter().map(|mail| (mail.kind, &*mail.recipient)).collect();
        assert_eq!(seen, [(MailKind::Invitation, "joe@example.com")]);
        // Without a URL for links there is none to send.
        invite(&shop.ctx(), "kim@example.com").await.unwrap();
        assert_eq!(mailbox::list(&shop.ctx(), None, Limit::default()).await.unwrap().items.len(), 1);
        assert_eq!(mailbox::get(&shop.ctx(), kept[0].id).await.unwrap(), kept[0]);
        let other = crate::shop::add_tenant(&shop.services, "shop2").await;
        let foreign = Ctx { tenant: other, ..shop.ctx() };
        assert_eq!(mailbox::get(&foreign, kept[0].id).await.unwrap_err().code(), "mail_not_found");
        assert!(mailbox::list(&foreign, None, Limit::default()).await.unwrap().items.is_empty());
    }

    async fn only_the_mailbox_is_read(db) {
        let shop = shop(db.url(), Keyring::new(key(1), []), MailRoute::Mailbox).await;
        invite(&at_origin(&shop), "joe@example.com").await.unwrap();
        let id = mailbox::list(&shop.ctx(), None, Limit::default()).await.unwrap().items[0].id;
        let server: Arc<Fake> = Arc::default();
        for mail in [MailRoute::Off, MailRoute::Port(server)] {
            let other = again(db.url(), &shop, Keyring::new(key(1), []), mail).await;
            assert_eq!(mailbox::get(&other.ctx(), id).await.unwrap_err().code(), "mailbox_not_found");
            assert_eq!(mailbox::list(&other.ctx(), None, Limit::default()).await.unwrap_err().code(), "mailbox_not_found");
        }
        assert_eq!(mailbox::list(&shop.visitor(), None, Limit::default()).await.unwrap_err().code(), "unauthenticated");
    }

    async fn what_an_older_key_sealed_is_sealed_again(db) {
        let old = shop(db.url(), Keyring::new(key(1), []), MailRoute::Mailbox).await;
        for name in ["a", "b", "c"] {
            invite(&at_origin(&old), &format!("{name}@example.com")).await.unwrap();
        }
        let both = again(db.url(), &old, Keyring::new(key(2), [key(1)]), MailRoute::Mailbox).await;
        invite(&at_origin(&both), "d@example.com").await.unwrap();
        let before = mailbox::list(&both.ctx(), None, Limit::default()).await.unwrap();
        assert_eq!(seal_again(&both.platform()).await.unwrap(), 3);
        assert_eq!(seal_again(&both.platform()).await.unwrap(), 0);
        let new = again(db.url(), &old, Keyring::new(key(2), []), MailRoute::Mailbox).await;
        assert_eq!(mailbox::list(&new.ctx(), None, Limit::default()).await.unwrap(), before);
        assert_eq!(mailbox::list(&old.ctx(), None, Limit::default()).await.unwrap_err().code(), "secret_key_missing");
        assert_eq!(seal_again(&old.platform()).await.unwrap_err().code(), "secret_key_missing");
        let none = again(db.url(), &old, Keyring::default(), MailRoute::Mailbox).await;
        assert_eq!(invite(&at_origin(&none), "e@example.com").await.unwrap_err().code(), "secret_key_missing");
    }
}
