//! Every edge of the product CSV, on small files.

use crate::files::{places, product, products, shopify};
use rust_decimal::Decimal;
use rustok_import::{Field, ProductItem, ProductStatus, RowError, ShopifyReader};
use std::io::{self, Read};

/// One product of one row, with these columns.
fn one(header: &str, row: &str) -> Result<ProductItem, RowError> {
    let text = format!("Handle,Title,{header}\nmug,Mug,{row}\n");
    let (mut products, mut errors) = shopify(text);
    match (products.pop(), errors.pop()) {
        (Some(product), None) => Ok(product),
        (None, Some(error)) => Err(error),
        other => panic!("expected one product or one error: {other:?}"),
    }
}

#[test]
fn a_full_row_is_read_field_by_field() {
    let product = one(
        "Body (HTML),Vendor,Type,Tags,Published,Status,Gift Card,Option1 Name,Option1 Value,Option2 Name,Option2 Value,\
         Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,\
         Variant Inventory Policy,Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Image Position,\
         Image Alt Text,Variant Image,SEO Title",
        "\"<p>\"\"Hi\"\"\n</p>\",Acme,Cups,\"new, Sale ,new,,NEW\",TRUE,active,true,Size,S,,,Colour,Red,A-1,12.5,shopify,\
         -3,continue,19.90,25,'00123,https://x.test/a.jpg,1,A mug,https://x.test/v.jpg,ignored",
    )
    .unwrap();
    assert_eq!(product.description_html, "<p>\"Hi\"\n</p>");
    assert_eq!(
        (product.vendor.as_str(), product.product_type.as_str()),
        ("Acme", "Cups")
    );
    assert_eq!(product.tags, ["new", "Sale"]);
    assert!(product.gift_card && !product.incomplete);
    // An option without a name does not exist; the third column is the second option.
    assert_eq!(product.options, ["Size", "Colour"]);
    let variant = &product.variants[0];
    assert_eq!(variant.option_values, ["S", "Red"]);
    assert_eq!(variant.sku.as_deref(), Some("A-1"));
    assert_eq!(
        (variant.tracked, variant.quantity, variant.allow_backorder),
        (true, Some(-3), true)
    );
    assert_eq!(variant.price, Some(Decimal::new(1990, 2)));
    assert_eq!(variant.compare_at, Some(Decimal::from(25)));
    assert_eq!(
        (variant.grams, variant.barcode.as_deref()),
        (Some(13), Some("00123"))
    );
    assert_eq!(variant.image_url.as_deref(), Some("https://x.test/v.jpg"));
    assert_eq!(product.images.len(), 1);
    assert_eq!(product.images[0].alt.as_deref(), Some("A mug"));
}

#[test]
fn the_newer_template_is_the_same_product() {
    let older = "Handle,Title,Body (HTML),Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,\
                 Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,\
                 Variant Compare At Price,Variant Barcode,Image Src,Variant Image\n\
                 mug,Mug,Hi,true,Size,S,A,5,shopify,7,deny,1.50,2,9,https://x.test/a,https://x.test/b\n";
    let newer = "\u{feff}Title,url HANDLE ,Description,Published on online store,SKU,Barcode,Option1 name,Option1 value,\
                 Option1 Linked To,Price,Compare-at price,Inventory tracker,Inventory quantity,\
                 Continue selling when out of stock,Weight value (grams),Product image URL,Variant image URL\r\n\
                 Mug,Mug,Hi,TRUE,A,9,Size,S,product.metafields.x,1.5,2.00,shopify,7,DENY,5.0,https://x.test/a,\
                 https://x.test/b\r\n";
    let (older, errors) = shopify(older);
    assert_eq!(errors, []);
    let (newer, errors) = shopify(newer);
    assert_eq!(errors, []);
    assert_eq!(
        older[0].source_hash, newer[0].source_hash,
        "{:?} {:?}",
        older[0], newer[0]
    );
}

