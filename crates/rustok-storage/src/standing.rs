//! Checks that the actor may still write, in the write's own transaction, as the last step before its COMMIT.
//!
//! Between authentication and commit a request may wait for a lock or for the rest of its body, and an import runs
//! for long. If its token is revoked or its tenant suspended meanwhile, it must not write.
//!
//! The questions divide by zero where the answer is no; `rustok_db::CommitCheck` says why.

use jiff::Timestamp;
use rustok_auth::ids::{SessionId, TokenId, UserId};
use rustok_auth::{Action, Principal, Role, Scopes, role_allows, token_covers};
use rustok_core::ids::TenantId;
use rustok_db::{CommitCheck, Owner, PlatformTx, Statement, StoreError, TenantTx, Tx, Value};

/// The actor that a transaction writes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writer {
    /// The process itself: a worker or the command line. Nothing is checked.
    #[default]
    System,
    /// Anyone; the tenant must be active.
    Anyone,
    /// The holder of this token; the tenant must be active. In a transaction on the directory it is a platform token.
    Token(TokenId),
    /// A member in this session, which must not have ended; the tenant must be active.
    Session(SessionId),
    /// A member whose session may have ended meanwhile, such as the sender of a file; the tenant must be active.
    User(UserId),
}

const TENANT: &str = "SELECT 1 / count(*) AS stands FROM own_tenant WHERE id = $1 AND status = 'active'";
/// The same for a transaction on the directory, which sees the table itself.
const SERVED: &str = "SELECT 1 / count(*) AS stands FROM tenants WHERE id = $1 AND status = 'active'";
// A token rests while the account of the member who made it is disabled, as in `tokens::find_token`.
const TOKEN: &str = "SELECT 1 / count(*) AS stands FROM api_tokens t \
                     WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL AND (member_id IS NULL OR EXISTS (\
                     SELECT 1 FROM memberships m WHERE m.tenant_id = t.tenant_id AND m.user_id = t.member_id \
                     AND m.disabled_at IS NULL))";
const SESSION: &str = "SELECT 1 / count(*) AS stands FROM sessions WHERE tenant_id = $1 AND id = $2";
const MEMBER: &str = "SELECT 1 / count(*) AS stands FROM memberships \
                      WHERE tenant_id = $1 AND user_id = $2 AND disabled_at IS NULL";
const PLATFORM_TOKEN: &str =
    "SELECT 1 / count(*) AS stands FROM platform_tokens WHERE id = $1 AND revoked_at IS NULL";

fn commit_check(
    table: &'static str,
    sql: &'static str,
    params: &[Value<'static>],
    refusal: fn() -> StoreError,
) -> CommitCheck {
    CommitCheck {
        statement: Statement::any(table, sql, params),
        refusal,
    }
}

/// The questions for the commit of a transaction on a tenant's data.
fn of_tenant(tenant: TenantId, writer: Writer) -> Vec<CommitCheck> {
    let is_served = commit_check("tenants", TENANT, &[tenant.into()], || {
        StoreError::TenantSuspended
    });
    match writer {
        Writer::System => Vec::new(),
        Writer::Anyone => vec![is_served],
        Writer::Token(id) => vec![
            is_served,
            commit_check("api_tokens", TOKEN, &[tenant.into(), id.into()], || {
                StoreError::TokenRevoked
            }),
        ],
        Writer::Session(id) => vec![
            is_served,
            commit_check("sessions", SESSION, &[tenant.into(), id.into()], || {
                StoreError::SessionEnded
            }),
        ],
        Writer::User(id) => vec![
            is_served,
            commit_check("memberships", MEMBER, &[tenant.into(), id.into()], || {
                StoreError::SessionEnded
            }),
        ],
    }
}

/// The questions for the commit of a transaction on the directory.
fn of_platform(writer: Writer) -> Vec<CommitCheck> {
    match writer {
        // Members have no access to the directory.
        Writer::System | Writer::Anyone | Writer::Session(_) | Writer::User(_) => Vec::new(),
        Writer::Token(id) => vec![commit_check(
            "platform_tokens",
            PLATFORM_TOKEN,
            &[id.into()],
            || StoreError::TokenRevoked,
        )],
    }
}

/// Sets the actor that a transaction writes for: its commit checks that the actor may still write.
#[must_use]
pub fn on_behalf_of<O: Owner>(tx: Tx<O>, writer: Writer) -> Tx<O> {
    let commit_checks = match tx.owner() {
        Some(tenant) => of_tenant(tenant, writer),
        None => of_platform(writer),
    };
    tx.with_commit_checks(commit_checks)
}

/// Sets the member of `tenant` that a transaction on the directory writes for: its commit checks that the tenant is active,
/// and that the session has not ended. Tokens of tenants are not part of the directory: the caller asks for one before.
#[must_use]
pub fn on_behalf_of_tenant(tx: PlatformTx, tenant: TenantId, writer: Writer) -> PlatformTx {
    let is_served = commit_check("tenants", SERVED, &[tenant.into()], || {
        StoreError::TenantSuspended
    });
    let commit_checks = match writer {
        Writer::System => Vec::new(),
        Writer::Session(id) => vec![
            is_served,
            commit_check("sessions", SESSION, &[tenant.into(), id.into()], || {
                StoreError::SessionEnded
            }),
        ],
        Writer::Anyone | Writer::Token(_) | Writer::User(_) => vec![is_served],
    };
    tx.with_commit_checks(commit_checks)
}

/// What a token or a member may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its role.
    pub role: Role,
    /// To what the role is limited.
    pub scopes: Scopes,
}

