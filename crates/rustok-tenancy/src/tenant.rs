//! A tenant, the handle that gives access to its data, and the input to create one.
//!
//! A [`TenantHandle`] proves that the tenant was looked up. It must never be created from the content of a request.

use crate::error::{IdentifierError, TenantError};
use crate::host::Hostname;
use crate::identifier::TenantIdentifierValidator;
use crate::settings::TenantSettings;
use crate::slug::TenantSlug;
use rustok_core::clock::Timestamp;
use rustok_core::error::FieldViolation;
use rustok_core::ids::TenantId;
use rustok_text::plain::{TextFault, checked_line};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The maximum length of a tenant's name, in characters.
pub const MAX_NAME_CHARS: usize = 200;

/// The maximum number of custom hosts of one tenant.
pub const MAX_HOSTS: usize = 50;

/// Whether a tenant's requests are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// Served.
    Active,
    /// Every request is refused until the tenant is resumed. Its data is kept.
    Suspended,
}

impl TenantStatus {
    /// The text in the database, in JSON and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

impl fmt::Display for TenantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TenantStatus {
    type Err = TenantError;

    /// Parses [`Self::as_str`]; anything else is an invalid row.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            _ => Err(TenantError::Inconsistent("unknown tenant status".to_owned())),
        }
    }
}

/// A shop or site, as stored in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Never changes.
    pub id: TenantId,
    /// Canonical, see [`TenantSlug`].
    pub slug: String,
    /// The display name.
    pub name: String,
    /// Whether its requests are served.
    pub status: TenantStatus,
    /// Custom hosts in canonical form, without `{slug}.{base_domain}`, which every tenant has.
    pub hosts: Vec<String>,
    /// The settings that it manages itself.
    pub settings: TenantSettings,
    /// When it was created (UTC).
    pub created_at: Timestamp,
    /// When this version was saved (UTC).
    pub updated_at: Timestamp,
    /// The version, from 1; compared on every save.
    pub version: i64,
}

impl Tenant {
    /// The handle that gives access to this tenant's data. It does not depend on the status: see
    /// [`Self::ensure_active`].
    #[must_use]
    pub const fn handle(&self) -> TenantHandle {
        TenantHandle(self.id)
    }

    /// Refuses requests for a suspended tenant.
    ///
    /// # Errors
    /// [`TenantError::Suspended`].
    pub const fn ensure_active(&self) -> Result<(), TenantError> {
        match self.status {
            TenantStatus::Active => Ok(()),
            TenantStatus::Suspended => Err(TenantError::Suspended),
        }
    }
}

/// The capability to access one tenant's data. `Copy`, 16 bytes.
///
/// It comes either from a [`Tenant`] that was looked up or, for work that the platform itself claimed, from
/// [`TenantHandle::for_due_work`]. It cannot be created from an id otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenantHandle(TenantId);

impl TenantHandle {
    /// For workers only: `tenant_id` was read from a row of due work or of the outbox, under the platform's database
    /// role.
    ///
    /// Never call this with an id from a request.
    #[must_use]
    pub const fn for_due_work(tenant_id: TenantId) -> Self {
        Self(tenant_id)
    }

    /// The tenant whose data it gives access to.
    #[must_use]
    pub const fn tenant_id(self) -> TenantId {
        self.0
    }
}

impl From<TenantHandle> for TenantId {
    fn from(handle: TenantHandle) -> Self {
        handle.0
    }
}

impl fmt::Display for TenantHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The input to create a tenant, not yet validated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenantInput {
    /// See [`TenantSlug`].
    pub slug: String,
    /// 1 to 200 characters.
    pub name: String,
    /// Custom hosts, at most 50.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Settings; missing members have their defaults.
    #[serde(default)]
    pub settings: TenantSettings,
}

