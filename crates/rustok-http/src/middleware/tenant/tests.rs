//! Which tenant all names of a request lead to, and what it becomes when they lead to none.

use super::*;
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_tenancy::{TenantSettings, TenantStatus};
use std::time::Duration;
use uuid::Uuid;

fn tenant(id: u128, status: TenantStatus) -> Found {
    Ok(Arc::new(Tenant {
        id: TenantId::from_uuid(Uuid::from_u128(id)),
        slug: "shop".to_owned(),
        name: "Shop".to_owned(),
        status,
        hosts: Vec::new(),
        settings: TenantSettings::default(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: 1,
    }))
}

fn away() -> TenantError {
    TenantError::Unavailable {
        retry_after: Duration::from_millis(1_200),
    }
}

#[test]
fn host_and_header_must_agree() {
    use TenantError::{IdentifierMismatch, NotFound, Suspended};
    let one = || tenant(1, TenantStatus::Active);
    let two = || tenant(2, TenantStatus::Active);
    let suspended = || tenant(3, TenantStatus::Suspended);
    for (case, by_host, by_header, expected) in [
        ("host alone", one(), None, Ok(1)),
        ("the same twice", one(), Some(one()), Ok(1)),
        ("two tenants", one(), Some(two()), Err(IdentifierMismatch)),
        (
            "two, one of them suspended",
            suspended(),
            Some(one()),
            Err(IdentifierMismatch),
        ),
        ("the proxy's own name", Err(NotFound), Some(one()), Ok(1)),
        ("unknown header", one(), Some(Err(NotFound)), Err(NotFound)),
        ("unknown host", Err(NotFound), None, Err(NotFound)),
        ("suspended host", suspended(), None, Err(Suspended)),
        (
            "suspended header",
            Err(NotFound),
            Some(suspended()),
            Err(Suspended),
        ),
        // Without an answer nobody knows whether they agree.
        ("no answer", Err(away()), None, Err(away())),
        ("no answer for the host", Err(away()), Some(one()), Err(away())),
        ("no answer for the header", one(), Some(Err(away())), Err(away())),
    ] {
        let others = by_header
            .map(|found| (Voice::Header, found))
            .into_iter()
            .collect();
        let agreed = agreed(by_host, others).map(|tenant| tenant.id.as_uuid().as_u128());
        assert_eq!(agreed, expected, "{case}");
    }
}

#[test]
fn the_forwarded_host_and_the_host_below_it_must_agree() {
    use TenantError::{IdentifierMismatch, NotFound};
    let one = || tenant(1, TenantStatus::Active);
    let two = || tenant(2, TenantStatus::Active);
    let suspended = || tenant(3, TenantStatus::Suspended);
    for (case, forwarded, header, target, expected) in [
        ("the same tenant by two names", one(), None, one(), Ok(1)),
        ("two tenants", one(), None, two(), Err(IdentifierMismatch)),
        (
            "another one that is suspended",
            one(),
            None,
            suspended(),
            Err(IdentifierMismatch),
        ),
        ("the proxy's own name", one(), None, Err(NotFound), Ok(1)),
        (
            "no tenant is forwarded",
            Err(NotFound),
            None,
            two(),
            Err(NotFound),
        ),
        ("no answer for the host", one(), None, Err(away()), Err(away())),
        ("all three", one(), Some(one()), one(), Ok(1)),
        (
            "the third differs",
            one(),
            Some(one()),
            two(),
            Err(IdentifierMismatch),
        ),
        (
            "header and host without the one between",
            Err(NotFound),
            Some(one()),
            two(),
            Err(IdentifierMismatch),
        ),
    ] {
        let header = header.map(|found| (Voice::Header, found));
        let others = header.into_iter().chain([(Voice::Target, target)]).collect();
        let agreed = agreed(forwarded, others).map(|tenant| tenant.id.as_uuid().as_u128());
        assert_eq!(agreed, expected, "{case}");
    }
}

#[test]
fn a_directory_that_is_away_says_when_to_come_back() {
    let response = RichError::from(away()).into_response();
    assert_eq!(response.status(), 503);
    // Whole seconds, and never too early.
    assert_eq!(response.headers()["retry-after"], "2");
}
