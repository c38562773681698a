//! What arrived cannot be called off, not even with a refund.

use rustok_commerce::{Delivered, Order};

fn cancel(order: Order<Delivered>) {
    let _ = order.cancel_with_refund("changed my mind".into(), "re_1".into());
}

fn main() {}
