//! Memory does not grow with the file: both readers over generated files of 100,000 entries, and a quote that is never
//! closed.

use crate::files::product;
use rustok_import::{ShopifyReader, WordpressItem, WordpressReader};
use std::io::{self, Read};
use std::process::Command;

const ENTRIES: u64 = 100_000;
/// The readers hold well under 1 MB, and up to 5 MB of hashes for the identifiers of 100,000 entries. The smallest of
/// the files has 35 MB.
pub(crate) const MAX_GROWTH_KB: u64 = 12_000;
const MIN_FILE_BYTES: u64 = 35_000_000;

/// Set in the process that a test starts for itself: memory is that of a whole process, and other tests run in this one.
const CHILD: &str = "RUSTOK_IMPORT_MEMORY_CHILD";

/// Runs this test of this crate once more, alone in a process of its own; `true` in that process.
pub(crate) fn alone(module: &str, test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("{module}::{test}"),
            "--test-threads=1",
            "--include-ignored",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let reported = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && reported.contains("1 passed"),
        "{reported}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    eprint!("{reported}");
    false
}

/// A file that exists only while it is read.
struct Generated<F> {
    part: F,
    next: u64,
    end: u64,
    rest: Vec<u8>,
    read: usize,
}

impl<F: Fn(u64) -> String> Generated<F> {
    fn new(end: u64, part: F) -> Self {
        Self {
            part,
            next: 0,
            end,
            rest: Vec::new(),
            read: 0,
        }
    }
}

impl<F: Fn(u64) -> String> Read for Generated<F> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.read == self.rest.len() && self.next < self.end {
            self.rest = (self.part)(self.next).into_bytes();
            self.read = 0;
            self.next += 1;
        }
        let count = (&self.rest[self.read..]).read(target)?;
        self.read += count;
        Ok(count)
    }
}

/// The most memory that this process has ever held.
pub(crate) fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this test needs Linux' /proc");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Counts items, and by how much the peak of memory rose meanwhile.
fn count<T>(items: impl Iterator<Item = T>, mut good: impl FnMut(T) -> bool) -> (u64, u64) {
    let start = peak_kb();
    let mut total = 0;
    for item in items {
        total += u64::from(good(item));
    }
    (total, peak_kb() - start)
}

#[test]
fn a_csv_of_100_000_products_is_read_in_flat_memory() {
    if !alone("memory", "a_csv_of_100_000_products_is_read_in_flat_memory") {
        return;
    }
    let body = "x".repeat(300);
    let file = Generated::new(ENTRIES + 1, move |number| match number.checked_sub(1) {
        None => "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price,Image Src\n".to_owned(),
        Some(number) => format!(
            "product-{number},Product {number},{body},Size,S,{number}.50,https://x.test/{number}\n\
             product-{number},,,,M,5,\n"
        ),
    });
    let mut reader = ShopifyReader::new(file, "big.csv", 2);
    let (total, growth) = count(reader.by_ref(), |item| product(item.unwrap()).variants.len() == 2);
    assert_eq!(total, ENTRIES);
    assert!(reader.bytes_read() > MIN_FILE_BYTES);
    assert!(growth < MAX_GROWTH_KB, "memory grew by {growth} KB");
}

#[test]
fn an_export_of_100_000_posts_is_read_in_flat_memory() {
    if !alone("memory", "an_export_of_100_000_posts_is_read_in_flat_memory") {
        return;
    }
    let body = "x".repeat(300);
    let file = Generated::new(ENTRIES + 2, move |number| match number {
        0 => "<rss><channel><wp:wxr_version>1.2</wp:wxr_version>\n".to_owned(),
        _ if number > ENTRIES => "</channel></rss>".to_owned(),
        number => format!(
            "<item><title>{number}</title><wp:post_id>{number}</wp:post_id><wp:post_type>post</wp:post_type>\
             <wp:status>publish</wp:status><content:encoded><![CDATA[{body}]]></content:encoded></item>\n"
        ),
    });
    let mut reader = WordpressReader::new(file, "big.xml");
    let (total, growth) = count(reader.by_ref(), |item| matches!(item, Ok(WordpressItem::Node(_))));
    assert_eq!(total, ENTRIES);
    assert!(reader.bytes_read() > MIN_FILE_BYTES);
    assert!(growth < MAX_GROWTH_KB, "memory grew by {growth} KB");
}

#[test]
fn a_field_that_is_repeated_without_end_is_kept_once() {
    if !alone("memory", "a_field_that_is_repeated_without_end_is_kept_once") {
        return;
    }
    let body = "x".repeat(300_000);
    let file = Generated::new(202, move |number| match number {
        0 => "<rss><channel><wp:wxr_version>1.2</wp:wxr_version><item><wp:post_id>1</wp:post_id>\
              <wp:post_type>post</wp:post_type>"
            .to_owned(),
        201 => "</item></channel></rss>".to_owned(),
        number => format!("<content:encoded>{number} {body}</content:encoded>"),
    });
    let mut reader = WordpressReader::new(file, "big.xml");
    let (total, growth) = count(reader.by_ref(), |item| match item {
        Ok(WordpressItem::Node(node)) => node.body.starts_with("1 x"),
        other => panic!("{other:?}"),
    });
    assert_eq!(total, 1);
    assert!(reader.bytes_read() > MIN_FILE_BYTES);
    assert!(growth < MAX_GROWTH_KB, "memory grew by {growth} KB");
}

#[test]
fn a_quote_that_is_never_closed_does_not_pull_the_file_into_memory() {
    if !alone(
        "memory",
        "a_quote_that_is_never_closed_does_not_pull_the_file_into_memory",
    ) {
        return;
    }
    let filler = "no,end,\n".repeat(8_192);
    let file = Generated::new(1_000, move |number| match number {
        0 => "Handle,Title,Vendor\nmug,Mug,\ncup,\"Cup,\n".to_owned(),
        _ => filler.clone(),
    });
    let mut reader = ShopifyReader::new(file, "big.csv", 2);
    let (total, growth) = count(reader.by_ref(), |item| match item {
        Ok(item) => product(item).handle == "mug",
        Err(error) => {
            assert_eq!((error.line, error.column), (3, 5));
            false
        }
    });
    assert_eq!(total, 1);
    assert!(reader.bytes_read() > MIN_FILE_BYTES);
    assert!(growth < MAX_GROWTH_KB, "memory grew by {growth} KB");
}
