//! `rustok user`: accounts of people. A password comes from a file or standard input, never from the arguments, which
//! every process of the machine can read.

use super::output::{Failure, Format};
use super::tenant::identifier;
use super::{COMMAND_LIMIT, Flags, platform, services};
use clap::Subcommand;
use rustok_app::people::{self, Account};
use rustok_app::tenants;
use rustok_app::{Ctx, PlatformCtx};
use rustok_auth::ids::UserId;
use rustok_auth::password::MAX_PASSWORD_BYTES;
use rustok_auth::{Member, Role};
use rustok_core::deadline::Deadline;
use rustok_core::page::{Cursor, Limit};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an account, and make it a member of a tenant
    Create {
        /// The e-mail address
        email: String,
        /// What people call the person
        #[arg(long)]
        name: String,
        /// The slug or id of a tenant
        #[arg(long, requires = "role")]
        tenant: Option<String>,
        /// owner, admin, manager, editor, author, support or viewer
        #[arg(long, requires = "tenant")]
        role: Option<Role>,
        /// A file with the password; `-` is standard input. Without one, the person signs in by a link
        #[arg(long)]
        password_file: Option<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// Make an account a member of a tenant
    Grant {
        /// The account's e-mail address
        email: String,
        /// The slug or id of the tenant
        #[arg(long)]
        tenant: String,
        /// owner, admin, manager, editor, author, support or viewer
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        format: Format,
    },
    /// List all accounts, or the members of a tenant
    List {
        /// The slug or id of a tenant
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Set the password of an account, which ends its sessions
    SetPassword {
        /// The account's e-mail address
        email: String,
        /// A file with the password; `-` is standard input
        #[arg(long, default_value = "-")]
        password_file: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    /// Disable an account, which ends its sessions
    Disable(Named),
    /// Enable an account that was disabled
    Enable(Named),
    /// Turn off the second factor of an account whose owner lost it, after making sure that it is the owner who asks
    ResetSecondFactor(Named),
    /// Print the secret of a link that signs a member in, once, within an hour
    Link {
        /// The account's e-mail address
        email: String,
        /// The slug or id of the tenant
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The account's e-mail address
    email: String,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct ShownAccount {
    id: Uuid,
    email: String,
    name: String,
    has_password: bool,
    created_at: String,
    disabled_at: Option<String>,
    /// When the operator vouched for it; without, it was made by accepting an invitation.
    vouched_at: Option<String>,
    second_factor_at: Option<String>,
}

impl From<Account> for ShownAccount {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.as_uuid(),
            email: account.email,
            name: account.name,
            has_password: account.password_hash.is_some(),
            created_at: account.created_at.to_string(),
            disabled_at: account.disabled_at.map(|at| at.to_string()),
            vouched_at: account.vouched_at.map(|at| at.to_string()),
            second_factor_at: account.second_factor_at.map(|at| at.to_string()),
        }
    }
}

impl ShownAccount {
    fn row(&self) -> String {
        let state = self.disabled_at.as_ref().map_or("", |_| "  disabled");
        let vouched = self.vouched_at.as_ref().map_or("  invited", |_| "");
        format!("{}  {}  {}{state}{vouched}", self.id, self.email, self.name)
    }
}

#[derive(Serialize)]
struct ShownMember {
    id: Uuid,
    email: String,
    name: String,
    role: &'static str,
    created_at: String,
    disabled_at: Option<String>,
}

impl From<Member> for ShownMember {
    fn from(member: Member) -> Self {
        Self {
            id: member.user_id.as_uuid(),
            email: member.email,
            name: member.name,
            role: member.role.as_str(),
            created_at: member.created_at.to_string(),
            disabled_at: member.disabled_at.map(|at| at.to_string()),
        }
    }
}

impl ShownMember {
    fn row(&self) -> String {
        let state = self.disabled_at.as_ref().map_or("", |_| "  disabled");
        format!(
            "{}  {:<8}  {}  {}{state}",
            self.id, self.role, self.email, self.name
        )
    }
}

#[derive(Serialize)]
struct Link {
    link: String,
}

pub(super) async fn run(flags: &Flags, command: Command) -> Result<(), Failure> {
    let platform = platform(&services(flags).await?);
    let account =
        |account: Account, format: Format| format.print(&ShownAccount::from(account), ShownAccount::row);
    match command {
        Command::Create {
            email,
            name,
            tenant,
            role,
            password_file,
            format,
        } => {
            let scope = match (tenant, role) {
                (Some(tenant), Some(role)) => Some((context(&platform, &tenant).await?, role)),
                _ => None,
            };
            let password = password_file.as_deref().map(read_password).transpose()?;
            let created = people::create_account(&platform, &email, &name, password.as_deref()).await?;
            if let Some((ctx, role)) = scope {
                people::grant(&ctx, &created, role).await?;
            }
            account(created, format)
        }
        Command::Grant {
            email,
            tenant,
            role,
            format,
        } => {
            let ctx = context(&platform, &tenant).await?;
            let granted = people::grant(&ctx, &people::find_account(&platform, &email).await?, role).await?;
            format.print(&ShownMember::from(granted), ShownMember::row)
        }
        Command::List { tenant, format } => list(&platform, tenant.as_deref(), &format).await,
        Command::SetPassword {
            email,
            password_file,
            format,
        } => {
            let password = read_password(&password_file)?;
            account(people::set_password(&platform, &email, &password).await?, format)
        }
        Command::Disable(Named { email, format }) => {
            account(people::disable(&platform, &email).await?, format)
        }
        Command::Enable(Named { email, format }) => account(people::enable(&platform, &email).await?, format),
        Command::ResetSecondFactor(Named { email, format }) => {
            account(people::reset_second_factor(&platform, &email).await?, format)
        }
        Command::Link {
            email,
            tenant,
            format,
        } => {
            let ctx = context(&platform, &tenant).await?;
            let user = people::find_account(&platform, &email).await?.id;
            let link = people::issue_link(&ctx, user).await?.expose();
            format.print(&Link { link }, |shown| shown.link.clone())
        }
    }
}

async fn list(platform: &PlatformCtx, tenant: Option<&str>, format: &Format) -> Result<(), Failure> {
    let lines = |rows: Vec<String>| rows.join("\n");
    if let Some(tenant) = tenant {
        let members = people::list_members(&context(platform, tenant).await?).await?;
        let members: Vec<_> = members.into_iter().map(ShownMember::from).collect();
        return format.print(&members, |members| {
            lines(members.iter().map(ShownMember::row).collect())
        });
    }
    let (mut accounts, mut after) = (Vec::new(), None::<UserId>);
    loop {
        let page = people::list_accounts(platform, after, Limit::default()).await?;
        accounts.extend(page.items.into_iter().map(ShownAccount::from));
        after = page.next_cursor.and_then(|next| Cursor::decode(&next).ok());
        if after.is_none() {
            break;
        }
    }
    format.print(&accounts, |accounts| {
        lines(accounts.iter().map(ShownAccount::row).collect())
    })
}

async fn context(platform: &PlatformCtx, tenant: &str) -> Result<Ctx, Failure> {
    let tenant = tenants::find(platform, &identifier(platform, tenant)?).await?;
    Ok(Ctx::system(
        Arc::clone(&platform.services),
        Arc::new(tenant),
        "command-line",
        Deadline::after(COMMAND_LIMIT),
    ))
}

/// The first line of a file or, for `-`, of standard input.
fn read_password(path: &Path) -> Result<String, Failure> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?)
    };
    // One byte more than a password may have: a longer one is refused by its rules.
    let most = u64::try_from(MAX_PASSWORD_BYTES).unwrap_or(u64::MAX) + 3;
    let mut text = String::new();
    source.take(most).read_to_string(&mut text)?;
    let line = text.split('\n').next().unwrap_or_default();
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
