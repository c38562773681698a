//! Commerce: the typed life cycle of an [`Order`], products, variants, prices and stock.
//!
//! This crate is pure: no clock, no randomness, no I/O, no SQL and no HTTP. Time and ids are parameters; the only
//! exception is the short names of the order's transitions (`confirm()`), which call `confirm_at(now)` with the
//! system clock and which the server never calls.

pub mod error;
pub mod ids;
pub mod inventory;
pub mod order;
pub mod payment;
pub mod price;
pub mod product;
pub mod state_machine;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod variant;

pub use error::CommerceError;
pub use order::{
    OrderAdjustment, OrderContents, OrderLine, OrderNumber, OrderSource, OrderStatus, Placement,
};
pub use product::{Product, ProductStatus};
pub use state_machine::{
    AnyOrder, Cancelled, Confirmed, Delivered, Order, OrderColumns, OrderRow, Paid, Pending, Shipped,
    order_machine,
};
pub use variant::Variant;
