//! Every pair of state and transition, guards at their limits, rows there and back, and rows that cannot be.

use super::*;
use crate::ids::VariantId;
use crate::order::{AdjustmentKind, OrderContents, OrderStatus};
use crate::testing::copied_lines;
use rustok_core::money::{Currency, Money};
use std::time::Duration;
use uuid::Uuid;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::parse("USD").unwrap())
}

fn line(quantity: i64, unit_price_minor: i64) -> OrderLine {
    OrderLine {
        variant_id: VariantId::from_uuid(Uuid::from_u128(21)),
        product_id: Uuid::from_u128(22).into(),
        title: "Tea".into(),
        variant_title: "Green".into(),
        sku: Some("TEA-1".into()),
        quantity,
        unit_price: usd(unit_price_minor),
        stock_taken: true,
    }
}

fn placement(lines: Vec<OrderLine>) -> Result<Placement, CommerceError> {
    let discount = OrderAdjustment {
        kind: AdjustmentKind::Discount,
        title: "10 cents off".into(),
        amount: usd(-10),
    };
    let shipping = OrderAdjustment {
        kind: AdjustmentKind::Shipping,
        title: "Post".into(),
        amount: usd(10),
    };
    Ok(Placement {
        id: Uuid::from_u128(1).into(),
        tenant_id: Uuid::from_u128(2).into(),
        source: OrderSource::Storefront,
        customer_id: Uuid::from_u128(3).into(),
        email: CanonicalEmail::parse("jane@example.com").unwrap(),
        contents: OrderContents::new(usd(0).currency(), lines, vec![discount, shipping])?,
        expires_at: at(3_600),
    })
}

fn pending() -> Order<Pending> {
    let placement = placement(vec![line(2, 1_999), line(1, 1)]).unwrap();
    Order::place(placement, at(0)).with_number(OrderNumber::FIRST)
}

fn confirmed() -> Order<Confirmed> {
    pending().confirm_at(at(1)).unwrap()
}

/// Confirmed, and called off unless it is paid in time.
fn waiting() -> Order<Confirmed> {
    pending().confirm_until_at(Some(at(100)), at(1)).unwrap()
}

fn paid() -> Order<Paid> {
    confirmed().pay_at("pay_1".into(), "card".into(), at(2)).unwrap()
}

fn shipped() -> Order<Shipped> {
    paid().ship_at("T-1".into(), "FedEx".into(), at(3)).unwrap()
}

fn delivered() -> Order<Delivered> {
    shipped().deliver_at(Some("Jane Roe".into()), at(4))
}

/// One order of each state, a cancelled one from each state that it can come from.
fn all() -> Vec<AnyOrder> {
    vec![
        pending().into(),
        confirmed().into(),
        waiting().into(),
        paid().into(),
        shipped().into(),
        delivered().into(),
        shipped().deliver_at(None, at(4)).into(),
        pending()
            .cancel_at("changed my mind".into(), at(5))
            .unwrap()
            .into(),
        confirmed().cancel_at("sold out".into(), at(5)).unwrap().into(),
        paid()
            .cancel_with_refund_at("broken".into(), "re_1".into(), at(5))
            .unwrap()
            .into(),
    ]
}

fn apply(order: AnyOrder, name: &str) -> Result<AnyOrder, CommerceError> {
    let refund = matches!(order, AnyOrder::Paid(_)).then(|| "re_1".to_owned());
    match name {
        "confirm" => order.confirm_at(at(9)),
        "pay" => order.pay_at("pay_9".into(), "card".into(), at(9)),
        "ship" => order.ship_at("T-9".into(), "DHL".into(), at(9)),
        "deliver" => order.deliver_at(None, at(9)),
        "cancel" => order.cancel_at("because".into(), refund, at(9)),
        other => panic!("no transition is named {other}"),
    }
}

const NAMES: [&str; 5] = ["confirm", "pay", "ship", "deliver", "cancel"];

