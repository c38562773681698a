//! Texts of the store as they stand in JSON: each is escaped once, and answers are put together from what is ready.
//!
//! A text belongs to a save, and a save never changes: nothing here can be out of date. A save is named by its number and
//! its time, since a number that was lost in a restore is given again. What may be seen is not decided
//! here; the database says for every list which saves are live.

use super::{StoreHeadView, StorePartView};
use crate::kept::Kept;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use rustok_app::content::{self, Part, PublicHead, PublicText, TextKey};
use rustok_app::{Ctx, Saved};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_core::page::{Page, fitting};
use rustok_http::reply;
use serde::Serialize;

/// What the head of a node takes in a list, for most of them.
const HEAD_BYTES: usize = 512;
/// What a term of a head takes in memory, for most of them.
const TERM_BYTES: usize = 256;

/// The texts that were shown lately, and pages of them, in memory that has a bound.
pub struct RenderedTexts {
    texts: Kept<(TenantId, Part, TextKey, Timestamp), Bytes>,
    /// By all that they were made of, so that whatever the database says of a node is on the page.
    pages: Kept<(TenantId, Part, Page<PublicHead>), Bytes>,
}

impl RenderedTexts {
    /// Texts and pages of at most so many bytes in all, a quarter of them for pages.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let for_pages = max_bytes / 4;
        let head = |head: &PublicHead| HEAD_BYTES + head.terms.len() * TERM_BYTES;
        Self {
            texts: Kept::new(max_bytes - for_pages, |_| 0),
            pages: Kept::new(for_pages, move |(_, _, page): &(_, _, Page<_>)| {
                page.items.iter().map(head).sum::<usize>()
            }),
        }
    }

    /// A page of nodes; with whole texts it ends where it would become too heavy.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn page(&self, ctx: &Ctx, page: Page<PublicHead>, part: Part) -> Result<Response, RichError> {
        let key = (ctx.tenant.id, part, page);
        if let Some(json) = self.pages.get(&key) {
            return Ok(reply::json_bytes(json));
        }
        let mut texts = self.of(ctx, &key.2.items, part).await?;
        if part == Part::Whole {
            texts.truncate(fitting(texts.iter().map(Bytes::len)));
        }
        let json = Bytes::from(together(&key.2, &texts));
        self.pages.insert(key, &json);
        Ok(reply::json_bytes(json))
    }

    /// One node, or 304 when the client has it already. The tag is over the head, and the text's number and the
    /// time of its save, which stand for the text.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn one(
        &self,
        ctx: &Ctx,
        request: &HeaderMap,
        head: &PublicHead,
    ) -> Result<Response, RichError> {
        let texts = self.of(ctx, std::slice::from_ref(head), Part::Whole).await?;
        let mut json = Vec::with_capacity(texts.iter().map(Bytes::len).sum::<usize>() + HEAD_BYTES);
        append(&mut json, &StoreHeadView::from(head));
        let shown = json.len();
        json.extend_from_slice(&head.text().revision.to_be_bytes());
        json.extend_from_slice(&head.text_saved_at.as_microsecond().to_be_bytes());
        let tag = reply::etag(Saved::of(head.revision, head.text_saved_at), &json);
        json.truncate(shown);
        texts.iter().for_each(|text| join(&mut json, text));
        Ok(reply::tagged(request, json, tag))
    }

    /// The JSON of a text that was saved then, if it was shown lately.
    fn kept(&self, tenant: TenantId, part: Part, key: TextKey, saved_at: Timestamp) -> Option<Bytes> {
        self.texts.get(&(tenant, part, key, saved_at))
    }

    /// The JSON of a text, kept from now on.
    fn show(&self, tenant: TenantId, part: Part, key: TextKey, text: &PublicText) -> Bytes {
        let json = Bytes::from(reply::json(&StorePartView::from(text)));
        self.texts.insert((tenant, part, key, text.saved_at), &json);
        json
    }

    /// The texts of these as JSON, in their sequence; those that were not shown lately are read together. Of whole texts
    /// those at the end may be missing.
    async fn of(&self, ctx: &Ctx, heads: &[PublicHead], part: Part) -> Result<Vec<Bytes>, RichError> {
        let tenant = ctx.tenant.id;
        let mut known: Vec<_> = heads
            .iter()
            .map(|head| self.kept(tenant, part, head.text(), head.text_saved_at))
            .collect();
        if part == Part::Whole {
            // What comes behind those that fill a page need not be read.
            known.truncate(fitting(
                known.iter().map(|text| text.as_ref().map_or(0, Bytes::len)),
            ));
        }
        let missing: Vec<&PublicHead> = heads
            .iter()
            .zip(&known)
            .filter_map(|(head, text)| text.is_none().then_some(head))
            .collect();
        let read = content::public_texts(ctx, &missing, part).await?;
        let mut read = read
            .iter()
            .zip(missing)
            .map(|(text, head)| self.show(tenant, part, head.text(), text));
        // To the first one that did not fit.
        Ok(known
            .into_iter()
            .map_while(|text| text.or_else(|| read.next()))
            .collect())
    }
}