#[test]
fn further_rows_add_variants_and_images() {
    let (products, errors) = shopify(
        "Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src,Image Position,Image Alt Text,Variant Grams\n\
         mug,Mug,Size,S,1,https://x.test/2,2,,0\n\
         mug,,,M,2,https://x.test/1,1,one,0\n\
         mug,,,,,https://x.test/9,,,0\n\
         mug,,,,,https://x.test/2,7,again,0\n\
         mug,,,,,https://x.test/3,3,,0\n\
         cup,Cup,,,5,,,,\n",
    );
    assert_eq!(errors, []);
    assert_eq!(products.len(), 2);
    let urls: Vec<_> = products[0]
        .images
        .iter()
        .map(|image| (image.position, image.url.as_str(), image.alt.as_deref()))
        .collect();
    assert_eq!(
        urls,
        [
            (1, "https://x.test/1", Some("one")),
            (2, "https://x.test/2", Some("again")),
            (3, "https://x.test/3", None),
            (4, "https://x.test/9", None)
        ]
    );
    assert_eq!(products[0].variants.len(), 2);
    assert_eq!(products[1].variants.len(), 1);
}

#[test]
fn stock_is_tracked_only_with_a_tracker() {
    let header = "Variant Inventory Tracker,Variant Inventory Qty";
    let variant = |row| one(header, row).unwrap().variants.remove(0);
    assert_eq!((variant(",5").tracked, variant(",5").quantity), (false, None));
    assert_eq!(
        (variant("shopify,5").tracked, variant("shopify,5").quantity),
        (true, Some(5))
    );
    assert_eq!(
        (variant("shopify,").tracked, variant("shopify,").quantity),
        (true, None)
    );
    for bad in ["shopify,1.5", "shopify,99999999999"] {
        let (products, errors) = shopify(format!("Handle,Title,{header}\nmug,Mug,{bad}\n"));
        assert_eq!(places(&errors), [(2, 17)]);
        assert!(products[0].variants[0].unread.has(Field::Quantity));
    }
    // Without a column for the tracker a number is meant.
    let counted = one("Variant Inventory Qty", "5.0").unwrap();
    assert_eq!(
        (counted.variants[0].tracked, counted.variants[0].quantity),
        (true, Some(5))
    );
    assert!(counted.stated.has(Field::Tracking) && !counted.stated.has(Field::Backorder));
}

#[test]
fn only_what_is_sold_and_published_is_active() {
    let status = |row| one("Status,Published", row).map(|product| product.status);
    for (row, expected) in [
        (",", ProductStatus::Active),
        (",true", ProductStatus::Active),
        (",FALSE", ProductStatus::Draft),
        ("Active,", ProductStatus::Active),
        ("active,false", ProductStatus::Draft),
        ("draft,true", ProductStatus::Draft),
        ("unlisted,true", ProductStatus::Draft),
        ("archived,true", ProductStatus::Archived),
    ] {
        assert_eq!(status(row).unwrap(), expected, "{row}");
    }
}

#[test]
fn a_bad_cell_costs_its_value_or_the_row_that_it_identifies() {
    for (header, row, column, word) in [
        ("Variant Price", "\"1,234\"", 9, "thousands"),
        ("Variant Price", "-5", 9, "price"),
        ("Variant Price", "1.9999", 9, "decimals"),
        ("Vendor,Variant Compare At Price", "é,five", 11, "price"),
        ("Variant Grams", "heavy", 9, "grams"),
        ("Variant Inventory Policy", "perhaps", 9, "deny"),
        ("Image Src", "javascript:alert(1)", 9, "http"),
        ("Image Src", "https://", 9, "http"),
        (
            "Image Src,Image Position",
            "https://x.test/a,first",
            26,
            "position",
        ),
        ("Gift Card", "perhaps", 9, "true nor false"),
        ("Status", "sold", 9, "neither active"),
    ] {
        let text = format!("Handle,Title,{header}\ncup,Cup\nmug,Mug,{row}\njug,Jug\n");
        let (products, errors) = shopify(&text);
        assert_eq!(places(&errors), [(3, column)], "{text}{errors:?}");
        assert!(errors[0].reason.contains(word), "{row}: {}", errors[0].reason);
        assert_eq!((errors[0].file.as_str(), products.len()), ("shop.csv", 3));
    }
    for (header, row, column, word) in [
        ("Option1 Name,Option1 Value", "Size,", 14, "Size"),
        ("Option1 Name,Option1 Value", ",S", 10, "no name"),
        (
            "Option1 Name,Option1 Value,Option2 Name,Option2 Value",
            "Size,S,Size,M",
            16,
            "two options",
        ),
        ("Vendor", "a,b", 11, "separator"),
    ] {
        let text = format!("Handle,Title,{header}\ncup,Cup\nmug,Mug,{row}\nmug,,\njug,Jug\n");
        let (products, errors) = shopify(&text);
        assert_eq!(places(&errors), [(3, column)], "{text}{errors:?}");
        assert!(errors[0].reason.contains(word), "{row}: {}", errors[0].reason);
        let handles: Vec<_> = products.iter().map(|product| product.handle.as_str()).collect();
        assert_eq!(handles, ["cup", "jug"]);
    }
}

