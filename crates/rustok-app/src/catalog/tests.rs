//! On both databases: what a changed file does to the products of the first one, and what those get who lose a race.

use super::import::{ImportedProduct, ImportedStock, ImportedVariant, Upserted, upsert};
use super::merge::{MERGED, WrittenFields};
use super::{ProductFilter, SetStock, UpdateProduct, check, create, delete, get, list, set_stock, update};
use crate::context::{Ctx, PlatformCtx, Services};
use crate::tenants;
use crate::work::IdempotencyKey;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::price::MoneyInput;
use rustok_commerce::product::{Product, ProductInput};
use rustok_commerce::variant::{Variant, VariantInput};
use rustok_core::clock::SystemClock;
use rustok_core::deadline::Deadline;
use rustok_core::money::Currency;
use rustok_core::page::Limit;
use rustok_import::Fields;
use rustok_storage::{DatabaseUrl, Opener, StoreConfig};
use rustok_tenancy::{NewTenantInput, TenantIdentifierValidator, TenantSettings};
use rustok_test_support::{TestDatabase, both_databases};
use std::sync::Arc;

async fn ctx(db: &TestDatabase) -> Ctx {
    let config = StoreConfig::new(DatabaseUrl::parse(db.url()).unwrap());
    let store = rustok_storage::open(config, Opener::Server).await.unwrap();
    let validator = TenantIdentifierValidator::new("localhost").unwrap();
    let services = Arc::new(Services::new(store, Arc::new(SystemClock), validator));
    let platform = PlatformCtx::system(Arc::clone(&services), "test", Deadline::never());
    let input = NewTenantInput {
        slug: "shop1".to_owned(),
        name: "Shop 1".to_owned(),
        hosts: Vec::new(),
        settings: TenantSettings::default(),
    };
    let tenant = tenants::create(&platform, input, IdempotencyKey::none()).await;
    let tenant = tenant.unwrap().made().unwrap();
    Ctx::system(services, Arc::new(tenant), "test", Deadline::never())
}

/// Size, price, and how many there are.
type Row = (&'static str, &'static str, ImportedStock);

const UNTRACKED: ImportedStock = ImportedStock {
    tracked: false,
    quantity: None,
    initial: None,
    allow_backorder: Some(true),
};

fn tracked(quantity: i64) -> ImportedStock {
    ImportedStock {
        tracked: true,
        quantity: Some(quantity),
        initial: None,
        allow_backorder: Some(false),
    }
}

fn item(rows: &[Row]) -> ImportedProduct {
    let variant = |(size, price, _): &Row| VariantInput {
        options: vec![(*size).to_owned()],
        price: Some(MoneyInput {
            amount: (*price).to_owned(),
            currency: "USD".to_owned(),
        }),
        ..VariantInput::default()
    };
    let input = ProductInput {
        title: "Tea".to_owned(),
        handle: Some("tea".to_owned()),
        options: vec!["Size".to_owned()],
        variants: rows.iter().map(variant).collect(),
        ..ProductInput::default()
    };
    ImportedProduct {
        checked: check(input).unwrap(),
        variants: rows
            .iter()
            .map(|(_, _, stock)| ImportedVariant {
                stock: *stock,
                ..ImportedVariant::default()
            })
            .collect(),
        stated: MERGED
            .iter()
            .fold(Fields::default(), |fields, (field, _)| fields.with(*field)),
        named: true,
        states_variants: true,
        currency: Currency::parse("USD").unwrap(),
        keep_missing: false,
        keep_images: false,
        unread_alts: Vec::new(),
        published_alone: false,
        overwrite: true,
        written: WrittenFields::default(),
    }
}

async fn import(ctx: &Ctx, known: Option<ProductId>, item: ImportedProduct) -> Upserted {
    let mut tx = ctx.write().await.unwrap();
    let upserted = upsert(&mut tx, ctx, known, item).await.unwrap().upserted;
    tx.commit().await.unwrap();
    upserted
}

async fn count(ctx: &Ctx, id: VariantId, quantity: i64) {
    let set = SetStock {
        id,
        condition: &|_, _| Ok(()),
        quantity,
        allow_backorder: None,
    };
    set_stock(ctx, set).await.unwrap();
}

async fn add(ctx: &Ctx, title: &str) {
    let input = ProductInput {
        title: title.to_owned(),
        ..ProductInput::default()
    };
    create(ctx, input, IdempotencyKey::none())
        .await
        .unwrap()
        .made()
        .unwrap();
}

