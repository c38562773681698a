//! A whole product export, `tests/data/shop.csv`.

use crate::files::{self, SHOP};
use rustok_import::{ProductItem, ProductStatus, ShopifyReader, VariantItem};

const FILE: &str = "shop.csv";

fn reader() -> ShopifyReader<&'static [u8]> {
    ShopifyReader::new(SHOP, FILE, 2)
}

fn all() -> Vec<ProductItem> {
    reader()
        .map(|item| item.map(files::product))
        .collect::<Result<_, _>>()
        .unwrap()
}

fn product(handle: &str) -> ProductItem {
    all()
        .into_iter()
        .find(|product| product.handle == handle)
        .unwrap()
}

/// Each product in the order of the file: its line, how many variants and pictures it has.
#[rustfmt::skip]
const PRODUCTS: [(&str, u64, usize, usize); 24] = [
    ("linen-apron", 2, 1, 1), ("harbour-sweater", 3, 3, 1), ("ceramic-bowl", 6, 1, 1), ("tea-towel", 7, 4, 4),
    ("walnut-spoon", 16, 1, 0), ("storm-lantern", 17, 1, 1), ("oversold-candle", 18, 1, 0), ("rope-mat", 19, 1, 0),
    ("пиала-синяя", 24, 1, 1), ("soy-candle", 25, 1, 0), ("fog-horn", 26, 1, 0), ("winter-blanket", 27, 1, 0),
    ("last-years-calendar", 28, 1, 1), ("counter-only-honey", 29, 1, 0), ("gift-card", 30, 3, 0),
    ("oilskin-jacket", 33, 3, 0), ("brass-compass", 36, 1, 0), ("sail-repair", 37, 1, 0), ("deck-chair", 38, 1, 0),
    ("signal-flags", 39, 1, 3), ("pocket-knife", 42, 1, 0), ("sea-salt", 43, 1, 0), ("knitting-kit", 44, 2, 0),
    ("ship-in-a-bottle", 46, 1, 1),
];

/// Cells that have no place yet, and what was changed.
const SKIPPED: [(&str, u64); 13] = [
    ("Image Alt Text of an image that stands there twice", 1),
    ("column \"Care (product.metafields.custom.care)\"", 1),
    ("column \"Gift Card\"", 1),
    ("column \"Included / International\"", 24),
    ("column \"SEO Description\"", 1),
    ("column \"SEO Title\"", 1),
    ("column \"Variant Fulfillment Service\"", 34),
    ("column \"Variant Image\"", 4),
    ("column \"Variant Requires Shipping\"", 34),
    ("column \"Variant Taxable\"", 34),
    ("column \"Variant Weight Unit\"", 34),
    ("quantity of a variant that is not tracked", 21),
    ("status active, not published became draft", 1),
];

#[test]
fn every_product_comes_with_its_variants_and_pictures() {
    let mut reader = reader();
    let products: Vec<_> = reader
        .by_ref()
        .map(|item| item.map(files::product))
        .collect::<Result<_, _>>()
        .unwrap();
    let seen: Vec<_> = products
        .iter()
        .map(|product| {
            let (variants, images) = (product.variants.len(), product.images.len());
            (product.handle.as_str(), product.line, variants, images)
        })
        .collect();
    assert_eq!(seen, PRODUCTS);
    assert_eq!(reader.bytes_read(), SHOP.len() as u64);
    let skipped: Vec<_> = reader.skipped().iter().collect();
    assert_eq!(skipped, SKIPPED);
    assert!(!reader.stopped_early());
    for product in &products {
        assert_eq!(product.external_id, product.handle);
        assert!(!product.incomplete, "{}", product.handle);
        assert_eq!(product.gift_card, product.handle == "gift-card");
        let expected = match product.handle.as_str() {
            "winter-blanket" | "counter-only-honey" => ProductStatus::Draft,
            "last-years-calendar" => ProductStatus::Archived,
            _ => ProductStatus::Active,
        };
        assert_eq!(product.status, expected, "{}", product.handle);
    }
}

#[test]
fn stock_is_counted_where_a_tracker_is_named_and_nowhere_else() {
    let products = all();
    let variants = || products.iter().flat_map(|product| &product.variants);
    // With a blank tracker the quantity, mostly 1, means nothing.
    assert_eq!(variants().filter(|variant| !variant.tracked).count(), 21);
    assert!(variants().all(|variant| variant.tracked || variant.quantity.is_none()));
    let counted: Vec<_> = variants()
        .filter(|variant| variant.tracked)
        .map(|variant| {
            (
                variant.sku.as_deref().unwrap(),
                variant.quantity,
                variant.allow_backorder,
            )
        })
        .collect();
    assert_eq!(
        counted,
        [
            ("BOWL-1", Some(12), false),
            ("TOWEL-B-S", Some(5), false),
            ("TOWEL-B-L", Some(4), false),
            ("TOWEL-R-S", Some(0), false),
            ("TOWEL-R-L", Some(7), false),
            ("SPOON-1", Some(0), false),
            ("LAMP-1", Some(-3), true),
            ("CANDLE-1", Some(-2), false),
            ("OIL-M-Y-W", Some(2), false),
            ("OIL-M-Y-N", Some(1), false),
            ("COMPASS-1", None, false),
            ("007", Some(1000), false),
            ("KNIT-T", Some(6), false),
        ]
    );
    assert!(product("deck-chair").variants[0].allow_backorder);
}