impl Standing {
    /// Whether it may do `action`, at least on what is its own.
    #[must_use]
    pub fn allows(&self, action: Action) -> bool {
        self.scopes.contains(action) && role_allows(self.role, action)
    }

    /// Whether it may do all that a member with `role` may.
    #[must_use]
    pub fn covers(&self, role: Role) -> bool {
        token_covers(self.role, self.scopes, role)
    }
}

/// The current rights of a token or a member of the tenant, for a check in the middle of a long operation.
///
/// # Errors
/// [`StoreError::TenantSuspended`], [`StoreError::TokenRevoked`] and [`StoreError::SessionEnded`].
pub async fn find_standing(
    tx: &mut TenantTx,
    principal: Principal,
    now: Timestamp,
) -> Result<Standing, StoreError> {
    let (sql, values, gone): (_, Vec<Value<'_>>, fn() -> StoreError) = match principal {
        Principal::Token(id) => (
            "SELECT t.status, a.role, a.scopes FROM own_tenant t \
             LEFT JOIN api_tokens a ON a.tenant_id = t.id AND a.id = $2 AND a.revoked_at IS NULL \
             AND (a.expires_at IS NULL OR a.expires_at > $3) AND (a.member_id IS NULL OR EXISTS (\
             SELECT 1 FROM memberships m WHERE m.tenant_id = a.tenant_id AND m.user_id = a.member_id \
             AND m.disabled_at IS NULL)) WHERE t.id = $1",
            vec![tx.tenant().into(), id.into(), now.into()],
            || StoreError::TokenRevoked,
        ),
        Principal::User(id) => (
            "SELECT t.status, m.role, CAST(NULL AS text) AS scopes FROM own_tenant t \
             LEFT JOIN memberships m ON m.tenant_id = t.id AND m.user_id = $2 AND m.disabled_at IS NULL \
             WHERE t.id = $1",
            vec![tx.tenant().into(), id.into()],
            || StoreError::SessionEnded,
        ),
    };
    let found = tx.db.fetch_optional("tenants", sql, &values, |row| {
        let role: Option<String> = row.get("role")?;
        let role = role.map(|role| role.parse::<Role>().map_err(|_| row.inconsistent("role", &role)));
        let scopes = Scopes::from_text(row.get::<Option<String>>("scopes")?.as_deref());
        let standing = role.transpose()?.map(|role| Standing { role, scopes });
        Ok((row.get::<String>("status")?, standing))
    });
    match found.await? {
        Some((status, standing)) if status == "active" => standing.ok_or_else(gone),
        _ => Err(StoreError::TenantSuspended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{add_authors, id, logins, now, open, soon, tenant};
    use crate::tokens::ApiToken;
    use crate::{Store, tenants, tokens};
    use rustok_auth::{SecretKind, TokenSecret};
    use rustok_db::params;
    use rustok_tenancy::{TenantHandle, TenantStatus};
    use rustok_test_support::both_databases;

    const INSERT: &str =
        "INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES ($1, $2, $3, $3, $4)";

    /// A write for `writer`.
    async fn written(
        store: &Store,
        shop: TenantHandle,
        writer: Writer,
        login: &str,
    ) -> Result<(), StoreError> {
        let mut tx = on_behalf_of(store.write(shop, soon()).await?, writer);
        let author = params![shop.tenant_id(), id(login.len() as u128), login, now()].to_vec();
        tx.db.execute_one("authors", INSERT, &author).await?;
        tx.commit().await
    }

    both_databases! {
        async fn a_commit_is_refused_to_who_may_not_write_any_more(db) {
            let store = open(&db).await;
            let (shop, other) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
            let token = TokenId::from_uuid(id(7));
            let hash = TokenSecret::from_random_bytes(SecretKind::Tenant, [1; 32]).hash();
            let mut tx = store.write(shop, soon()).await.unwrap();
            tokens::insert_token(&mut tx, &ApiToken::new(token, "x", Role::Editor, now()), &hash).await.unwrap();
            tx.commit().await.unwrap();
            let writer = Writer::Token(token);
            written(&store, shop, writer, "a").await.unwrap();
            let mut tx = store.read(shop, soon()).await.unwrap();
            assert_eq!(find_standing(&mut tx, Principal::Token(token), now()).await.unwrap().role, Role::Editor);
            drop(tx);
            // Another tenant's token is none.
            assert!(matches!(written(&store, other, writer, "a").await, Err(StoreError::TokenRevoked)));

            let set_status = async |status| {
                let mut tx = store.platform_write(soon()).await.unwrap();
                tenants::hold_directory(&mut tx).await.unwrap();
                tenants::set_status(&mut tx, shop.tenant_id(), status, now()).await.unwrap();
                tx.commit().await.unwrap();
            };
            set_status(TenantStatus::Suspended).await;
            for writer in [writer, Writer::Anyone] {
                assert!(matches!(written(&store, shop, writer, "bb").await, Err(StoreError::TenantSuspended)));
            }
            let mut tx = store.read(shop, soon()).await.unwrap();
            assert!(matches!(find_standing(&mut tx, Principal::Token(token), now()).await, Err(StoreError::TenantSuspended)));
            drop(tx);
            written(&store, shop, Writer::System, "ccc").await.unwrap();
            set_status(TenantStatus::Active).await;
            written(&store, shop, Writer::Anyone, "dddd").await.unwrap();

            let mut tx = store.write(shop, soon()).await.unwrap();
            tokens::revoke_token(&mut tx, token, now()).await.unwrap();
            tx.commit().await.unwrap();
            assert!(matches!(written(&store, shop, writer, "eeeee").await, Err(StoreError::TokenRevoked)));
            let mut tx = store.read(shop, soon()).await.unwrap();
            assert!(matches!(find_standing(&mut tx, Principal::Token(token), now()).await, Err(StoreError::TokenRevoked)));
            drop(tx);
            assert_eq!(logins(&store, shop).await, ["a", "ccc", "dddd"]);
            // What was refused leaves neither a transaction nor a lock behind.
            add_authors(&store, shop, &["f"]).await;
        }

        async fn a_member_changes_the_directory_in_a_session_of_an_active_tenant_only(db) {
            let store = open(&db).await;
            let shop = tenant(&store, 1, "shop1").await;
            let add = async |writer, host: &str| {
                let tx = store.platform_write(soon()).await.unwrap();
                let mut tx = on_behalf_of_tenant(tx, shop.tenant_id(), writer);
                tenants::hold_directory(&mut tx).await.unwrap();
                tenants::add_host(&mut tx, shop.tenant_id(), host, now()).await.unwrap();
                tx.commit().await
            };
            let ended = Writer::Session(SessionId::from_uuid(id(8)));
            add(Writer::Anyone, "a.example").await.unwrap();
            assert!(matches!(add(ended, "b.example").await, Err(StoreError::SessionEnded)));
            let mut tx = store.platform_write(soon()).await.unwrap();
            tenants::hold_directory(&mut tx).await.unwrap();
            tenants::set_status(&mut tx, shop.tenant_id(), TenantStatus::Suspended, now()).await.unwrap();
            tx.commit().await.unwrap();
            for writer in [Writer::Anyone, ended] {
                assert!(matches!(add(writer, "c.example").await, Err(StoreError::TenantSuspended)));
            }
            add(Writer::System, "d.example").await.unwrap();
        }

        async fn a_platform_token_is_asked_for_in_the_directory(db) {
            let store = open(&db).await;
            let shop = tenant(&store, 1, "shop1").await;
            let token = TokenId::from_uuid(id(7));
            let hash = TokenSecret::from_random_bytes(SecretKind::Platform, [1; 32]).hash();
            let mut tx = store.platform_write(soon()).await.unwrap();
            tenants::insert_platform_token(&mut tx, token, "x", &hash, now()).await.unwrap();
            tx.commit().await.unwrap();
            let add = async |host: &str| {
                let mut tx = on_behalf_of(store.platform_write(soon()).await.unwrap(), Writer::Token(token));
                tenants::hold_directory(&mut tx).await.unwrap();
                tenants::add_host(&mut tx, shop.tenant_id(), host, now()).await.unwrap();
                tx.commit().await
            };
            add("one.example").await.unwrap();
            let mut tx = store.platform_write(soon()).await.unwrap();
            tenants::revoke_platform_token(&mut tx, token, now()).await.unwrap();
            tx.commit().await.unwrap();
            assert!(matches!(add("two.example").await, Err(StoreError::TokenRevoked)));
            let hosts = db.count("SELECT count(*) FROM tenant_hosts").await;
            assert_eq!(hosts, 1);
        }
    }
}
