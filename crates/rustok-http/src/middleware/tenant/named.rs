//! The tenant identifiers in a request: in its target, in `Host`, and in the headers of a trusted proxy.
//!
//! It must never choose between identifiers that differ: it refuses such a request.

use crate::middleware::forwarded::{self, X_FORWARDED_HOST};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use rustok_core::error::{ErrorKind, RichError};
use rustok_tenancy::{IdentifierError, TenantError, TenantIdentifier, TenantIdentifierValidator};

const X_TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");

/// The tenant identifiers of one request; at least one is present.
#[derive(Debug)]
pub(super) struct Named {
    /// From the host. `None` when the host is an IP address, which identifies no tenant, and there is another
    /// identifier.
    pub(super) by_host: Option<TenantIdentifier>,
    /// From the host that the request was sent to, when `X-Forwarded-Host` or `Forwarded` of a trusted proxy
    /// overrides it with a different one: the proxy's own name for this server, or a forged host that the proxy let
    /// through.
    pub(super) by_target: Option<TenantIdentifier>,
    /// From `X-Tenant-ID` of a trusted proxy.
    pub(super) by_header: Option<TenantIdentifier>,
}

/// Why a request has no tenant identifier: its head is wrong, or the value is not an identifier.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NameError {
    /// A sentence that may be shown to clients.
    Head(&'static str),
    Identifier(IdentifierError),
}

impl From<IdentifierError> for NameError {
    fn from(error: IdentifierError) -> Self {
        Self::Identifier(error)
    }
}

impl From<NameError> for RichError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Identifier(error) => TenantError::from(error).into(),
            NameError::Head(why) => Self::new(ErrorKind::Validation, why)
                .with_status(400)
                .with_code("invalid_tenant_identifier")
                .with_public(why),
        }
    }
}

const NO_HOST: NameError = NameError::Head("The request has no Host.");

impl Named {
    /// Reads the identifiers. `trusted` says that the peer is a trusted proxy; the headers of any other peer are not
    /// read.
    pub(super) fn read(
        validator: &TenantIdentifierValidator,
        parts: &Parts,
        trusted: bool,
    ) -> Result<Self, NameError> {
        if !trusted {
            let by_host = validator.from_host_header(target(validator, parts)?)?;
            return Ok(Self {
                by_host: Some(by_host),
                by_target: None,
                by_header: None,
            });
        }
        let by_header = match single(&parts.headers, &X_TENANT_ID)? {
            Some(header) => Some(validator.slug_or_id(header)?),
            None => None,
        };
        let target = target(validator, parts);
        let forwarded = match forwarded_host(validator, &parts.headers) {
            // A proxy may use this server's IP address when it also identifies the tenant.
            Err(NameError::Identifier(IdentifierError::IpLiteral)) if by_header.is_some() => {
                return Ok(Self {
                    by_host: None,
                    by_target: name_of_its_own(validator, target)?,
                    by_header,
                });
            }
            read => read?,
        };
        if let Some(forwarded) = forwarded {
            let by_target = name_of_its_own(validator, target)?.filter(|target| *target != forwarded);
            return Ok(Self {
                by_host: Some(forwarded),
                by_target,
                by_header,
            });
        }
        let by_host = match validator.from_host_header(target?) {
            Err(IdentifierError::IpLiteral) if by_header.is_some() => None,
            read => Some(read?),
        };
        Ok(Self {
            by_host,
            by_target: None,
            by_header,
        })
    }
}

/// Refuses a request that breaks the rules of `Host`, on any route: HTTP/1.1 requires exactly one (RFC 9112, 3.2),
/// every other version allows at most one.
///
/// # Errors
/// A problem with status 400.
pub fn check_host_lines(version: Version, headers: &HeaderMap) -> Result<(), RichError> {
    let host = single(headers, &HOST)?;
    if host.is_none() && version == Version::HTTP_11 {
        return Err(NO_HOST.into());
    }
    Ok(())
}

/// The tenant identified by the host that a request was sent to, where `X-Forwarded-Host` overrides it. A proxy may
/// use its own name for this server, which need not be one that a tenant could have.
fn name_of_its_own(
    validator: &TenantIdentifierValidator,
    target: Result<&str, NameError>,
) -> Result<Option<TenantIdentifier>, NameError> {
    match target {
        Ok(target) => Ok(validator.from_host_header(target).ok()),
        Err(NO_HOST) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The host that the request was sent to.
fn target<'a>(validator: &TenantIdentifierValidator, parts: &'a Parts) -> Result<&'a str, NameError> {
    let host = single(&parts.headers, &HOST)?;
    let Some(authority) = parts.uri.authority() else {
        return host.ok_or(NO_HOST);
    };
    let authority = authority.as_str();
    // In HTTP/1.1 the authority of an absolute target replaces Host (RFC 9112, 3.2.2). HTTP/2 always has an
    // authority, and a different Host is an attempt to be read differently by two parsers (RFC 9113, 8.3.1).
    if parts.version >= Version::HTTP_2
        && host.is_some_and(|host| validator.hostname(host) != validator.hostname(authority))
    {
        return Err(NameError::Head("The request's authority and its Host differ."));
    }
    Ok(authority)
}

/// The tenant that all values of `X-Forwarded-Host` and all hosts of `Forwarded` identify. Each proxy on the way may
/// have added one, after a comma or on a line of its own.
fn forwarded_host(
    validator: &TenantIdentifierValidator,
    headers: &HeaderMap,
) -> Result<Option<TenantIdentifier>, NameError> {
    let mut named = None;
    for line in headers.get_all(X_FORWARDED_HOST) {
        for host in text(line)?.split(',') {
            let host = validator.from_host_header(host.trim_matches([' ', '\t']))?;
            agree(&mut named, host, "X-Forwarded-Host names several hosts.")?;
        }
    }
    let elements = forwarded::elements(headers).map_err(|malformed| NameError::Head(malformed.0))?;
    for host in elements.iter().filter_map(|element| element.host.as_deref()) {
        let host = validator.from_host_header(host)?;
        agree(
            &mut named,
            host,
            "Forwarded names several hosts, or another one than X-Forwarded-Host.",
        )?;
    }
    Ok(named)
}

fn agree(
    named: &mut Option<TenantIdentifier>,
    host: TenantIdentifier,
    why: &'static str,
) -> Result<(), NameError> {
    if named.as_ref().is_some_and(|named| *named != host) {
        return Err(NameError::Head(why));
    }
    *named = Some(host);
    Ok(())
}

/// The value of a header that may occur only once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, NameError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(NameError::Head(
            "A header that names the tenant stands more than once.",
        ));
    }
    first.map(text).transpose()
}

/// UTF-8, since a host may contain non-ASCII letters; [`HeaderValue::to_str`] accepts ASCII only.
fn text(value: &HeaderValue) -> Result<&str, NameError> {
    std::str::from_utf8(value.as_bytes())
        .map_err(|_| NameError::Head("A header that names the tenant is not text."))
}

#[cfg(test)]
mod tests;
