//! What a shop's people look at first, compared with the orders themselves.

use crate::shop::{Shop, place};
use rustok_app::home::{self, Counted};
use rustok_app::orders::{self, OrderFilter};
use rustok_app::{Ctx, catalog, customers};
use rustok_commerce::{AnyOrder, OrderColumns, OrderStatus};
use rustok_core::clock::day_in;
use rustok_core::page::{Cursor, Limit};
use rustok_test_support::both_databases;
use rustok_text::words::Query;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const ZONE: &str = "America/St_Johns";

fn in_zone(shop: &Shop, ctx: Ctx) -> Ctx {
    let mut tenant = (*shop.tenant).clone();
    tenant.settings.time_zone = ZONE.to_owned();
    Ctx {
        tenant: Arc::new(tenant),
        ..ctx
    }
}

async fn all_orders(ctx: &Ctx) -> Vec<AnyOrder> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = orders::list(ctx, &OrderFilter::default(), after, Limit::default())
            .await
            .unwrap();
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => after = Some(Cursor::decode(&next).unwrap()),
            None => return all,
        }
    }
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % most
    }
}

both_databases! {
    async fn sales_are_the_sum_of_the_orders_to_the_cent(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = in_zone(&shop, shop.ctx());
        let visitor = in_zone(&shop, shop.visitor());
        let variants = shop.product(&[("A", None), ("B", None)]).await;
        let mut dice = Dice(7);
        let mut open = Vec::new();
        for _ in 0..60 {
            shop.clock.advance(Duration::from_secs(dice.below(2 * 86_400)));
            let lines = [(variants[usize::from(dice.below(2) == 1)], i64::try_from(1 + dice.below(5)).unwrap())];
            open.push(place(&visitor, "jane@example.com", &lines).await.unwrap());
            if dice.below(3) == 0 {
                let at = usize::try_from(dice.below(open.len() as u64)).unwrap();
                let order = open.remove(at);
                if shop.order(order).await.status() == OrderStatus::Pending {
                    shop.cancel(order, "why").await.unwrap();
                }
            }
            let mut expected: BTreeMap<String, (i64, i64)> = BTreeMap::new();
            let orders = all_orders(&ctx).await;
            for order in orders.iter().filter(|order| order.status() != OrderStatus::Cancelled) {
                let order = OrderColumns::from(order);
                let sum = expected.entry(day_in(ZONE, order.created_at).to_string()).or_default();
                *sum = (sum.0 + 1, sum.1 + order.total.unwrap().minor());
            }
            let sales = home::overview(&ctx).await.unwrap().sales;
            let mut total = (0, 0);
            for day in &sales.days {
                let of_orders = expected.get(&day.day.to_string()).copied().unwrap_or_default();
                assert_eq!((day.orders, day.total.minor()), of_orders, "{}", day.day);
                total = (total.0 + day.orders, total.1 + day.total.minor());
            }
            assert_eq!((sales.orders, sales.total.minor()), total);
            assert_eq!(sales.days[29].day, day_in(ZONE, ctx.now()));
        }
    }

    async fn customers_are_found_with_what_they_ordered(db) {
        let shop = Shop::open(db.url()).await;
        let (ctx, visitor) = (shop.ctx(), shop.visitor());
        let [variant] = shop.product(&[("A", None)]).await.try_into().unwrap();
        for (email, pieces) in [("Jane.Roe@example.com", 2), ("ilya@example.org", 1), ("jane.roe@example.com", 3)] {
            place(&visitor, email, &[(variant, pieces)]).await.unwrap();
            shop.clock.advance(Duration::from_secs(60));
        }
        let first = orders::search(&ctx, "#1001", Limit::default()).await.unwrap();
        let paid = OrderColumns::from(&first[0]).id;
        shop.confirm(paid).await.unwrap();
        shop.pay(paid).await.unwrap();
        let list = async |text: &str| {
            let query = (!text.is_empty()).then(|| Query::of(text));
            let page = customers::list(&ctx, query.as_ref(), None, Limit::default()).await.unwrap();
            page.items.iter().map(|one| one.email.clone()).collect::<Vec<_>>()
        };
        assert_eq!(list("").await, ["ilya@example.org", "jane.roe@example.com"]);
        assert_eq!(list("ROE exa").await, ["jane.roe@example.com"]);
        assert_eq!(list("jane.roe@").await, ["jane.roe@example.com"]);
        assert_eq!(list("oe").await, [""; 0]);
        let jane = customers::list(&ctx, Some(&Query::of("jane")), None, Limit::default()).await.unwrap().items.remove(0);
        assert_eq!(customers::get(&ctx, jane.id).await.unwrap(), jane);
        let spent: Vec<_> = jane.spent.iter().map(ToString::to_string).collect();
        assert_eq!((jane.orders.count, spent.len(), jane.spent[0].minor()), (2, 1, 1_000));
        assert_eq!(jane.last_order_at, Some(ctx.now() - Duration::from_secs(60)));
        for (text, expected) in [("jane", vec![1_003, 1_001]), ("1002", vec![1_002]), ("example", vec![1_003, 1_002, 1_001]),
            ("ilya@example.org", vec![1_002]), ("nobody", vec![])] {
            let found = orders::search(&ctx, text, Limit::default()).await.unwrap();
            let numbers: Vec<_> = found.iter().map(|order| OrderColumns::from(order).number.unwrap().get()).collect();
            assert_eq!(numbers, expected, "{text}");
        }
        let nobody = customers::get(&ctx, rustok_commerce::ids::CustomerId::from_uuid(uuid::Uuid::nil())).await;
        assert_eq!(nobody.unwrap_err().code(), "customer_not_found");
        let [counted] = shop.product(&[("B", Some(5))]).await.try_into().unwrap();
        shop.clock.advance(Duration::from_secs(1));
        place(&visitor, "jane.roe@example.com", &[(counted, 2)]).await.unwrap();
        let lines = catalog::list_movements(&ctx, counted, None, Limit::default()).await.unwrap().items;
        let seen: Vec<_> = lines.iter().map(|line| (line.delta, line.reason.as_str(), line.order_id.is_some())).collect();
        assert_eq!(seen, [(-2, "reserved", true), (5, "set", false)]);
    }

    async fn orders_to_handle_low_stock_and_what_was_done_lately(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        let variants = shop.product(&[("A", Some(6)), ("B", Some(2)), ("C", None), ("D", Some(50))]).await;
        let first = shop.place_and_confirm(variants[0], 1).await;
        let second = shop.place(&[(variants[0], 1)]).await.unwrap();
        let seen = home::overview(&ctx).await.unwrap();
        let one = Counted { count: 1, more: false };
        assert_eq!((seen.to_handle.pending, seen.to_handle.confirmed, seen.to_handle.paid.count), (one, one, 0));
        let low: Vec<_> = seen.low_stock.iter().map(|low| (low.sku.clone().unwrap(), low.available)).collect();
        assert_eq!(low, [("B".to_owned(), 2), ("A".to_owned(), 4)]);
        let mut done: Vec<_> = seen.activity.iter().map(|done| (done.kind.as_str(), done.title.as_str())).collect();
        done.sort_unstable();
        assert_eq!(done, [("order", "1001"), ("order", "1002"), ("product", "Tea")]);
        shop.pay(first).await.unwrap();
        shop.cancel(second, "why").await.unwrap();
        let seen = home::overview(&ctx).await.unwrap();
        assert_eq!((seen.to_handle.pending.count, seen.to_handle.confirmed.count, seen.to_handle.paid), (0, 0, one));
        // The products of an archived shop window do not run low.
        let (product, _) = catalog::get_variant(&ctx, variants[0]).await.unwrap();
        catalog::delete(&ctx, product.id.into()).await.unwrap();
        assert_eq!(home::overview(&ctx).await.unwrap().low_stock, []);
    }
}
