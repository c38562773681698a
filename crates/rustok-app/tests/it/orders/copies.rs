//! A use case moves the order that it has made or read: from the row to the outcome no line of it is copied, and so no
//! whole order.

use super::expiry::expire_due;
use crate::shop::Shop;
use rustok_app::orders::{CancelOrder, DeliverOrder, OrderFilter, PayOrder, PlacedOrder, ShipOrder};
use rustok_app::{Done, Idempotency, IdempotencyKey, StoredReply, orders};
use rustok_commerce::ids::{OrderId, VariantId};
use rustok_commerce::order::{LineInput, OrderInput};
use rustok_commerce::testing::copied_lines;
use rustok_commerce::{AnyOrder, OrderStatus};
use rustok_core::error::RichError;
use rustok_core::page::Limit;
use rustok_test_support::both_databases;
use std::time::Duration;

/// The product's variants, of which every order here has a line each.
struct Basket([VariantId; 3]);

impl Basket {
    async fn fill(shop: &Shop) -> Self {
        let stock = [("A", Some(100)), ("B", Some(100)), ("C", None)];
        Self(shop.product(&stock).await.try_into().unwrap())
    }

    fn input(&self) -> OrderInput {
        let line = |(variant, quantity): (VariantId, i64)| LineInput {
            variant_id: Some(variant.to_string()),
            sku: None,
            quantity,
        };
        OrderInput {
            expected_total: None,
            email: "jane@example.com".into(),
            currency: "USD".into(),
            lines: self.0.into_iter().zip(1..).map(line).collect(),
        }
    }

    /// Panics if a line was copied so far.
    fn assert_moved(&self, step: &str) {
        let copied: u64 = self.0.into_iter().map(copied_lines).sum();
        assert_eq!(copied, 0, "lines that were copied until `{step}`");
    }

    /// Places an order with an idempotency key, whose response is stored.
    async fn place(&self, shop: &Shop, key: &str) -> PlacedOrder {
        let sent = Idempotency::new("buyer".to_owned(), "POST /orders".to_owned(), key, b"");
        let render = |placed: &PlacedOrder| StoredReply {
            status: 201,
            headers: Vec::new(),
            body: placed.order.id().to_string().into_bytes(),
        };
        let key = IdempotencyKey::<PlacedOrder>::new(Some(&sent), &render);
        let placed = orders::place(&shop.visitor(), self.input(), key).await.unwrap();
        let placed = placed.made().unwrap();
        assert_eq!(placed.order.lines().len(), 3);
        self.assert_moved("place");
        placed
    }

    /// The order after a transition.
    fn stepped(&self, step: &str, done: Result<Done<AnyOrder>, RichError>) -> AnyOrder {
        let order = done.unwrap().made().unwrap();
        assert_eq!(order.lines().len(), 3, "{step}");
        self.assert_moved(step);
        order
    }

    /// Confirms and pays.
    async fn pay(&self, shop: &Shop, id: OrderId, payment_id: &str) {
        let confirmed = orders::confirm(&shop.ctx(), id.into(), IdempotencyKey::none()).await;
        self.stepped("confirm", confirmed);
        let pay = PayOrder {
            order: id.into(),
            payment_id: payment_id.to_owned(),
            method: "card".to_owned(),
        };
        let paid = orders::pay(&shop.ctx(), pay, IdempotencyKey::none()).await;
        self.stepped("pay", paid);
    }
}

both_databases! {
    async fn no_use_case_copies_an_order(db) {
        let shop = Shop::open(db.url()).await;
        let basket = Basket::fill(&shop).await;

        let placed = basket.place(&shop, "delivered").await;
        let id = placed.order.id();
        basket.pay(&shop, id, "pay_1").await;
        let ship = ShipOrder { order: id.into(), tracking: "T1".to_owned(), carrier: "Post".to_owned() };
        basket.stepped("ship", orders::ship(&shop.ctx(), ship, IdempotencyKey::none()).await);
        let deliver = DeliverOrder { order: id.into(), signature: Some("Jane".to_owned()) };
        let delivered = orders::deliver(&shop.ctx(), deliver, IdempotencyKey::none()).await;
        assert_eq!(basket.stepped("deliver", delivered).status(), OrderStatus::Delivered);

        // From each state that can be cancelled, and by its deadline.
        let cancel = async |id: OrderId, refund_id: Option<&str>| {
            let reason = "a test".to_owned();
            let cancel = CancelOrder { order: id.into(), reason, refund_id: refund_id.map(str::to_owned) };
            basket.stepped("cancel", orders::cancel(&shop.ctx(), cancel, IdempotencyKey::none()).await)
        };
        let paid = basket.place(&shop, "paid").await.order.id();
        basket.pay(&shop, paid, "pay_2").await;
        assert_eq!(cancel(paid, Some("re_2")).await.status(), OrderStatus::Cancelled);
        let confirmed = basket.place(&shop, "confirmed").await.order.id();
        shop.confirm(confirmed).await.unwrap();
        cancel(confirmed, None).await;
        cancel(basket.place(&shop, "pending").await.order.id(), None).await;
        let late = basket.place(&shop, "late").await.order.id();
        shop.clock.advance(Duration::from_secs(24 * 60 * 60));
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap().done, 1);
        basket.assert_moved("expire");
        // It is read only to be refused.
        let refused = orders::confirm(&shop.ctx(), late.into(), IdempotencyKey::none()).await;
        assert!(refused.is_err());
        basket.assert_moved("a refused transition");

        let read = orders::get(&shop.ctx(), id).await.unwrap();
        orders::get_by_secret(&shop.visitor(), id, Some(&placed.secret)).await.unwrap();
        let page = orders::list(&shop.ctx(), &OrderFilter::default(), None, Limit::default()).await.unwrap();
        assert_eq!(page.items.len(), 5);
        basket.assert_moved("read and list");

        drop(read.clone());
        let copied: Vec<u64> = basket.0.into_iter().map(copied_lines).collect();
        assert_eq!(copied, [1, 1, 1], "the counter counts");
    }
}
