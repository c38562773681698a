//! TLS to PostgreSQL as the URL's `sslmode` and `sslrootcert` demand, with libpq's meanings.
//!
//! - `disable`: never.
//! - `prefer` (the default): if the server offers it; no certificate is checked.
//! - `require`: always; the certificate is not checked, unless `sslrootcert` is set, which makes it `verify-ca`.
//! - `verify-ca`: the certificate must be issued by an authority of `sslrootcert`.
//! - `verify-full`: it must also bear the host name of the URL.
//!
//! Without `sslrootcert` the authorities are those of the operating system.

use crate::error::StoreError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A socket that may be encrypted.
pub(crate) type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// TLS settings.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// A connector for one connection.
    pub(crate) fn connector(&self) -> MakeRustlsConnect {
        MakeRustlsConnect::new(ClientConfig::clone(&self.0))
    }
}

/// Address of a PostgreSQL database and its TLS settings.
#[derive(Debug, Clone)]
pub struct PostgresUrl {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
}

impl FromStr for PostgresUrl {
    type Err = StoreError;

    /// Parses a URL. The error gives the reason without the URL, which may hold a password.
    fn from_str(url: &str) -> Result<Self, StoreError> {
        let setup = |why: String| StoreError::Setup(why);
        let (url, asked) = Asked::take_from(url).map_err(setup)?;
        let mut config = url
            .parse::<Config>()
            .map_err(|error| setup(format!("the PostgreSQL URL is not valid{}", why(&error))))?;
        // A Unix socket cannot be intercepted, and has no name that a certificate could bear.
        let is_local = |host: &Host| !matches!(host, Host::Tcp(_));
        config.ssl_mode(
            if !config.get_hosts().is_empty() && config.get_hosts().iter().all(is_local) {
                SslMode::Disable
            } else {
                asked.mode
            },
        );
        Ok(Self {
            config: super::with_limits(config),
            tls: Tls(Arc::new(asked.client().map_err(setup)?)),
        })
    }
}

impl PostgresUrl {
    /// Whether the URL forbids unencrypted connections.
    pub(crate) fn demands_tls(&self) -> bool {
        self.config.get_ssl_mode() == SslMode::Require
    }

    /// Whether traffic leaves this machine, as far as the URL shows.
    pub(crate) fn is_remote(&self) -> bool {
        let is_remote = |host: &Host| match host {
            Host::Tcp(name) if name == "localhost" => false,
            Host::Tcp(name) => name
                .parse()
                .map_or(true, |address: IpAddr| !address.is_loopback()),
            #[cfg(unix)]
            Host::Unix(_) => false,
        };
        let addresses = self.config.get_hostaddrs();
        if addresses.is_empty() {
            self.config.get_hosts().iter().any(is_remote)
        } else {
            addresses.iter().any(|address| !address.is_loopback())
        }
    }
}

/// The driver's message about a URL, only if it names one of the driver's own options: text that it cannot parse may
/// be part of a password.
fn why(error: &tokio_postgres::Error) -> String {
    let text = StoreError::driver_text(error);
    match text.find("invalid value for option `") {
        Some(at) => format!(": {}", text.get(at..).unwrap_or_default()),
        None => "; in a user or password, write what is no letter or digit as %XX".to_owned(),
    }
}

/// How a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nobodys,
    OfAuthority,
    OfAuthorityAndName,
}

/// The TLS options of a URL.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    mode: SslMode,
    check: Check,
    roots: Option<String>,
}

