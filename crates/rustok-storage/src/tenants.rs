//! The tenant directory: tenants, their hosts, platform tokens, and the version number that lets caches detect
//! changes.

use jiff::Timestamp;
use rustok_auth::TokenHash;
use rustok_auth::ids::TokenId;
use rustok_core::ids::TenantId;
use rustok_core::page::{Limit, Page};
use rustok_db::{Json, PlatformTx, Row, StoreError, Value, pad, params, placeholders};
use rustok_tenancy::{IdentifierView, NewTenant, Tenant, TenantEdit, TenantIdentifier, TenantStatus};

const TENANTS: &str = "tenants";
const HOSTS: &str = "tenant_hosts";
const COLUMNS: &str = "t.id, t.slug, t.name, t.status, t.settings, t.created_at, t.updated_at, t.version";

fn decode(row: &Row<'_>) -> Result<Tenant, StoreError> {
    let status: String = row.get("status")?;
    Ok(Tenant {
        id: row.get("id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        status: status.parse().map_err(|_| row.inconsistent("status", &status))?,
        hosts: Vec::new(),
        settings: row.get::<Json<_>>("settings")?.0,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
    })
}

/// The tenant that an identifier names.
///
/// # Errors
/// Those of the database.
pub async fn find_tenant(
    tx: &mut PlatformTx,
    identifier: &TenantIdentifier,
) -> Result<Option<Tenant>, StoreError> {
    let (condition, value) = match identifier.view() {
        IdentifierView::Host(host) => (
            "JOIN tenant_hosts h ON h.tenant_id = t.id WHERE h.host = $1",
            Value::from(host),
        ),
        IdentifierView::Slug(slug) => ("WHERE t.slug = $1", Value::from(slug)),
        IdentifierView::Id(id) => ("WHERE t.id = $1", Value::from(id)),
    };
    let sql = format!("SELECT {COLUMNS} FROM tenants t {condition}");
    let mut found = tx.db.fetch(TENANTS, &sql, &[value], decode).await?;
    add_hosts(tx, &mut found).await?;
    Ok(found.pop())
}

/// A page of tenants, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn list_tenants(
    tx: &mut PlatformTx,
    after: Option<TenantId>,
    limit: Limit,
) -> Result<Page<Tenant>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tenants t WHERE $1::uuid IS NULL OR t.id > $1::uuid ORDER BY t.id LIMIT $2"
    );
    let mut found = tx
        .db
        .fetch(TENANTS, &sql, params![after, limit.plus_one()], decode)
        .await?;
    add_hosts(tx, &mut found).await?;
    Ok(Page::cut(found, limit, |tenant| tenant.id))
}

async fn add_hosts(tx: &mut PlatformTx, tenants: &mut [Tenant]) -> Result<(), StoreError> {
    if tenants.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Value<'_>> = tenants.iter().map(|tenant| tenant.id.into()).collect();
    pad(&mut ids);
    let sql = format!(
        "SELECT tenant_id, host FROM tenant_hosts WHERE tenant_id IN ({}) ORDER BY tenant_id, host",
        placeholders(1, ids.len())
    );
    let hosts = tx
        .db
        .fetch(HOSTS, &sql, &ids, |row| {
            Ok((row.get::<TenantId>("tenant_id")?, row.get::<String>("host")?))
        })
        .await?;
    for (id, host) in hosts {
        if let Some(tenant) = tenants.iter_mut().find(|tenant| tenant.id == id) {
            tenant.hosts.push(host);
        }
    }
    Ok(())
}

/// Adds a tenant with its hosts.
///
/// # Errors
/// [`StoreError::Taken`] with `tenants(slug)` or `tenant_hosts(host)`.
pub async fn insert_tenant(tx: &mut PlatformTx, tenant: &NewTenant) -> Result<(), StoreError> {
    let settings = settings_json(tenant.settings())?;
    let directory = raise_version(tx).await?;
    tx.db
        .execute_one(
            TENANTS,
            "INSERT INTO tenants \
             (id, slug, name, status, settings, created_at, updated_at, version, directory_version) \
             VALUES ($1, $2, $3, 'active', $4, $5, $5, 1, $6)",
            params![
                tenant.id(),
                tenant.slug().as_str(),
                tenant.name(),
                &settings,
                tenant.created_at(),
                directory
            ],
        )
        .await?;
    for host in tenant.hosts() {
        insert_host(tx, tenant.id(), host.as_str(), tenant.created_at()).await?;
    }
    Ok(())
}

