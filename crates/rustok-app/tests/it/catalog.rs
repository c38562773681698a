//! A copy of a product, and what changed a stock.

use crate::shop::Shop;
use rustok_app::catalog::{self, AdjustStock, DuplicateProduct, UpdateProduct};
use rustok_app::{Ctx, IdempotencyKey};
use rustok_auth::Actor;
use rustok_commerce::inventory::Adjustment;
use rustok_commerce::price::MoneyInput;
use rustok_commerce::product::{ImageInput, Product, ProductStatus};
use rustok_core::error::RichError;
use rustok_core::page::Limit;
use rustok_test_support::both_databases;
use std::time::Duration;

async fn copy(ctx: &Ctx, of: &Product, title: &str) -> Result<Product, RichError> {
    let duplicate = DuplicateProduct {
        id: of.id,
        title: title.to_owned(),
    };
    catalog::duplicate(ctx, duplicate, IdempotencyKey::none())
        .await?
        .made()
}

both_databases! {
    async fn a_copy_is_a_draft_with_everything_but_handle_and_stock(db) {
        let shop = Shop::open(db.url()).await;
        let variants = shop.product(&[("A", Some(7)), ("B", None), ("C", Some(1))]).await;
        let (before, _) = catalog::get_variant(&shop.ctx(), variants[0]).await.unwrap();
        let update = UpdateProduct {
            product: before.id.into(),
            edit: &|_, mut input| {
                input.description_html = "<p>Good</p>".to_owned();
                input.tags = vec!["new".to_owned()];
                input.images = vec![ImageInput {
                    url: "https://example.com/1.jpg".to_owned(),
                    ..ImageInput::default()
                }];
                // A price in a second currency, and a variant without any.
                input.variants[0].price = Some(MoneyInput { amount: "4.00".to_owned(), currency: "EUR".to_owned() });
                input.variants[2].price = None;
                Ok(input)
            },
        };
        let source = catalog::update(&shop.ctx(), update).await.unwrap().product;
        let made = copy(&shop.ctx(), &source, "Tea (copy)").await.unwrap();
        assert_eq!((made.title.as_str(), made.handle.as_str()), ("Tea (copy)", "tea-copy"));
        assert_eq!((made.status, made.version), (ProductStatus::Draft, 1));
        assert_eq!((&made.description_html, &made.tags), (&source.description_html, &source.tags));
        assert_eq!(made.images[0].url, source.images[0].url);
        assert_ne!(made.images[0].id, source.images[0].id);
        let stock: Vec<_> = made.variants.iter().map(|variant| variant.available).collect();
        assert_eq!(stock, [Some(0), None, Some(0)]);
        for (copied, variant) in made.variants.iter().zip(&source.variants) {
            assert_ne!(copied.id, variant.id);
            assert_eq!((&copied.sku, &copied.options, &copied.prices), (&variant.sku, &variant.options, &variant.prices));
        }
        assert_eq!(made.variants[0].prices.as_slice().len(), 2);
        assert!(made.variants[2].prices.as_slice().is_empty());
        let read = catalog::get(&shop.ctx(), made.id).await.unwrap();
        assert_eq!(read, made);
        // A second copy gets another handle, and what is wrong with the title is told.
        assert_eq!(copy(&shop.ctx(), &source, "Tea (copy)").await.unwrap().handle.as_str(), "tea-copy-2");
        let refused = copy(&shop.ctx(), &source, " ").await.unwrap_err();
        assert_eq!(refused.violations()[0].pointer, "#/title");
        let stranger = copy(&shop.visitor(), &source, "Tea").await.unwrap_err();
        assert_eq!(stranger.code(), "unauthenticated");
    }

    async fn a_ledger_names_each_change_of_a_stock(db) {
        let shop = Shop::open(db.url()).await;
        let variants = shop.product(&[("A", Some(7)), ("B", Some(1))]).await;
        let adjust = AdjustStock {
            id: variants[0],
            condition: &|_, _| Ok(()),
            adjustment: Adjustment::checked(-3, "broken").unwrap(),
        };
        shop.clock.advance(Duration::from_secs(1));
        let adjusted = catalog::adjust_stock(&shop.ctx(), adjust, IdempotencyKey::none()).await;
        assert_eq!(adjusted.unwrap().made().unwrap().variant.available, Some(4));
        shop.clock.advance(Duration::from_secs(1));
        let order = shop.place(&[(variants[0], 2)]).await.unwrap();
        let lines = catalog::list_movements(&shop.ctx(), variants[0], None, Limit::default()).await.unwrap().items;
        let told: Vec<_> = lines.iter().map(|line| (line.delta, line.reason.as_str(), line.note.as_deref(), line.order_id)).collect();
        assert_eq!(
            told,
            [
                (-2, "reserved", None, Some(order)),
                (-3, "adjusted", Some("broken"), None),
                (7, "set", None, None),
            ]
        );
        let refused = catalog::list_movements(&Ctx { actor: Actor::Anonymous, ..shop.ctx() }, variants[0], None, Limit::default()).await;
        assert_eq!(refused.unwrap_err().code(), "unauthenticated");
    }

    async fn several_products_come_in_the_order_that_was_asked_for(db) {
        let shop = Shop::open(db.url()).await;
        let mut ids = Vec::new();
        for sku in ["A", "B", "C"] {
            let variants = shop.product(&[(sku, None)]).await;
            ids.push(catalog::get_variant(&shop.ctx(), variants[0]).await.unwrap().0.id);
        }
        ids.reverse();
        catalog::delete(&shop.ctx(), ids[1].into()).await.unwrap();
        let found = catalog::get_many(&shop.ctx(), &ids).await.unwrap();
        assert_eq!(found.iter().map(|product| product.id).collect::<Vec<_>>(), [ids[0], ids[2]]);
        assert_eq!(catalog::get_many(&shop.visitor(), &ids).await.unwrap_err().code(), "unauthenticated");
    }
}
