//! `cargo run -p xtask -- schema`: writes the migrations of both databases from crates/rustok-storage/schema.
//!
//! A migration that has landed never changes: `landed.txt` lists each with the checksum of its SQL. `schema --land` adds
//! the new ones to the list.

use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const SOURCES: &str = "crates/rustok-storage/schema";
const MIGRATIONS: &str = "crates/rustok-storage/migrations";
const LANDED: &str = "crates/rustok-storage/migrations/landed.txt";

/// A generated file and its content.
type Generated = (PathBuf, String);

/// Runs the command; false if a landed migration would change.
pub(crate) fn run(root: &Path, land: bool, out: &mut impl Write) -> Result<bool, Box<dyn std::error::Error>> {
    let (files, sums) = generate(root)?;
    let faults = landed_faults(&fs::read_to_string(root.join(LANDED))?, &sums);
    for fault in &faults {
        writeln!(out, "schema: {fault}")?;
    }
    if !faults.is_empty() {
        return Ok(false);
    }
    for (path, content) in files {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
    }
    if land {
        fs::write(root.join(LANDED), sums.concat())?;
    }
    Ok(true)
}

/// What differs between the sources and the files that were made from them, one sentence each.
pub(crate) fn differences(root: &Path) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    let (files, sums) = generate(root)?;
    let mut found = Vec::new();
    for (path, content) in files {
        if fs::read_to_string(root.join(&path)).ok() != Some(content) {
            let message = "is not what its source makes: run `cargo run -p xtask -- schema`";
            found.push((path.display().to_string(), message.to_owned()));
        }
    }
    let listed = fs::read_to_string(root.join(LANDED))?;
    let mut faults = landed_faults(&listed, &sums);
    if faults.is_empty() && listed.lines().count() < sums.len() {
        faults.push(
            "lacks the new migration: when it is finished, run `cargo run -p xtask -- schema --land`"
                .to_owned(),
        );
    }
    found.extend(faults.into_iter().map(|fault| (LANDED.to_owned(), fault)));
    Ok(found)
}

/// The generated files, and a line of `landed.txt` for each migration.
fn generate(root: &Path) -> Result<(Vec<Generated>, Vec<String>), Box<dyn std::error::Error>> {
    let sources = sources(&root.join(SOURCES))?;
    let named = sources.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let migrations = rustok_schema::render(named)?;
    let mut files = Vec::new();
    let mut sums = Vec::new();
    for migration in migrations {
        let sum = Sha256::new()
            .chain_update(&migration.sqlite)
            .chain_update(&migration.postgres)
            .finalize();
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push(format!("{} {sum}\n", migration.name));
        for (database, sql) in [("sqlite", migration.sqlite), ("postgres", migration.postgres)] {
            let file = format!("{}.sql", migration.name);
            files.push((Path::new(MIGRATIONS).join(database).join(file), sql));
        }
    }
    Ok((files, sums))
}

/// The source files by name, in order.
fn sources(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            sources.push((name.to_owned(), fs::read_to_string(&path)?));
        }
    }
    sources.sort();
    Ok(sources)
}

/// The landed migrations that are not what they were.
fn landed_faults(listed: &str, sums: &[String]) -> Vec<String> {
    let mut sums = sums.iter();
    let mut faults = Vec::new();
    for line in listed.lines() {
        if sums.next().map(|sum| sum.trim_end()) != Some(line) {
            let name = line.split(' ').next().unwrap_or_default();
            faults.push(format!(
                "{name} has landed and would be another now: leave it as it is, and write a new migration"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_landed_stays() {
        let sums = ["0001_a 11\n".to_owned(), "0002_b 22\n".to_owned()];
        assert_eq!(landed_faults("0001_a 11\n", &sums), [""; 0]);
        assert_eq!(landed_faults("", &sums), [""; 0]);
        for changed in ["0001_a 12\n", "0001_z 11\n", "0001_a 11\n0002_b 22\n0003_c 33\n"] {
            assert_eq!(landed_faults(changed, &sums).len(), 1, "{changed}");
        }
    }
}
