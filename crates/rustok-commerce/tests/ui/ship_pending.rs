//! What was neither accepted nor paid is not sent.

use rustok_commerce::{Order, Pending};

fn ship(order: Order<Pending>) {
    let _ = order.ship("TRACK123".into(), "FedEx".into());
}

fn main() {}
