//! Files that are not part of this repository: `scripts/real-files FOLDER` imports every export in a folder. What is in
//! them is not known here, so this holds for any of them.

use super::*;
use rustok_test_support::TestDatabase;

/// How many items the file has, counted without any of our own readers; `None` where that needs one.
fn items_of(kind: &str, path: &Path) -> Option<u64> {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    (kind == "wordpress").then(|| text.lines().filter(|line| line.trim() == "<item>").count() as u64)
}

async fn report(command: &ServerCommand, kind: &str, file: &Path) -> Value {
    let finished = import(command, kind, file, "shop1", &[]).await;
    assert!(matches!(finished.code, Some(0 | 1)), "{finished:#?}");
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:#?}"))
}

async fn what_is_imported_is_there_and_stays_as_it_is(db: TestDatabase) {
    let folder = std::env::var_os("RUSTOK_REAL_FILES")
        .unwrap_or_else(|| panic!("RUSTOK_REAL_FILES is not set: scripts/real-files FOLDER"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let shop = Shop::start(rustok(db.url())).await;
    let command = shop.server.command();
    for file in files {
        let (kind, list) = match file.extension().and_then(|end| end.to_str()) {
            Some("csv") => ("shopify", "/products"),
            Some("xml") => ("wordpress", "/nodes"),
            _ => continue,
        };
        let name = file.display();
        let before = admin(&shop, list).await.len() as u64;
        let first = report(command, kind, &file).await;
        let [created, updated, unchanged, skipped] = counts(&first);
        let errors = first["error_count"].as_u64().unwrap();
        eprintln!(
            "{name}: {created} created, {updated} updated, {unchanged} unchanged, {skipped} skipped, {errors} errors"
        );
        let kept = admin(&shop, list).await;
        assert_eq!(
            kept.len() as u64,
            before + created,
            "{name}: the report and the database differ"
        );
        if errors == 0
            && let Some(items) = items_of(kind, &file)
        {
            assert!(
                created + updated + unchanged + skipped >= items,
                "{name}: of {items} items some are lost: {first:#}"
            );
        }
        let again = report(command, kind, &file).await;
        assert_eq!(
            counts(&again),
            [0, 0, created + updated + unchanged, skipped],
            "{name}: {again:#}"
        );
        assert_eq!(again["error_count"], first["error_count"], "{name}");
        assert_eq!(
            admin(&shop, list).await,
            kept,
            "{name}: the second import changed something"
        );
    }
}

#[tokio::test]
#[ignore = "reads files outside the repository: scripts/real-files FOLDER"]
async fn what_is_imported_is_there_and_stays_as_it_is_on_sqlite() {
    what_is_imported_is_there_and_stays_as_it_is(TestDatabase::sqlite()).await;
}

#[tokio::test]
#[ignore = "reads files outside the repository: scripts/real-files FOLDER"]
async fn what_is_imported_is_there_and_stays_as_it_is_on_postgres() {
    what_is_imported_is_there_and_stays_as_it_is(TestDatabase::postgres().await).await;
}
