//! Allowed dependencies between crates: the rooms of ARCHITECTURE.md as a table.
//!
//! Must never read a file: it checks one dependency at a time. Add a new crate's row here first.

use super::Breach;

/// One dependency of a workspace crate, from `cargo metadata`.
#[derive(Debug)]
pub(crate) struct Edge<'a> {
    /// The workspace crate.
    pub(crate) from: &'a str,
    /// Its dependency, inside or outside of the workspace.
    pub(crate) to: &'a str,
    /// A dev-dependency.
    pub(crate) for_tests: bool,
    pub(crate) optional: bool,
    pub(crate) features: &'a [String],
}

/// The pure rooms: no I/O, no clock, no HTTP, no SQL; they depend on core and text only, never on each other.
pub(crate) const DOMAIN: [&str; 5] = [
    "rustok-tenancy",
    "rustok-auth",
    "rustok-content",
    "rustok-commerce",
    "rustok-events",
];

/// The rooms that know HTTP: the toolkit, the surfaces, the program that wires them, and the server of tests.
pub(crate) const HTTP: [&str; 5] = [
    "rustok-http",
    "rustok-api",
    "rustok-pages",
    "rustok-server",
    TEST_APP,
];

/// The server in a test's process. Only tests over HTTP may use it.
const TEST_APP: &str = "rustok-test-app";

/// The program of `bench/floor`: HTTP and a database driver in one file, but nothing of the product.
const FLOOR: &str = "rustok-floor";

/// The rooms below the use cases that a crate may depend on besides [`DOMAIN`]; `None` for a crate without a row.
fn rooms_below(from: &str) -> Option<(&'static [&'static str], bool)> {
    const CORE: &[&str] = &["rustok-core"];
    const TEXT: &[&str] = &["rustok-core", "rustok-text"];
    Some(match from {
        "rustok-core" | "rustok-schema" | FLOOR => (&[], false),
        "xtask" => (&["rustok-schema"], false),
        "rustok-text" => (CORE, false),
        domain if DOMAIN.contains(&domain) => (TEXT, false),
        "rustok-telemetry" => (CORE, false),
        "rustok-import" => (TEXT, true),
        // Tenants own transactions, and an error may say that a token or a tenant may not write any more.
        "rustok-db" => (&["rustok-core", "rustok-tenancy", "rustok-auth"], false),
        "rustok-storage" => (&["rustok-core", "rustok-text", "rustok-db"], true),
        "rustok-test-support" => (&["rustok-core", "rustok-storage"], true),
        "rustok-app" => (
            &["rustok-core", "rustok-text", "rustok-storage", "rustok-import"],
            true,
        ),
        "rustok-http" => (
            &["rustok-core", "rustok-text", "rustok-app", "rustok-telemetry"],
            true,
        ),
        // It implements the ports of the use cases.
        "rustok-outside" => (&["rustok-core", "rustok-text", "rustok-app"], true),
        // A surface: never on the storage, never on another surface.
        "rustok-api" | "rustok-pages" => (&["rustok-core", "rustok-text", "rustok-app", "rustok-http"], true),
        "rustok-server" => (
            &[
                "rustok-core",
                "rustok-text",
                "rustok-storage",
                "rustok-import",
                "rustok-app",
                "rustok-telemetry",
                "rustok-http",
                "rustok-api",
                "rustok-outside",
                "rustok-pages",
            ],
            true,
        ),
        // Never on the program: the tests of a surface use it.
        TEST_APP => (
            &[
                "rustok-core",
                "rustok-storage",
                "rustok-app",
                "rustok-telemetry",
                "rustok-http",
                "rustok-api",
                "rustok-pages",
                "rustok-test-support",
            ],
            true,
        ),
        _ => return None,
    })
}

/// External crates that only some rooms may use.
const KEPT: &[(&[&str], &[&str], &str)] = &[
    (
        &[
            "libsqlite3-sys",
            "deadpool",
            "postgres",
            "postgres-types",
            "refinery",
            "rustls",
            "rustls-native-certs",
            "tokio-postgres-rustls",
        ],
        &["rustok-db"],
        "database drivers and their TLS belong to rustok-db",
    ),
    // Test support only creates and drops databases, and checks query plans.
    (
        &["rusqlite", "tokio-postgres"],
        &["rustok-db", "rustok-test-support", FLOOR],
        "database drivers and their TLS belong to rustok-db",
    ),
    (
        &["axum", "axum-extra", "utoipa", "utoipa-axum"],
        &[HTTP[0], HTTP[1], HTTP[2], HTTP[3], HTTP[4], FLOOR],
        "HTTP belongs to rustok-http, the surfaces and apps/server",
    ),
    // The server only decodes responses in its tests.
    (
        &["tower-http"],
        &["rustok-http", "rustok-server"],
        "layers belong to rustok-http",
    ),
    // They decode what our code encodes by hand (docs/adr/0013).
    (
        &[
            "opentelemetry",
            "opentelemetry-proto",
            "opentelemetry_sdk",
            "prost",
        ],
        &["rustok-test-support"],
        "OTLP is written by rustok-telemetry, and read by its tests",
    ),
    (
        &["askama", "fluent-bundle"],
        &["rustok-pages"],
        "templates and words of pages belong to rustok-pages",
    ),
    (
        &["lettre"],
        &["rustok-outside"],
        "protocols of other services belong to rustok-outside",
    ),
    (&["axum-core"], &["rustok-core"], "only core does without axum"),
    (
        &["http", "hyper", "hyper-util"],
        &[
            "rustok-core",
            "rustok-http",
            "rustok-api",
            "rustok-pages",
            "rustok-server",
            "rustok-telemetry",
            "rustok-test-support",
        ],
        "HTTP belongs to rustok-http, the surfaces and apps/server",
    ),
];

