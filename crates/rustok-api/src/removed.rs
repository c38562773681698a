//! What was taken out of HTML that was written, as the answers of writes tell it.

use rustok_text::body::{Removal, Removed};
use serde::Serialize;
use utoipa::ToSchema;

/// Something that was taken out of HTML, because it acts or because it is not known.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Removal)]
pub struct RemovalView<'a> {
    /// The member of the request that it stood in.
    #[schema(example = "#/body")]
    pointer: &'static str,
    /// `element` (its content stayed), `element_with_content`, `attribute` (also one whose value is not allowed), `url`
    /// (because of its scheme), `style` (a declaration), `class`, `rel` (a word of one), `id` (one that cannot be an id),
    /// or `other`: after fifty different things, all the rest.
    #[schema(example = "attribute")]
    what: &'static str,
    /// Its name, such as `script`, `onclick`, `javascript:` or `position`. Empty for `id` and `other`.
    #[schema(example = "onclick")]
    name: &'a str,
    /// The element that it stood on, for a URL with the attribute: `a[href]`. Not there for elements and `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "a")]
    on: Option<&'a str>,
    /// How often.
    #[schema(minimum = 1)]
    count: u32,
}

/// What was taken out of the member at `pointer`.
pub fn removed_from<'a>(pointer: &'static str, removed: &'a Removed) -> Vec<RemovalView<'a>> {
    let view = |entry: &'a Removal| RemovalView {
        pointer,
        what: entry.what.as_str(),
        name: &entry.name,
        on: entry.on.as_deref(),
        count: entry.count,
    };
    removed.entries().iter().map(view).collect()
}
