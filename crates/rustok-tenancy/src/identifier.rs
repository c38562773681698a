//! Tenant identifiers in requests: a hostname, a slug or a UUID, in canonical form and with its kind.
//!
//! Only [`TenantIdentifierValidator`] creates a [`TenantIdentifier`], so that the tenant cache never has two keys for
//! one name and invalid input never costs a query. This module never performs a lookup.

use crate::error::IdentifierError;
use crate::host::{Hostname, MAX_HOST_BYTES};
use crate::slug::{MAX_SLUG_BYTES, TenantSlug};
use crate::tenant::Tenant;
use rustok_core::ids::TenantId;
use std::fmt;
use uuid::Uuid;

/// A canonical name of a tenant with its kind: the key of the tenant cache and of the directory.
///
/// `shop` as a host and `shop` as a slug are different identifiers. Equality and hash use the canonical form. The
/// text is stored inline: creating, comparing and cloning allocate nothing, and the size is less than 300 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TenantIdentifier(Key);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Host(Hostname),
    Slug(TenantSlug),
    Id(TenantId),
}

/// The content of a [`TenantIdentifier`], for matching in the lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifierView<'a> {
    /// A custom hostname, looked up in the directory's hosts.
    Host(&'a str),
    /// A slug.
    Slug(&'a str),
    /// The tenant's id.
    Id(TenantId),
}

impl TenantIdentifier {
    /// The kind and the canonical text or id.
    #[must_use]
    pub fn view(&self) -> IdentifierView<'_> {
        match &self.0 {
            Key::Host(host) => IdentifierView::Host(host.as_str()),
            Key::Slug(slug) => IdentifierView::Slug(slug.as_str()),
            Key::Id(id) => IdentifierView::Id(*id),
        }
    }

    /// `host`, `slug` or `id`: safe as a metric label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.0 {
            Key::Host(_) => "host",
            Key::Slug(_) => "slug",
            Key::Id(_) => "id",
        }
    }
}

impl fmt::Display for TenantIdentifier {
    /// `host:shop.example`, `slug:shop1` or `id:<uuid>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::Host(host) => write!(f, "host:{host}"),
            Key::Slug(slug) => write!(f, "slug:{slug}"),
            Key::Id(id) => write!(f, "id:{id}"),
        }
    }
}

/// Converts the tenant name in a request or command into a [`TenantIdentifier`], or refuses it.
///
/// ```
/// use rustok_tenancy::{IdentifierView, TenantIdentifierValidator};
///
/// let validator = TenantIdentifierValidator::new("localhost")?;
/// let demo = validator.from_host_header("Demo.localhost:8080")?;
/// assert_eq!(demo, validator.slug("demo")?);
/// assert_eq!(validator.from_host_header("Shop.Example.")?.view(), IdentifierView::Host("shop.example"));
/// # Ok::<(), rustok_tenancy::IdentifierError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantIdentifierValidator {
    base_domain: Hostname,
    allow_ip_literals: bool,
}

impl TenantIdentifierValidator {
    /// Creates a validator for tenants below `base_domain`; IP literals are refused.
    ///
    /// # Errors
    /// `base_domain` is not a hostname, is an IP literal, or is too long to be prefixed with the longest slug.
    pub fn new(base_domain: &str) -> Result<Self, IdentifierError> {
        let max_bytes = MAX_HOST_BYTES - MAX_SLUG_BYTES - 1;
        let base_domain = Hostname::parse(base_domain, false)?;
        if base_domain.as_str().len() > max_bytes {
            return Err(IdentifierError::TooLong { max_bytes });
        }
        Ok(Self {
            base_domain,
            allow_ip_literals: false,
        })
    }

    /// Sets whether `127.0.0.1` and `[::1]` can be tenant hosts. Default: no.
    #[must_use]
    pub fn with_ip_literals(mut self, allow: bool) -> Self {
        self.allow_ip_literals = allow;
        self
    }

    /// The domain whose direct children are slugs, in canonical form.
    #[must_use]
    pub fn base_domain(&self) -> &Hostname {
        &self.base_domain
    }

    /// Parses a hostname as an exact custom host, even if it is a child of the base domain. A port is dropped.
    ///
    /// # Errors
    /// Not a single hostname, or an IP literal where none is allowed.
    pub fn host(&self, raw: &str) -> Result<TenantIdentifier, IdentifierError> {
        self.hostname(raw).map(|host| TenantIdentifier(Key::Host(host)))
    }

    /// Parses a slug; upper-case ASCII letters are lowered, nothing else is corrected.
    ///
    /// # Errors
    /// Not a slug, reserved, or parseable as a UUID.
    pub fn slug(&self, raw: &str) -> Result<TenantIdentifier, IdentifierError> {
        TenantSlug::parse(raw).map(|slug| TenantIdentifier(Key::Slug(slug)))
    }