/// Crates that a pure room may use only in its tests: runtimes and I/O.
const IMPURE: [&str; 6] = [
    "tokio",
    "reqwest",
    "futures-util",
    "tempfile",
    "figment",
    "tracing-subscriber",
];

/// Checks one dependency.
pub(crate) fn check_edge(edge: &Edge<'_>) -> Option<Breach> {
    let breach = |why: &str| {
        Some(Breach::new(
            edge.from,
            format!("must not depend on {}: {why}", edge.to),
        ))
    };
    let Some((below, domain_too)) = rooms_below(edge.from) else {
        return Some(Breach::new(
            edge.from,
            "has no row in the table of rooms (xtask/src/tidy/rooms.rs)",
        ));
    };
    if edge.to.starts_with("rustok-") || edge.to == "xtask" {
        let may = below.contains(&edge.to)
            || (domain_too && DOMAIN.contains(&edge.to))
            || (edge.for_tests && edge.to == "rustok-test-support")
            || (edge.for_tests && edge.to == TEST_APP && ["rustok-api", "rustok-pages", "rustok-server"].contains(&edge.from))
            // Its tests change the schema in a migration of their own.
            || (edge.for_tests && edge.from == "rustok-storage" && edge.to == "rustok-schema")
            || is_store_of_a_test(edge);
        if !may {
            return breach("the arrows between the crates in ARCHITECTURE.md do not allow it");
        }
        if edge.to == "rustok-core" && !HTTP.contains(&edge.from) && edge.features.iter().any(|f| f == "axum")
        {
            return breach("its feature `axum` is for the rooms that know HTTP");
        }
        let for_tests = |feature: &String| feature == "testing" || feature == "test-util";
        if !edge.for_tests && edge.features.iter().any(for_tests) {
            return breach("the features `testing` and `test-util` are for tests only");
        }
        return None;
    }
    let kept = KEPT
        .iter()
        .find(|(kept, by, _)| kept.contains(&edge.to) && !by.contains(&edge.from));
    if let Some((_, _, why)) = kept.filter(|_| !is_driver_of_a_schema_test(edge)) {
        return breach(why);
    }
    if edge.for_tests {
        return None;
    }
    if edge.from == "rustok-core" && matches!(edge.to, "axum-core" | "http") && !edge.optional {
        return breach("in core it must be optional, behind the feature `axum`");
    }
    if (DOMAIN.contains(&edge.from) || edge.from == "rustok-text") && IMPURE.contains(&edge.to) {
        return breach("domain crates are pure; time, ids and randomness come as parameters");
    }
    None
}

/// Unit tests of the HTTP toolkit open a store for the services in its state. Test support must not do it for them: its
/// API never exposes a type of the storage.
fn is_store_of_a_test(edge: &Edge<'_>) -> bool {
    edge.for_tests && edge.from == "rustok-http" && edge.to == "rustok-storage"
}

/// Tests of the storage look at the schema itself, past the seam.
fn is_driver_of_a_schema_test(edge: &Edge<'_>) -> bool {
    edge.for_tests && edge.from == "rustok-storage" && matches!(edge.to, "rusqlite" | "tokio-postgres")
}

