//! Mails to people: written in the transaction of the change that they report, sent by a job afterwards.
//!
//! The text of a mail may hold a secret, so it is stored sealed (docs/adr/0039) and forgotten once the mail server has taken
//! it. Without a mail server mails stay in the mailbox of this server, which owners and admins can read, on a demo only;
//! elsewhere there is no mail at all. See docs/adr/0040.

mod letter;

pub use letter::{Letter, SecondFactorChange, Words};

use crate::context::{Ctx, PlatformCtx, Services};
use crate::jobs::JOB_LIMIT;
use crate::secrets::Place;
use rustok_auth::Action;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use rustok_events::ids::MailId;
use rustok_events::{ClaimedJob, JobKind};
use rustok_storage::mails::{self, NewMail, StoredMail};
use rustok_storage::{TenantTx, jobs};
use rustok_tenancy::TenantHandle;
use serde_json::json;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

/// A mail on its way to the mail server.
#[derive(Clone)]
pub struct OutgoingMail {
    /// The mail; the same at each attempt.
    pub id: MailId,
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The language of all three.
    pub language: &'static str,
}

/// Without what may be secret.
impl Debug for OutgoingMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingMail")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A mail that is being sent.
pub type MailSending<'a> = Pin<Box<dyn Future<Output = Result<(), RichError>> + Send + 'a>>;

/// Takes mails to their recipients.
pub trait MailPort: Debug + Send + Sync {
    /// Sends a mail, until `deadline`. It may arrive twice when the answer is lost.
    ///
    /// An error of the kind `Validation` says that this mail will never be taken; with any other it is tried again later.
    fn send<'a>(&'a self, mail: &'a OutgoingMail, deadline: Deadline) -> MailSending<'a>;
}

/// Where mails go.
#[derive(Debug, Clone, Default)]
pub enum MailRoute {
    /// Nowhere: what needs a mail is refused.
    #[default]
    Off,
    /// To the mailbox of this server.
    Mailbox,
    /// To a mail server.
    Port(Arc<dyn MailPort>),
}

impl MailRoute {
    /// Whether mails are written at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }
}

/// Where the sealed text of a mail belongs.
fn place(tenant: TenantId, id: MailId) -> Place {
    Place {
        table: "mails",
        owner: tenant.as_uuid(),
        id: id.as_uuid(),
    }
}

/// Refuses what needs a mail where there is none.
///
/// # Errors
/// `mail_not_set_up`, `secret_key_missing`.
pub(crate) fn check_on(services: &Services) -> Result<(), RichError> {
    if !services.mail.is_on() {
        return Err(RichError::new(ErrorKind::Unavailable, "no mail server is set")
            .with_code("mail_not_set_up")
            .with_public("This server sends no mail."));
    }
    services.secrets.check()
}

/// Writes a mail in the transaction of the change that it reports. Where there is no mail, it does nothing.
///
/// # Errors
/// `secret_key_missing`, database errors.
pub(crate) async fn post(
    ctx: &Ctx,
    tx: &mut TenantTx,
    recipient: &str,
    letter: &Letter<'_>,
) -> Result<(), RichError> {
    let services = &ctx.services;
    if !services.mail.is_on() {
        return Ok(());
    }
    let id = ctx.id();
    let language = letter::language(&ctx.tenant.settings.default_locale);
    let words = letter.words(language);
    let body = json!({ "subject": words.subject, "text": words.text }).to_string();
    let mail = NewMail {
        id,
        kind: letter.kind(),
        recipient: recipient.to_owned(),
        language,
        sealed_body: services.seal(&place(ctx.tenant.id, id), body.as_bytes())?,
        now: ctx.now(),
    };
    match services.mail {
        MailRoute::Mailbox => mails::insert_kept(tx, &mail).await?,
        _ => {
            let job = ctx.job(JobKind::SendMail, mail.id.as_uuid(), mail.now);
            mails::insert_waiting(tx, &mail, &job).await?;
        }
    }
    Ok(())
}

