//! What every page shows around its own content: words, the shop, its member, the menu, the look.

use crate::assets;
use crate::format::Formats;
use crate::parts::Icon;
use crate::words::{Language, Words};
use http::{HeaderMap, header};
use jiff::tz::TimeZone;
use rustok_app::Ctx;
use rustok_app::mail::MailRoute;
use rustok_auth::{Action, Actor, FormToken, Member, Role, allows, covers};
use rustok_core::clock::{Timestamp, find_time_zone};
use std::borrow::Cow;

/// The cookie with the language that a person chose.
pub(crate) const LANGUAGE_COOKIE: &str = "language";
/// The cookie with the look that a person chose: `light` or `dark`.
pub(crate) const SCHEME_COOKIE: &str = "scheme";
/// The cookie with the key of a message that is shown once.
pub(crate) const FLASH_COOKIE: &str = "flash";

/// What a person chose for all pages, in cookies: without an account too.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// The words.
    pub(crate) words: Words,
    /// `light` or `dark`; `None` leaves it to the system.
    pub(crate) scheme: Option<&'static str>,
    /// The key of the message to show once.
    pub(crate) flash: Option<&'static str>,
}

impl Reader {
    /// Reads the cookies and `Accept-Language`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let language = cookie(headers, LANGUAGE_COOKIE).and_then(Language::parse);
        let scheme = cookie(headers, SCHEME_COOKIE);
        let flash = cookie(headers, FLASH_COOKIE);
        Self {
            words: language.unwrap_or_else(|| Language::preferred(headers)).words(),
            scheme: SCHEMES.into_iter().find(|known| Some(*known) == scheme),
            flash: FLASHES.iter().copied().find(|known| Some(*known) == flash),
        }
    }
}

/// The looks that a person can choose.
pub(crate) const SCHEMES: [&str; 2] = ["light", "dark"];

/// The messages that can be shown once, after a change.
const FLASHES: &[&str] = &[
    "flash-order-confirmed",
    "flash-order-paid",
    "flash-order-shipped",
    "flash-order-delivered",
    "flash-order-cancelled",
    "flash-saved",
    "flash-created",
    "flash-deleted",
    "flash-signed-out",
    "flash-product-copied",
    "flash-product-undeleted",
    "flash-product-cleaned",
    "flash-stock-changed",
    "flash-content-created",
    "flash-content-saved",
    "flash-content-same",
    "flash-content-published",
    "flash-content-scheduled",
    "flash-content-unpublished",
    "flash-content-archived",
    "flash-content-restored",
    "flash-content-undeleted",
    "flash-content-duplicated",
    "flash-translation-deleted",
    "flash-joined",
    "flash-role-changed",
    "flash-member-removed",
    "flash-left",
    "flash-invitation-revoked",
    "flash-token-revoked",
    "flash-password-changed",
    "flash-second-off",
    "flash-session-ended",
    "flash-sessions-ended",
    "flash-terms-merged",
    "flash-terms-merging",
    "flash-reset-sent",
    "flash-password-reset",
];

/// The first value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(sent, _)| *sent == name).map(|(_, value)| value)
}

/// A place of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// The first page.
    Home,
    /// Orders.
    Orders,
    /// Products.
    Products,
    /// Articles and pages.
    Content,
    /// Imports.
    Imports,
    /// Settings.
    Settings,
    /// The member's own account.
    Account,
    /// Categories, tags and authors.
    Terms,
    /// Customers.
    Customers,
    /// The mails that this server keeps.
    Mailbox,
}

/// One line of the menu.
#[derive(Debug)]
pub(crate) struct MenuItem {
    /// The address.
    pub(crate) path: &'static str,
    /// The picture.
    pub(crate) icon: Icon,
    /// The key of its name.
    pub(crate) key: &'static str,
    /// Whether the page belongs to it.
    pub(crate) is_current: bool,
}

/// Everything around the content of a page.
#[derive(Debug)]
pub(crate) struct View {
    /// The words.
    pub(crate) words: Words,
    /// How money, numbers and times are shown.
    pub(crate) formats: Formats,
    /// The name of the shop.
    pub(crate) shop: String,
    /// `light` or `dark`; `None` leaves it to the system.
    pub(crate) scheme: Option<&'static str>,
    /// The key of the message to show once.
    pub(crate) flash: Option<&'static str>,
    /// The member; `None` on pages before the sign-in.
    pub(crate) member: Option<Member>,
    /// The actor, whose rights decide what is offered.
    actor: Actor,
    form_token: Option<FormToken>,
    section: Option<Section>,
    has_mailbox: bool,
}

impl View {
    /// A page of a member.
    pub(crate) fn of_member(ctx: &Ctx, reader: Reader, member: Member, form_token: FormToken) -> Self {
        Self {
            form_token: Some(form_token),
            member: Some(member),
            actor: ctx.actor,
            has_mailbox: matches!(ctx.services.mail, MailRoute::Mailbox),
            ..Self::of_stranger(ctx, reader)
        }
    }

    /// A page that is shown before the sign-in.
    pub(crate) fn of_stranger(ctx: &Ctx, reader: Reader) -> Self {
        Self {
            words: reader.words,
            formats: Formats::new(reader.words, zone_of(ctx), ctx.now()),
            shop: ctx.tenant.name.clone(),
            scheme: reader.scheme,
            flash: reader.flash,
            member: None,
            actor: Actor::Anonymous,
            form_token: None,
            section: None,
            has_mailbox: false,
        }
    }

