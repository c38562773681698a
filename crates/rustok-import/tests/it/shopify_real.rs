//! Shopify's own sample file.

use crate::files;
use rustok_import::{ProductStatus, ShopifyReader};

const FILE: &str = "apparel.csv";

#[test]
fn the_sample_has_20_products_with_22_variants() {
    let mut reader = ShopifyReader::new(files::open(FILE), FILE, 2);
    let products: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
    assert_eq!(products.len(), 20);
    assert_eq!(
        products
            .iter()
            .map(|product| product.variants.len())
            .sum::<usize>(),
        22
    );
    assert_eq!(reader.bytes_read(), 7_515);
    assert_eq!(reader.skipped().total(), 0);
    assert!(!reader.stopped_early());

    for product in &products {
        assert_eq!(product.status, ProductStatus::Active);
        assert_eq!(
            (product.vendor.as_str(), product.gift_card, product.incomplete),
            ("partners-demo", false, false)
        );
        assert_eq!(product.images.len(), 1);
        assert_eq!(product.external_id, product.handle);
        for variant in &product.variants {
            // No SKU in any row; the tracker is blank, so the quantity of 1 means nothing.
            assert_eq!(
                (&variant.sku, variant.tracked, variant.quantity),
                (&None, false, None)
            );
            assert!(!variant.allow_backorder);
            assert_eq!(variant.grams, Some(0));
            assert!(variant.compare_at.is_none() && variant.barcode.is_none() && variant.image_url.is_none());
        }
    }
}

#[test]
fn rows_of_one_handle_become_variants() {
    let (products, _) = files::split(ShopifyReader::new(files::open(FILE), FILE, 0));
    let top = products
        .iter()
        .find(|product| product.handle == "classic-varsity-top")
        .unwrap();
    assert_eq!((top.line, top.column), (3, 1));
    assert_eq!(top.options, ["Size"]);
    assert_eq!(top.tags, ["women"]);
    let variants: Vec<_> = top
        .variants
        .iter()
        .map(|variant| {
            (
                variant.line,
                variant.option_values[0].as_str(),
                variant.price.unwrap().to_string(),
            )
        })
        .collect();
    assert_eq!(
        variants,
        [
            (3, "Small", "60".to_owned()),
            (4, "Medium", "60".to_owned()),
            (5, "Large", "60".to_owned())
        ]
    );
    // `Title` / `Default Title` is Shopify's way to say that there is no option.
    let shirt = &products[0];
    assert!(shirt.options.is_empty() && shirt.variants[0].option_values.is_empty());
}

#[test]
fn a_second_reading_has_the_same_hashes_and_every_product_its_own() {
    let hashes = || -> Vec<_> {
        ShopifyReader::new(files::open(FILE), FILE, 2)
            .map(|product| product.unwrap().source_hash)
            .collect()
    };
    let mut first = hashes();
    assert_eq!(first, hashes());
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 20);
}

#[test]
fn cut_anywhere_it_keeps_what_was_complete_and_tells_the_place() {
    let whole = files::bytes(FILE);
    let (complete, _) = files::shopify(&whole);
    // Where each line ends: a product is certain once the next one has begun, or its last row has its line end.
    let mut told = 0;
    for cut in (0..whole.len()).step_by(7) {
        let (products, errors) = files::shopify(&whole[..cut]);
        let (sure, tail) = match products.split_last() {
            Some((last, sure)) if !complete.contains(last) => (sure, Some(last)),
            _ => (products.as_slice(), None),
        };
        assert!(complete.starts_with(sure), "cut at {cut}");
        // An incomplete last product is either marked or had rows of its own that are simply not there.
        if let Some(tail) = tail {
            assert!(
                tail.incomplete || whole[..cut].ends_with(b"\n") || tail.handle == "classic-varsity-top",
                "{cut}"
            );
        }
        assert!(errors.len() <= 1, "{errors:?}");
        told += errors.len();
        for error in errors {
            let line = 1 + whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(error.line, u64::try_from(line).unwrap(), "cut at {cut}: {error}");
        }
    }
    assert!(told > 800, "only {told} cuts were told");
}
