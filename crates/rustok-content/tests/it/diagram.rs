//! The diagrams in the docs are those of the table, and they are written here: with `RENEW_DIAGRAMS=1`.

use rustok_content::state_machine::transitions;
use std::fs;
use std::path::Path;

const DOCS: [&str; 2] = ["README.md", "../../docs/STATE_MACHINE_GUIDE.md"];
const MARK: &str = "<!-- diagram of the node: `RENEW_DIAGRAMS=1 cargo test -p rustok-content --test it diagram` writes it -->\n";

#[test]
fn the_docs_show_the_table() {
    for doc in DOCS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(doc);
        let shown = fs::read_to_string(&path).unwrap();
        let (before, rest) = shown.split_once(MARK).unwrap();
        let (_, after) = rest.split_once("\n```\n").unwrap();
        let due = format!(
            "{before}{MARK}```mermaid\n{}```\n{after}",
            transitions().to_mermaid()
        );
        if std::env::var_os("RENEW_DIAGRAMS").is_some() {
            fs::write(&path, due).unwrap();
        } else {
            assert!(shown == due, "{doc} is out of date. {MARK}");
        }
    }
}
