//! A transition takes the order: it is gone once it is paid.

use rustok_commerce::{Confirmed, Order};

fn pay(order: Order<Confirmed>) {
    let _once = order.pay("pay_123".into(), "card".into());
    let _twice = order.pay("pay_124".into(), "card".into());
}

fn main() {}
