//! What ops/ says of how the server is run, without running it: every setting, port and path that is named there exists,
//! and whoever stops it waits long enough.

use saphyr::{LoadableYamlNode as _, Yaml};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all settings, in the letters of their variables.
fn settings() -> BTreeSet<String> {
    let source = read("apps/server/src/config.rs");
    let (_, members) = source.split_once("pub struct Config {\n").unwrap();
    let (members, _) = members.split_once("\n}\n").unwrap();
    let names = members
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split_once(':'));
    let mut found: BTreeSet<String> = names
        .map(|(name, _)| format!("RUSTOK_{}", name.to_uppercase()))
        .collect();
    assert!(found.len() > 40 && found.remove("RUSTOK_REMARKS"), "{found:?}");
    found.insert("RUSTOK_CONFIG".to_owned());
    found
}

/// What looks like a variable of ours in a text.
fn variables(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    words.filter(|word| word.starts_with("RUSTOK_")).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn unknown(text: &str, settings: &BTreeSet<String>) -> Vec<String> {
    let unknown = variables(text)
        .into_iter()
        .filter(|name| !settings.contains(*name));
    unknown.map(str::to_owned).collect()
}

#[test]
fn every_setting_that_is_named_is_one() {
    let settings = settings();
    let mut named = BTreeSet::new();
    let mut all = files(&root().join("ops"));
    all.push(root().join("README.md"));
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        let unknown = unknown(&text, &settings);
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
        named.extend(variables(&text).into_iter().map(str::to_owned));
    }
    assert!(named.len() > 20, "{named:?}");
    assert_eq!(
        unknown("x=RUSTOK_LISTENS, RUSTOK_LISTEN", &settings),
        ["RUSTOK_LISTENS"]
    );
}

fn yaml(path: &str) -> Vec<Yaml<'static>> {
    let text: &'static str = Box::leak(read(path).into_boxed_str());
    Yaml::load_from_str(text).unwrap()
}

/// What stands at a path of names and numbers.
fn at<'a>(yaml: &'a Yaml<'a>, path: &str) -> &'a Yaml<'a> {
    path.split('/').fold(yaml, |yaml, part| {
        let found = match part.parse::<usize>() {
            Ok(index) => yaml.as_sequence().and_then(|items| items.get(index)),
            Err(_) => yaml.as_mapping_get(part),
        };
        found.unwrap_or_else(|| panic!("{part} of {path} is not there"))
    })
}

fn text<'a>(yaml: &'a Yaml<'a>, path: &str) -> &'a str {
    at(yaml, path)
        .as_str()
        .unwrap_or_else(|| panic!("{path} is no text"))
}

fn number(yaml: &Yaml<'_>, path: &str) -> i64 {
    at(yaml, path)
        .as_integer()
        .unwrap_or_else(|| panic!("{path} is no number"))
}

