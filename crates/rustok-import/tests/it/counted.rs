//! What a reader changes or leaves out is counted by its name.

use crate::files::{nodes, post, split, wxr};
use rustok_import::{ShopifyItem, ShopifyReader, WordpressReader};

#[test]
fn a_second_channel_is_read_as_a_site_of_its_own() {
    let second = "</channel><channel><wp:wxr_version>1.2</wp:wxr_version>\
                  <wp:base_blog_url>https://b.example</wp:base_blog_url>";
    let file = wxr(&format!("{}{second}{}", post(1, ""), post(1, "")));
    let (items, errors) = split(WordpressReader::new(file.as_bytes(), "a.xml"));
    assert_eq!(errors, []);
    let ids: Vec<_> = nodes(items).into_iter().map(|node| node.external_id).collect();
    assert_eq!(ids, ["1", "b.example#1"]);
}

#[test]
fn terms_and_texts_without_a_place_are_counted() {
    let more = "<category domain=\"post_tag\" nicename=\"\">!!!</category>loose &unknown; text";
    let file = wxr(&format!("above{}", post(1, more)));
    let mut reader = WordpressReader::new(file.as_bytes(), "a.xml");
    let (items, _) = split(reader.by_ref());
    assert_eq!(nodes(items).len(), 1);
    let skipped = reader.skipped();
    assert_eq!(
        skipped.count("term of a post without a usable slug or name"),
        1,
        "{skipped:?}"
    );
    assert_eq!(skipped.count("text between elements"), 4, "{skipped:?}");
}

#[test]
fn characters_that_an_encoding_does_not_have_are_counted() {
    let text = "Handle,Title\ncup,C?p\n";
    let units = text
        .encode_utf16()
        .map(|unit| if unit == u16::from(b'?') { 0xD800 } else { unit });
    let bytes: Vec<u8> = Some(0xFEFF)
        .into_iter()
        .chain(units)
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut reader = ShopifyReader::new(bytes.as_slice(), "a.csv", 2);
    assert_eq!(reader.by_ref().filter(Result::is_ok).count(), 1);
    let kind = "character that is none in the encoding of the file and became U+FFFD";
    assert_eq!(reader.skipped().count(kind), 1, "{:?}", reader.skipped());
}

#[test]
fn a_cell_of_an_inventory_file_that_cannot_be_read_leaves_the_stock() {
    let header = "Handle,Title,Option1 Name,Option1 Value,SKU,Location,Available,On hand\n";
    let long = "x".repeat(5_000);
    for bad in [
        format!("jug,Jüg,Size,S,{long},B,1,1\n").into_bytes(),
        format!("jug,Jüg,Size,{long},A,B,1,1\n").into_bytes(),
        [b"jug,J\xC3\xBCg,Size,S,A,B,".as_slice(), b"\xFF", b",1\n"].concat(),
    ] {
        let file = [header.as_bytes(), "jug,Jüg,Size,S,A,A,5,6\n".as_bytes(), &bad].concat();
        let mut reader = ShopifyReader::new(file.as_slice(), "a.csv", 2);
        let (items, errors) = split(reader.by_ref());
        assert_eq!(errors.len(), 1, "{errors:?}");
        let Some(ShopifyItem::Inventory(stock)) = items.first() else {
            panic!("{items:?}")
        };
        assert_eq!(stock.variants[0].available, None);
        assert_eq!(
            reader
                .skipped()
                .count("column \"On hand\" beside another \"Available\""),
            1
        );
    }
}
