//! No state can be added from outside: the machine is closed.

use rustok_commerce::{Order, state_machine::OrderState};

struct Lost;

impl rustok_core::state_machine::State for Lost {
    const NAME: &'static str = "lost";
}

impl OrderState for Lost {
    type Total = ();
}

fn lose(_: Order<Lost>) {}

fn main() {}
