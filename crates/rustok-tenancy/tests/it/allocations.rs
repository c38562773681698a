//! What naming a tenant costs in memory: nothing, because the hit of the tenant cache must allocate nothing.

use crate::laws::validators;
use rustok_tenancy::IdentifierError;
use std::hint::black_box;

/// How many allocations a call makes.
fn allocations<T>(call: impl FnOnce() -> T) -> u64 {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(black_box(call())));
    drop(result);
    counted.count_total
}

#[test]
fn a_host_becomes_a_key_without_an_allocation() {
    let [validator, with_addresses] = validators();
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    for raw in [
        "demo.shops.example",
        "Demo.Shops.Example.:8080",
        "www.a-rather-long-name-of-a-shop.example.org:443",
        "one.two.three.four.five.six.seven.eight.nine.ten.example",
        "xn--bcher-kva.example",
        "bücher.example",
        &longest,
    ] {
        let count = allocations(|| validator.from_host_header(raw).unwrap());
        assert_eq!(count, 0, "{raw}");
    }
    for raw in ["127.0.0.1:8080", "[2001:DB8::1]:80"] {
        let count = allocations(|| with_addresses.from_host_header(raw).unwrap());
        assert_eq!(count, 0, "{raw}");
    }
}

#[test]
fn a_tenant_header_and_a_copy_of_a_key_allocate_nothing() {
    let [validator, _] = validators();
    for raw in ["Demo", "018f4e6a-7b1c-7def-8abc-0123456789ab"] {
        assert_eq!(allocations(|| validator.slug_or_id(raw).unwrap()), 0, "{raw}");
    }
    let key = validator.from_host_header("shop.example").unwrap();
    assert_eq!(allocations(|| key.clone()), 0);
    assert!(size_of_val(&key) <= 300);
}

#[test]
fn what_is_too_long_is_refused_unread() {
    let [validator, _] = validators();
    let too_long = Err(IdentifierError::TooLong { max_bytes: 1_024 });
    for raw in ["a".repeat(10_240), "ä.".repeat(5_120), "xn--a.".repeat(2_000)] {
        assert_eq!(allocations(|| validator.from_host_header(&raw).is_err()), 0);
        assert_eq!(validator.from_host_header(&raw), too_long);
    }
}
