//! Files cut at every byte and files of random bytes: no panic, no endless reading, valid beginnings kept.

use crate::files::{post, shopify, wordpress, wxr};
use proptest::prelude::*;

const CSV: &str = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price,Image Src\r\n\
    mug,Mug,\"a \"\"b\"\"\nc, ж\",Size,S,1.50,https://x.test/a\r\nmug,,,,M,2,\r\n\r\ncup,Cup,,,,3,\n\
    jug,\"Jug, 日本\",,,,4,https://x.test/b\n";

fn small_wxr() -> String {
    let channel = format!(
        "<wp:author><wp:author_login>jane</wp:author_login></wp:author>\n\
         <wp:category><wp:category_nicename>a</wp:category_nicename></wp:category>\n{}\n<!-- c -->\n{}",
        post(
            1,
            "<content:encoded><![CDATA[<p>ж]]></content:encoded><category nicename='a'>A &amp; b</category>"
        ),
        post(2, "<wp:comment><wp:x/></wp:comment>"),
    );
    wxr(&channel)
}

#[test]
fn a_csv_cut_at_every_byte_keeps_what_was_complete() {
    let (complete, errors) = shopify(CSV);
    assert_eq!((complete.len(), errors.len()), (3, 0));
    let (mut reported, mut kept) = (0, 0);
    for cut in 0..CSV.len() {
        let (products, errors) = shopify(&CSV.as_bytes()[..cut]);
        let certain = products
            .iter()
            .filter(|product| complete.contains(product))
            .count();
        // All but the last are complete; the last may lack rows that were never there.
        assert!(
            products.len() <= certain + 1 && complete.starts_with(&products[..certain]),
            "cut at {cut}"
        );
        assert!(errors.len() <= 1, "cut at {cut}: {errors:?}");
        let line = 1 + CSV.as_bytes()[..cut]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert!(
            errors
                .iter()
                .all(|error| error.line <= u64::try_from(line).unwrap())
        );
        reported += errors.len();
        kept = kept.max(certain);
    }
    assert!(reported > CSV.len() / 2, "{reported}");
    assert_eq!(kept, 3);
}

#[test]
fn an_export_cut_at_every_byte_keeps_what_was_complete_and_tells_the_place() {
    let text = small_wxr();
    let (complete, errors) = wordpress(&text);
    assert_eq!((complete.len(), errors.len()), (4, 0));
    let end = text.trim_end().len();
    let mut best = 0;
    for cut in 0..end {
        let (items, errors) = wordpress(&text.as_bytes()[..cut]);
        assert!(complete.starts_with(&items), "cut at {cut}");
        assert_eq!(errors.len(), 1, "cut at {cut}");
        let lines = 1 + text.as_bytes()[..cut]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert!(errors[0].line <= u64::try_from(lines).unwrap() && errors[0].column >= 1);
        best = best.max(items.len());
    }
    assert_eq!(best, 4);
}

/// Pieces that mean something to a reader, so that random files get past the first byte.
fn pieces(known: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::sample::select(known).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const CSV_PIECES: &[&str] = &[
    ",",
    ",",
    "\"",
    "\n",
    "\r\n",
    "\r",
    "mug",
    "Mug",
    "1.5",
    "https://x.test/a",
    "Size",
    "true",
    "'1",
    "",
    " ",
    "ж",
    "mug,Mug,x,Size,S,1,\n",
    "mug,,,,M,2,\n",
    "cup,Cup,,,,3,\n",
];
const XML_PIECES: &[&str] = &[
    "<item>",
    "</item>",
    "<title>",
    "</title>",
    "<wp:post_id>1</wp:post_id>",
    "<wp:post_type>post</wp:post_type>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?",
    "?>",
    "<!",
    "<!DOCTYPE x [",
    "]",
    ">",
    "<",
    "</",
    "/>",
    "&",
    "&amp;",
    "&#1;",
    "&#0;",
    ";",
    "\"",
    "'",
    "=",
    "xmlns:wp=\"",
    "<category domain=\"",
    "<a ",
    "x",
    "\n",
    "ж",
    "<wp:author>",
    "</wp:author>",
    "</channel>",
    "</rss>",
    "<!-->",
    "<!--->",
    "<>",
    "</>",
    "<?xml encoding='x'?>",
    "<![CDATA[]]>",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (products, errors) = shopify(&bytes);
        prop_assert!(products.len() + errors.len() <= bytes.len() + 1);
        let (items, errors) = wordpress(&bytes);
        prop_assert!(items.is_empty() && errors.len() == 1);
    }

    #[test]
    fn random_rows_never_panic_and_never_repeat_a_handle(bytes in pieces(CSV_PIECES)) {
        let mut text = CSV.lines().next().unwrap().as_bytes().to_vec();
        text.push(b'\n');
        text.extend(&bytes);
        let (products, errors) = shopify(&text);
        let lines = u64::try_from(1 + text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count()).unwrap();
        prop_assert!(errors.iter().all(|error| error.line >= 1 && error.line <= lines && error.column >= 1));
        let mut handles: Vec<_> = products.iter().map(|product| &product.handle).collect();
        handles.sort_unstable();
        let count = handles.len();
        handles.dedup();
        prop_assert_eq!(handles.len(), count);
        prop_assert!(products.iter().all(|product| !product.title.is_empty() && !product.variants.is_empty()));
    }

    #[test]
    fn random_channels_never_panic_and_keep_their_beginning(bytes in pieces(XML_PIECES)) {
        let mut text = wxr("").into_bytes();
        text.truncate(text.len() - "\n</channel></rss>\n".len());
        text.extend(post(7, "").as_bytes());
        text.extend(&bytes);
        let (items, errors) = wordpress(&text);
        prop_assert!(!items.is_empty());
        let lines = u64::try_from(1 + text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count()).unwrap();
        prop_assert!(errors.iter().all(|error| error.line >= 1 && error.line <= lines && error.column >= 1));
    }
}
