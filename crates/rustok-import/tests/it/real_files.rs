//! Files that are not part of this repository: `scripts/real-files FOLDER` runs this over every export in a folder. What
//! is in them is not known here, so this holds for any of them.

use crate::memory::{MAX_GROWTH_KB, alone, peak_kb};
use rustok_import::{RowError, ShopifyReader, WordpressReader};
use std::fs::File;
use std::path::PathBuf;

/// The exports in the folder, by the ends of their names.
fn files(end: &str) -> Vec<PathBuf> {
    let folder = std::env::var_os("RUSTOK_REAL_FILES")
        .expect("RUSTOK_REAL_FILES is not set: scripts/real-files FOLDER");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == end));
    files.sort();
    files
}

/// What came of a reading, in digest: how many parts and errors there were, and the hash of every part.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    hashes: Vec<[u8; 32]>,
    errors: Vec<RowError>,
    skipped: u64,
    bytes: u64,
    stopped_early: bool,
}

fn read<T>(
    items: impl Iterator<Item = Result<T, RowError>>,
    hash: impl Fn(T) -> Option<[u8; 32]>,
) -> (Vec<[u8; 32]>, Vec<RowError>) {
    let (mut hashes, mut errors) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(item) => hashes.extend(hash(item)),
            Err(error) => errors.push(error),
        }
    }
    (hashes, errors)
}

fn reading(path: &PathBuf) -> Reading {
    let file = File::open(path).unwrap();
    let ((hashes, errors), skipped, bytes, stopped_early);
    if path.extension().is_some_and(|end| end == "csv") {
        let mut reader = ShopifyReader::new(file, "a", 2);
        (hashes, errors) = read(reader.by_ref(), |item| Some(item.into_product()?.source_hash));
        (skipped, bytes) = (reader.skipped().total(), reader.bytes_read());
        stopped_early = reader.stopped_early();
    } else {
        let mut reader = WordpressReader::new(file, "a");
        (hashes, errors) = read(reader.by_ref(), |item| match item {
            rustok_import::WordpressItem::Node(node) => Some(node.source_hash),
            _ => None,
        });
        (skipped, bytes) = (reader.skipped().total(), reader.bytes_read());
        stopped_early = reader.stopped_early();
    }
    Reading {
        hashes,
        errors,
        skipped,
        bytes,
        stopped_early,
    }
}

#[test]
#[ignore = "reads files outside the repository: scripts/real-files FOLDER"]
fn every_file_is_read_whole_twice_alike_and_in_flat_memory() {
    if !alone(
        "real_files",
        "every_file_is_read_whole_twice_alike_and_in_flat_memory",
    ) {
        return;
    }
    let all = [files("csv"), files("xml")].concat();
    assert!(!all.is_empty(), "no *.csv and no *.xml in RUSTOK_REAL_FILES");
    for path in all {
        let name = path.display();
        let before = peak_kb();
        let first = reading(&path);
        let growth = peak_kb() - before;
        eprintln!(
            "{name}: {} products or nodes, {} errors, {} left out, {} bytes, memory grew by {growth} KB",
            first.hashes.len(),
            first.errors.len(),
            first.skipped,
            first.bytes
        );
        assert!(growth < MAX_GROWTH_KB, "{name}: memory grew by {growth} KB");
        assert!(
            first.stopped_early || first.bytes == path.metadata().unwrap().len(),
            "{name}: {first:?}"
        );
        assert!(
            !first.stopped_early || !first.errors.is_empty(),
            "{name} ends early without a word"
        );
        assert!(
            first
                .errors
                .iter()
                .all(|error| error.line > 0 && error.column > 0),
            "{name}"
        );
        assert_eq!(reading(&path), first, "{name}: a second reading differs");
    }
}
