//! Texts of the store as they stand in JSON: each is escaped once, and answers are put together from what is ready.
//!
//! A text belongs to a save, and a save never changes: nothing here can be out of date. What may be seen is not decided
//! here; the database says for every list which saves are live.

use super::{StoreHeadView, StoreTextView};
use crate::reply;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use moka::sync::Cache;
use rustok_app::content::{PublicHead, PublicText, TextKey};
use rustok_core::ids::TenantId;
use rustok_core::page::Page;
use serde::Serialize;

/// What a text takes beside its bytes: its key, and its place in the cache.
const ENTRY_OVERHEAD_BYTES: usize = 256;
/// What the head of a node takes in a list, for most of them.
const HEAD_BYTES: usize = 512;

/// The texts that were shown lately, in memory that has a bound.
pub struct RenderedTexts(Cache<(TenantId, TextKey), Bytes>);

impl RenderedTexts {
    /// Texts of at most so many bytes in all.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let weight = |_: &(TenantId, TextKey), text: &Bytes| {
            u32::try_from(text.len() + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(max_bytes).weigher(weight).build())
    }

    /// The JSON of a text, if it was shown lately or is given.
    #[must_use]
    pub fn show(&self, tenant: TenantId, key: TextKey, text: Option<&PublicText>) -> Option<Bytes> {
        let Some(text) = text else {
            return self.0.get(&(tenant, key));
        };
        let json = Bytes::from(reply::json(&StoreTextView::from(text)));
        self.0.insert((tenant, key), json.clone());
        Some(json)
    }
}

/// A page of nodes with their texts, which are JSON already.
#[must_use]
pub fn page(page: &Page<(PublicHead, Bytes)>) -> Response {
    let size: usize = page.items.iter().map(|(_, text)| text.len() + HEAD_BYTES).sum();
    let mut json = Vec::with_capacity(size + HEAD_BYTES);
    json.extend_from_slice(b"{\"items\":[");
    for (place, (head, text)) in page.items.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        append(&mut json, &StoreHeadView::from(head));
        join(&mut json, text);
    }
    json.extend_from_slice(b"],\"next_cursor\":");
    append(&mut json, &page.next_cursor);
    json.push(b'}');
    reply::json_bytes(json)
}

/// One node with its text, or 304 when the client has it already. The tag is over the head and the text's number, which
/// stands for the text.
#[must_use]
pub fn one(request: &HeaderMap, head: &PublicHead, text: &Bytes) -> Response {
    let mut json = Vec::with_capacity(text.len() + HEAD_BYTES);
    append(&mut json, &StoreHeadView::from(head));
    let shown = json.len();
    json.extend_from_slice(&head.text().revision.to_be_bytes());
    let tag = reply::etag(head.revision, &json);
    json.truncate(shown);
    join(&mut json, text);
    reply::tagged(request, json, tag)
}

/// Two objects become one: the end of the first and the beginning of the second are a comma.
fn join(json: &mut Vec<u8>, text: &Bytes) {
    json.pop();
    json.push(b',');
    json.extend_from_slice(text.get(1..).unwrap_or_default());
}

fn append<T: Serialize>(json: &mut Vec<u8>, view: &T) {
    // Writing to memory does not fail, and views are what JSON can say.
    let _ = serde_json::to_writer(json, view);
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use rustok_content::BodyFormat;
    use rustok_core::ids::NodeId;
    use uuid::Uuid;

    fn text(body: &str) -> PublicText {
        PublicText {
            title: String::new(),
            excerpt: String::new(),
            body: body.to_owned(),
            format: BodyFormat::Html,
            body_html: String::new(),
            saved_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn key(number: u128) -> TextKey {
        TextKey {
            node: NodeId::from_uuid(Uuid::from_u128(number)),
            locale: "en".parse().unwrap(),
            revision: 1,
        }
    }

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_text_is_kept_for_its_tenant_and_its_save() {
        let texts = RenderedTexts::new(1 << 20);
        assert_eq!(texts.show(tenant(1), key(1), None), None);
        let shown = texts.show(tenant(1), key(1), Some(&text("a \"b\"")));
        assert_eq!(texts.show(tenant(1), key(1), None), shown);
        assert_eq!(texts.show(tenant(2), key(1), None), None);
        assert_eq!(texts.show(tenant(1), key(2), None), None);
        let newer = TextKey {
            revision: 2,
            ..key(1)
        };
        assert_eq!(texts.show(tenant(1), newer, None), None);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let texts = RenderedTexts::new(100_000);
        let long = text(&"x".repeat(9_000));
        for number in 0..1_000 {
            assert!(texts.show(tenant(1), key(number), Some(&long)).is_some());
        }
        texts.0.run_pending_tasks();
        assert!(texts.0.weighted_size() <= 100_000, "{}", texts.0.weighted_size());
        assert!(texts.0.entry_count() > 5, "{}", texts.0.entry_count());
        let none = RenderedTexts::new(0);
        assert!(none.show(tenant(1), key(1), Some(&long)).is_some());
        none.0.run_pending_tasks();
        assert_eq!(none.0.entry_count(), 0);
    }
}
