//! What was answered stays: through SIGKILL, a full disk, and in a copy made meanwhile.

mod backup;
mod disk_full;
mod killed;

use crate::orders;
use crate::platform::Shop;
use reqwest::RequestBuilder;
use serde_json::Value;
use std::collections::BTreeMap;

/// The order that is to be made once: its mark is its `Idempotency-Key` and stands in its e-mail address.
fn marked(shop: &Shop, variant: &Value, mark: &str) -> RequestBuilder {
    let mut order = orders::order_of(variant, 1);
    order["email"] = format!("{mark}@example.com").into();
    orders::place(shop, &order).header("idempotency-key", mark)
}

/// The ids of all orders of the shop, by their marks.
async fn kept(shop: &Shop) -> BTreeMap<String, Vec<String>> {
    let mut kept: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for order in orders::all_orders(shop).await {
        let mark = order["email"]
            .as_str()
            .unwrap()
            .split('@')
            .next()
            .unwrap()
            .to_owned();
        kept.entry(mark).or_default().push(orders::id(&order).to_owned());
    }
    kept
}