impl Asked {
    /// Removes the TLS options from a URL; the driver parses the rest.
    fn take_from(url: &str) -> Result<(String, Self), String> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(decoded(value)?),
                _ => others.push(pair),
            }
        }
        let (mode, mut check) = match mode.unwrap_or("prefer") {
            "disable" => (SslMode::Disable, Check::Nobodys),
            "prefer" => (SslMode::Prefer, Check::Nobodys),
            "require" => (SslMode::Require, Check::Nobodys),
            "verify-ca" => (SslMode::Require, Check::OfAuthority),
            "verify-full" => (SslMode::Require, Check::OfAuthorityAndName),
            _ => {
                return Err(
                    "sslmode in the PostgreSQL URL must be disable, prefer, require, verify-ca or verify-full"
                        .to_owned(),
                );
            }
        };
        if mode == SslMode::Require && check == Check::Nobodys && roots.is_some() {
            check = Check::OfAuthority;
        }
        let rest = if others.is_empty() {
            address.to_owned()
        } else {
            format!("{address}?{}", others.join("&"))
        };
        Ok((rest, Self { mode, check, roots }))
    }

    fn client(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.check {
            Check::Nobodys => Arc::new(Verifier {
                authority: None,
                provider: Arc::clone(&provider),
            }),
            check => {
                let roots = Arc::new(self.roots()?);
                let full = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .map_err(|error| format!("sslrootcert: {error}"))?;
                if check == Check::OfAuthorityAndName {
                    full
                } else {
                    Arc::new(Verifier {
                        authority: Some(full),
                        provider: Arc::clone(&provider),
                    })
                }
            }
        };
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS: {error}"))?;
        Ok(client
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth())
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut store = RootCertStore::empty();
        match self.roots.as_deref() {
            None | Some("system") => {
                let found = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    return Err(
                        "this machine has no certificates of authorities: name a file in sslrootcert"
                            .to_owned(),
                    );
                }
            }
            Some(file) => {
                let failed = |error: rustls::pki_types::pem::Error| format!("sslrootcert {file}: {error}");
                for certificate in CertificateDer::pem_file_iter(file).map_err(failed)? {
                    store
                        .add(certificate.map_err(failed)?)
                        .map_err(|error| format!("sslrootcert {file}: {error}"))?;
                }
                if store.is_empty() {
                    return Err(format!("sslrootcert {file}: has no certificate in PEM form"));
                }
            }
        }
        Ok(store)
    }
}

/// Percent-decodes a value of a URL's query.
fn decoded(value: &str) -> Result<String, String> {
    let wrong = || "sslrootcert in the PostgreSQL URL: write what is no letter or digit as %XX".to_owned();
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
                u8::try_from(high * 16 + low).map_err(|_| wrong())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// Accepts a certificate of a known authority for any host name, or any certificate at all. Possession of its key is
/// verified in both cases.
#[derive(Debug)]
struct Verifier {
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_it_is_to_be_done_and_the_driver_reads_the_rest() {
        let of = |query: &str| Asked::take_from(&format!("postgres://u@h/d{query}"));
        for (query, rest, mode, check) in [
            ("", "", SslMode::Prefer, Check::Nobodys),
            ("?sslmode=disable", "", SslMode::Disable, Check::Nobodys),
            (
                "?application_name=x&sslmode=require",
                "?application_name=x",
                SslMode::Require,
                Check::Nobodys,
            ),
            (
                "?sslmode=require&sslrootcert=a",
                "",
                SslMode::Require,
                Check::OfAuthority,
            ),
            (
                "?sslmode=verify-ca&sslrootcert=a",
                "",
                SslMode::Require,
                Check::OfAuthority,
            ),
            (
                "?sslmode=verify-full",
                "",
                SslMode::Require,
                Check::OfAuthorityAndName,
            ),
        ] {
            let (url, asked) = of(query).unwrap();
            assert_eq!(
                (url, asked.mode, asked.check),
                (format!("postgres://u@h/d{rest}"), mode, check),
                "{query}"
            );
        }
        assert_eq!(
            of("?sslrootcert=%2Fa%20b").unwrap().1.roots.as_deref(),
            Some("/a b")
        );
        for query in [
            "?sslmode=allow",
            "?sslmode=",
            "?sslrootcert=%",
            "?sslrootcert=%ff",
        ] {
            assert!(of(query).is_err(), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_without_the_password() {
        for query in [
            "sslmode=verify-full&sslrootcert=/nowhere",
            "sslmode=none",
            "sslcert=x",
        ] {
            let error = format!("postgres://u:hunter2@h/d?{query}")
                .parse::<PostgresUrl>()
                .unwrap_err();
            assert!(matches!(error, StoreError::Setup(_)), "{query}: {error:?}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_machine_of_its_own_is_remote() {
        for (url, remote) in [
            ("postgres://u@localhost/d", false),
            ("postgres://u@127.0.0.1,[::1]/d", false),
            ("postgres://u@db.example/d", true),
            ("postgres://u@localhost,10.0.0.9/d", true),
            ("postgres://u@/d?host=/run", false),
        ] {
            assert_eq!(url.parse::<PostgresUrl>().unwrap().is_remote(), remote, "{url}");
        }
    }
}
