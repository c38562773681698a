//! No state can be made or taken out from outside.

use rustok_commerce::{Order, Paid, Pending};

fn forge() -> Paid {
    Paid {}
}

fn strip(order: Order<Pending>) -> Pending {
    order.state
}

fn main() {}
