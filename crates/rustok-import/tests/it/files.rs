//! Small files, and the two exports that lie in `tests/data`.

use rustok_import::{
    NodeItem, ProductItem, RowError, ShopifyItem, ShopifyReader, WordpressItem, WordpressReader,
};

/// What Shopify's export looks like; `tests/data/README.md` says what is in it.
pub(crate) const SHOP: &[u8] = include_bytes!("../data/shop.csv");
/// What an export of WordPress looks like.
pub(crate) const SITE: &[u8] = include_bytes!("../data/site.wxr.xml");

/// Products and errors, apart.
pub(crate) fn shopify(text: impl AsRef<[u8]>) -> (Vec<ProductItem>, Vec<RowError>) {
    products(ShopifyReader::new(text.as_ref(), "shop.csv", 2))
}

/// The product of an item of a product CSV.
pub(crate) fn product(item: ShopifyItem) -> ProductItem {
    item.into_product().unwrap()
}

/// Products and errors of a reader, apart.
pub(crate) fn products(
    reader: impl Iterator<Item = Result<ShopifyItem, RowError>>,
) -> (Vec<ProductItem>, Vec<RowError>) {
    split(reader.map(|item| item.map(product)))
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
