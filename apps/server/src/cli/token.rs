//! `rustok token`: bearer tokens of a tenant and of the platform. A secret is shown once and stored hashed.

use super::output::{Failure, Format};
use super::tenant::identifier;
use super::{COMMAND_LIMIT, Flags, platform, services};
use clap::{Args, Subcommand};
use rustok_app::tenants::{self, IssuedToken, NewToken, RotateToken};
use rustok_app::{Ctx, IdempotencyKey, PlatformCtx};
use rustok_auth::ids::TokenId;
use rustok_auth::{Action, Role};
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
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
        /// An action to which its role is limited, such as read_orders; may be given several times
        #[arg(long = "scope", conflicts_with = "platform")]
        scopes: Vec<String>,
        /// When it ends by itself, such as 2030-01-01T00:00:00Z
        #[arg(long, conflicts_with = "platform")]
        expires_at: Option<Timestamp>,
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
    /// Replace a token of a tenant by a new one with the same rights, and print its secret, once
    Rotate {
        /// The token's id, as `create` and `list` print it
        id: Uuid,
        /// The tenant's slug or id
        #[arg(long)]
        tenant: String,
        /// How many hours the old one can be used beside it; 0 ends it at once
        #[arg(long, default_value_t = 24)]
        overlap_hours: u16,
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
    scopes: Option<Vec<&'static str>>,
    created_at: String,
    expires_at: Option<String>,
    used_at: Option<String>,
    created_by: Option<String>,
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
            scopes,
            expires_at,
            format,
        } => {
            let new = role.map(|role| NewToken {
                name: name.clone(),
                role,
                scopes: (!scopes.is_empty()).then_some(scopes),
                expires_at,
            });
            let issued = create(&platform, &scope, &name, new).await?;
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
                    let state = match (&t.revoked_at, &t.expires_at) {
                        (Some(_), _) => "  revoked".to_owned(),
                        (None, Some(end)) => format!("  until {end}"),
                        (None, None) => String::new(),
                    };
                    format!("{}  {:<8}  {}  {}{state}", t.id, t.role, t.created_at, t.name)
                };
                listed.iter().map(row).collect::<Vec<_>>().join("\n")
            })
        }
        Command::Rotate {
            id,
            tenant,
            overlap_hours,
            format,
        } => {
            let ctx = of_tenant(&platform, &tenant).await?;
            let rotate = RotateToken {
                id: TokenId::from_uuid(id),
                overlap: Duration::from_secs(3_600 * u64::from(overlap_hours)),
            };
            let done = tenants::rotate_token(&ctx, rotate, IdempotencyKey::none()).await?;
            let (_, issued) = done.made()?;
            let created = Created {
                id: issued.id.as_uuid(),
                token: issued.secret.expose(),
            };
            format.print(&created, |created| created.token.clone())
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
    match &scope.tenant {
        Some(typed) => Ok(Some(of_tenant(platform, typed).await?)),
        None => Ok(None),
    }
}

async fn of_tenant(platform: &PlatformCtx, typed: &str) -> Result<Ctx, Failure> {
    let tenant = tenants::find(platform, &identifier(platform, typed)?).await?;
    let services = Arc::clone(&platform.services);
    Ok(Ctx::system(
        services,
        Arc::new(tenant),
        "command-line",
        Deadline::after(COMMAND_LIMIT),
    ))
}

async fn create(
    platform: &PlatformCtx,
    scope: &Scope,
    name: &str,
    new: Option<NewToken>,
) -> Result<IssuedToken, Failure> {
    match (tenant(platform, scope).await?, new) {
        (Some(ctx), Some(new)) => {
            let done = tenants::create_token(&ctx, new, IdempotencyKey::none()).await?;
            Ok(done.made()?.1)
        }
        (None, None) => Ok(tenants::issue_platform_token(platform, name).await?),
        _ => Err(Failure::usage(
            "a tenant's token has a role, a platform token has none",
        )),
    }
}

async fn list(platform: &PlatformCtx, scope: &Scope) -> Result<Vec<Listed>, Failure> {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let listed = match tenant(platform, scope).await? {
        Some(ctx) => tenants::list_tokens(&ctx)
            .await?
            .into_iter()
            .map(|token| Listed {
                id: token.id.as_uuid(),
                name: token.name,
                role: token.role.to_string(),
                scopes: token
                    .scopes
                    .actions()
                    .map(|actions| actions.into_iter().map(Action::as_str).collect()),
                created_at: token.created_at.to_string(),
                expires_at: text(token.expires_at),
                used_at: text(token.used_at),
                created_by: token.actor,
                revoked_at: text(token.revoked_at),
            })
            .collect(),
        None => tenants::list_platform_tokens(platform)
            .await?
            .into_iter()
            .map(|token| Listed {
                id: token.id.as_uuid(),
                name: token.name,
                role: "platform".to_owned(),
                scopes: None,
                created_at: token.created_at.to_string(),
                expires_at: None,
                used_at: None,
                created_by: None,
                revoked_at: text(token.revoked_at),
            })
            .collect(),
    };
    Ok(listed)
}
