//! Handles, and everything that can be wrong with a product.

use super::*;
use crate::price::MoneyInput;
use crate::variant::VariantFacts;
use uuid::Uuid;

fn usd(amount: &str) -> Option<MoneyInput> {
    Some(MoneyInput {
        amount: amount.into(),
        currency: "USD".into(),
    })
}

fn variant(options: &[&str]) -> VariantInput {
    VariantInput {
        options: options.iter().map(|&v| v.to_owned()).collect(),
        price: usd("19.99"),
        ..VariantInput::default()
    }
}

fn titled(title: &str) -> ProductInput {
    ProductInput {
        title: title.into(),
        ..ProductInput::default()
    }
}

fn codes(input: ProductInput) -> Vec<String> {
    input
        .validate()
        .unwrap_err()
        .iter()
        .map(|v| format!("{} {}", v.pointer, v.code))
        .collect()
}

#[test]
fn handles_are_made_from_titles() {
    for (title, handle) in [
        ("Green Tea", Some("green-tea")),
        ("  --Green   Tea!! ", Some("green-tea")),
        ("Men's Shirt / L’été", Some("mens-shirt-lété")),
        ("Чайник ЁЖ №5", Some("чайник-ёж-5")),
        ("İstanbul", Some("istanbul")),
        ("ΟΔΟΣ", Some("οδος")),
        ("抹茶 100g", Some("抹茶-100g")),
        ("!!!", None),
        ("", None),
    ] {
        let made = Handle::from_title(title);
        assert_eq!(made.as_ref().map(Handle::as_str), handle, "{title}");
        if let Some(made) = made {
            assert_eq!(Handle::parse(made.as_str()), Some(made));
        }
    }
}

#[test]
fn handles_end_at_255_characters() {
    assert_eq!(Handle::from_title(&"a".repeat(300)).unwrap().as_str().len(), 255);
    assert_eq!(
        Handle::from_title(&"ж".repeat(300)).unwrap().as_str().len(),
        2 * 255
    );
    assert_eq!(
        Handle::parse(&"ж".repeat(255))
            .unwrap()
            .numbered(12)
            .as_str()
            .chars()
            .count(),
        255
    );
    // The hyphen would be character 255 and the last one.
    let title = format!("{} b", "a".repeat(254));
    assert_eq!(Handle::from_title(&title).unwrap().as_str(), "a".repeat(254));
}