/// Checks the text of a crate's manifest.
pub(crate) fn check_package(name: &str, manifest: &str) -> Option<Breach> {
    let lines: Vec<&str> = manifest.lines().map(str::trim).collect();
    let inherits = lines
        .windows(2)
        .any(|pair| pair == ["[lints]", "workspace = true"]);
    (!inherits).then(|| Breach::new(name, "its Cargo.toml must hold `[lints]` with `workspace = true`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge<'a>(from: &'a str, to: &'a str) -> Edge<'a> {
        Edge {
            from,
            to,
            for_tests: false,
            optional: false,
            features: &[],
        }
    }

    fn breaks(edge: &Edge<'_>) -> bool {
        check_edge(edge).is_some()
    }

    #[test]
    fn crates_depend_downwards_only() {
        for (from, to) in [
            ("rustok-content", "rustok-core"),
            ("rustok-content", "rustok-text"),
            ("rustok-text", "rustok-core"),
            ("rustok-db", "rustok-tenancy"),
            ("rustok-storage", "rustok-commerce"),
            ("rustok-storage", "rustok-db"),
            ("rustok-app", "rustok-storage"),
            ("rustok-http", "rustok-app"),
            ("rustok-api", "rustok-http"),
            ("rustok-server", "rustok-api"),
        ] {
            assert!(!breaks(&edge(from, to)), "{from} -> {to}");
            assert!(breaks(&edge(to, from)), "{to} -> {from}");
        }
        assert!(
            breaks(&edge("rustok-content", "rustok-commerce")),
            "domain crates know nothing of each other"
        );
        assert!(breaks(&edge("rustok-import", "rustok-storage")));
        assert!(breaks(&edge("rustok-storage", "rustok-telemetry")));
        assert!(
            breaks(&edge("rustok-db", "rustok-commerce")),
            "the seam knows nothing of the shop"
        );
        for from in ["rustok-app", "rustok-server", "rustok-test-support"] {
            assert!(breaks(&edge(from, "rustok-db")), "{from}");
        }
        assert!(breaks(&edge("rustok-api", "rustok-storage")));
        assert!(breaks(&edge("rustok-http", "rustok-storage")));
        assert!(
            breaks(&edge("rustok-new", "rustok-core")),
            "a crate without a row"
        );
    }

    #[test]
    fn what_is_for_tests_is_in_no_release() {
        for (feature, from, to) in [
            ("testing", "rustok-storage", "rustok-db"),
            ("test-util", "rustok-server", "rustok-core"),
        ] {
            let features = [feature.to_owned()];
            let mut it = Edge {
                features: &features,
                ..edge(from, to)
            };
            assert!(breaks(&it), "{feature}");
            it.for_tests = true;
            assert!(!breaks(&it), "{feature}");
        }
    }

    #[test]
    fn test_support_is_for_tests_only() {
        let mut it = edge("rustok-server", "rustok-test-support");
        assert!(breaks(&it));
        it.for_tests = true;
        assert!(!breaks(&it));
    }

    #[test]
    fn the_server_of_tests_is_for_tests_over_http_and_never_on_the_program() {
        for (from, may) in [
            ("rustok-api", true),
            ("rustok-server", true),
            ("rustok-app", false),
        ] {
            let mut it = edge(from, TEST_APP);
            assert!(breaks(&it), "{from}");
            it.for_tests = true;
            assert_eq!(breaks(&it), !may, "{from}");
        }
        assert!(!breaks(&edge(TEST_APP, "rustok-api")) && !breaks(&edge(TEST_APP, "axum")));
        assert!(breaks(&edge(TEST_APP, "rustok-server")));
    }

    #[test]
    fn only_the_tests_of_the_toolkit_open_a_store() {
        for (from, may) in [("rustok-http", true), ("rustok-api", false)] {
            let it = Edge {
                for_tests: true,
                ..edge(from, "rustok-storage")
            };
            assert_eq!(breaks(&it), !may, "{from}");
        }
    }

    #[test]
    fn drivers_and_http_stay_in_their_rooms() {
        assert!(!breaks(&edge("rustok-db", "rusqlite")) && !breaks(&edge("rustok-server", "axum")));
        for to in ["rusqlite", "tokio-postgres", "deadpool", "rustls"] {
            assert!(breaks(&edge("rustok-storage", to)), "{to}");
        }
        assert!(breaks(&edge("rustok-app", "rusqlite")) && breaks(&edge("rustok-server", "tokio-postgres")));
        assert!(!breaks(&edge("rustok-test-support", "tokio-postgres")));
        assert!(!breaks(&edge("rustok-test-support", "rusqlite")));
        assert!(!breaks(&edge("rustok-http", "axum")) && !breaks(&edge("rustok-api", "axum")));
        assert!(breaks(&edge("rustok-app", "axum")) && breaks(&edge("rustok-telemetry", "tower-http")));
        assert!(breaks(&edge("rustok-api", "tower-http")));
        let mut in_tests = edge("rustok-app", "rusqlite");
        in_tests.for_tests = true;
        assert!(breaks(&in_tests), "tests go through the store too");
        in_tests.from = "rustok-storage";
        assert!(!breaks(&in_tests), "but for those of the schema itself");
        in_tests.to = "deadpool";
        assert!(breaks(&in_tests));
    }

    #[test]
    fn core_has_http_only_as_an_option_and_only_http_rooms_turn_it_on() {
        let mut it = edge("rustok-core", "axum-core");
        assert!(breaks(&it));
        it.optional = true;
        assert!(!breaks(&it));
        let features = ["axum".to_owned()];
        assert!(breaks(&Edge {
            features: &features,
            ..edge("rustok-app", "rustok-core")
        }));
        for from in HTTP {
            assert!(!breaks(&Edge {
                features: &features,
                ..edge(from, "rustok-core")
            }));
        }
    }

    #[test]
    fn domain_crates_are_pure_outside_of_their_tests() {
        let mut it = edge("rustok-commerce", "tokio");
        assert!(breaks(&it));
        it.for_tests = true;
        assert!(!breaks(&it));
    }

    #[test]
    fn every_crate_inherits_the_lints() {
        assert_eq!(
            check_package("x", "[package]\n\n[lints]\nworkspace = true\n"),
            None
        );
        assert!(check_package("x", "[package]\n[dependencies]\n").is_some());
    }
}
