//! The mailbox of this server: the mails of a tenant where no mail server is set. It is read on a demo only, since a mail
//! may hold what signs another person in.

use crate::context::Ctx;
use crate::mail::{MailRoute, Words, opened};
use rustok_auth::Action;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Limit, Page};
use rustok_events::MailKind;
use rustok_events::ids::MailId;
use rustok_storage::mails::{self, StoredMail};

/// A mail in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMail {
    /// Its id.
    pub id: MailId,
    /// What it is about.
    pub kind: MailKind,
    /// The address that it would have gone to.
    pub recipient: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Subject and text.
    pub words: Words,
}

/// The mails of the tenant, the newest first.
///
/// # Errors
/// `mailbox_not_found` where mails go elsewhere, authorization and database errors.
pub async fn list(ctx: &Ctx, after: Option<MailId>, limit: Limit) -> Result<Page<KeptMail>, RichError> {
    check(ctx)?;
    let mut tx = ctx.read().await?;
    let page = mails::list_kept(tx.last(), after, limit).await?;
    Ok(Page {
        items: page
            .items
            .iter()
            .map(|mail| kept(ctx, mail))
            .collect::<Result<_, _>>()?,
        next_cursor: page.next_cursor,
    })
}

/// One mail of the tenant.
///
/// # Errors
/// `mailbox_not_found` where mails go elsewhere, `mail_not_found`, authorization and database errors.
pub async fn get(ctx: &Ctx, id: MailId) -> Result<KeptMail, RichError> {
    check(ctx)?;
    let mut tx = ctx.read().await?;
    let mail = mails::find_mail(tx.last(), id).await?;
    let mail = mail.filter(|mail| mail.is_kept).ok_or_else(|| {
        RichError::new(ErrorKind::NotFound, "no such mail")
            .with_code("mail_not_found")
            .with_public("There is no such mail.")
    })?;
    kept(ctx, &mail)
}

fn check(ctx: &Ctx) -> Result<(), RichError> {
    ctx.authorize(Action::ManageMembers)?;
    if matches!(ctx.services.mail, MailRoute::Mailbox) {
        return Ok(());
    }
    Err(RichError::new(ErrorKind::NotFound, "mails go elsewhere")
        .with_code("mailbox_not_found")
        .with_public("This server keeps no mails."))
}

fn kept(ctx: &Ctx, mail: &StoredMail) -> Result<KeptMail, RichError> {
    Ok(KeptMail {
        id: mail.id,
        kind: mail.kind,
        recipient: mail.recipient.clone(),
        created_at: mail.created_at,
        words: opened(&ctx.services, ctx.tenant.id, mail)?,
    })
}