impl NewTenantInput {
    /// Validates everything and returns the tenant to store.
    ///
    /// # Errors
    /// All violations, in the order slug, name, hosts, settings.
    pub fn check(
        self,
        validator: &TenantIdentifierValidator,
        id: TenantId,
        now: Timestamp,
    ) -> Result<NewTenant, Vec<FieldViolation>> {
        let mut found = Vec::new();
        let slug = validator
            .tenant_slug(&self.slug)
            .map_err(|error| found.push(at("#/slug", &error)))
            .ok();
        let name = checked_name(&self.name, &mut found);
        let hosts = check_hosts(&self.hosts, validator, &mut found);
        let settings = self
            .settings
            .checked("#/settings")
            .map_err(|more| found.extend(more))
            .ok();
        match (slug, settings) {
            (Some(slug), Some(settings)) if found.is_empty() => Ok(NewTenant {
                id,
                slug,
                name,
                hosts,
                settings,
                created_at: now,
            }),
            _ => Err(found),
        }
    }
}

/// The input to change a tenant, not yet validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantEdit {
    /// 1 to 200 characters.
    pub name: String,
    /// The complete new settings.
    pub settings: TenantSettings,
}

impl TenantEdit {
    /// Validates the edit and converts it to canonical form.
    ///
    /// # Errors
    /// All violations, in the order name, settings.
    pub fn checked(self) -> Result<Self, Vec<FieldViolation>> {
        let mut found = Vec::new();
        let name = checked_name(&self.name, &mut found);
        match self.settings.checked("#/settings") {
            Ok(settings) if found.is_empty() => Ok(Self { name, settings }),
            Ok(_) => Err(found),
            Err(more) => {
                found.extend(more);
                Err(found)
            }
        }
    }
}

/// A validated tenant that is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    id: TenantId,
    slug: TenantSlug,
    name: String,
    hosts: Vec<Hostname>,
    settings: TenantSettings,
    created_at: Timestamp,
}

impl NewTenant {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TenantId {
        self.id
    }

    /// Its slug.
    #[must_use]
    pub const fn slug(&self) -> &TenantSlug {
        &self.slug
    }

    /// Its name, trimmed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its custom hosts, without duplicates.
    #[must_use]
    pub fn hosts(&self) -> &[Hostname] {
        &self.hosts
    }

    /// Its settings in canonical form.
    #[must_use]
    pub const fn settings(&self) -> &TenantSettings {
        &self.settings
    }

    /// When it was created (UTC).
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }
}

impl From<NewTenant> for Tenant {
    /// The tenant in its initial stored form: active, version 1.
    fn from(new: NewTenant) -> Self {
        Self {
            id: new.id,
            slug: new.slug.as_str().to_owned(),
            name: new.name,
            status: TenantStatus::Active,
            hosts: new.hosts.iter().map(ToString::to_string).collect(),
            settings: new.settings,
            created_at: new.created_at,
            updated_at: new.created_at,
            version: 1,
        }
    }
}

fn at(pointer: &str, error: &IdentifierError) -> FieldViolation {
    FieldViolation::new(pointer, error.code(), error.to_string())
}

/// The name in its stored form; adds the rules that it breaks.
fn checked_name(name: &str, found: &mut Vec<FieldViolation>) -> String {
    let (name, faults) = checked_line(name, MAX_NAME_CHARS);
    let violation = |fault: TextFault| FieldViolation::new("#/name", fault.code(), fault.to_string());
    found.extend(faults.into_iter().map(violation));
    name
}

