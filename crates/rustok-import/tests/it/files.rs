//! Small files and the real ones.

use rustok_import::{NodeItem, ProductItem, RowError, ShopifyReader, WordpressItem, WordpressReader};
use std::fs::File;
use std::path::Path;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// A real export; its absence is a failure, never a skipped test.
pub(crate) fn open(name: &str) -> File {
    let path = Path::new(DATA).join(name);
    File::open(&path).unwrap_or_else(|error| {
        panic!(
            "the real export {} is needed for this test and cannot be opened: {error}",
            path.display()
        )
    })
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut open(name), &mut content).unwrap();
    content
}

/// Products and errors, apart.
pub(crate) fn shopify(text: impl AsRef<[u8]>) -> (Vec<ProductItem>, Vec<RowError>) {
    split(ShopifyReader::new(text.as_ref(), "shop.csv", 2))
}

/// Items and errors, apart.
pub(crate) fn wordpress(text: impl AsRef<[u8]>) -> (Vec<WordpressItem>, Vec<RowError>) {
    split(WordpressReader::new(text.as_ref(), "site.xml"))
}

pub(crate) fn split<T>(items: impl Iterator<Item = Result<T, RowError>>) -> (Vec<T>, Vec<RowError>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(item) => good.push(item),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

pub(crate) fn nodes(items: Vec<WordpressItem>) -> Vec<NodeItem> {
    items
        .into_iter()
        .filter_map(|item| {
            if let WordpressItem::Node(node) = item {
                Some(*node)
            } else {
                None
            }
        })
        .collect()
}

/// `line:column reason` of every error.
pub(crate) fn places(errors: &[RowError]) -> Vec<(u64, u64)> {
    errors.iter().map(|error| (error.line, error.column)).collect()
}

/// An export of version 1.2 with this in its channel, which starts on line 3.
pub(crate) fn wxr(channel: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" \
         xmlns:excerpt=\"http://wordpress.org/export/1.2/excerpt/\" \
         xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><wp:wxr_version>1.2</wp:wxr_version>\n{channel}\n\
         </channel></rss>\n"
    )
}

/// A published post with these further elements.
pub(crate) fn post(id: u32, more: &str) -> String {
    format!(
        "<item><title>Post {id}</title><wp:post_id>{id}</wp:post_id><wp:post_type>post</wp:post_type>\
         <wp:status>publish</wp:status><wp:post_date_gmt>2020-01-02 03:04:05</wp:post_date_gmt>{more}</item>"
    )
}
