//! An order is accepted before it is paid.

use rustok_commerce::{Order, Pending};

fn pay(order: Order<Pending>) {
    let _ = order.pay("pay_123".into(), "card".into());
}

fn main() {}
