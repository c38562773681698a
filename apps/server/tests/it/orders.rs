//! Orders while their server is killed. What needs no process of its own is in `crates/rustok-api/tests/it/orders`.

mod killed;

pub(crate) use rustok_test_app::{all_orders, available, id, ok, order_of, place, product};
