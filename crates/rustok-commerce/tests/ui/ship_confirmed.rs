//! What was not paid is not sent.

use rustok_commerce::{Confirmed, Order};

fn ship(order: Order<Confirmed>) {
    let _ = order.ship("TRACK123".into(), "FedEx".into());
}

fn main() {}
