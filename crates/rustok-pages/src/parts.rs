//! Parts of pages that are the same everywhere, by the names of the reference design.

use crate::assets;
use askama::filters::HtmlSafe;
use rustok_app::content::TranslationState;
use rustok_commerce::OrderStatus;
use rustok_commerce::product::ProductStatus;
use rustok_content::{AnyContentNode, NodeStatus};
use rustok_core::clock::Timestamp;
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
    /// A state with this tone, icon and word.
    pub(crate) const fn new(tone: &'static str, icon: &'static str, key: &'static str) -> Self {
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
    /// The state of an article or page, as readers see it at `now`.
    pub(crate) fn of_node(node: &AnyContentNode, now: Timestamp) -> Self {
        match node.status() {
            NodeStatus::Draft => Self::new("", "s0", "node-draft"),
            NodeStatus::Published if node.is_public_at(now) => Self::new("ok", "s5", "node-published"),
            NodeStatus::Published => Self::new("plum", "clock", "node-scheduled"),
            NodeStatus::Archived => Self::new("", "sx", "node-archived"),
        }
    }

    /// A thing that was deleted, and can be brought back for a while.
    pub(crate) const fn deleted() -> Self {
        Self::new("bad", "trash", "node-deleted")
    }

    /// The text of one language: what readers see of it.
    pub(crate) fn of_translation(state: &TranslationState) -> Self {
        match state.published_revision {
            _ if state.is_removed => Self::new("warn", "trash", "translation-removed"),
            None => Self::new("", "s0", "node-draft"),
            Some(public) if public == state.working_revision => Self::new("ok", "s5", "node-published"),
            Some(_) => Self::new("info", "edit", "translation-edited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_text::Locale;

    #[test]
    fn a_translation_says_what_readers_see_of_it() {
        for (public, is_removed, key) in [
            (None, false, "node-draft"),
            (Some(3), false, "node-published"),
            (Some(2), false, "translation-edited"),
            (Some(2), true, "translation-removed"),
        ] {
            let state = TranslationState {
                locale: Locale::parse("en").unwrap(),
                slug: None,
                working_revision: 3,
                published_slug: None,
                published_revision: public,
                is_original: true,
                is_removed,
            };
            assert_eq!(Pill::of_translation(&state).key, key);
        }
    }
}
