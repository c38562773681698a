//! What was not sent does not arrive.

use rustok_commerce::{Order, Paid};

fn deliver(order: Order<Paid>) {
    let _ = order.deliver(None);
}

fn main() {}