#[test]
fn what_could_not_be_read_is_as_if_the_file_had_no_such_column() {
    let (products, errors) = shopify(
        "Handle,Title,Status,Vendor,Option1 Name,Option1 Value,Variant Price,Variant Grams\n\
         mug,Mug,sold,Acme,Size,S,x,5\nmug,,,,,M,2,heavy\njug,Jug,,\n",
    );
    assert_eq!(places(&errors), [(2, 9), (2, 26), (3, 13)]);
    let [mug, jug] = products.as_slice() else {
        panic!("{products:?}")
    };
    assert!(mug.stated.has(Field::Vendor) && !mug.stated.has(Field::Status));
    let unread: Vec<_> = mug
        .variants
        .iter()
        .map(|variant| (variant.unread.has(Field::Price), variant.unread.has(Field::Grams)))
        .collect();
    assert_eq!(unread, [(true, false), (false, true)]);
    // A blank status says nothing, and neither do cells that a short row lacks.
    assert!(
        !jug.stated.has(Field::Status) && jug.stated.has(Field::Vendor) && !jug.stated.has(Field::Options)
    );
    assert!(!jug.stated.has(Field::Images) && jug.variants[0].unread.has(Field::Price));
}

#[test]
fn a_bad_further_row_takes_out_only_itself_and_marks_the_product() {
    let text = "Handle,Title,Option1 Name,Option1 Value,Variant Price\n\
                mug,Mug,Size,S,1\nmug,,,,x\nmug,,,L,3\nmug,,,S,4\n,,,XL,5\ncup,Cup,,,1\n";
    let mut order = Vec::new();
    for item in ShopifyReader::new(text.as_bytes(), "shop.csv", 2) {
        order.push(match item.map(product) {
            Ok(product) => format!(
                "{} {} {}",
                product.handle,
                product.variants.len(),
                product.incomplete
            ),
            Err(error) => format!("{}:{}", error.line, error.column),
        });
    }
    // The second S, and a row without a handle.
    assert_eq!(order, ["3:7", "5:7", "6:1", "mug 2 true", "cup 1 false"]);

    let whole = "Handle,Title,Option1 Name,Option1 Value,Variant Price\nmug,Mug,Size,S,1\nmug,,,L,3\n";
    assert_ne!(shopify(text).0[0].source_hash, shopify(whole).0[0].source_hash);
}

#[test]
fn a_second_variant_needs_an_option() {
    let (products, errors) = shopify("Handle,Title,Variant Price\nmug,Mug,1\nmug,,2\n");
    assert_eq!(products[0].variants.len(), 1);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].reason.contains("line 2"), "{}", errors[0]);
}

#[test]
fn title_and_default_title_mean_no_option_only_together() {
    let options = "Option1 Name,Option1 Value";
    assert!(one(options, "Title,Default Title").unwrap().options.is_empty());
    assert!(
        one(options, ",Default Title").unwrap().variants[0]
            .option_values
            .is_empty()
    );
    assert_eq!(one(options, "Title,Mr").unwrap().options, ["Title"]);
    assert_eq!(
        one(options, "Size,Default Title").unwrap().variants[0].option_values,
        ["Default Title"]
    );
}

#[test]
fn a_handle_that_comes_back_is_told_once_with_the_earlier_line() {
    let mut reader = ShopifyReader::new(
        &b"Handle,Title\nmug,Mug\ncup,Cup\nMUG ,Mug\nmug,,\njug,Jug\n"[..],
        "shop.csv",
        2,
    );
    let (products, errors) = products(reader.by_ref());
    assert_eq!(products.len(), 3);
    assert_eq!(places(&errors), [(4, 1)]);
    assert!(errors[0].reason.contains("line 2"));
    assert_eq!(reader.skipped().count("row of a refused product"), 1);
}

