//! Masks settings that can contain a secret: only what is known to be harmless is shown.

/// The URL schemes that are shown in part.
const SCHEMES: [&str; 6] = ["sqlite", "postgres", "postgresql", "http", "https", "grpc"];
const HIDDEN: &str = "***";

/// `postgres://user:secret@host/db` → `postgres://user:***@host/db`.
///
/// Everything before the last `@` may be a password with any character in it, and a parameter after `?` or `#` may be
/// a secret. Hosts and paths are shown only if they look like one; text that is not a URL is hidden completely.
pub(super) fn mask(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return HIDDEN.to_owned();
    };
    if !SCHEMES.contains(&scheme) {
        return HIDDEN.to_owned();
    }
    if scheme == "sqlite" {
        return format!("sqlite://{}", rest.split(['?', '#']).next().unwrap_or_default());
    }
    let is_database = scheme.starts_with("postgres");
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    // Ambiguous: a password with these characters, or a parameter with an `@` in it.
    if credentials.is_some_and(|credentials| credentials.contains(['?', '#', '/', '@'])) {
        return format!("{scheme}://{HIDDEN}");
    }
    let place = place.split(['?', '#']).next().unwrap_or_default();
    let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
    let mut shown = format!("{scheme}://");
    if let Some(credentials) = credentials {
        let user = credentials.split(':').next().unwrap_or_default();
        // The user of an OTLP collector may be its API key.
        shown.push_str(if is_database && is_name(user) {
            user
        } else {
            HIDDEN
        });
        if credentials.contains(':') {
            shown.push_str(":***");
        }
        shown.push('@');
    }
    // Text that is not a host may be part of a password, and so may what follows it.
    if !hosts.split(',').all(is_host) {
        return shown + HIDDEN;
    }
    shown.push_str(hosts);
    if place.contains('/') {
        shown.push('/');
        let is_shown = if is_database {
            is_name(path)
        } else {
            path.is_empty()
        };
        shown.push_str(if is_shown { path } else { HIDDEN });
    }
    shown
}

/// Whether a URL contains a password, before its host or as a parameter.
pub(super) fn has_password(url: &str) -> bool {
    let before = url.rsplit_once('@').map_or("", |(before, _)| before);
    let credentials = before
        .split_once("://")
        .map_or(before, |(_, credentials)| credentials);
    credentials.contains(':') || url.to_ascii_lowercase().contains("password")
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// A host name or address, optionally with a port.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if !address
                .bytes()
                .all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
            {
                return false;
            }
            ("", port)
        }
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    is_name(name) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("sqlite://rustok-data/rustok.db", "sqlite://rustok-data/rustok.db"),
            ("postgres://app:secret@db/shop", "postgres://app:***@db/shop"),
            ("postgresql://app@db:5432/shop", "postgresql://app@db:5432/shop"),
            ("postgres://db/shop", "postgres://db/shop"),
            (
                "postgres://app:secret@one:5432,two:5433,[::1]:5434/shop?target_session_attrs=any",
                "postgres://app:***@one:5432,two:5433,[::1]:5434/shop",
            ),
            (
                "postgres://app:secret@/shop?host=/run/secret",
                "postgres://app:***@/shop",
            ),
            ("http://collector:4318", "http://collector:4318"),
            ("http://collector:4318/", "http://collector:4318/"),
            ("https://secret@collector/v1/secret", "https://***@collector/***"),
        ] {
            assert_eq!(mask(url), shown);
        }
    }

    #[test]
    fn a_secret_does_not_show_wherever_it_stands_and_whatever_is_in_it() {
        let secrets = [
            "hunter2",
            "hun?ter2",
            "hun#ter2",
            "hun/ter2",
            "hun@ter2",
            "hun:ter2",
            "hun ter2",
            "hun,ter2",
            "?hunter2",
            "#hunter2",
            "/hunter2",
            "@hunter2",
            ":hunter2",
            "hunter2?",
            "hunter2@",
            "hun?t#e/r@2:",
            "hun%3Fter2",
            "[hunter2]",
            "hun=ter2&x",
            "жhunter2",
        ];
        for secret in secrets {
            for form in [
                "postgres://app:S@db/shop",
                "postgres://app:S@db:5432,other/shop?sslmode=disable",
                "postgres://app:S@db/shop?application_name=a@b",
                "postgres://db/shop?user=app&password=S",
                "postgres://app@db/shop?password=S",
                "postgres://app@db/shop#S",
                "postgres://app:S",
                "postgres://:S@db",
                "host=db user=app password=S",
                "password=S host=db",
                "host=db password=a://S",
                "mysql://app:S@db/shop",
                "postgres:/app:S@db/shop",
                "https://S@collector/",
                "https://key:S@collector",
                "https://collector/?key=S",
                "https://collector/ingest/S",
                "S",
            ] {
                // The second half of such a password cannot be distinguished from a host.
                if form == "postgres://app:S" && secret.contains('@') {
                    continue;
                }
                let shown = mask(&form.replace('S', secret));
                for piece in ["hun", "ter2", "r@2", "ж"] {
                    assert!(!shown.contains(piece), "{form} with {secret}: {shown}");
                }
            }
        }
    }

    #[test]
    fn a_password_on_the_command_line_is_seen() {
        for url in [
            "postgres://a:b@c/d",
            "postgres://a:b?c@d/e",
            "postgres://a@c/d?password=x",
            "host=x PASSWORD=y",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in ["postgres://a@c:5432/d", "postgres://c:5432/d", "sqlite://x.db"] {
            assert!(!has_password(url), "{url}");
        }
    }
}