fn settings_json(settings: &rustok_tenancy::TenantSettings) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(settings).map_err(|error| StoreError::Refused {
        table: TENANTS,
        reason: format!("settings: {error}"),
    })
}

async fn insert_host(
    tx: &mut PlatformTx,
    id: TenantId,
    host: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.db
        .execute_one(
            HOSTS,
            "INSERT INTO tenant_hosts (host, tenant_id, created_at) VALUES ($1, $2, $3)",
            params![host, id, now],
        )
        .await
}

/// Gives a tenant one more host.
///
/// # Errors
/// [`StoreError::Taken`] with `tenant_hosts(host)`, [`StoreError::Refused`] when there is no such tenant.
pub async fn add_host(
    tx: &mut PlatformTx,
    id: TenantId,
    host: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let directory = raise_version(tx).await?;
    insert_host(tx, id, host, now).await?;
    touch(tx, id, directory, now).await
}

/// Removes a host from a tenant; afterwards it belongs to no tenant.
///
/// # Errors
/// [`StoreError::Stale`] with `tenant_hosts` when the tenant has no such host.
pub async fn remove_host(
    tx: &mut PlatformTx,
    id: TenantId,
    host: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let directory = raise_version(tx).await?;
    delete_host(tx, id, host).await?;
    touch(tx, id, directory, now).await
}

/// Moves a host from one tenant to another. Both tenants change, in one change of the directory.
///
/// # Errors
/// [`StoreError::Stale`] with `tenant_hosts` when `from` has no such host, [`StoreError::Refused`] when there is no
/// tenant `to`.
pub async fn move_host(
    tx: &mut PlatformTx,
    from: TenantId,
    to: TenantId,
    host: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let directory = raise_version(tx).await?;
    delete_host(tx, from, host).await?;
    insert_host(tx, to, host, now).await?;
    touch(tx, from, directory, now).await?;
    touch(tx, to, directory, now).await
}

async fn delete_host(tx: &mut PlatformTx, id: TenantId, host: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM tenant_hosts WHERE host = $1 AND tenant_id = $2";
    tx.db.execute_one(HOSTS, sql, params![host, id]).await
}

/// Gives a tenant whose hosts changed a new version.
async fn touch(tx: &mut PlatformTx, id: TenantId, directory: i64, now: Timestamp) -> Result<(), StoreError> {
    let sql =
        "UPDATE tenants SET updated_at = $2, version = version + 1, directory_version = $3 WHERE id = $1";
    tx.db.execute_one(TENANTS, sql, params![id, now, directory]).await
}

/// Changes a tenant's status.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such tenant.
pub async fn set_status(
    tx: &mut PlatformTx,
    id: TenantId,
    status: TenantStatus,
    now: Timestamp,
) -> Result<(), StoreError> {
    let directory = raise_version(tx).await?;
    let sql = "UPDATE tenants SET status = $2, updated_at = $3, version = version + 1, directory_version = $4 \
               WHERE id = $1";
    tx.db
        .execute_one(TENANTS, sql, params![id, status.as_str(), now, directory])
        .await
}

/// Increments the directory version and returns it; the changed tenant's row must store it.
///
/// This is the first statement of every change: the lock on the single row serializes the changes into the order in
/// which they commit, so a reader of a version sees every change up to it. Taken later, the lock could cause a
/// deadlock.
async fn raise_version(tx: &mut PlatformTx) -> Result<i64, StoreError> {
    let sql = "UPDATE directory_version SET version = version + 1 WHERE id = 1 RETURNING version";
    let version = tx
        .db
        .fetch_optional("directory_version", sql, &[], |row| row.get("version"))
        .await?;
    version.ok_or_else(no_version)
}

/// Locks the directory until the transaction ends, so that what is read from now on does not change. A change that
/// depends on what it reads begins with this.
///
/// # Errors
/// Those of the database.
pub async fn hold_directory(tx: &mut PlatformTx) -> Result<(), StoreError> {
    // SQLite has a single writer: no lock is needed.
    if !tx.db.is_postgres() {
        return Ok(());
    }
    let sql = "SELECT version FROM directory_version WHERE id = 1 FOR UPDATE";
    let held = tx
        .db
        .fetch_optional("directory_version", sql, &[], |row| row.get::<i64>("version"))
        .await?;
    held.map(drop).ok_or_else(no_version)
}

fn no_version() -> StoreError {
    StoreError::inconsistent("directory_version", "id", "the row is missing")
}