#[test]
fn what_is_no_handle_is_refused() {
    for text in [
        "",
        "-a",
        "a-",
        "A",
        "a b",
        "a/b",
        "a.b",
        "ǅ",
        "a\u{0}",
        &"a".repeat(256),
    ] {
        assert_eq!(Handle::parse(text), None, "{text:?}");
    }
    for text in ["a--b-1", "a_b", "ผ้าไหม"] {
        assert_eq!(Handle::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn a_title_is_enough() {
    let draft = titled("  Green Tea ").validate().unwrap();
    assert_eq!(
        (draft.title.as_str(), draft.handle.as_str()),
        ("Green Tea", "green-tea")
    );
    assert_eq!(draft.status, ProductStatus::Draft);
    assert_eq!(draft.variants.len(), 1);
    assert_eq!(draft.variants[0].title, "Default Title");
    assert!(draft.variants[0].prices.as_slice().is_empty());
}

#[test]
fn a_full_product_is_kept() {
    let input = ProductInput {
        title: "Tea".into(),
        handle: Some("tea-1".into()),
        status: Some("active".into()),
        description_html: "<p>Good\n</p>".into(),
        vendor: Some(" Us ".into()),
        product_type: Some(" ".into()),
        tags: vec!["a".into(), " a".into(), "b".into()],
        options: vec!["Size".into(), "Leaf".into()],
        images: vec![ImageInput {
            url: "https://cdn.example/1.jpg".into(),
            ..ImageInput::default()
        }],
        variants: vec![
            variant(&["L", "Green"]),
            VariantInput {
                compare_at_price: usd("25"),
                sku: Some(" T-1 ".into()),
                available: Some(3),
                ..variant(&["S", "Green"])
            },
        ],
    };
    let draft = input.validate().unwrap();
    assert_eq!((draft.vendor.as_deref(), draft.product_type), (Some("Us"), None));
    assert_eq!(draft.tags, ["a", "b"]);
    let second = &draft.variants[1];
    assert_eq!(
        (second.title.as_str(), second.sku.as_deref(), second.position),
        ("S / Green", Some("T-1"), 1)
    );
    let price = second.prices.as_slice()[0];
    assert_eq!(
        (price.amount.minor(), price.compare_at.unwrap().minor()),
        (1_999, 2_500)
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    let bad_variant = VariantInput {
        sku: Some("s".repeat(256)),
        price: usd("-1"),
        compare_at_price: usd("1.999"),
        facts: VariantFacts {
            barcode: Some("a\nb".into()),
            weight_grams: Some(-1),
            ..VariantFacts::default()
        },
        available: Some(-1),
        ..variant(&["", "x"])
    };
    let input = ProductInput {
        title: " ".into(),
        handle: Some("Tea".into()),
        status: Some("gone".into()),
        description_html: "a\u{0}".into(),
        vendor: Some("v".repeat(256)),
        product_type: Some("a\u{7}".into()),
        tags: vec![String::new()],
        options: vec!["Size".into(), "size ".into(), "c".into(), "d".into()],
        images: vec![ImageInput {
            url: "javascript:alert(1)".into(),
            alt: Some("x".repeat(513)),
            id: None,
        }],
        variants: vec![
            bad_variant,
            VariantInput {
                price: None,
                ..variant(&["1", "2", "3"])
            },
        ],
    };
    assert_eq!(
        codes(input),
        [
            "#/title invalid_text",
            "#/handle invalid_handle",
            "#/status unknown_status",
            "#/description_html control_characters",
            "#/vendor invalid_text",
            "#/type invalid_text",
            "#/tags/0 invalid_text",
            "#/options too_many",
            "#/options/1 duplicate",
            "#/images/0/url invalid_url",
            "#/images/0/alt invalid_text",
            "#/variants/0/compare_at_price/amount too_many_decimals",
            "#/variants/0/price/amount negative",
            "#/variants/0/sku invalid_sku",
            "#/variants/0/barcode invalid_text",
            "#/variants/0/weight_grams out_of_range",
            "#/variants/0/available out_of_range",
            "#/variants/0/options wrong_count",
            "#/variants/0/options/0 invalid_text",
            "#/variants/1/price required",
        ]
    );
}

#[test]
fn variants_are_distinct_and_counted() {
    let of = |options: &[&str], variants| ProductInput {
        options: options.iter().map(|&o| o.to_owned()).collect(),
        variants,
        ..titled("Tea")
    };
    assert_eq!(
        codes(of(&["Size"], vec![variant(&["L"]), variant(&["L "])])),
        ["#/variants/1/options duplicate"]
    );
    assert_eq!(
        codes(of(&[], vec![variant(&[]), variant(&[])])),
        ["#/variants/1/options duplicate"]
    );
    assert_eq!(codes(of(&["Size"], vec![])), ["#/variants required"]);
    let many = |n: usize| (0..n).map(|i| variant(&[&i.to_string()])).collect::<Vec<_>>();
    assert!(of(&["Size"], many(100)).validate().is_ok());
    assert_eq!(codes(of(&["Size"], many(101))), ["#/variants too_many"]);
    let mut twice = many(2);
    let id: VariantId = uuid::Uuid::from_u128(5).into();
    twice.iter_mut().for_each(|v| v.id = Some(id));
    assert_eq!(codes(of(&["Size"], twice)), ["#/variants/1/id duplicate"]);
}

#[test]
fn prices_of_one_variant_share_a_currency() {
    let mixed = VariantInput {
        compare_at_price: Some(MoneyInput {
            amount: "30".into(),
            currency: "EUR".into(),
        }),
        ..variant(&[])
    };
    let input = ProductInput {
        variants: vec![mixed],
        ..titled("Tea")
    };
    assert_eq!(codes(input), ["#/variants/0/compare_at_price currency_mismatch"]);
}

#[test]
fn variants_that_are_deleted_leave_no_gap() {
    let gone = || VariantInput {
        id: Some(Uuid::from_u128(1).into()),
        deleted: true,
        ..VariantInput::default()
    };
    let input = |variants| ProductInput {
        options: vec!["Size".into()],
        variants,
        ..titled("Tea")
    };
    let draft = input(vec![gone(), variant(&["S"]), variant(&["M"])])
        .validate()
        .unwrap();
    let positions: Vec<_> = draft.variants.iter().map(|variant| variant.position).collect();
    assert_eq!(positions, [0, 1]);
    assert_eq!(
        codes(input(vec![gone(), variant(&[])])),
        ["#/variants/1/options wrong_count"]
    );
    assert_eq!(codes(input(vec![gone()])), ["#/variants required"]);
    assert_eq!(
        codes(input(vec![gone(), gone(), variant(&["S"])])),
        ["#/variants/1/id duplicate"]
    );
    let many = |gone: usize, stay: usize| {
        let deleted = (0..gone).map(|at| VariantInput {
            id: Some(Uuid::from_u128(at as u128).into()),
            deleted: true,
            ..VariantInput::default()
        });
        input(
            deleted
                .chain((0..stay).map(|at| variant(&[&at.to_string()])))
                .collect(),
        )
    };
    assert!(many(100, 100).validate().is_ok());
    assert_eq!(codes(many(1, 101)), ["#/variants too_many"]);
}

#[test]
fn only_backorders_go_below_zero() {
    let short = |allow_backorder| ProductInput {
        variants: vec![VariantInput {
            available: Some(-2),
            allow_backorder,
            ..variant(&[])
        }],
        ..titled("Tea")
    };
    assert!(short(true).validate().is_ok());
    assert_eq!(codes(short(false)), ["#/variants/0/available out_of_range"]);
}

#[test]
fn lists_have_limits() {
    let tags = |n: usize| ProductInput {
        tags: (0..n).map(|i| i.to_string()).collect(),
        ..titled("Tea")
    };
    assert!(tags(250).validate().is_ok());
    assert_eq!(codes(tags(251)), ["#/tags too_many"]);
    let image = |_| ImageInput {
        url: "http://a/b".into(),
        ..ImageInput::default()
    };
    let images = |n: usize| ProductInput {
        images: (0..n).map(image).collect(),
        ..titled("Tea")
    };
    assert!(images(250).validate().is_ok());
    assert_eq!(codes(images(251)), ["#/images too_many"]);
    assert_eq!(codes(titled(&"t".repeat(256))), ["#/title invalid_text"]);
    assert!(titled(&"т".repeat(255)).validate().is_ok());
    let long = ProductInput {
        description_html: "x".repeat(512 * 1_024 + 1),
        ..titled("Tea")
    };
    assert_eq!(codes(long), ["#/description_html too_long"]);
}

#[test]
fn urls_are_absolute_and_of_the_web() {
    for good in ["http://a", "HTTPS://a.b/c?d#e", "https://пример.рф/x.png"] {
        assert!(is_web_url(good), "{good}");
    }
    for bad in [
        "",
        "http://",
        "https:///x",
        "//a/b",
        "/a",
        "ftp://a",
        "a",
        "http://a b",
        "http://a/\"x",
        "data:x://y",
    ] {
        assert!(!is_web_url(bad), "{bad}");
    }
}

#[test]
fn a_stored_product_passes_its_own_check() {
    let input = ProductInput {
        options: vec!["Size".into()],
        variants: vec![variant(&["L"]), variant(&["S"])],
        ..titled("Tea")
    };
    let draft = input.validate().unwrap();
    let product = Product {
        id: uuid::Uuid::from_u128(1).into(),
        handle: draft.handle.clone(),
        status: draft.status,
        title: draft.title.clone(),
        description_html: draft.description_html.clone(),
        vendor: None,
        product_type: None,
        tags: vec![],
        options: draft.options.clone(),
        images: vec![],
        variants: draft.variants.iter().map(stored).collect(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        deleted_at: None,
    };
    assert_eq!(product.option_values(0), ["L", "S"]);
    let again = ProductInput::from_product(&product, Currency::parse("USD").unwrap())
        .validate()
        .unwrap();
    assert_eq!(again.variants[1].prices, draft.variants[1].prices);
    assert_eq!(again.variants[1].id, Some(product.variants[1].id));
    // A variant without a price in the shop's currency is still a valid one.
    assert!(
        ProductInput::from_product(&product, Currency::parse("EUR").unwrap())
            .validate()
            .is_ok()
    );
}

fn stored(draft: &VariantDraft) -> Variant {
    Variant {
        id: uuid::Uuid::from_u128(10 + u128::try_from(draft.position).unwrap()).into(),
        sku: draft.sku.clone(),
        title: draft.title.clone(),
        options: draft.options.clone(),
        prices: draft.prices.clone(),
        facts: draft.facts.clone(),
        available: draft.available,
        allow_backorder: draft.allow_backorder,
        position: draft.position,
    }
}

proptest::proptest! {
    #[test]
    fn whatever_the_title_the_handle_is_one(title in "\\PC{0,300}") {
        if let Some(handle) = Handle::from_title(&title) {
            proptest::prop_assert_eq!(Handle::parse(handle.as_str()), Some(handle.clone()));
            proptest::prop_assert_eq!(Handle::from_title(handle.as_str()), Some(handle));
        }
    }
}
