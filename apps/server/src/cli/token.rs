//! `rustok token`: bearer tokens of a tenant and of the platform. A secret is shown once and stored hashed.

use super::output::{Failure, Format};
use super::tenant::identifier;
use super::{COMMAND_LIMIT, Flags, platform, services};
use clap::{Args, Subcommand};
use rustok_app::tenants::{self, IssuedToken};
use rustok_app::{Ctx, PlatformCtx};
use rustok_auth::Role;
use rustok_auth::ids::TokenId;
use rustok_core::deadline::Deadline;
use serde::Serialize;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a token and print its secret, once
    Create {
        #[command(flatten)]
        scope: Scope,
        /// What it may do inside the tenant: admin, editor or viewer
        #[arg(long, required_unless_present = "platform", conflicts_with = "platform", value_parser = role)]
        role: Option<Role>,
        /// What people call it
        #[arg(long, default_value = "command line")]
        name: String,
        #[command(flatten)]
        format: Format,
    },
    /// List tokens, without their secrets
    List {
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        format: Format,
    },
    /// Revoke a token
    Revoke {
        /// The token's id, as `create` and `list` print it
        id: Uuid,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Scope {
    /// The tenant's slug or id
    #[arg(long)]
    tenant: Option<String>,
    /// The platform: the directory of tenants
    #[arg(long)]
    platform: bool,
}

fn role(text: &str) -> Result<Role, String> {
    let role = text.parse().ok().filter(|role| Role::OF_TOKENS.contains(role));
    role.ok_or_else(|| "is one of: admin, editor, viewer".to_owned())
}

#[derive(Serialize)]
struct Created {
    id: Uuid,
    token: String,
}

#[derive(Serialize)]
struct Listed {
    id: Uuid,
    name: String,
    role: String,
    created_at: String,
    revoked_at: Option<String>,
}

#[derive(Serialize)]
struct Revoked {
    id: Uuid,
    revoked: bool,
}

pub(super) async fn run(flags: &Flags, command: Command) -> Result<(), Failure> {
    let services = services(flags).await?;
    let platform = platform(&services);
    match command {
        Command::Create {
            scope,
            role,
            name,
            format,
        } => {
            let issued = create(&platform, &scope, role, &name).await?;
            let created = Created {
                id: issued.id.as_uuid(),
                token: issued.secret.expose(),
            };
            format.print(&created, |created| created.token.clone())
        }
        Command::List { scope, format } => {
            let listed = list(&platform, &scope).await?;
            format.print(&listed, |listed| {
                let row = |t: &Listed| {
                    let state = t.revoked_at.as_ref().map_or("", |_| "  revoked");
                    format!("{}  {:<8}  {}  {}{state}", t.id, t.role, t.created_at, t.name)
                };
                listed.iter().map(row).collect::<Vec<_>>().join("\n")
            })
        }
        Command::Revoke { id, scope, format } => {
            match tenant(&platform, &scope).await? {
                Some(ctx) => tenants::revoke_token(&ctx, TokenId::from_uuid(id)).await?,
                None => tenants::revoke_platform_token(&platform, TokenId::from_uuid(id)).await?,
            }
            format.print(&Revoked { id, revoked: true }, |revoked| {
                format!("revoked token {}", revoked.id)
            })
        }
    }
}

/// The context of the tenant that the scope names, or nothing for the platform.
async fn tenant(platform: &PlatformCtx, scope: &Scope) -> Result<Option<Ctx>, Failure> {
    let Some(typed) = &scope.tenant else {
        return Ok(None);
    };
    let tenant = tenants::find(platform, &identifier(platform, typed)?).await?;
    let services = Arc::clone(&platform.services);
    Ok(Some(Ctx::system(
        services,
        Arc::new(tenant),
        "command-line",
        Deadline::after(COMMAND_LIMIT),
    )))
}

async fn create(
    platform: &PlatformCtx,
    scope: &Scope,
    role: Option<Role>,
    name: &str,
) -> Result<IssuedToken, Failure> {
    match (tenant(platform, scope).await?, role) {
        (Some(ctx), Some(role)) => Ok(tenants::issue_token(&ctx, name, role).await?),
        (None, None) => Ok(tenants::issue_platform_token(platform, name).await?),
        _ => Err(Failure::usage(
            "a tenant's token has a role, a platform token has none",
        )),
    }
}

async fn list(platform: &PlatformCtx, scope: &Scope) -> Result<Vec<Listed>, Failure> {
    let listed = match tenant(platform, scope).await? {
        Some(ctx) => tenants::list_tokens(&ctx)
            .await?
            .into_iter()
            .map(|t| (t.id, t.name, t.role.as_str(), t.created_at, t.revoked_at))
            .collect::<Vec<_>>(),
        None => tenants::list_platform_tokens(platform)
            .await?
            .into_iter()
            .map(|t| (t.id, t.name, "platform", t.created_at, t.revoked_at))
            .collect(),
    };
    let shown =
        |(id, name, role, created, revoked): (TokenId, _, &str, jiff::Timestamp, Option<jiff::Timestamp>)| {
            Listed {
                id: id.as_uuid(),
                name,
                role: role.to_owned(),
                created_at: created.to_string(),
                revoked_at: revoked.map(|at| at.to_string()),
            }
        };
    Ok(listed.into_iter().map(shown).collect())
}