/// Changes a tenant's name and settings, if it still has this version.
///
/// # Errors
/// [`StoreError::Stale`] when the version differs, or when there is no such tenant.
pub async fn update_tenant(
    tx: &mut PlatformTx,
    id: TenantId,
    version: i64,
    edit: &TenantEdit,
    now: Timestamp,
) -> Result<(), StoreError> {
    let settings = settings_json(&edit.settings)?;
    let directory = raise_version(tx).await?;
    let sql = "UPDATE tenants SET name = $3, settings = $4, updated_at = $5, version = version + 1, \
               directory_version = $6 WHERE id = $1 AND version = $2";
    let values = params![id, version, &edit.name, &settings, now, directory];
    tx.db.execute_one(TENANTS, sql, values).await
}

/// The directory version, which grows with every change.
///
/// # Errors
/// Those of the database.
pub async fn directory_version(tx: &mut PlatformTx) -> Result<i64, StoreError> {
    let sql = "SELECT version FROM directory_version WHERE id = 1";
    let version = tx
        .db
        .fetch_optional("directory_version", sql, &[], |row| row.get("version"))
        .await?;
    version.ok_or_else(no_version)
}

/// Changes of the directory since a given version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryChanges {
    /// The directory version.
    pub version: i64,
    /// The tenants whose row or hosts changed; `None` when there are more than can be listed.
    pub tenants: Option<Vec<TenantId>>,
}

/// Maximum number of tenants listed per query.
const MAX_CHANGED: usize = 1_000;

/// The directory version, and the tenants that changed after version `since`. Every process polls this; it is one
/// statement, hence one snapshot.
///
/// # Errors
/// Those of the database.
pub async fn directory_changes(tx: &mut PlatformTx, since: i64) -> Result<DirectoryChanges, StoreError> {
    let sql = "SELECT v.version, t.id FROM directory_version v \
               LEFT JOIN tenants t ON t.directory_version > $1 WHERE v.id = 1 LIMIT $2";
    let limit = i64::try_from(MAX_CHANGED + 1).unwrap_or(i64::MAX);
    let rows = tx
        .db
        .fetch("directory_version", sql, params![since, limit], |row| {
            Ok((row.get::<i64>("version")?, row.get::<Option<TenantId>>("id")?))
        })
        .await?;
    let version = rows.first().ok_or_else(no_version)?.0;
    let tenants: Vec<_> = rows.into_iter().filter_map(|(_, tenant)| tenant).collect();
    Ok(DirectoryChanges {
        version,
        tenants: (tenants.len() <= MAX_CHANGED).then_some(tenants),
    })
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformToken {
    /// Its id.
    pub id: TokenId,
    /// Its name, for people.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Adds a platform token.
///
/// # Errors
/// Those of the database.
pub async fn insert_platform_token(
    tx: &mut PlatformTx,
    id: TokenId,
    name: &str,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.db
        .execute_one(
            "platform_tokens",
            "INSERT INTO platform_tokens (id, name, hash, created_at) VALUES ($1, $2, $3, $4)",
            params![id, name, hash.as_bytes(), now],
        )
        .await
}

/// The platform token with this hash, unless it was revoked.
///
/// # Errors
/// Those of the database.
pub async fn find_platform_token(
    tx: &mut PlatformTx,
    hash: &TokenHash,
) -> Result<Option<TokenId>, StoreError> {
    tx.db
        .fetch_optional(
            "platform_tokens",
            "SELECT id FROM platform_tokens WHERE hash = $1 AND revoked_at IS NULL",
            params![hash.as_bytes()],
            |row| row.get("id"),
        )
        .await
}

/// All platform tokens, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn list_platform_tokens(tx: &mut PlatformTx) -> Result<Vec<PlatformToken>, StoreError> {
    let sql = "SELECT id, name, created_at, revoked_at FROM platform_tokens ORDER BY id";
    tx.db
        .fetch("platform_tokens", sql, &[], |row| {
            Ok(PlatformToken {
                id: row.get("id")?,
                name: row.get("name")?,
                created_at: row.get("created_at")?,
                revoked_at: row.get("revoked_at")?,
            })
        })
        .await
}

/// Revokes a platform token.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such token or it was revoked before.
pub async fn revoke_platform_token(
    tx: &mut PlatformTx,
    id: TokenId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE platform_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    tx.db.execute_one("platform_tokens", sql, params![id, now]).await
}
