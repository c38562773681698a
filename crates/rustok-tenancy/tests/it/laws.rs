//! What holds for every text that anybody may send as the name of a tenant. Plain assertions without a test framework,
//! because `fuzz/` runs the same ones.

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};
use rustok_tenancy::host::{MAX_HOST_BYTES, MAX_LABEL_BYTES, MAX_RAW_BYTES};
use rustok_tenancy::{
    Hostname, IdentifierError, IdentifierView, TenantIdentifier, TenantIdentifierValidator,
};

/// The base domain of every validator here.
pub(crate) const BASE_DOMAIN: &str = "shops.example";

/// Validators that refuse and that allow IP literals.
pub(crate) fn validators() -> [TenantIdentifierValidator; 2] {
    let strict = TenantIdentifierValidator::new(BASE_DOMAIN).unwrap();
    [strict.clone(), strict.with_ip_literals(true)]
}

/// Everything that must hold for `raw`, whether it is a name or rubbish.
pub(crate) fn check(raw: &str) {
    for validator in validators() {
        kinds_never_meet(&validator, raw);
        header_is_canonical(&validator, raw);
        let host = validator.hostname(raw);
        assert_eq!(
            host.is_ok(),
            validator.from_host_header(raw).is_ok(),
            "both read {raw:?}"
        );
        match host {
            Ok(host) => {
                assert!(
                    raw.len() <= MAX_RAW_BYTES,
                    "a text of {} bytes was read",
                    raw.len()
                );
                has_the_shape_of_a_host(&host);
                is_its_own_canonical_form(&validator, &host);
                spellings_are_one_key(&validator, &host);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty() && !error.code().is_empty());
                assert_eq!(validator.custom_host(raw), Err(error), "{raw:?}");
            }
        }
    }
}

/// Two canonical names are two keys, and one name is one.
pub(crate) fn check_pair(one: &str, other: &str) {
    for validator in validators() {
        if let (Ok(first), Ok(second)) = (validator.hostname(one), validator.hostname(other)) {
            let (key, other_key) = (validator.from_host_header(one), validator.from_host_header(other));
            assert_eq!(first == second, key == other_key, "{one:?} and {other:?}");
        }
    }
}

/// The one canonical hostname that leads to a key which came from a host.
fn name_of(validator: &TenantIdentifierValidator, key: &TenantIdentifier) -> String {
    match key.view() {
        IdentifierView::Host(host) => host.to_owned(),
        IdentifierView::Slug(slug) => format!("{slug}.{}", validator.base_domain()),
        IdentifierView::Id(id) => panic!("a host became the id {id}"),
    }
}

fn has_the_shape_of_a_host(host: &Hostname) {
    let text = host.as_str();
    assert!(
        text.is_ascii() && (1..=MAX_HOST_BYTES).contains(&text.len()),
        "{text:?}"
    );
    if text.starts_with('[') {
        let address: Result<std::net::Ipv6Addr, _> = text.trim_matches(['[', ']']).parse();
        assert_eq!(address.map(|address| format!("[{address}]")).as_deref(), Ok(text));
        return;
    }
    for label in text.split('.') {
        assert!((1..=MAX_LABEL_BYTES).contains(&label.len()), "{text:?}");
        assert!(
            label
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')),
            "{text:?}"
        );
        assert!(!label.starts_with('-') && !label.ends_with('-'), "{text:?}");
    }
    // What a resolver might take for an address is one, in its plain form, or was refused.
    let last = text.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) {
        let address: Result<std::net::Ipv4Addr, _> = text.parse();
        assert_eq!(address.map(|address| address.to_string()).as_deref(), Ok(text));
    }
}

fn is_its_own_canonical_form(validator: &TenantIdentifierValidator, host: &Hostname) {
    assert_eq!(validator.hostname(host.as_str()).as_ref(), Ok(host));
    let key = validator.from_host_header(host.as_str()).unwrap();
    // The key leads back to the name: so two names can never be one key.
    assert_eq!(name_of(validator, &key), host.as_str());
    match (key.view(), validator.custom_host(host.as_str())) {
        (IdentifierView::Slug(_), custom) => assert_eq!(custom, Err(IdentifierError::BelowBaseDomain)),
        (_, custom) => assert_eq!(custom.as_ref(), Ok(host)),
    }
}

/// Case, the root's dot, a port and the script's own letters do not make another name.
fn spellings_are_one_key(validator: &TenantIdentifierValidator, host: &Hostname) {
    let text = host.as_str();
    let key = validator.from_host_header(text);
    let mut spellings = vec![
        text.to_ascii_uppercase(),
        format!("{text}:"),
        format!("{text}:65535"),
    ];
    if !text.starts_with('[') {
        let (unicode, read) =
            Uts46::new().to_unicode(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        assert!(read.is_ok(), "{text:?} is no name in its own script");
        let dots = unicode.replace('.', "\u{3002}");
        for spelling in [format!("{text}."), format!("{text}.:80"), unicode.into(), dots] {
            if spelling.len() <= MAX_RAW_BYTES {
                spellings.push(spelling);
            }
        }
    }
    for spelling in &spellings {
        assert_eq!(
            &validator.from_host_header(spelling),
            &key,
            "{spelling:?} and {text:?}"
        );
    }
}

fn kinds_never_meet(validator: &TenantIdentifierValidator, raw: &str) {
    let keys = [validator.host(raw), validator.slug(raw), validator.id(raw)];
    assert!(
        keys[1].is_err() || keys[2].is_err(),
        "{raw:?} is a slug and an id"
    );
    let keys: Vec<_> = keys.into_iter().flatten().collect();
    for (index, key) in keys.iter().enumerate() {
        for other in &keys[index + 1..] {
            assert_ne!(key, other, "{raw:?}");
            assert_ne!(key.to_string(), other.to_string(), "{raw:?}");
            assert_ne!(key.kind(), other.kind(), "{raw:?}");
        }
    }
}

/// What `X-Tenant-ID` says is a slug or an id, in a form that says the same again.
fn header_is_canonical(validator: &TenantIdentifierValidator, raw: &str) {
    let Ok(key) = validator.slug_or_id(raw) else {
        return;
    };
    let text = match key.view() {
        IdentifierView::Slug(slug) => slug.to_owned(),
        IdentifierView::Id(id) => id.to_string(),
        IdentifierView::Host(host) => panic!("X-Tenant-ID became the host {host}"),
    };
    assert_eq!(validator.slug_or_id(&text).as_ref(), Ok(&key), "{raw:?}");
    if let IdentifierView::Slug(slug) = key.view() {
        assert_eq!(
            validator.from_host_header(&format!("{slug}.{BASE_DOMAIN}")),
            Ok(key.clone())
        );
    }
}