/// A page with its texts, which are JSON already.
fn together(page: &Page<PublicHead>, texts: &[Bytes]) -> Vec<u8> {
    let size: usize = texts.iter().map(|text| text.len() + HEAD_BYTES).sum();
    let mut json = Vec::with_capacity(size + HEAD_BYTES);
    json.extend_from_slice(b"{\"items\":[");
    for (place, (head, text)) in page.items.iter().zip(texts).enumerate() {
        if place > 0 {
            json.push(b',');
        }
        append(&mut json, &StoreHeadView::from(head));
        join(&mut json, text);
    }
    json.extend_from_slice(b"],\"next_cursor\":");
    let cut_off = page.items.get(texts.len()..).is_some_and(|rest| !rest.is_empty());
    match page.items.get(texts.len().wrapping_sub(1)).filter(|_| cut_off) {
        Some(last) => append(&mut json, &last.cursor()),
        None => append(&mut json, &page.next_cursor),
    }
    json.push(b'}');
    json
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
    use rustok_app::content::TextBody;
    use rustok_content::ids::NodeId;
    use rustok_text::BodyFormat;
    use uuid::Uuid;

    fn text(body: &str) -> PublicText {
        PublicText {
            title: String::new(),
            excerpt: String::new(),
            body: Some(TextBody {
                source: body.to_owned(),
                format: BodyFormat::Html,
                html: String::new(),
            }),
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
        let then = Timestamp::UNIX_EPOCH;
        let whole = |owner, key, saved_at| texts.kept(owner, Part::Whole, key, saved_at);
        assert_eq!(whole(tenant(1), key(1), then), None);
        let shown = texts.show(tenant(1), Part::Whole, key(1), &text("a \"b\""));
        assert_eq!(whole(tenant(1), key(1), then), Some(shown));
        assert_eq!(whole(tenant(2), key(1), then), None);
        assert_eq!(whole(tenant(1), key(2), then), None);
        assert_eq!(texts.kept(tenant(1), Part::Summary, key(1), then), None);
        let newer = TextKey {
            revision: 2,
            ..key(1)
        };
        assert_eq!(whole(tenant(1), newer, then), None);
        // The same number, given again after a restore.
        let later = Timestamp::from_second(1).unwrap();
        assert_eq!(whole(tenant(1), key(1), later), None);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let kept = RenderedTexts::new(400_000);
        let none = RenderedTexts::new(0);
        let long = text(&"x".repeat(9_000));
        for number in 0..1_000 {
            for kept in [&kept, &none] {
                let shown = kept.show(tenant(1), Part::Whole, key(number), &long);
                let page = Page {
                    items: Vec::new(),
                    next_cursor: Some(number.to_string()),
                };
                kept.pages.insert((tenant(1), Part::Whole, page), &shown);
            }
        }
        let sizes = |kept: &RenderedTexts| {
            let (texts, pages) = (kept.texts.size(), kept.pages.size());
            (texts.0 + pages.0, texts.1, pages.1)
        };
        let (bytes, texts, pages) = sizes(&kept);
        assert!(bytes <= 400_000, "{bytes}");
        assert!(texts > 20 && pages > 5, "{texts} texts and {pages} pages");
        assert_eq!(sizes(&none), (0, 0, 0));
    }
}
