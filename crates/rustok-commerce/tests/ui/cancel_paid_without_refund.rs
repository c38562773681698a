//! What was paid is called off with its refund only.

use rustok_commerce::{Order, Paid};

fn cancel(order: Order<Paid>) {
    let _ = order.cancel("changed my mind".into());
}

fn main() {}
