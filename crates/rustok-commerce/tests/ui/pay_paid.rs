//! An order that is paid is not paid again.

use rustok_commerce::{Order, Paid};

fn pay(order: Order<Paid>) {
    let _ = order.pay("pay_124".into(), "card".into());
}

fn main() {}