#[test]
fn blank_rows_and_rows_without_use_are_counted() {
    let mut reader = ShopifyReader::new(
        &b"\n\nHandle,Title,Other\n\nmug,Mug,\n,,\n  , ,\r\nmug,,metafield\n\n"[..],
        "shop.csv",
        2,
    );
    let (products, errors) = products(reader.by_ref());
    assert_eq!((products.len(), errors.len()), (1, 0));
    assert_eq!(products[0].line, 5);
    let skipped: Vec<_> = reader.skipped().iter().collect();
    assert_eq!(
        skipped,
        [
            ("blank row", 2),
            ("column \"Other\"", 1),
            ("row without variant or image", 1)
        ]
    );
}

#[test]
fn rows_without_a_title_or_handle_are_refused() {
    let (products, errors) = shopify("Handle,Title\nmug,\nmug,\n,Cup\njug,Jug\n");
    assert_eq!(places(&errors), [(2, 5), (4, 1)]);
    assert_eq!(products.len(), 1);
    let long = "x".repeat(256);
    assert_eq!(
        places(&shopify(format!("Handle,Title\n{long},Mug\n")).1),
        [(2, 1)]
    );
}

#[test]
fn a_file_that_is_no_product_csv_says_so_and_ends() {
    for (text, word) in [
        (&b""[..], "empty"),
        (b"\n\r\n", "empty"),
        (b"Name,Price\nmug,1\n", "\"Handle\""),
        (b"Handle,Name\nmug,1\n", "one more that is known"),
        (b"PK\x03\x04rest", "cannot be read"),
        (b"<!DOCTYPE html><html>", "login page"),
        (b"<?xml version='1.0'?><rss/>", "source wordpress"),
        (
            b"Name,Email,Financial Status\n#1,a@b.c,paid\n",
            "orders with 1 rows",
        ),
        (b"Handle,\"Title\nmug,Mug\n", "quoted"),
    ] {
        let mut reader = ShopifyReader::new(text, "shop.csv", 2);
        let (products, errors) = products(reader.by_ref());
        assert_eq!((products.len(), errors.len()), (0, 1), "{word}");
        assert!(errors[0].reason.contains(word), "{}", errors[0]);
        assert!(reader.stopped_early());
    }
}

#[test]
fn text_that_is_not_utf8_costs_its_cell_or_the_row_that_it_names() {
    let (products, errors) =
        shopify(b"Handle,Title,Vendor,Other\nj\xC3\xBCg,J\xC3\xBCg,\xC3\xBC,\ncup,Cup,\xE9,\nmug,M\xFCg,x,\npot,Pot,,\xE9\n");
    assert_eq!(places(&errors), [(3, 9), (4, 6), (5, 10)]);
    let titles: Vec<_> = products.iter().map(|product| product.title.as_str()).collect();
    assert_eq!(titles, ["Jüg", "Cup", "Pot"]);
    assert!(products[0].stated.has(Field::Vendor) && !products[1].stated.has(Field::Vendor));
}

#[test]
fn short_rows_are_filled_and_surplus_blanks_ignored() {
    let (products, errors) = shopify("Handle,Title,Vendor,Variant Price\nmug,Mug\ncup,Cup,,2,,,\n");
    assert_eq!(errors, []);
    assert_eq!(products[0].variants[0].price, None);
    assert_eq!(products[1].variants[0].price, Some(Decimal::from(2)));
}

#[test]
fn decimals_follow_the_currency() {
    let text = &b"Handle,Title,Variant Price\nmug,Mug,50.00\ncup,Cup,50.5\n"[..];
    let (products, errors) = products(ShopifyReader::new(text, "shop.csv", 0));
    assert_eq!(products[0].variants[0].price, Some(Decimal::from(50)));
    assert_eq!(places(&errors), [(3, 9)]);
    assert_eq!(
        crate::files::products(ShopifyReader::new(text, "shop.csv", 3))
            .0
            .len(),
        2
    );
}

