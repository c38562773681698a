//! A table with a fault does not compile.

use rustok_commerce::{Confirmed, Paid, Pending};
use rustok_core::state_machine::{StateMachineBuilder, TransitionTable};

static AMBIGUOUS: TransitionTable = match StateMachineBuilder::new::<Pending>("order")
    .edge::<Pending, Confirmed>("accept")
    .edge::<Pending, Paid>("accept")
    .build()
{
    Ok(table) => table,
    Err(fault) => panic!("{}", fault.message()),
};

fn main() {}
