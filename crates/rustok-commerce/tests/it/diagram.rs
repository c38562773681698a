//! The diagram in the docs is that of the table, and it is written here: with `RENEW_DIAGRAMS=1`.

use rustok_commerce::order_machine;
use std::fs;
use std::path::Path;

const DOCS: [&str; 1] = ["../../docs/STATE_MACHINE_GUIDE.md"];
const MARK: &str = "<!-- diagram of the order: `RENEW_DIAGRAMS=1 cargo test -p rustok-commerce --test it diagram` writes it -->\n";

#[test]
fn the_docs_show_the_table() {
    for doc in DOCS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(doc);
        let shown = fs::read_to_string(&path).unwrap();
        let (before, rest) = shown.split_once(MARK).unwrap();
        let (_, after) = rest.split_once("\n```\n").unwrap();
        let due = format!(
            "{before}{MARK}```mermaid\n{}```\n{after}",
            order_machine().to_mermaid()
        );
        if std::env::var_os("RENEW_DIAGRAMS").is_some() {
            fs::write(&path, due).unwrap();
        } else {
            assert!(shown == due, "{doc} is out of date. {MARK}");
        }
    }
}