    /// A page without a tenant: a problem.
    pub(crate) fn of_problem(reader: Reader) -> Self {
        Self {
            words: reader.words,
            formats: Formats::new(reader.words, TimeZone::UTC, Timestamp::UNIX_EPOCH),
            shop: String::from("RusToK"),
            scheme: reader.scheme,
            flash: None,
            member: None,
            actor: Actor::Anonymous,
            form_token: None,
            section: None,
            has_mailbox: false,
        }
    }

    /// The same page in this place of the menu.
    #[must_use]
    pub(crate) const fn at(mut self, section: Section) -> Self {
        self.section = Some(section);
        self
    }

    /// A message without arguments.
    pub(crate) fn t(&self, key: &str) -> Cow<'static, str> {
        self.words.t(key)
    }

    /// A message about a number of things.
    pub(crate) fn n(&self, key: &str, n: usize) -> Cow<'static, str> {
        self.words.n(key, i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// A message with one text in it.
    pub(crate) fn with(&self, key: &str, name: &str, text: &str) -> Cow<'static, str> {
        self.words.with(key, &[(name, text)])
    }

    /// The tag of the language.
    pub(crate) const fn lang(&self) -> &'static str {
        self.words.language().tag()
    }

    /// What the hidden field of a form carries; empty before the sign-in.
    pub(crate) fn form_token(&self) -> &str {
        self.form_token.as_ref().map_or("", FormToken::expose)
    }

    /// Whether the member may give or take this role.
    pub(crate) fn may_give(&self, role: Role) -> bool {
        covers(&self.actor, role)
    }

    /// Whether the member may do this.
    pub(crate) fn may(&self, action: Action) -> bool {
        allows(&self.actor, action)
    }

    /// Who an actor of a history is to this member.
    pub(crate) fn actor_name(&self, actor: &str) -> String {
        let is_own = matches!(self.actor, Actor::User { id, .. } if actor == format!("user:{id}"));
        match (actor.split(':').next(), &self.member) {
            (Some("anonymous"), _) => self.t("actor-buyer").into_owned(),
            (Some("token"), _) => self.t("actor-token").into_owned(),
            (Some("system"), _) => self.t("actor-system").into_owned(),
            (_, Some(member)) if is_own => member.name.clone(),
            _ => self.t("actor-member").into_owned(),
        }
    }

    /// Whether the page is about the member's own account.
    pub(crate) fn is_account(&self) -> bool {
        self.section == Some(Section::Account)
    }

    /// The icon with this name.
    pub(crate) const fn icon(&self, name: &'static str) -> Icon {
        Icon(name)
    }

    /// The main part of the menu: only what the member may see.
    pub(crate) fn menu(&self) -> Vec<MenuItem> {
        self.items(&[
            (Section::Home, "/admin", "home", "menu-home", None),
            (
                Section::Orders,
                "/admin/orders",
                "orders",
                "menu-orders",
                Some(Action::ReadOrders),
            ),
            (
                Section::Products,
                "/admin/products",
                "products",
                "menu-products",
                Some(Action::ReadCatalog),
            ),
            (
                Section::Customers,
                "/admin/customers",
                "customers",
                "menu-customers",
                Some(Action::ReadOrders),
            ),
        ])
    }

    /// The part of the menu about content.
    pub(crate) fn content_menu(&self) -> Vec<MenuItem> {
        self.items(&[
            (
                Section::Content,
                "/admin/content",
                "content",
                "menu-content",
                Some(Action::ReadContent),
            ),
            (
                Section::Terms,
                "/admin/terms",
                "tree",
                "menu-terms",
                Some(Action::ReadContent),
            ),
        ])
    }

    /// The part of the menu with tools.
    pub(crate) fn tools_menu(&self) -> Vec<MenuItem> {
        let mailbox = (
            Section::Mailbox,
            "/admin/mailbox",
            "mail",
            "menu-mailbox",
            Some(Action::ManageMembers),
        );
        let all = [
            (
                Section::Imports,
                "/admin/imports",
                "upload",
                "menu-imports",
                Some(Action::ImportData),
            ),
            (
                Section::Settings,
                "/admin/settings",
                "settings",
                "menu-settings",
                Some(Action::ManageSettings),
            ),
            mailbox,
        ];
        self.items(if self.has_mailbox { &all } else { &all[..2] })
    }

    fn items(
        &self,
        all: &[(Section, &'static str, &'static str, &'static str, Option<Action>)],
    ) -> Vec<MenuItem> {
        let offered = all
            .iter()
            .filter(|(.., action)| action.is_none_or(|action| self.may(action)));
        offered
            .map(|(section, path, icon, key, _)| MenuItem {
                path,
                icon: Icon(icon),
                key,
                is_current: self.section == Some(*section),
            })
            .collect()
    }

    /// The path of the styles.
    pub(crate) const fn styles(&self) -> &'static str {
        assets::ADMIN_CSS
    }

    /// The paths of the scripts.
    pub(crate) const fn scripts(&self) -> [&'static str; 2] {
        [assets::HTMX_JS, assets::UI_JS]
    }

    /// The path of the picture that stands for the program.
    pub(crate) const fn mark(&self) -> &'static str {
        assets::MARK_SVG
    }
}

/// The time zone of the shop.
fn zone_of(ctx: &Ctx) -> TimeZone {
    find_time_zone(&ctx.tenant.settings.time_zone).unwrap_or(TimeZone::UTC)
}
