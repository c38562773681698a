//! What was sent cannot be called off.

use rustok_commerce::{Order, Shipped};

fn cancel(order: Order<Shipped>) {
    let _ = order.cancel("changed my mind".into());
}

fn main() {}