#[test]
fn rows_of_one_handle_become_variants() {
    let sweater = product("harbour-sweater");
    assert_eq!((sweater.line, sweater.column), (3, 1));
    assert_eq!(
        (sweater.vendor.as_str(), &*sweater.tags),
        ("North Pier", &["women".to_owned()][..])
    );
    assert_eq!(sweater.options, ["Size"]);
    let reported = |variant: &VariantItem| {
        (
            variant.line,
            variant.option_values[0].clone(),
            variant.price.unwrap().to_string(),
        )
    };
    let expected = [(3, "Small"), (4, "Medium"), (5, "Large")];
    let expected = expected.map(|(line, size)| (line, size.to_owned(), "60".to_owned()));
    assert_eq!(
        sweater.variants.iter().map(reported).collect::<Vec<_>>(),
        expected
    );
    // No SKU in any row.
    assert!(
        sweater
            .variants
            .iter()
            .all(|variant| variant.sku.is_none() && variant.barcode.is_none())
    );

    let jacket = product("oilskin-jacket");
    assert_eq!(jacket.options, ["Size", "Colour", "Lining"]);
    assert_eq!(jacket.variants[2].option_values, ["L", "Black", "Wool"]);
    assert_eq!(
        jacket.tags,
        ["men", "women", "rain"],
        "each once, without regard to case"
    );
    assert_eq!(
        jacket
            .variants
            .iter()
            .map(|variant| variant.grams)
            .collect::<Vec<_>>(),
        [Some(1401), Some(1100), Some(1450)]
    );
    // `Title` / `Default Title` is Shopify's way to say that there is no option.
    let apron = product("linen-apron");
    assert!(apron.options.is_empty() && apron.variants[0].option_values.is_empty());
}

#[test]
fn cells_keep_what_they_mean() {
    let bowl = product("ceramic-bowl").variants.remove(0);
    let amounts = [bowl.price, bowl.compare_at].map(|amount| amount.unwrap().to_string());
    assert_eq!(amounts, ["18.5", "24"]);
    assert_eq!(
        bowl.barcode.as_deref(),
        Some("4006381333931"),
        "without the apostrophe of spreadsheets"
    );
    assert_eq!(product("pocket-knife").variants[0].sku.as_deref(), Some("007"));
    assert_eq!(
        product("last-years-calendar").variants[0]
            .price
            .unwrap()
            .to_string(),
        "0"
    );

    let mat = product("rope-mat");
    assert!(
        mat.description_html
            .starts_with("<p>It says \"welcome\", and means it.</p>\n\n<p>Made of")
    );
    assert_eq!(mat.tags, ["door", "\"hand made\""]);
    assert_eq!(mat.product_type, "Home, Garden & More");
    assert_eq!(product("soy-candle").title, "נר סויה");
    assert_eq!(product("fog-horn").title, "Fog Horn 📯");

    // By their positions, each once, whatever the order of the rows.
    let names = |product: ProductItem| -> Vec<String> {
        let urls = product
            .images
            .iter()
            .map(|image| image.url.rsplit('/').next().unwrap().to_owned());
        urls.collect()
    };
    let towel = product("tea-towel");
    assert_eq!(towel.images[2].alt.as_deref(), Some("The back, with its seam"));
    assert!(towel.variants.iter().all(|variant| variant.image_url.is_some()));
    assert_eq!(
        names(towel),
        [
            "towel-blue.jpg",
            "towel-red.jpg",
            "towel-back.jpg",
            "towel-pile.jpg"
        ]
    );
    assert_eq!(
        names(product("signal-flags")),
        ["flags.jpg", "flags-b.jpg", "flags-a.jpg"]
    );
}

#[test]
fn a_second_reading_has_the_same_hashes_and_every_product_its_own() {
    let hashes = || -> Vec<_> { all().iter().map(|product| product.source_hash).collect() };
    let mut first = hashes();
    assert_eq!(first, hashes());
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 24);
}

#[test]
fn cut_anywhere_it_keeps_what_was_complete_and_tells_the_place() {
    let (complete, _) = files::shopify(SHOP);
    let (mut reported, mut cuts) = (0, 0);
    for cut in (0..SHOP.len()).step_by(7) {
        cuts += 1;
        let (products, errors) = files::shopify(&SHOP[..cut]);
        let (sure, tail) = match products.split_last() {
            Some((last, sure)) if !complete.contains(last) => (sure, Some(last)),
            _ => (products.as_slice(), None),
        };
        assert!(complete.starts_with(sure), "cut at {cut}");
        // Of the last product rows may be missing, never parts of a row.
        if let Some(tail) = tail {
            let whole = &complete[sure.len()];
            assert_eq!(tail.handle, whole.handle, "cut at {cut}");
            assert!(whole.variants.starts_with(&tail.variants), "cut at {cut}");
            assert!(
                tail.images
                    .iter()
                    .all(|image| whole.images.iter().any(|other| other.url == image.url)),
                "cut at {cut}"
            );
        }
        assert!(errors.len() <= 1, "{errors:?}");
        reported += errors.len();
        for error in errors {
            let line = 1 + SHOP[..cut].iter().filter(|byte| **byte == b'\n').count();
            // A cell in quotes is told where it starts, up to four lines earlier.
            let lines = line.saturating_sub(4) as u64..=line as u64;
            assert!(lines.contains(&error.line), "cut at {cut}: {error}");
        }
    }
    assert!(
        reported > cuts * 3 / 4,
        "only {reported} of {cuts} cuts were told"
    );
}
