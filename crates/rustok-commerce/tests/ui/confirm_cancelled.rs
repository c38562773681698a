//! What was called off stays so.

use rustok_commerce::{Cancelled, Order};

fn confirm(order: Order<Cancelled>) {
    let _ = order.confirm();
}

fn main() {}