    /// Parses a tenant's id in any of the formats of RFC 9562, 4.
    ///
    /// # Errors
    /// Not a UUID.
    pub fn id(&self, raw: &str) -> Result<TenantIdentifier, IdentifierError> {
        match Uuid::try_parse(raw) {
            Ok(id) => Ok(self.known_id(TenantId::from_uuid(id))),
            Err(_) => Err(IdentifierError::InvalidUuid),
        }
    }

    /// The identifier for an id that is already typed.
    #[must_use]
    pub fn known_id(&self, id: TenantId) -> TenantIdentifier {
        TenantIdentifier(Key::Id(id))
    }

    /// Parses the value of `X-Tenant-ID`: a UUID is an id, everything else a slug.
    ///
    /// # Errors
    /// Neither a UUID nor a slug.
    pub fn slug_or_id(&self, raw: &str) -> Result<TenantIdentifier, IdentifierError> {
        self.id(raw).or_else(|_| self.slug(raw))
    }

    /// Parses the value of a `Host` header: `{slug}.{base_domain}` is a slug, everything else a custom host.
    ///
    /// The base domain itself, and a child of it that is not a valid slug (`www`, two labels), stays a host: the
    /// operator may have assigned it to a tenant.
    ///
    /// # Errors
    /// As [`Self::host`].
    pub fn from_host_header(&self, raw: &str) -> Result<TenantIdentifier, IdentifierError> {
        let host = Hostname::parse(raw, self.allow_ip_literals)?;
        match self.slug_below_base(&host) {
            Some(slug) => Ok(TenantIdentifier(Key::Slug(slug))),
            None => Ok(TenantIdentifier(Key::Host(host))),
        }
    }

    /// Parses a hostname into canonical form.
    ///
    /// # Errors
    /// As [`Self::host`].
    pub fn hostname(&self, raw: &str) -> Result<Hostname, IdentifierError> {
        Hostname::parse(raw, self.allow_ip_literals)
    }

    /// Parses a hostname that a tenant can register. `{slug}.{base_domain}` is refused: it belongs to the tenant with
    /// that slug, now or later, and would never be looked up as a host.
    ///
    /// # Errors
    /// As [`Self::host`], and [`IdentifierError::BelowBaseDomain`].
    pub fn custom_host(&self, raw: &str) -> Result<Hostname, IdentifierError> {
        let host = self.hostname(raw)?;
        match self.slug_below_base(&host) {
            Some(_) => Err(IdentifierError::BelowBaseDomain),
            None => Ok(host),
        }
    }

    /// Parses a slug that a tenant can have.
    ///
    /// # Errors
    /// As [`Self::slug`].
    pub fn tenant_slug(&self, raw: &str) -> Result<TenantSlug, IdentifierError> {
        TenantSlug::parse(raw)
    }

    /// The hostname that every tenant has without registration: `{slug}.{base_domain}`.
    #[must_use]
    pub fn default_host(&self, slug: &TenantSlug) -> String {
        format!("{slug}.{}", self.base_domain)
    }

    /// Every identifier that resolves to `tenant` now: id, slug and hosts. These are the cache entries to evict when
    /// the tenant changes.
    ///
    /// A stored host that the current rules refuse is omitted: no request can name it.
    #[must_use]
    pub fn aliases(&self, tenant: &Tenant) -> Vec<TenantIdentifier> {
        let hosts = tenant.hosts.iter().filter_map(|host| self.host(host).ok());
        [self.known_id(tenant.id)]
            .into_iter()
            .chain(self.slug(&tenant.slug).ok())
            .chain(hosts)
            .collect()
    }

