//! Accounts of people, their memberships in tenants, and their sessions.
//!
//! Accounts are the platform's: a tenant's transaction cannot read them, and so never a password's hash. It sees its own
//! memberships, which repeat the address and the name of the account, and the sessions that were opened at its hosts.

pub mod accounts;
pub mod invitations;
pub mod members;
pub mod proofs;
pub mod second_factors;
pub mod sessions;

use rustok_auth::Role;
use rustok_db::{Row, StoreError};

const USERS: &str = "users";
const MEMBERSHIPS: &str = "memberships";
const SESSIONS: &str = "sessions";
const LINKS: &str = "sign_in_links";
const INVITATIONS: &str = "invitations";

fn role(row: &Row<'_>) -> Result<Role, StoreError> {
    let role: String = row.get("role")?;
    role.parse().map_err(|_| row.inconsistent("role", &role))
}
