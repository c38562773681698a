//! What only a whole crate can prove: the documented calls compile, illegal transitions do not, and the message says
//! why.
//!
//! After a change of the compiler or of a message: `TRYBUILD=overwrite cargo test -p rustok-commerce --test it`, and
//! read the difference.
#![expect(clippy::unwrap_used, reason = "tests")]

mod diagram;
mod moves;

use rust_decimal::Decimal;
use rustok_commerce::{Cancelled, CommerceError, Confirmed, Delivered, Order, Paid, Pending, Shipped};
use uuid::Uuid;

#[test]
fn the_documented_call_shapes_compile() -> Result<(), CommerceError> {
    let (id, tenant_id, customer_id) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let amount = Decimal::new(5_000, 2);
    let order: Order<Pending> = Order::new_pending(id, tenant_id, customer_id, amount, "USD".into());
    let confirmed: Order<Confirmed> = order.confirm()?;
    let paid: Order<Paid> = confirmed.pay("pay_123".into(), "card".into())?;
    let refunded: Order<Cancelled> = paid.clone().cancel_with_refund("broken".into(), "re_1".into())?;
    assert!(refunded.refund().is_some());
    let shipped: Order<Shipped> = paid.ship("TRACK123".into(), "FedEx".into())?;
    let delivered: Order<Delivered> = shipped.deliver(Some("Jane Roe".into()));
    assert_eq!(delivered.total().amount(), amount);
    Ok(())
}

#[test]
fn illegal_transitions_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