/// Opens the text of a mail.
pub(crate) fn opened(services: &Services, tenant: TenantId, mail: &StoredMail) -> Result<Words, RichError> {
    let body = services
        .secrets
        .open(&place(tenant, mail.id), &mail.sealed_body)?;
    let body: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| RichError::new(ErrorKind::Internal, "the text of a mail").with_source(error))?;
    let member = |name: &str| {
        body.get(name)
            .and_then(|text| text.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    Ok(Words {
        subject: member("subject"),
        text: member("text"),
    })
}

/// Sends a mail that waits. Returns whether the mail server took it. No transaction is open meanwhile.
pub(crate) async fn deliver(ctx: &PlatformCtx, claimed: &ClaimedJob) -> Result<bool, RichError> {
    ctx.authorize(Action::DeliverEvents)?;
    let MailRoute::Port(port) = &ctx.services.mail else {
        return Err(RichError::new(
            ErrorKind::Internal,
            "a mail waits, and no mail server is set any more",
        ));
    };
    let (services, job) = (&ctx.services, &claimed.job);
    let deadline = Deadline::after(JOB_LIMIT).min(ctx.deadline);
    let shop = TenantHandle::for_due_work(job.tenant_id);
    let id = MailId::from_uuid(job.subject_id);
    let mut tx = services.store.read(shop, deadline).await?;
    let found = mails::find_mail(tx.last(), id)
        .await?
        .filter(|mail| !mail.is_kept);
    drop(tx);
    let sent = match &found {
        None => None,
        Some(mail) => Some(send(services, port.as_ref(), job.tenant_id, mail, deadline).await?),
    };
    // The mail is sent: that is stored even when the attempt took its time.
    let deadline = Deadline::after(JOB_LIMIT).min(ctx.deadline);
    let mut tx = services.store.write(shop, deadline).await?;
    if let Some(sent) = sent {
        mails::end_mail(&mut tx, id, sent, services.clock.now()).await?;
    }
    jobs::finish(&mut tx, claimed).await?;
    tx.commit().await?;
    Ok(sent == Some(true))
}

/// Sends a mail; `false` if it was refused for good.
async fn send(
    services: &Services,
    port: &dyn MailPort,
    tenant: TenantId,
    mail: &StoredMail,
    deadline: Deadline,
) -> Result<bool, RichError> {
    let words = opened(services, tenant, mail)?;
    let outgoing = OutgoingMail {
        id: mail.id,
        to: mail.recipient.clone(),
        html: letter::html(&words.text, letter::language(&mail.language)),
        subject: words.subject,
        text: words.text,
        language: letter::language(&mail.language),
    };
    match port.send(&outgoing, deadline).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Validation => {
            tracing::warn!(tenant_id = %tenant, mail_id = %mail.id, kind = %mail.kind, ?error, "a mail was refused for good");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Mails that are read in one transaction when they are sealed anew.
const AT_ONCE: i64 = 100;

/// Seals every mail that an older key sealed under the key that seals now; returns how many. Servers may work meanwhile.
///
/// # Errors
/// `secret_key_missing`, database errors.
pub async fn seal_again(ctx: &PlatformCtx) -> Result<u64, RichError> {
    ctx.authorize(Action::ManageAccounts)?;
    let services = &ctx.services;
    services.secrets.check()?;
    let (mut after, mut count) = (None, 0);
    loop {
        let mut tx = ctx.read().await?;
        let found = mails::list_sealed(tx.last(), after, AT_ONCE).await?;
        drop(tx);
        let Some(last) = found.last() else {
            return Ok(count);
        };
        after = Some((last.tenant, last.id));
        let older: Vec<_> = found
            .iter()
            .filter(|body| !services.secrets.is_current(&body.sealed))
            .collect();
        if older.is_empty() {
            continue;
        }
        let mut tx = ctx.write().await?;
        for body in older {
            let place = place(body.tenant, body.id);
            let sealed = services.seal(&place, &services.secrets.open(&place, &body.sealed)?)?;
            count += u64::from(mails::replace_sealed(&mut tx, body, &sealed).await?);
        }
        tx.commit().await?;
    }
}