/// Size, price and stock of each variant.
fn rows(product: &Product) -> Vec<(String, String, Option<i64>)> {
    let row = |variant: &Variant| {
        let price = variant.prices.as_slice()[0].amount.amount().to_string();
        (variant.title.clone(), price, variant.available)
    };
    product.variants.iter().map(row).collect()
}

fn row(size: &str, price: &str, available: Option<i64>) -> (String, String, Option<i64>) {
    (size.to_owned(), price.to_owned(), available)
}

both_databases! {
    async fn a_changed_file_changes_the_product_in_place(db) {
        let ctx = ctx(&db).await;
        let first = [("S", "1.00", tracked(5)), ("M", "2.00", tracked(5)), ("L", "3.00", UNTRACKED)];
        let created = import(&ctx, None, item(&first)).await;
        let Upserted::Created(id) = created else { panic!("{created:?}") };
        let before = get(&ctx, id).await.unwrap();
        assert_eq!(rows(&before), [row("S", "1.00", Some(5)), row("M", "2.00", Some(5)), row("L", "3.00", None)]);
        assert_eq!(import(&ctx, Some(id), item(&first)).await, Upserted::Unchanged(id));
        assert_eq!(get(&ctx, id).await.unwrap(), before);

        // S changes its price and stays counted, M is gone, L is counted from now on, XL is new.
        let second = [("L", "3.00", tracked(9)), ("XL", "4.00", tracked(1)), ("S", "1.50", UNTRACKED)];
        assert_eq!(import(&ctx, Some(id), item(&second)).await, Upserted::Updated(id));
        let after = get(&ctx, id).await.unwrap();
        assert_eq!(rows(&after), [row("L", "3.00", Some(9)), row("XL", "4.00", Some(1)), row("S", "1.50", Some(5))]);
        assert_eq!((after.variants[0].id, after.variants[2].id), (before.variants[2].id, before.variants[0].id));
        assert_eq!((after.version, after.created_at), (2, before.created_at));
    }

    async fn stock_alone_makes_no_version(db) {
        let ctx = ctx(&db).await;
        let id = import(&ctx, None, item(&[("S", "1", tracked(5))])).await.id();
        assert_eq!(import(&ctx, Some(id), item(&[("S", "1", tracked(-4))])).await, Upserted::Updated(id));
        let product = get(&ctx, id).await.unwrap();
        assert_eq!((rows(&product), product.version), (vec![row("S", "1.00", Some(0))], 1));
        let owing = ImportedStock { allow_backorder: Some(true), ..tracked(-4) };
        import(&ctx, Some(id), item(&[("S", "1", owing)])).await;
        let product = get(&ctx, id).await.unwrap();
        // Whether it is sold beyond zero is an edit.
        assert_eq!((rows(&product), product.version), (vec![row("S", "1.00", Some(-4))], 2));
        // Counted, but the file does not say how many: what was there stays, as far as it may.
        let unknown = ImportedStock { quantity: None, ..tracked(0) };
        import(&ctx, Some(id), item(&[("S", "1", unknown)])).await;
        assert_eq!(rows(&get(&ctx, id).await.unwrap()), [row("S", "1.00", Some(0))]);
        count(&ctx, get(&ctx, id).await.unwrap().variants[0].id, 3).await;
        assert_eq!(import(&ctx, Some(id), item(&[("S", "1", unknown)])).await, Upserted::Unchanged(id));
    }

    async fn a_file_never_makes_counted_stock_endless(db) {
        let ctx = ctx(&db).await;
        let named = |rows: &[Row]| {
            let mut item = item(rows);
            for (number, variant) in item.checked.draft.variants.iter_mut().enumerate() {
                variant.sku = Some(format!("T-{number}"));
            }
            item
        };
        let id = import(&ctx, None, named(&[("S", "1", UNTRACKED), ("M", "1", tracked(4))])).await.id();
        let before = get(&ctx, id).await.unwrap();
        count(&ctx, before.variants[0].id, 3).await;
        // Renamed options, and no tracker in the file: the SKUs tell which variants they are.
        import(&ctx, Some(id), named(&[("Small", "2", UNTRACKED), ("Medium", "1", UNTRACKED)])).await;
        let after = get(&ctx, id).await.unwrap();
        assert_eq!(rows(&after), [row("Small", "2.00", Some(3)), row("Medium", "1.00", Some(4))]);
        let ids = |product: &Product| product.variants.iter().map(|variant| variant.id).collect::<Vec<_>>();
        assert_eq!(ids(&after), ids(&before));
        // Options come before SKUs: two that change places keep their stock.
        import(&ctx, Some(id), named(&[("Medium", "1", UNTRACKED), ("Small", "2", UNTRACKED)])).await;
        let turned = get(&ctx, id).await.unwrap();
        assert_eq!(rows(&turned), [row("Medium", "1.00", Some(4)), row("Small", "2.00", Some(3))]);
        // A SKU that stands twice names none of the two: the file has two new variants then.
        let mut twice = named(&[("XS", "1", UNTRACKED), ("XL", "1", UNTRACKED)]);
        for variant in &mut twice.checked.draft.variants {
            variant.sku = Some("T-1".to_owned());
        }
        import(&ctx, Some(id), twice).await;
        let new = get(&ctx, id).await.unwrap();
        assert!(new.variants.iter().all(|variant| !ids(&before).contains(&variant.id)), "{new:?}");
    }

    async fn an_incomplete_product_loses_nothing(db) {
        let ctx = ctx(&db).await;
        let id = import(&ctx, None, item(&[("S", "1", UNTRACKED), ("M", "2", tracked(2))])).await.id();
        let before = get(&ctx, id).await.unwrap();
        let part = ImportedProduct { keep_missing: true, ..item(&[("L", "3", UNTRACKED)]) };
        import(&ctx, Some(id), part).await;
        let after = get(&ctx, id).await.unwrap();
        assert_eq!(rows(&after), [row("L", "3.00", None), row("S", "1.00", None), row("M", "2.00", Some(2))]);
        assert_eq!((after.variants[1].id, after.variants[2].id), (before.variants[0].id, before.variants[1].id));
        assert_eq!(after.variants.iter().map(|variant| variant.position).collect::<Vec<_>>(), [0, 1, 2]);
    }

    async fn a_handle_that_is_taken_gives_way_and_stays_so(db) {
        let ctx = ctx(&db).await;
        add(&ctx, "Tea").await;
        let id = import(&ctx, None, item(&[("S", "1", UNTRACKED)])).await.id();
        assert_eq!(get(&ctx, id).await.unwrap().handle.as_str(), "tea-2");
        import(&ctx, Some(id), item(&[("S", "2", UNTRACKED)])).await;
        assert_eq!(get(&ctx, id).await.unwrap().handle.as_str(), "tea-2");
    }

    async fn a_product_that_was_deleted_comes_anew(db) {
        let ctx = ctx(&db).await;
        let id = import(&ctx, None, item(&[("S", "1", UNTRACKED)])).await.id();
        delete(&ctx, id.into()).await.unwrap();
        let again = import(&ctx, Some(id), item(&[("S", "1", UNTRACKED)])).await;
        assert!(matches!(again, Upserted::Created(new) if new != id), "{again:?}");
    }

    async fn who_loses_a_race_edits_what_is_there_then(db) {
        let ctx = ctx(&db).await;
        let id = import(&ctx, None, item(&[("S", "1", UNTRACKED)])).await.id();
        let edits = (0..16).map(|n| {
            let ctx = ctx.clone();
            tokio::spawn(async move {
                let edit = |_: &Product, mut input: ProductInput| {
                    input.tags.push(format!("t{n}"));
                    Ok(input)
                };
                update(&ctx, UpdateProduct { product: id.into(), edit: &edit }).await
            })
        });
        for edit in edits.collect::<Vec<_>>() {
            edit.await.unwrap().unwrap();
        }
        let product = get(&ctx, id).await.unwrap();
        assert_eq!((product.tags.len(), product.version), (16, 17), "no edit is lost");
    }

    async fn products_of_one_title_at_once_get_a_handle_each(db) {
        let ctx = ctx(&db).await;
        let creations = (0..12).map(|_| {
            let ctx = ctx.clone();
            tokio::spawn(async move { add(&ctx, "Tea").await })
        });
        for creation in creations.collect::<Vec<_>>() {
            creation.await.unwrap();
        }
        let page = list(&ctx, &ProductFilter::default(), None, Limit::default()).await.unwrap();
        let mut handles: Vec<_> = page.items.iter().map(|product| product.handle.as_str().to_owned()).collect();
        handles.sort_by_key(String::len);
        handles[1..9].sort();
        handles[9..].sort();
        let numbered = (2..=12).map(|number| format!("tea-{number}"));
        assert_eq!(handles, std::iter::once("tea".to_owned()).chain(numbered).collect::<Vec<_>>());
    }
}