    fn slug_below_base(&self, host: &Hostname) -> Option<TenantSlug> {
        let label = host
            .as_str()
            .strip_suffix(self.base_domain.as_str())?
            .strip_suffix('.')?;
        let is_one_label = !label.bytes().any(|byte| byte == b'.');
        is_one_label.then(|| TenantSlug::from_label(label).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::TenantSettings;
    use crate::tenant::TenantStatus;
    use rustok_core::clock::Timestamp;

    const UUID: &str = "018f4e6a-7b1c-7def-8abc-0123456789ab";

    fn validator() -> TenantIdentifierValidator {
        TenantIdentifierValidator::new("Shops.Example.").unwrap()
    }

    #[test]
    fn every_spelling_of_a_uuid_is_one_key() {
        let key = validator().id(UUID).unwrap();
        assert_eq!(key.to_string(), format!("id:{UUID}"));
        for raw in [
            UUID.to_uppercase(),
            UUID.replace('-', ""),
            format!("{{{UUID}}}"),
            format!("urn:uuid:{UUID}"),
        ] {
            assert_eq!(validator().id(&raw).as_ref(), Ok(&key), "{raw}");
            assert_eq!(validator().slug_or_id(&raw).as_ref(), Ok(&key), "{raw}");
        }
        for raw in ["", "demo", &UUID[1..], &format!(" {UUID}"), &format!("{UUID}0")] {
            assert_eq!(validator().id(raw), Err(IdentifierError::InvalidUuid), "{raw}");
        }
    }

    #[test]
    fn x_tenant_id_is_a_slug_or_an_id() {
        assert_eq!(validator().slug_or_id("Demo"), validator().slug("demo"));
        assert_eq!(
            validator().slug_or_id("shop.example"),
            Err(IdentifierError::InvalidSlug)
        );
        assert_eq!(
            validator().slug_or_id(&"a".repeat(64)),
            Err(IdentifierError::TooLong { max_bytes: 63 })
        );
    }

    #[test]
    fn host_header_gives_a_slug_below_the_base_domain_and_a_host_elsewhere() {
        let from = |raw: &str| validator().from_host_header(raw).map(|id| id.to_string());
        for (raw, expected) in [
            ("demo.shops.example", "slug:demo"),
            ("DEMO.shops.example.:8080", "slug:demo"),
            ("ｄｅｍｏ.shops。example", "slug:demo"),
            ("shop.example", "host:shop.example"),
            ("shops.example", "host:shops.example"),
            ("www.shops.example", "host:www.shops.example"),
            ("a.demo.shops.example", "host:a.demo.shops.example"),
            ("bücher.shops.example", "host:xn--bcher-kva.shops.example"),
            // Not a child of the base domain; only ends with the same letters.
            ("demoshops.example", "host:demoshops.example"),
            (
                "demo.shops.example.evil.test",
                "host:demo.shops.example.evil.test",
            ),
        ] {
            assert_eq!(from(raw).as_deref(), Ok(expected), "{raw}");
        }
        assert_eq!(from("127.0.0.1:8080"), Err(IdentifierError::IpLiteral));
        let open = validator().with_ip_literals(true);
        assert_eq!(open.from_host_header("127.0.0.1:8080"), open.host("127.0.0.1"));
    }

    #[test]
    fn kinds_never_meet() {
        let open = validator();
        assert_ne!(open.host("demo"), open.slug("demo"));
        assert_ne!(open.host(UUID), open.id(UUID));
        assert_eq!(open.host("demo").unwrap().kind(), "host");
    }

    #[test]
    fn a_custom_host_cannot_take_a_slug_away() {
        let refused = validator().custom_host("Demo.Shops.Example:80");
        assert_eq!(refused, Err(IdentifierError::BelowBaseDomain));
        assert_eq!(
            validator().custom_host("WWW.shops.example").unwrap().as_str(),
            "www.shops.example"
        );
        assert_eq!(
            validator().custom_host("a_b.example"),
            Err(IdentifierError::InvalidHost)
        );
    }

    #[test]
    fn base_domain_leaves_room_for_every_slug() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{}", "a".repeat(61));
        assert_eq!(longest.len(), 189);
        let slug = TenantSlug::parse(&label).unwrap();
        let roomy = TenantIdentifierValidator::new(&longest).unwrap();
        assert_eq!(
            roomy.from_host_header(&roomy.default_host(&slug)),
            roomy.slug(&label)
        );
        let refused = TenantIdentifierValidator::new(&format!("{longest}a"));
        assert_eq!(refused, Err(IdentifierError::TooLong { max_bytes: 189 }));
        assert_eq!(
            TenantIdentifierValidator::new("127.0.0.1"),
            Err(IdentifierError::IpLiteral)
        );
        assert_eq!(validator().base_domain().as_str(), "shops.example");
    }

    #[test]
    fn aliases_are_every_name_of_the_tenant() {
        let tenant = Tenant {
            id: TenantId::from_uuid(UUID.parse().unwrap()),
            slug: "demo".into(),
            name: "Demo".into(),
            status: TenantStatus::Active,
            hosts: vec!["shop.example".into(), "127.0.0.1".into()],
            settings: TenantSettings::default(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            version: 1,
        };
        let names = |v: TenantIdentifierValidator| -> Vec<String> {
            v.aliases(&tenant).iter().map(ToString::to_string).collect()
        };
        let id = format!("id:{UUID}");
        assert_eq!(names(validator()), [&id, "slug:demo", "host:shop.example"]);
        let open = validator().with_ip_literals(true);
        assert_eq!(
            names(open),
            [&id, "slug:demo", "host:shop.example", "host:127.0.0.1"]
        );
    }
}