#[test]
fn hashes_follow_the_meaning_and_nothing_else() {
    let hash = |text: &str| shopify(text).0[0].source_hash;
    let base = hash("Handle,Title,Vendor,Variant Price\nmug,Mug,Acme,50\n");
    assert_eq!(
        base,
        hash("Variant Price,Other,VENDOR,title,handle\r\n\r\n50.00,x, Acme,Mug ,MUG\r\n")
    );
    for other in [
        "Handle,Title,Vendor,Variant Price\nmug,Mug,Acme,51\n",
        "Handle,Title,Vendor,Variant Price\nmug,Mug,,50\n",
        "Handle,Title,Type,Variant Price\nmug,Mug,Acme,50\n",
        "Handle,Title,Vendor,Variant Price\nmugs,Mug,Acme,50\n",
        "Handle,Title,Vendor,Variant Price,Published\nmug,Mug,Acme,50,false\n",
        "Handle,Title,Vendor,Variant Price,Variant Inventory Tracker,Variant Inventory Qty\nmug,Mug,Acme,50,shopify,1\n",
        "Handle,Title,Vendor,Variant Price,Image Src\nmug,Mug,Acme,50,https://x.test/a\n",
        "Handle,Title,Vendor,Variant Compare At Price\nmug,Mug,Acme,50\n",
    ] {
        assert_ne!(base, hash(other), "{other}");
    }
}

#[test]
fn limits_of_a_product_are_told_once() {
    let mut text = "Handle,Title,Option1 Name,Option1 Value,Image Src\nmug,Mug,Size,0,\n".to_owned();
    for number in 1..2_060 {
        text.push_str(&format!("mug,,,{number},\n"));
    }
    text.push_str("cup,Cup,,,\n");
    for number in 0..260 {
        text.push_str(&format!("cup,,,,https://x.test/{number}\n"));
    }
    let (products, errors) = shopify(&text);
    assert_eq!(places(&errors), [(2 + 2_048, 1), (2 + 2_060 + 1 + 250, 1)]);
    assert!(errors[0].reason.contains("2048 variants") && errors[1].reason.contains("250 images"));
    assert_eq!(
        (products[0].variants.len(), products[0].incomplete),
        (2_048, true)
    );
    assert_eq!((products[1].images.len(), products[1].incomplete), (250, true));
}

#[test]
fn large_cells_are_refused_by_kind() {
    let row = |body: usize, vendor: usize| {
        format!(
            "Handle,Title,Body (HTML),Vendor\nmug,Mug,{},{}\ncup,Cup,,\n",
            "b".repeat(body),
            "v".repeat(vendor)
        )
    };
    let (products, errors) = shopify(row(2 * 1024 * 1024, 4_096));
    assert_eq!((products.len(), errors.len()), (2, 0));
    for text in [
        row(2 * 1024 * 1024 + 1, 1),
        row(1, 4_097),
        row(1, 1024 * 1024 + 1),
    ] {
        let (products, errors) = shopify(text);
        assert_eq!((products.len(), errors.len()), (2, 1));
        let (mug, cup) = (products[0].stated, products[1].stated);
        assert!(mug.has(Field::Vendor) != mug.has(Field::Description) && cup.has(Field::Vendor));
        assert!(errors[0].reason.len() < 300);
    }
    let tags: Vec<_> = (0..251).map(|number| number.to_string()).collect();
    let (products, errors) = shopify(format!("Handle,Title,Tags\nmug,Mug,\"{}\"\n", tags.join(",")));
    assert!(errors[0].reason.contains("tags") && !products[0].stated.has(Field::Tags));
}

/// A file on a disk that fails after its content.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("disk on fire"));
        }
        self.0.read(target)
    }
}

#[test]
fn an_unreadable_file_ends_after_what_was_read() {
    let mut reader = ShopifyReader::new(Failing(b"Handle,Title\nmug,Mug\ncup,C"), "shop.csv", 2);
    let mug = reader.next().unwrap();
    // The last row was not complete: its product is not told of.
    assert!(product(mug.unwrap()).incomplete);
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!((error.line, error.column), (3, 6));
    assert!(error.reason.contains("disk on fire"));
    assert!(reader.next().is_none() && reader.next().is_none());
    assert!(reader.stopped_early());
}
