//! The rules of this workspace as a test: dependencies between crates, content of source files, matching migrations.
//!
//! Each rule is a pure function over strings, tested with a deliberate violation; only this file reads the disk and
//! calls `cargo metadata`. A rule must never be loosened to let one change through: move the code to the crate it
//! belongs to.

mod migrations;
mod rooms;
mod source;
mod strip;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

const MIGRATIONS: &str = "crates/rustok-storage/migrations";
const SCHEMA: &str = "crates/rustok-storage/schema";
/// Where the migrations are listed.
const RUNNER: &str = "crates/rustok-storage/src/schema.rs";

/// One violated rule: where, and how to fix it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// `path` or `path:line`, relative to the workspace.
    place: String,
    message: String,
}

impl Breach {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The workspace folder at compile time.
pub(crate) fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All violations in the workspace at `root`; an error when it cannot be read.
pub(crate) fn check_workspace(root: &Path) -> Result<Vec<Breach>, Box<dyn std::error::Error>> {
    let mut breaches = check_manifests(root)?;
    let tables = tables(root)?;
    for top in ["apps", "crates", "xtask"] {
        for path in rust_files(&root.join(top))? {
            let shown = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            let source = fs::read_to_string(&path)?;
            breaches.extend(source::check(&shown, &source));
            breaches.extend(source::check_seam(&shown, &source, &tables));
        }
    }
    let names = |database| file_names(&root.join(MIGRATIONS).join(database));
    let (sqlite, postgres) = (names("sqlite")?, names("postgres")?);
    breaches.extend(migrations::check(&sqlite, &postgres));
    breaches.extend(migrations::check_listed(
        &sqlite,
        &fs::read_to_string(root.join(RUNNER))?,
    ));
    let differences = crate::schema::differences(root)?;
    breaches.extend(
        differences
            .into_iter()
            .map(|(place, message)| Breach::new(place, message)),
    );
    Ok(breaches)
}

fn check_manifests(root: &Path) -> Result<Vec<Breach>, Box<dyn std::error::Error>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()?;
    let mut breaches = Vec::new();
    for package in metadata.workspace_packages() {
        breaches.extend(rooms::check_package(
            &package.name,
            &fs::read_to_string(&package.manifest_path)?,
        ));
        for dependency in &package.dependencies {
            breaches.extend(rooms::check_edge(&rooms::Edge {
                from: &package.name,
                to: &dependency.name,
                for_tests: dependency.kind == DependencyKind::Development,
                optional: dependency.optional,
                features: &dependency.features,
            }));
        }
    }
    Ok(breaches)
}

/// The names of all tables and views of the schema.
fn tables(root: &Path) -> io::Result<Vec<String>> {
    let folder = root.join(SCHEMA);
    let mut tables = Vec::new();
    for name in file_names(&folder)? {
        tables.extend(source::tables_in(&fs::read_to_string(folder.join(name))?));
    }
    Ok(tables)
}

/// All `.rs` files below `folder`, sorted, without build output.
fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?
        .map(|e| e.map(|e| e.path()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                files.extend(rust_files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// The file names in a folder, sorted; empty when it does not exist (a rule then reports what is missing).
fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut names = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_tidy() {
        let breaches = check_workspace(&workspace_root()).unwrap();
        let message: String = breaches.iter().map(|b| format!("\n{b}")).collect();
        assert!(breaches.is_empty(), "{message}");
    }

    #[test]
    fn finds_the_tables_of_the_schema() {
        let tables = tables(&workspace_root()).unwrap();
        for table in ["orders", "tenants", "own_tenant"] {
            assert!(tables.iter().any(|name| name == table), "{table}: {tables:?}");
        }
    }

    #[test]
    fn finds_its_own_sources() {
        let files = rust_files(&workspace_root().join("xtask")).unwrap();
        assert!(files.iter().any(|f| f.ends_with("src/tidy/mod.rs")), "{files:?}");
    }
}
