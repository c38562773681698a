//! `rustok tenant`: the directory of tenants.

use super::output::{Failure, Format};
use super::{Flags, platform, services};
use clap::Subcommand;
use rustok_app::tenants::{self, MovedHost};
use rustok_app::{IdempotencyKey, PlatformCtx};
use rustok_core::page::Limit;
use rustok_tenancy::{NewTenantInput, Tenant, TenantError, TenantIdentifier, TenantSettings, TenantStatus};
use serde::Serialize;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a tenant
    Create {
        /// Its name in addresses: 3 to 63 letters, digits and hyphens
        slug: String,
        /// Its name for people
        #[arg(long)]
        name: String,
        /// A host of its own; may be given several times
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
        /// The currency of its prices
        #[arg(long, default_value = "USD", value_name = "CODE")]
        currency: String,
        /// The language of its content
        #[arg(long, default_value = "en", value_name = "LOCALE")]
        locale: String,
        #[command(flatten)]
        format: Format,
    },
    /// List all tenants
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Refuse all requests for a tenant
    Suspend(Named),
    /// Serve a suspended tenant again
    Resume(Named),
    /// Give a tenant one more host of its own
    AddHost {
        /// The tenant's slug or id
        tenant: String,
        /// The host, such as shop.example.com
        host: String,
        #[command(flatten)]
        format: Format,
    },
    /// Take a host from a tenant; its slug below the base domain names it still
    RemoveHost {
        /// The tenant's slug or id
        tenant: String,
        /// The host, such as shop.example.com
        host: String,
        #[command(flatten)]
        format: Format,
    },
    /// Move a host from one tenant to another, in one step
    MoveHost {
        /// The slug or id of the tenant that has it
        tenant: String,
        /// The host, such as shop.example.com
        host: String,
        /// The slug or id of the tenant that gets it
        to: String,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The tenant's slug or id
    tenant: String,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Shown {
    id: Uuid,
    slug: String,
    name: String,
    status: &'static str,
    hosts: Vec<String>,
}

impl From<Tenant> for Shown {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.as_uuid(),
            slug: tenant.slug,
            name: tenant.name,
            status: tenant.status.as_str(),
            hosts: tenant.hosts,
        }
    }
}

impl Shown {
    fn row(&self) -> String {
        format!(
            "{}  {:<20}  {:<9}  {}  {}",
            self.id,
            self.slug,
            self.status,
            self.name,
            self.hosts.join(", ")
        )
    }
}

pub(super) async fn run(flags: &Flags, command: Command) -> Result<(), Failure> {
    let services = services(flags).await?;
    let ctx = platform(&services);
    match command {
        Command::Create {
            slug,
            name,
            hosts,
            currency,
            locale,
            format,
        } => {
            let settings = TenantSettings {
                default_currency: currency,
                default_locale: locale,
                ..TenantSettings::default()
            };
            let input = NewTenantInput {
                slug,
                name,
                hosts,
                settings,
            };
            let tenant = tenants::create(&ctx, input, IdempotencyKey::none())
                .await?
                .made()?;
            format.print(&Shown::from(tenant), |t| {
                format!("created tenant {} ({})", t.slug, t.id)
            })
        }
        Command::List { format } => list(&ctx, format).await,
        Command::Suspend(named) => set_status(&ctx, named, TenantStatus::Suspended).await,
        Command::Resume(named) => set_status(&ctx, named, TenantStatus::Active).await,
        Command::AddHost { tenant, host, format } => {
            let tenant = identifier(&ctx, &tenant)?.into();
            let tenant = tenants::add_host(&ctx, tenant, &host, IdempotencyKey::none())
                .await?
                .made()?;
            format.print(&Shown::from(tenant), Shown::row)
        }
        Command::RemoveHost { tenant, host, format } => {
            let tenant = identifier(&ctx, &tenant)?.into();
            let tenant = tenants::remove_host(&ctx, tenant, &host).await?;
            format.print(&Shown::from(tenant), Shown::row)
        }
        Command::MoveHost {
            tenant,
            host,
            to,
            format,
        } => {
            let (from, to) = (identifier(&ctx, &tenant)?.into(), identifier(&ctx, &to)?);
            let moved = tenants::move_host(&ctx, from, &host, &to, IdempotencyKey::none()).await?;
            let MovedHost { from, to } = moved.made()?;
            let both = [from, to].map(Shown::from);
            format.print(&both, |both| {
                both.iter().map(Shown::row).collect::<Vec<_>>().join("\n")
            })
        }
    }
}

async fn list(ctx: &PlatformCtx, format: Format) -> Result<(), Failure> {
    let limit = Limit::new(Limit::MAX.into()).unwrap_or_default();
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = tenants::list(ctx, after, limit).await?;
        after = page.items.last().map(|tenant| tenant.id);
        all.extend(page.items.into_iter().map(Shown::from));
        if page.next_cursor.is_none() {
            break;
        }
    }
    format.print(&all, |all| {
        all.iter().map(Shown::row).collect::<Vec<_>>().join("\n")
    })
}

async fn set_status(ctx: &PlatformCtx, named: Named, status: TenantStatus) -> Result<(), Failure> {
    let tenant = identifier(ctx, &named.tenant)?.into();
    let tenant = tenants::set_status(ctx, tenant, status, IdempotencyKey::none())
        .await?
        .made()?;
    named.format.print(&Shown::from(tenant), Shown::row)
}

/// A slug or id as it was typed.
pub(super) fn identifier(ctx: &PlatformCtx, typed: &str) -> Result<TenantIdentifier, Failure> {
    ctx.services
        .validator
        .slug_or_id(typed)
        .map_err(|error| Failure::new(format!("tenant `{typed}`: {}", TenantError::from(error))))
}
