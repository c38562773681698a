//! ops/compose.yaml without containers: its form, and that what it names is there. It must never ask a registry.

use saphyr::{LoadableYamlNode as _, Yaml};
use std::path::{Path, PathBuf};

/// The images of these services hold one program and nothing that could ask it how it is.
const WITHOUT_HEALTH_CHECK: [&str; 1] = ["collector"];

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops")
}

fn strings<'a>(yaml: Option<&'a Yaml<'a>>) -> Vec<&'a str> {
    let items = yaml.and_then(Yaml::as_sequence);
    items.into_iter().flatten().filter_map(Yaml::as_str).collect()
}

fn pairs<'a>(yaml: Option<&'a Yaml<'a>>) -> Vec<(&'a str, &'a Yaml<'a>)> {
    let pairs = yaml.and_then(Yaml::as_mapping);
    pairs
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str().unwrap(), value))
        .collect()
}

/// What is wrong with a compose file whose folder is `folder`.
fn faults(text: &str, folder: &Path) -> Vec<String> {
    let documents = match Yaml::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => return vec![error.to_string()],
    };
    let [compose] = documents.as_slice() else {
        return vec!["not one document".to_owned()];
    };
    let services = pairs(compose.as_mapping_get("services"));
    let volumes = pairs(compose.as_mapping_get("volumes"));
    let mut faults = Vec::new();
    if services.is_empty() {
        faults.push("no services".to_owned());
    }
    for (name, service) in &services {
        let mut fault = |what: String| faults.push(format!("{name}: {what}"));
        match service.as_mapping_get("image").and_then(Yaml::as_str) {
            // A version that a person chose: the tag begins with its number.
            Some(image)
                if image.split_once(':').is_some_and(|(_, tag)| {
                    tag.trim_start_matches('v')
                        .starts_with(|c: char| c.is_ascii_digit())
                        && tag.contains('.')
                }) => {}
            Some(image) => fault(format!("{image} is not pinned")),
            None => {
                let build = service.as_mapping_get("build");
                let file = build
                    .and_then(|build| build.as_mapping_get("dockerfile"))
                    .and_then(Yaml::as_str);
                let context = build
                    .and_then(|build| build.as_mapping_get("context"))
                    .and_then(Yaml::as_str);
                if !file
                    .zip(context)
                    .is_some_and(|(file, context)| folder.join(context).join(file).exists())
                {
                    fault("neither an image nor a Dockerfile that is there".to_owned());
                }
            }
        }
        let test = strings(
            service
                .as_mapping_get("healthcheck")
                .and_then(|check| check.as_mapping_get("test")),
        );
        if test.first() != Some(&"CMD") && !WITHOUT_HEALTH_CHECK.contains(name) {
            fault("no health check".to_owned());
        }
        for (other, how) in pairs(service.as_mapping_get("depends_on")) {
            let healthy = how.as_mapping_get("condition").and_then(Yaml::as_str) == Some("service_healthy");
            if !services.iter().any(|(name, _)| *name == other) {
                fault(format!("waits for {other}, which is not there"));
            } else if healthy == WITHOUT_HEALTH_CHECK.contains(&other) {
                fault(format!("waits for {other} in the wrong way"));
            }
        }
        for volume in strings(service.as_mapping_get("volumes")) {
            let source = volume.split(':').next().unwrap_or_default();
            let is_there = match source.strip_prefix("./") {
                Some(path) => folder.join(path).exists(),
                None => volumes.iter().any(|(name, _)| *name == source),
            };
            if !is_there {
                fault(format!("{source} is not there"));
            }
        }
        for port in strings(service.as_mapping_get("ports")) {
            if !port.starts_with("127.0.0.1:") {
                fault(format!("{port} listens beyond this host"));
            }
        }
    }
    faults
}

/// All files below a folder with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_yaml_file_can_be_read() {
    let files = files(&ops(), "yaml");
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let documents =
            Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(
            documents.len() == 1 && documents[0].as_mapping().is_some(),
            "{}",
            file.display()
        );
    }
}

#[test]
fn what_is_composed_is_there() {
    let text = std::fs::read_to_string(ops().join("compose.yaml")).unwrap();
    assert_eq!(faults(&text, &ops()), Vec::<String>::new());
    for (from, to, fault) in [
        (
            "prom/prometheus:v2.53.4",
            "prom/prometheus:latest",
            "is not pinned",
        ),
        ("prom/prometheus:v2.53.4", "prom/prometheus", "is not pinned"),
        ("ops/Dockerfile", "Dockerfile", "neither an image"),
        ("./prometheus/rules:", "./prometheus/rule:", "is not there"),
        ("- grafana:/var", "- graphana:/var", "is not there"),
        ("127.0.0.1:9090:9090", "9090:9090", "listens beyond"),
        (
            "test: [CMD, pg_isready",
            "tests: [CMD, pg_isready",
            "no health check",
        ),
        (
            "      postgres:\n        condition",
            "      mysql:\n        condition",
            "which is not there",
        ),
        (
            "condition: service_started",
            "condition: service_healthy",
            "in the wrong way",
        ),
        ("services:", "service:", "no services"),
        ("name: rustok", "name: [", ""),
    ] {
        assert!(text.contains(from), "{from}");
        let faults = faults(&text.replacen(from, to, 1), &ops());
        assert!(
            faults.iter().any(|found| found.contains(fault)),
            "{from}: {faults:?}"
        );
    }
}

#[test]
fn the_dashboards_find_their_data_sources() {
    let folder = ops().join("grafana");
    let text = std::fs::read_to_string(folder.join("provisioning/datasources/rustok.yaml")).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let sources = documents[0]
        .as_mapping_get("datasources")
        .and_then(Yaml::as_sequence)
        .unwrap();
    let text_of = |source: &Yaml<'_>, key: &str| {
        source
            .as_mapping_get(key)
            .and_then(Yaml::as_str)
            .map(str::to_owned)
    };
    let mut uids = std::collections::BTreeSet::new();
    for file in files(&folder.join("dashboards"), "json") {
        let dashboard: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert!(
            uids.insert(dashboard["uid"].as_str().unwrap().to_owned()),
            "{}",
            file.display()
        );
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "datasource" {
                let kind = variable["query"].as_str().map(str::to_owned);
                assert!(
                    sources.iter().any(|source| text_of(source, "type") == kind),
                    "{variable}"
                );
            }
        }
    }
    assert_eq!(uids.len(), 7);
    // What an exemplar leads to.
    let prometheus = &sources[0];
    let leads = prometheus
        .as_mapping_get("jsonData")
        .and_then(|data| data.as_mapping_get("exemplarTraceIdDestinations"));
    let lead = leads.and_then(|leads| leads.as_sequence_get(0)).unwrap();
    assert_eq!(text_of(lead, "name").as_deref(), Some("trace_id"));
    let tempo = sources
        .iter()
        .find(|source| text_of(source, "type").as_deref() == Some("tempo"))
        .unwrap();
    assert_eq!(text_of(lead, "datasourceUid"), text_of(tempo, "uid"));
}
