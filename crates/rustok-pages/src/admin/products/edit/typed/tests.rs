//! What a browser sends of the form of a product, and what it means.

use super::*;
use rustok_commerce::price::Price;
use rustok_commerce::product::{Handle, Image, ProductStatus};
use rustok_commerce::variant::Variant;
use rustok_core::clock::Timestamp;
use rustok_core::money::Money;
use uuid::Uuid;

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn variant(number: u128, size: &str, code: &str, available: Option<i64>) -> Variant {
    let money = |minor| Money::from_minor(minor, currency(code));
    Variant {
        id: Uuid::from_u128(number).into(),
        sku: Some(format!("SKU {number}")),
        title: size.to_owned(),
        options: vec![size.to_owned()],
        prices: [Price {
            amount: money(1_290),
            compare_at: Some(money(1_500)),
        }]
        .into_iter()
        .collect(),
        facts: VariantFacts {
            barcode: Some("4006381333931".to_owned()),
            weight_grams: Some(240),
            hs_code: Some("620590".to_owned()),
        },
        available,
        allow_backorder: available == Some(0),
        position: 0,
    }
}

fn shirt() -> Product {
    Product {
        id: Uuid::from_u128(1).into(),
        handle: Handle::parse("shirt").unwrap(),
        status: ProductStatus::Active,
        title: "Shirt".to_owned(),
        description_html: "<p>Soft\nand light</p>".to_owned(),
        vendor: Some("Us".to_owned()),
        product_type: None,
        tags: vec!["new, and old".to_owned(), "b".to_owned()],
        options: vec!["Size".to_owned()],
        images: vec![Image {
            id: Uuid::from_u128(9).into(),
            url: "https://example.com/1.jpg".to_owned(),
            alt: None,
            position: 0,
        }],
        variants: vec![
            variant(11, "S", "USD", Some(3)),
            variant(12, "1,5", "EUR", None),
            variant(13, "L", "USD", Some(0)),
        ],
        version: 3,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        deleted_at: None,
    }
}

/// The fields that a browser would send of the form.
fn sent(typed: &Typed) -> Fields {
    let mut sent = form_urlencoded::Serializer::new(String::new());
    sent.append_pair("title", &typed.title)
        .append_pair("description_html", &typed.description.replace('\n', "\r\n"))
        .append_pair("status", &typed.status)
        .append_pair("vendor", &typed.vendor)
        .append_pair("tags", &typed.tags.text)
        .append_pair("tags-separator", &typed.tags.separator.to_string())
        .append_pair("handle", &typed.handle);
    for (at, option) in typed.options.iter().enumerate() {
        sent.append_pair(&format!("option-{at}"), &option.name)
            .append_pair(&format!("values-{at}"), &option.values.text)
            .append_pair(
                &format!("values-{at}-separator"),
                &option.values.separator.to_string(),
            )
            .append_pair(&format!("values-{at}-before"), &option.before);
    }
    for image in &typed.images {
        sent.append_pair("image-id", &image.id)
            .append_pair("image-url", &image.url)
            .append_pair("image-alt", &image.alt);
    }
    for (at, row) in typed.variants.iter().enumerate() {
        sent.append_pair("variant-id", &row.id)
            .append_pair("variant-option-0", &row.options[0])
            .append_pair("variant-sku", &row.sku)
            .append_pair("variant-price", &row.price)
            .append_pair("variant-compare", &row.compare_at)
            .append_pair("variant-currency", &row.currency)
            .append_pair("variant-available", &row.available)
            .append_pair("variant-barcode", &row.barcode)
            .append_pair("variant-weight", &row.weight)
            .append_pair("variant-hs", &row.hs_code);
        if row.allow_backorder {
            sent.append_pair("variant-backorder", &at.to_string());
        }
    }
    Fields::parse(sent.finish().as_bytes()).unwrap()
}

#[test]
fn a_form_that_is_sent_as_it_was_shown_changes_nothing() {
    let product = shirt();
    let form = Typed::of_product(&product, currency("USD"));
    let mut typed = Typed::of_fields(&sent(&form));
    let expanded = crate::admin::products::edit::options::expand(&mut typed).unwrap();
    assert_eq!(
        expanded,
        crate::admin::products::edit::options::Expanded::default()
    );
    let mut found = Vec::new();
    let input = typed.input(Some(&product), currency("USD"), &mut found);
    assert_eq!(input, rustok_app::catalog::shown_input(&product, currency("USD")));
    assert!(found.is_empty());
}

#[test]
fn a_form_does_not_change_the_stock_of_a_variant_that_is_there() {
    let product = shirt();
    let mut form = Typed::of_product(&product, currency("USD"));
    form.variants[0].available = "77".to_owned();
    form.variants[0].price = "1 012,5".to_owned();
    form.variants[1].weight = "heavy".to_owned();
    let mut found = Vec::new();
    let input = Typed::of_fields(&sent(&form)).input(Some(&product), currency("USD"), &mut found);
    assert_eq!(input.variants[0].available, Some(3));
    assert_eq!(input.variants[0].price.as_ref().unwrap().amount, "1012.5");
    assert_eq!(input.variants[1].price.as_ref().unwrap().currency, "EUR");
    let found: Vec<_> = found
        .iter()
        .map(|found| found.pointer.as_ref())
        .collect::<Vec<&str>>();
    assert_eq!(found, ["#/variants/1/weight_grams"]);
}

#[test]
fn a_title_alone_makes_a_product() {
    let mut typed = Typed::new(currency("USD"));
    typed.title = "Tea".to_owned();
    let input = typed.input(None, currency("USD"), &mut Vec::new());
    assert!(input.variants.is_empty() && input.validate().is_ok());
    typed.variants[0].price = "5".to_owned();
    let input = typed.input(None, currency("USD"), &mut Vec::new());
    assert_eq!(
        (
            input.variants.len(),
            input.handle.clone(),
            input.validate().is_ok()
        ),
        (1, None, true)
    );
}