/// A setting of the ConfigMap.
fn setting(kustomization: &Yaml<'_>, name: &str) -> Option<String> {
    let literals = at(kustomization, "configMapGenerator/0/literals")
        .as_sequence()
        .unwrap();
    let mut literals = literals.iter().map(|literal| literal.as_str().unwrap());
    literals.find_map(|literal| Some(literal.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

#[test]
fn kubernetes_asks_what_there_is_and_waits_long_enough() {
    let [kustomization] = yaml("ops/kubernetes/kustomization.yaml").try_into().unwrap();
    let [deployment] = yaml("ops/kubernetes/deployment.yaml").try_into().unwrap();
    let [service] = yaml("ops/kubernetes/service.yaml").try_into().unwrap();
    for resource in at(&kustomization, "resources").as_sequence().unwrap() {
        let _ = read(&format!("ops/kubernetes/{}", resource.as_str().unwrap()));
    }
    let pod = at(&deployment, "spec/template/spec");
    let container = at(pod, "containers/0");
    // Ports are where the settings say that the server listens.
    let ports = at(container, "ports").as_sequence().unwrap();
    for (port, name, setting_of) in [
        (&ports[0], "http", "RUSTOK_LISTEN"),
        (&ports[1], "management", "RUSTOK_MANAGEMENT_LISTEN"),
    ] {
        assert_eq!(text(port, "name"), name);
        let address = format!("0.0.0.0:{}", number(port, "containerPort"));
        assert_eq!(setting(&kustomization, setting_of), Some(address));
    }
    assert_eq!(text(&service, "spec/ports/0/targetPort"), "http");
    // Probes ask the listener that is for them, and paths that it has.
    let routes = read("apps/server/src/router.rs");
    for (probe, path) in [
        ("startupProbe", "/readyz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/livez"),
    ] {
        let ask = at(container, &format!("{probe}/httpGet"));
        assert_eq!((text(ask, "path"), text(ask, "port")), (path, "management"));
        assert!(routes.contains(&format!("= \"{path}\";")), "{path}");
    }
    let ms = |name| setting(&kustomization, name).unwrap().parse::<i64>().unwrap();
    let drain = ms("RUSTOK_SHUTDOWN_DELAY_MS") + ms("RUSTOK_SHUTDOWN_TIMEOUT_MS");
    assert!(number(pod, "terminationGracePeriodSeconds") * 1_000 > drain);
    // A probe notices that the server is going before it goes.
    assert!(number(container, "readinessProbe/periodSeconds") * 1_000 < ms("RUSTOK_SHUTDOWN_DELAY_MS"));
    // What is mounted is declared, and the secret lies where it is looked for.
    let mount = text(container, "volumeMounts/1/mountPath");
    assert_eq!(
        setting(&kustomization, "RUSTOK_DATABASE_URL_FILE"),
        Some(format!("{mount}/url"))
    );
    let volumes = at(pod, "volumes").as_sequence().unwrap();
    for mount in at(container, "volumeMounts").as_sequence().unwrap() {
        let name = text(mount, "name");
        assert!(
            volumes.iter().any(|volume| text(volume, "name") == name),
            "{name}"
        );
    }
    assert_eq!(at(pod, "securityContext/runAsNonRoot").as_bool(), Some(true));
    assert_eq!(
        at(container, "securityContext/readOnlyRootFilesystem").as_bool(),
        Some(true)
    );
}

/// The value of a line `name=value`, the last one.
fn line<'a>(unit: &'a str, name: &str) -> &'a str {
    let mut values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.next_back().unwrap_or_else(|| panic!("no {name}"))
}

/// A default of the server, in milliseconds.
fn default_ms(name: &str) -> u64 {
    let source = read("apps/server/src/config.rs");
    let value = source.lines().find_map(|line| {
        line.trim()
            .strip_prefix(name)?
            .strip_prefix(": ")?
            .strip_suffix(',')
    });
    value
        .and_then(|value| value.replace('_', "").parse().ok())
        .unwrap_or_else(|| panic!("no default of {name}"))
}

#[test]
fn systemd_waits_long_enough_and_gives_little() {
    let unit = read("ops/systemd/rustok.service");
    let seconds: u64 = line(&unit, "TimeoutStopSec").parse().unwrap();
    assert!(seconds * 1_000 > default_ms("shutdown_delay_ms") + default_ms("shutdown_timeout_ms"));
    for (name, value) in [
        ("KillSignal", "SIGTERM"),
        ("Restart", "on-failure"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("StateDirectory", "rustok"),
        ("CapabilityBoundingSet", ""),
    ] {
        assert_eq!(line(&unit, name), value, "{name}");
    }
    let files: u64 = line(&unit, "LimitNOFILE").parse().unwrap();
    assert!(
        files > 10_000 + 768,
        "max_connections and what is kept for everything else"
    );
}

#[test]
fn the_image_is_nobodys_and_checks_itself() {
    let image = read("ops/Dockerfile");
    let (_, last) = image.rsplit_once("\nFROM ").unwrap();
    let user = last.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(
        user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)),
        "{user}"
    );
    assert!(last.contains("CMD [\"rustok\", \"health\"]") && last.contains("VOLUME /var/lib/rustok"));
    assert!(last.contains("EXPOSE 8080 9464"));
    let names = settings();
    assert!(
        !names
            .iter()
            .any(|name| last.contains(&format!("{name}=postgres")))
    );
}
