//! The data of a state can be read in the states that have it, and in no other.

use rustok_commerce::{Confirmed, Order, Paid, Pending, Shipped};

fn read(pending: &Order<Pending>, confirmed: &Order<Confirmed>, paid: &Order<Paid>, shipped: &Order<Shipped>) {
    let _ = pending.payment();
    let _ = pending.total();
    let _ = confirmed.payment();
    let _ = paid.expires_at();
    let _ = paid.tracking();
    let _ = paid.refund();
    let _ = shipped.signature();
}

fn main() {}
