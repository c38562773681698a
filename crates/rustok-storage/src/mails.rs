//! Mails to people: written in the transaction of the change that they report, sent by a job.

use crate::jobs;
use jiff::Timestamp;
use rustok_core::ids::TenantId;
use rustok_core::page::{Limit, Page};
use rustok_db::{PlatformTx, Row, StoreError, TenantTx, params};
use rustok_events::ids::MailId;
use rustok_events::{Job, MailKind};

const TABLE: &str = "mails";

/// A mail to store.
#[derive(Debug, Clone)]
pub struct NewMail {
    /// Its id.
    pub id: MailId,
    /// What it is about.
    pub kind: MailKind,
    /// The address that it goes to.
    pub recipient: String,
    /// The language of its text.
    pub language: &'static str,
    /// Subject and text, sealed.
    pub sealed_body: Vec<u8>,
    /// When it was written.
    pub now: Timestamp,
}

/// A mail that has a body still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMail {
    /// Its id.
    pub id: MailId,
    /// What it is about.
    pub kind: MailKind,
    /// The address that it goes to.
    pub recipient: String,
    /// The language of its text.
    pub language: String,
    /// Whether it is in the mailbox of this server, and waits for no mail server.
    pub is_kept: bool,
    /// Subject and text, sealed.
    pub sealed_body: Vec<u8>,
    /// When it was written.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, kind, recipient, language, state, sealed_body, created_at";

fn decode(row: &Row<'_>) -> Result<StoredMail, StoreError> {
    let kind: String = row.get("kind")?;
    Ok(StoredMail {
        id: row.get("id")?,
        kind: kind.parse().map_err(|_| row.inconsistent("kind", &kind))?,
        recipient: row.get("recipient")?,
        language: row.get("language")?,
        is_kept: row.get::<String>("state")? == "kept",
        sealed_body: row.get("sealed_body")?,
        created_at: row.get("created_at")?,
    })
}

async fn insert(tx: &mut TenantTx, mail: &NewMail, state: &'static str) -> Result<(), StoreError> {
    let sql = "INSERT INTO mails (tenant_id, id, kind, recipient, language, state, sealed_body, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = params![
        tx.tenant(),
        mail.id,
        mail.kind.as_str(),
        &mail.recipient,
        mail.language,
        state,
        mail.sealed_body.as_slice(),
        mail.now
    ];
    tx.db.execute_one(TABLE, sql, values).await
}

/// Adds a mail that waits for the mail server, with the job that sends it.
///
/// # Errors
/// Those of the database.
pub async fn insert_waiting(tx: &mut TenantTx, mail: &NewMail, job: &Job) -> Result<(), StoreError> {
    insert(tx, mail, "waiting").await?;
    let job = jobs::insert_job(tx.tenant(), job);
    tx.db.execute_all(&[job]).await
}

/// Adds a mail to the mailbox of this server.
///
/// # Errors
/// Those of the database.
pub async fn insert_kept(tx: &mut TenantTx, mail: &NewMail) -> Result<(), StoreError> {
    insert(tx, mail, "kept").await
}

/// The mail with this id, while it has a text.
///
/// # Errors
/// Those of the database.
pub async fn find_mail(tx: &mut TenantTx, id: MailId) -> Result<Option<StoredMail>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM mails WHERE tenant_id = $1 AND id = $2 AND sealed_body IS NOT NULL");
    let values = params![tx.tenant(), id];
    tx.db.fetch_optional(TABLE, &sql, values, decode).await
}

/// A page of what the mailbox keeps, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn list_kept(
    tx: &mut TenantTx,
    after: Option<MailId>,
    limit: Limit,
) -> Result<Page<StoredMail>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM mails WHERE tenant_id = $1 AND state = 'kept' \
         AND ($2::uuid IS NULL OR id < $2::uuid) ORDER BY id DESC LIMIT $3"
    );
    let values = params![tx.tenant(), after, limit.plus_one()];
    let found = tx.db.fetch(TABLE, &sql, values, decode).await?;
    Ok(Page::cut(found, limit, |mail| mail.id))
}

/// Notes that a mail was sent, or was refused for good, and forgets its text; false if that was noted before.
///
/// # Errors
/// Those of the database.
pub async fn end_mail(tx: &mut TenantTx, id: MailId, sent: bool, now: Timestamp) -> Result<bool, StoreError> {
    let state = if sent { "sent" } else { "failed" };
    let sql = "UPDATE mails SET state = $3, sealed_body = NULL, ended_at = $4 \
               WHERE tenant_id = $1 AND id = $2 AND sealed_body IS NOT NULL";
    let values = params![tx.tenant(), id, state, now];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

/// Deletes mails that were written before `before`, at most `most`; returns how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_mails(tx: &mut PlatformTx, before: Timestamp, most: i64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM mails WHERE (tenant_id, id) IN (SELECT d.tenant_id, d.id FROM mails d \
               WHERE d.created_at < $1 ORDER BY d.created_at LIMIT $2)";
    tx.db.execute(TABLE, sql, params![before, most]).await
}

/// A sealed body, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBody {
    /// The tenant.
    pub tenant: TenantId,
    /// The mail.
    pub id: MailId,
    /// The body.
    pub sealed: Vec<u8>,
}

/// The sealed bodies of all tenants, in the order of their keys, after the one of `after`.
///
/// # Errors
/// Those of the database.
pub async fn list_sealed(
    tx: &mut PlatformTx,
    after: Option<(TenantId, MailId)>,
    most: i64,
) -> Result<Vec<SealedBody>, StoreError> {
    let sql = "SELECT tenant_id, id, sealed_body FROM mails WHERE sealed_body IS NOT NULL \
               AND ($1::uuid IS NULL OR (tenant_id, id) > ($1::uuid, $2::uuid)) ORDER BY tenant_id, id LIMIT $3";
    let values = params![after.map(|after| after.0), after.map(|after| after.1), most];
    tx.db
        .fetch(TABLE, sql, values, |row| {
            Ok(SealedBody {
                tenant: row.get("tenant_id")?,
                id: row.get("id")?,
                sealed: row.get("sealed_body")?,
            })
        })
        .await
}

/// Replaces a sealed body if it is still `old.sealed`; says whether it was.
///
/// # Errors
/// Those of the database.
pub async fn replace_sealed(tx: &mut PlatformTx, old: &SealedBody, new: &[u8]) -> Result<bool, StoreError> {
    let sql = "UPDATE mails SET sealed_body = $4 WHERE tenant_id = $1 AND id = $2 AND sealed_body = $3";
    let values = params![old.tenant, old.id, old.sealed.as_slice(), new];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}
