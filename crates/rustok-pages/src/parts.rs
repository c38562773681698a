//! Parts of pages that are the same everywhere, by the names of the reference design.

use crate::assets;
use askama::filters::HtmlSafe;
use rustok_commerce::OrderStatus;
use rustok_commerce::product::ProductStatus;
use std::fmt;

/// A picture of the sprite. It says nothing that the words beside it do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Icon(pub(crate) &'static str);

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sprite = assets::ICONS_SVG;
        write!(
            f,
            "<svg class=\"i\" aria-hidden=\"true\"><use href=\"{sprite}#{}\"/></svg>",
            self.0
        )
    }
}

impl HtmlSafe for Icon {}

/// A state in one word, with a shape: the colour is only the second sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pill {
    /// `ok`, `warn`, `bad`, `info`, `plum`, or nothing.
    pub(crate) tone: &'static str,
    /// The shape.
    pub(crate) icon: Icon,
    /// The key of the word.
    pub(crate) key: &'static str,
}

impl Pill {
    const fn new(tone: &'static str, icon: &'static str, key: &'static str) -> Self {
        Self {
            tone,
            icon: Icon(icon),
            key,
        }
    }

    /// The state of an order.
    pub(crate) const fn of_order(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Pending => Self::new("warn", "s1", "order-pending"),
            OrderStatus::Confirmed => Self::new("info", "s2", "order-confirmed"),
            OrderStatus::Paid => Self::new("info", "s3", "order-paid"),
            OrderStatus::Shipped => Self::new("plum", "s4", "order-shipped"),
            OrderStatus::Delivered => Self::new("ok", "s5", "order-delivered"),
            OrderStatus::Cancelled => Self::new("", "sx", "order-cancelled"),
        }
    }

    /// The state of a product.
    pub(crate) const fn of_product(status: ProductStatus) -> Self {
        match status {
            ProductStatus::Draft => Self::new("", "s0", "product-draft"),
            ProductStatus::Active => Self::new("ok", "s5", "product-active"),
            ProductStatus::Archived => Self::new("", "sx", "product-archived"),
        }
    }

    /// A product that was deleted.
    pub(crate) const DELETED_PRODUCT: Self = Self::new("", "trash", "product-deleted");
}