/// SPEC 2.5, typed by hand: per state, where each of [`NAMES`] leads.
const EXPECTED: [(&str, [Option<&str>; 5]); 6] = [
    (
        "pending",
        [Some("confirmed"), None, None, None, Some("cancelled")],
    ),
    ("confirmed", [None, Some("paid"), None, None, Some("cancelled")]),
    ("paid", [None, None, Some("shipped"), None, Some("cancelled")]),
    ("shipped", [None, None, None, Some("delivered"), None]),
    ("delivered", [None, None, None, None, None]),
    ("cancelled", [None, None, None, None, None]),
];

#[test]
fn every_pair_of_state_and_transition() {
    let mut tried = 0;
    for order in all() {
        let from = order.status().as_str();
        let (_, targets) = EXPECTED.iter().find(|(state, _)| *state == from).unwrap();
        let allowed: Vec<&str> = NAMES
            .into_iter()
            .zip(targets)
            .filter_map(|(name, to)| to.map(|_| name))
            .collect();
        assert_eq!(order.allowed_transitions().collect::<Vec<_>>(), allowed, "{from}");
        for (name, to) in NAMES.into_iter().zip(targets) {
            let version = order.version();
            match (apply(order.clone(), name), to) {
                (Ok(next), Some(to)) => {
                    assert_eq!(next.status().as_str(), *to, "{name} of {from}");
                    assert_eq!(next.version(), version + 1);
                    assert_eq!(OrderColumns::from(&next).updated_at, at(9));
                }
                (Err(CommerceError::IllegalTransition(refusal)), None) => {
                    assert_eq!((refusal.machine, refusal.current_state), ("order", from));
                    assert_eq!(
                        (refusal.attempted, refusal.allowed_transitions),
                        (name, allowed.clone())
                    );
                }
                (outcome, _) => panic!("{name} of {from}: {outcome:?}"),
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 50);
}

#[test]
fn the_table_is_the_same_as_the_types() {
    for (from, targets) in EXPECTED {
        for (name, to) in NAMES.into_iter().zip(targets) {
            assert_eq!(order_machine().check(from, name).ok(), to, "{name} of {from}");
        }
    }
    assert_eq!(order_machine().edges().len(), 7);
    let infallible: Vec<_> = order_machine()
        .edges()
        .iter()
        .filter(|edge| edge.guard.is_none())
        .collect();
    assert_eq!(infallible.len(), 1);
    assert_eq!(infallible[0].name, "deliver");
    let states = EXPECTED.map(|(state, _)| state);
    assert_eq!(OrderStatus::ALL.map(OrderStatus::as_str), states);
}

#[test]
fn an_order_waits_for_its_payment_until_its_time_is_over() {
    let order = AnyOrder::from(waiting());
    assert_eq!(
        (order.expires_at(), order.is_expired_at(at(99))),
        (Some(at(100)), false)
    );
    assert!(order.is_expired_at(at(100)) && !AnyOrder::from(confirmed()).is_expired_at(at(1_000_000)));
    let pay = |order: AnyOrder| order.pay_at("pay_1".into(), "card".into(), at(101)).unwrap();
    assert_eq!(pay(order.clone()).expires_at(), None);
    assert_eq!(OrderColumns::from(&pay(order.clone())).expires_at, None);
    let cancelled = order.cancel_at("expired".into(), None, at(101)).unwrap();
    assert_eq!(OrderColumns::from(&cancelled).expires_at, None);
}

#[test]
fn a_transition_copies_nothing_and_a_copy_is_counted() {
    // Of no other test: they run at the same time.
    let variant_id = VariantId::from_uuid(Uuid::from_u128(2_100));
    let lines = [1, 2].map(|quantity| OrderLine {
        variant_id,
        ..line(quantity, 100)
    });
    let order = AnyOrder::from(Order::place(placement(lines.into()).unwrap(), at(0)));
    let order = order.with_number(OrderNumber::FIRST).confirm_at(at(1)).unwrap();
    let order = order.pay_at("pay_1".into(), "card".into(), at(2)).unwrap();
    let order = order.ship_at("T1".into(), "Post".into(), at(3)).unwrap();
    let order = order.deliver_at(None, at(4)).unwrap();
    assert_eq!(OrderColumns::from(&order).lines.len(), 2);
    assert_eq!(copied_lines(variant_id), 0);
    drop(order.clone());
    assert_eq!(copied_lines(variant_id), 2);
}

#[test]
fn a_new_order_costs_the_sum_of_its_lines_and_adjustments() {
    let order = pending();
    assert_eq!(
        (order.number(), order.adjustments().len()),
        (Some(OrderNumber::FIRST), 2)
    );
    assert_eq!(order.unchecked_total().money().unwrap().to_string(), "39.99 USD");
    assert_eq!((order.version(), order.expires_at()), (1, Some(at(3_600))));
    assert_eq!(confirmed().total().minor(), 3_999);
}

fn placed(lines: Vec<OrderLine>) -> Vec<String> {
    match placement(lines) {
        Err(CommerceError::ValidationFailed(all)) => {
            all.iter().map(|v| format!("{} {}", v.pointer, v.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_that_cannot_be_is_not_placed() {
    assert_eq!(placed(vec![]), ["#/lines required"]);
    assert_eq!(placed(vec![line(1, 1); 101]), ["#/lines too_many"]);
    assert_eq!(
        placed(vec![line(0, 1), line(10_001, 1), line(1, -1), line(i64::MIN, 1)]),
        [
            "#/lines/0/quantity out_of_range",
            "#/lines/1/quantity out_of_range",
            "#/lines/2 negative_price",
            "#/lines/3/quantity out_of_range",
        ]
    );
    assert_eq!(placed(vec![line(2, i64::MAX)]), ["#/lines total_out_of_range"]);
    assert!(placement(vec![line(10_000, 0); 100]).is_ok());
}

fn claimed(amount: &str, currency: &str) -> Option<&'static str> {
    let amount = Decimal::from_str_exact(amount).unwrap();
    let order = Order::new_pending_at(
        Uuid::nil(),
        Uuid::nil(),
        Uuid::nil(),
        amount,
        currency.into(),
        at(0),
    );
    match order.confirm_at(at(1)) {
        Ok(_) => None,
        Err(CommerceError::TransitionRefused {
            transition: "confirm",
            refusal,
        }) => Some(refusal.reason()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn confirm_checks_the_amount() {
    assert_eq!(claimed("19.99", "USD"), None);
    assert_eq!(claimed("19.990", "USD"), None);
    assert_eq!(claimed("0", "USD"), None);
    assert_eq!(claimed("-0.00", "USD"), None);
    assert_eq!(claimed("-0.01", "USD"), Some("amount_negative"));
    assert_eq!(claimed("19.999", "USD"), Some("too_many_decimals"));
    assert_eq!(claimed("1.5", "JPY"), Some("too_many_decimals"));
    assert_eq!(claimed("1", "usd"), Some("currency_unknown"));
    assert_eq!(claimed("1", "XAU"), Some("currency_unknown"));
    assert_eq!(claimed("0.001", "KWD"), None);
    assert_eq!(claimed("0.0001", "KWD"), Some("too_many_decimals"));
    assert_eq!(
        claimed("-1.5", "JPY"),
        Some("too_many_decimals"),
        "the first reason"
    );
    for unknown in [
        "",
        " ",
        "US",
        "USDD",
        "US\u{0}",
        "XXX",
        "ДОЛ",
        &"U".repeat(10_000),
    ] {
        assert_eq!(claimed("1", unknown), Some("currency_unknown"), "{unknown}");
    }
    assert_eq!(claimed("92233720368547758.07", "USD"), None);
    assert_eq!(claimed("92233720368547758.08", "USD"), Some("amount_too_large"));
    let most = Decimal::MAX.to_string();
    assert_eq!(claimed(&most, "USD"), Some("amount_too_large"));
    assert_eq!(claimed(&most, "JPY"), Some("amount_too_large"));
    assert_eq!(claimed(&format!("-{most}"), "USD"), Some("amount_too_large"));
}

fn wrong<T: std::fmt::Debug>(outcome: Result<T, CommerceError>) -> Vec<String> {
    match outcome {
        Err(CommerceError::ValidationFailed(all)) => all.into_iter().map(|v| v.pointer).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn texts_are_1_to_255_bytes_of_plain_text() {
    let fit = "é".repeat(127);
    let bad = [
        "",
        " \t",
        "\u{a0}\u{3000}\u{2028}",
        &"x".repeat(256),
        &"é".repeat(128),
        &format!("{}x", "€".repeat(85)),
        "a\u{0}b",
        "a\nb",
        "a\u{85}b",
    ];
    for bad in bad {
        let pay = |id: &str, method: &str| confirmed().pay_at(id.into(), method.into(), at(2));
        assert_eq!(wrong(pay(bad, &fit)), ["#/payment_id"], "{bad:?}");
        assert_eq!(wrong(pay(&fit, bad)), ["#/method"]);
        assert_eq!(wrong(pay(bad, bad)), ["#/payment_id", "#/method"]);
        let ship = |tracking: &str, carrier: &str| paid().ship_at(tracking.into(), carrier.into(), at(3));
        assert_eq!(wrong(ship(bad, &fit)), ["#/tracking"]);
        assert_eq!(wrong(ship(bad, bad)), ["#/tracking", "#/carrier"]);
        assert_eq!(
            wrong(paid().cancel_with_refund_at("r".into(), bad.into(), at(5))),
            ["#/refund_id"]
        );
        let signed = AnyOrder::from(shipped()).deliver_at(Some(bad.into()), at(4));
        assert_eq!(wrong(signed), ["#/signature"]);
    }
    for limit in ["x".repeat(255), "€".repeat(85), format!("{}xyz", "𝄞".repeat(63))] {
        assert_eq!(limit.len(), 255);
        let order = confirmed().pay_at(limit.clone(), limit.clone(), at(2)).unwrap();
        let order = order.ship_at(limit.clone(), limit.clone(), at(3)).unwrap();
        assert!(AnyOrder::from(order).deliver_at(Some(limit), at(4)).is_ok());
    }
}

#[test]
fn a_reason_is_1_to_1000_bytes() {
    for bad in ["", "  ", &"x".repeat(1_001), "a\u{0}"] {
        assert_eq!(
            wrong(pending().cancel_at(bad.into(), at(5))),
            ["#/reason"],
            "{bad:?}"
        );
        assert_eq!(wrong(confirmed().cancel_at(bad.into(), at(5))), ["#/reason"]);
        let both = paid().cancel_with_refund_at(bad.into(), String::new(), at(5));
        assert_eq!(wrong(both), ["#/reason", "#/refund_id"]);
    }
    assert!(
        pending()
            .cancel_at(format!("two\nlines{}", "x".repeat(991)), at(5))
            .is_ok()
    );
}

#[test]
fn a_refund_belongs_to_a_payment() {
    let cancel = |order: AnyOrder, refund: Option<&str>| {
        order.cancel_at("because".into(), refund.map(str::to_owned), at(5))
    };
    assert_eq!(wrong(cancel(paid().into(), None)), ["#/refund_id"]);
    assert_eq!(wrong(cancel(pending().into(), Some("re_1"))), ["#/refund_id"]);
    assert_eq!(wrong(cancel(confirmed().into(), Some("re_1"))), ["#/refund_id"]);
    let AnyOrder::Cancelled(order) = cancel(paid().into(), Some("re_1")).unwrap() else {
        panic!("not cancelled")
    };
    let (refund, payment) = order.refund().unwrap();
    assert_eq!(
        (refund.refund_id.as_str(), payment.payment_id.as_str()),
        ("re_1", "pay_1")
    );
    assert_eq!((order.reason(), order.cancelled_at()), ("because", at(5)));
    // Not the state, but the refund is what is wrong: an order that is shipped says so whatever came with it.
    assert!(matches!(
        cancel(shipped().into(), Some("re_1")),
        Err(CommerceError::IllegalTransition(_))
    ));
}

#[test]
fn a_pending_order_expires() {
    let order = AnyOrder::from(pending());
    assert!(!order.is_expired_at(at(3_600) - Duration::from_micros(1)));
    assert!(order.is_expired_at(at(3_600)));
}

#[test]
fn state_data_is_kept_through_the_life() {
    let order = delivered();
    assert_eq!(
        (order.payment().method.as_str(), order.payment().paid_at),
        ("card", at(2))
    );
    assert_eq!((order.tracking(), order.carrier()), ("T-1", "FedEx"));
    assert_eq!(
        (order.signature(), order.delivered_at()),
        (Some("Jane Roe"), at(4))
    );
    assert_eq!(
        (order.created_at(), order.updated_at(), order.version()),
        (at(0), at(4), 5)
    );
    assert_eq!(order.lines().len(), 2);
    assert_eq!(order.total().minor(), 3_999);
}

#[test]
fn rows_round_trip() {
    for order in all() {
        let row = OrderRow::from(&order);
        assert_eq!(row.status, order.status().as_str());
        assert_eq!((row.total, row.number), (usd(3_999), 1_001));
        assert_eq!(AnyOrder::try_from(row), Ok(order));
    }
}

#[test]
fn an_order_that_was_not_placed_is_not_read_back() {
    let order = Order::new_pending_at(
        Uuid::nil(),
        Uuid::nil(),
        Uuid::nil(),
        Decimal::ONE,
        "USD".into(),
        at(0),
    );
    assert!(AnyOrder::try_from(OrderRow::from(&AnyOrder::from(order))).is_err());
    let order = Order::new_pending_at(
        Uuid::nil(),
        Uuid::nil(),
        Uuid::nil(),
        Decimal::ONE,
        "?".into(),
        at(0),
    );
    assert_eq!(OrderColumns::from(&AnyOrder::from(order)).total, None);
}

/// Breaks the row of `order` and tells which rule it then breaks.
fn broken(order: impl Into<AnyOrder>, break_it: impl FnOnce(&mut OrderRow)) -> &'static str {
    let mut row = OrderRow::from(&order.into());
    break_it(&mut row);
    match AnyOrder::try_from(row) {
        Err(CommerceError::InconsistentRow {
            table: "orders",
            id,
            reason,
        }) => {
            assert_eq!(id, Uuid::from_u128(1));
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn impossible_heads_are_refused() {
    assert_eq!(broken(pending(), |r| r.status = "lost".into()), "unknown status");
    assert_eq!(broken(pending(), |r| r.source = "lost".into()), "unknown source");
    assert_eq!(broken(pending(), |r| r.number = 0), "number below 1");
    assert_eq!(
        broken(pending(), |r| r.email = String::new()),
        "email is no address"
    );
    assert_eq!(broken(pending(), |r| r.version = 0), "version below 1");
    assert_eq!(broken(pending(), |r| r.total = usd(-1)), "negative total");
    assert_eq!(
        broken(pending(), |r| r.total = usd(4_000)),
        "total is not the sum of the lines and adjustments"
    );
    assert_eq!(
        broken(pending(), |r| r.adjustments.truncate(1)),
        "total is not the sum of the lines and adjustments"
    );
    let euros = Money::from_minor(3_999, Currency::parse("EUR").unwrap());
    assert_eq!(
        broken(pending(), |r| r.total = euros),
        "total is not the sum of the lines and adjustments"
    );
    assert_eq!(
        broken(pending(), |r| r.adjustments[0].kind = AdjustmentKind::Tax),
        "an adjustment of the wrong sign"
    );
    assert_eq!(broken(pending(), |r| r.lines.clear()), "no lines");
    for (quantity, price) in [(0, 1), (10_001, 1), (1, -1)] {
        let reason = broken(pending(), |r| r.lines.push(line(quantity, price)));
        assert_eq!(reason, "a line with a quantity or price out of range");
    }
    let reason = broken(paid(), |r| r.expires_at = Some(at(9)));
    assert_eq!(
        reason,
        "expires_at in an order that is neither pending nor confirmed"
    );
}

#[test]
fn states_without_their_data_are_refused() {
    let unexpired = |r: &mut OrderRow| {
        r.status = "confirmed".into();
        r.expires_at = None;
    };
    assert_eq!(
        broken(pending(), unexpired),
        "confirmed or later without confirmed_at"
    );
    assert_eq!(
        broken(confirmed(), |r| r.status = "paid".into()),
        "paid or later without payment"
    );
    assert_eq!(
        broken(paid(), |r| r.status = "shipped".into()),
        "shipped or later without fulfilment"
    );
    assert_eq!(
        broken(shipped(), |r| r.status = "delivered".into()),
        "delivered without delivered_at"
    );
    assert_eq!(
        broken(shipped(), |r| r.payment = None),
        "paid or later without payment"
    );
    assert_eq!(
        broken(delivered(), |r| r.confirmed_at = None),
        "confirmed or later without confirmed_at"
    );
    let cancelled = || {
        paid()
            .cancel_with_refund_at("broken".into(), "re_1".into(), at(5))
            .unwrap()
    };
    assert_eq!(
        broken(cancelled(), |r| r.refund = None),
        "cancelled after payment without refund"
    );
    assert_eq!(
        broken(cancelled(), |r| r.cancel_reason = None),
        "cancelled without reason"
    );
    assert_eq!(
        broken(cancelled(), |r| r.cancelled_at = None),
        "cancelled without cancelled_at"
    );
    assert_eq!(
        broken(cancelled(), |r| r.confirmed_at = None),
        "confirmed or later without confirmed_at"
    );
    let no_payment = broken(cancelled(), |r| r.payment = None);
    assert_eq!(
        no_payment,
        "refund in an order that is not cancelled after payment"
    );
}

#[test]
fn states_with_data_of_others_are_refused() {
    let full = OrderRow::from(&AnyOrder::from(delivered()));
    let payment = || full.payment.clone();
    let fulfilment = || full.fulfilment.clone();
    let refund = || {
        Some(Refund {
            refund_id: "re_1".into(),
            refunded_at: at(5),
        })
    };
    assert_eq!(
        broken(pending(), |r| r.confirmed_at = Some(at(1))),
        "confirmed_at in an order that is not confirmed"
    );
    assert_eq!(
        broken(confirmed(), |r| r.payment = payment()),
        "payment in an order that is not paid"
    );
    assert_eq!(
        broken(paid(), |r| r.fulfilment = fulfilment()),
        "fulfilment in an order that is not shipped"
    );
    let arrived = broken(shipped(), |r| r.fulfilment = fulfilment());
    assert_eq!(arrived, "delivery data in an order that is not delivered");
    let refunded = "refund in an order that is not cancelled after payment";
    assert_eq!(broken(delivered(), |r| r.refund = refund()), refunded);
    assert_eq!(broken(paid(), |r| r.refund = refund()), refunded);
    let called_off = "cancellation data in an order that is not cancelled";
    assert_eq!(broken(paid(), |r| r.cancelled_at = Some(at(5))), called_off);
    assert_eq!(
        broken(pending(), |r| r.cancel_reason = Some("x".into())),
        called_off
    );
    let cancelled = pending().cancel_at("x".into(), at(5)).unwrap();
    assert_eq!(
        broken(cancelled, |r| r.fulfilment = fulfilment()),
        "fulfilment in an order that is not shipped"
    );
}

#[test]
fn unfit_texts_are_refused_in_rows_too() {
    let text = |r: &mut OrderRow| r.payment.as_mut().unwrap().method = " ".into();
    assert_eq!(broken(paid(), text), "payment with unfit text");
    let text = |r: &mut OrderRow| r.fulfilment.as_mut().unwrap().carrier = String::new();
    assert_eq!(broken(delivered(), text), "fulfilment with unfit text");
    let cancelled = pending().cancel_at("x".into(), at(5)).unwrap();
    assert_eq!(
        broken(cancelled, |r| r.cancel_reason = Some(" ".into())),
        "cancellation with unfit text"
    );
}
