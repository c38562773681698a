//! A transition is a move: it allocates nothing, and a state adds its own data to the order and nothing else.

use rust_decimal::Decimal;
use rustok_commerce::payment::Payment;
use rustok_commerce::state_machine::{OrderState, UncheckedTotal};
use rustok_commerce::{Cancelled, Confirmed, Delivered, Order, Paid, Pending, Shipped};
use rustok_core::clock::Timestamp;
use rustok_core::money::Money;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn pending() -> Order<Pending> {
    let id = Uuid::from_u128(1);
    Order::new_pending_at(id, id, id, Decimal::new(1_999, 2), "USD".into(), NOW)
}

fn confirmed() -> Order<Confirmed> {
    pending().confirm_at(NOW).unwrap()
}

fn paid() -> Order<Paid> {
    confirmed().pay_at("pay_1".into(), "card".into(), NOW).unwrap()
}

fn shipped() -> Order<Shipped> {
    paid().ship_at("T-1".into(), "FedEx".into(), NOW).unwrap()
}

/// How often `transition` allocates; its texts are made before.
fn allocations<T, U>(input: T, transition: impl FnOnce(T) -> U) -> u64 {
    allocation_counter::measure(|| drop(transition(input))).count_total
}

#[test]
fn no_transition_allocates() {
    let text = || "a text of its own".to_owned();
    assert_eq!(
        allocations(pending(), |order| order.confirm_until_at(Some(NOW), NOW).unwrap()),
        0
    );
    assert_eq!(
        allocations((pending(), text()), |(order, why)| order
            .cancel_at(why, NOW)
            .unwrap()),
        0
    );
    assert_eq!(
        allocations((confirmed(), text(), text()), |(order, id, method)| order
            .pay_at(id, method, NOW)
            .unwrap()),
        0
    );
    assert_eq!(
        allocations((confirmed(), text()), |(order, why)| order
            .cancel_at(why, NOW)
            .unwrap()),
        0
    );
    assert_eq!(
        allocations((paid(), text(), text()), |(order, tracking, carrier)| {
            order.ship_at(tracking, carrier, NOW).unwrap()
        }),
        0
    );
    assert_eq!(
        allocations((paid(), text(), text()), |(order, why, refund)| {
            order.cancel_with_refund_at(why, refund, NOW).unwrap()
        }),
        0
    );
    assert_eq!(
        allocations((shipped(), text()), |(order, name)| order
            .deliver_at(Some(name), NOW)),
        0
    );
    assert!(
        allocations(paid(), |order| order.clone()) > 0,
        "the counter counts"
    );
}

/// What an order of the state `S` has besides its state and its total; padding may round it up.
fn head<S: OrderState>() -> usize {
    size_of::<Order<S>>() - size_of::<S>() - size_of::<S::Total>()
}

#[test]
fn a_state_adds_its_own_data_and_nothing_else() {
    let heads = [
        head::<Pending>(),
        head::<Confirmed>(),
        head::<Paid>(),
        head::<Shipped>(),
        head::<Delivered>(),
        head::<Cancelled>(),
    ];
    assert_eq!(heads, [heads[0]; 6]);
    assert_eq!(
        size_of::<Confirmed>(),
        size_of::<Timestamp>() + size_of::<Option<Timestamp>>()
    );
    assert!(size_of::<Paid>() < size_of::<Confirmed>() + size_of::<Payment>());
    // Confirming turns the claim into money, which is smaller: the order does not grow.
    assert!(size_of::<Money>() < size_of::<UncheckedTotal>());
    assert!(size_of::<Order<Confirmed>>() < size_of::<Order<Pending>>());
}