fn check_hosts(
    raw: &[String],
    validator: &TenantIdentifierValidator,
    found: &mut Vec<FieldViolation>,
) -> Vec<Hostname> {
    if raw.len() > MAX_HOSTS {
        found.push(FieldViolation::new(
            "#/hosts",
            "too_many_items",
            format!("at most {MAX_HOSTS} items"),
        ));
        return Vec::new();
    }
    let mut hosts = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        match validator.custom_host(raw) {
            Ok(host) if hosts.contains(&host) => {}
            Ok(host) => hosts.push(host),
            Err(error) => found.push(at(&format!("#/hosts/{index}"), &error)),
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn input() -> NewTenantInput {
        serde_json::from_str(
            r#"{"slug":"Shop1","name":" Shop 1 ","hosts":["Shop.Example","shop.example.:80"]}"#,
        )
        .unwrap()
    }

    fn check(input: NewTenantInput) -> Result<NewTenant, Vec<FieldViolation>> {
        let validator = TenantIdentifierValidator::new("localhost").unwrap();
        input.check(
            &validator,
            TenantId::from_uuid(Uuid::from_u128(7)),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_checked_tenant_is_canonical_and_becomes_active_at_version_1() {
        let new = check(input()).unwrap();
        assert_eq!(
            (new.slug().as_str(), new.name(), new.hosts().len()),
            ("shop1", "Shop 1", 1)
        );
        let tenant = Tenant::from(new.clone());
        assert_eq!((tenant.id, tenant.created_at), (new.id(), new.created_at()));
        assert_eq!((tenant.status, tenant.version), (TenantStatus::Active, 1));
        assert_eq!(tenant.hosts, ["shop.example"]);
        assert_eq!(&tenant.settings, new.settings());
    }

    #[test]
    fn every_violation_is_told_at_once() {
        let mut bad = input();
        bad.slug = "www".into();
        bad.name = "\t".into();
        bad.hosts = vec!["ok.example".into(), "a_b".into(), "other.localhost".into()];
        bad.settings.default_currency = "???".into();
        let found = check(bad).unwrap_err();
        let reported: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), &*v.code)).collect();
        assert_eq!(
            reported,
            [
                ("#/slug", "reserved_slug"),
                ("#/name", "required"),
                ("#/hosts/1", "invalid_host"),
                ("#/hosts/2", "below_base_domain"),
                ("#/settings/default_currency", "invalid_currency"),
            ]
        );
    }

    #[test]
    fn names_and_lists_are_bounded() {
        let code = |change: fn(&mut NewTenantInput)| {
            let mut changed = input();
            change(&mut changed);
            check(changed)
                .map(|_| ())
                .map_err(|found| found[0].code.to_string())
        };
        assert_eq!(code(|t| t.name = "ä".repeat(200)), Ok(()));
        assert_eq!(code(|t| t.name = "ä".repeat(201)), Err("too_long".into()));
        assert_eq!(
            code(|t| t.name = "a\u{7}b".into()),
            Err("control_character".into())
        );
        assert_eq!(
            code(|t| t.name = "\u{200b}\u{202e}".into()),
            Err("required".into())
        );
        assert_eq!(
            code(|t| t.hosts = vec!["?".into(); 51]),
            Err("too_many_items".into())
        );
    }

    #[test]
    fn unknown_members_are_refused() {
        let sent = r#"{"slug":"shop1","name":"x","status":"suspended"}"#;
        assert!(serde_json::from_str::<NewTenantInput>(sent).is_err());
    }

    #[test]
    fn only_an_active_tenant_is_served() {
        let mut tenant = Tenant::from(check(input()).unwrap());
        assert_eq!(tenant.ensure_active(), Ok(()));
        tenant.status = TenantStatus::Suspended;
        assert_eq!(tenant.ensure_active(), Err(TenantError::Suspended));
    }

    #[test]
    fn a_handle_opens_its_own_tenant() {
        let tenant = Tenant::from(check(input()).unwrap());
        assert_eq!(TenantId::from(tenant.handle()), tenant.id);
        assert_eq!(TenantHandle::for_due_work(tenant.id), tenant.handle());
        assert_eq!(size_of::<TenantHandle>(), 16);
    }

    #[test]
    fn status_text_round_trips() {
        for status in [TenantStatus::Active, TenantStatus::Suspended] {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
        }
        assert!(matches!(
            "ACTIVE".parse::<TenantStatus>(),
            Err(TenantError::Inconsistent(_))
        ));
    }
}
