//! Lists: how many, from where, and what comes next.

use crate::clock::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// About how many bytes a page may have: it ends before the item that would be beyond, however many were asked for.
pub const MAX_PAGE_BYTES: usize = 2 << 20;

/// How many items of these sizes make a page: at least one, if there is one.
#[must_use]
pub fn fitting(sizes: impl IntoIterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let mut count = 0;
    for size in sizes {
        bytes = bytes.saturating_add(size);
        if count > 0 && bytes > MAX_PAGE_BYTES {
            break;
        }
        count += 1;
    }
    count
}

/// How many items a page has: 1 to 100, 20 unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The largest page.
    pub const MAX: u8 = 100;

    /// # Errors
    /// [`PageError::Limit`] outside 1 to 100.
    pub fn new(limit: i64) -> Result<Self, PageError> {
        u8::try_from(limit)
            .ok()
            .filter(|n| (1..=Self::MAX).contains(n))
            .map(Self)
            .ok_or(PageError::Limit)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    /// One more than the page, which tells whether there is a next one.
    #[must_use]
    pub fn plus_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

/// What a list request may get wrong.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum PageError {
    /// A limit outside 1 to 100.
    #[error("must be a number from 1 to 100")]
    Limit,
    /// A cursor that this server did not hand out.
    #[error("is not a cursor of this list; take `next_cursor` of the page before")]
    Cursor,
}

/// Where a page starts: the sort key of the last item of the page before, opaque to the caller.
///
/// On the wire it is URL-safe base64 (RFC 4648, 5) of a JSON value. Whoever forges one moves only along their own list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The longest cursor that is read.
    pub const MAX_LEN: usize = 512;

    /// Encodes a sort key.
    #[must_use]
    pub fn encode<K: Serialize>(key: &K) -> Self {
        let json = serde_json::to_vec(key).unwrap_or_default();
        Self(URL_SAFE_NO_PAD.encode(json))
    }

    /// Decodes what a client sent as `after`.
    ///
    /// # Errors
    /// [`PageError::Cursor`] when it is longer than [`Cursor::MAX_LEN`] or no key of this list.
    pub fn decode<K: for<'de> Deserialize<'de>>(text: &str) -> Result<K, PageError> {
        if text.len() > Self::MAX_LEN {
            return Err(PageError::Cursor);
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| PageError::Cursor)?;
        serde_json::from_slice(&json).map_err(|_| PageError::Cursor)
    }

    /// The wire form.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The place of an item in a list that has two orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ListKey<Id> {
    /// In the order of ids: the newest first.
    Id(Id),
    /// In the order of a time, such as that of the last change; equal times in the order of ids.
    Timed(Timestamp, Id),
}

impl<Id> ListKey<Id> {
    /// The item.
    pub fn id(self) -> Id {
        match self {
            Self::Id(id) | Self::Timed(_, id) => id,
        }
    }

    /// The id, if the list is in the order of ids.
    pub fn only_id(self) -> Option<Id> {
        match self {
            Self::Id(id) => Some(id),
            Self::Timed(..) => None,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Page<T> {
    /// The items, at most the limit.
    pub items: Vec<T>,
    /// Where the next page starts, `null` on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `rows` (up to limit + 1 of them) to a page; `key` gives the sort key of an item.
    #[must_use]
    pub fn cut<K: Serialize>(mut rows: Vec<T>, limit: Limit, key: impl FnOnce(&T) -> K) -> Self {
        let more = rows.len() > limit.get();
        rows.truncate(limit.get());
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| Cursor::encode(&key(last)).into_string());
        Self {
            items: rows,
            next_cursor,
        }
    }

    /// Ends the page after `count` items, if it has more; `key` gives the sort key of an item.
    pub fn shorten<K: Serialize>(&mut self, count: usize, key: impl FnOnce(&T) -> K) {
        if count >= self.items.len() {
            return;
        }
        self.items.truncate(count);
        self.next_cursor = self
            .items
            .last()
            .map(|last| Cursor::encode(&key(last)).into_string());
    }

    /// The same page with every item turned into something else.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_1_to_100() {
        for bad in [0, -1, 101, i64::MAX] {
            assert_eq!(Limit::new(bad), Err(PageError::Limit));
        }
        assert_eq!(Limit::new(100).unwrap().get(), 100);
        assert_eq!(Limit::default().plus_one(), 21);
    }

    #[test]
    fn a_full_page_has_a_cursor_and_the_last_one_has_none() {
        let limit = Limit::new(2).unwrap();
        let page = Page::cut(vec![1, 2, 3], limit, |n| *n);
        assert_eq!(page.items, [1, 2]);
        assert_eq!(Cursor::decode::<i32>(&page.next_cursor.unwrap()), Ok(2));
        assert_eq!(Page::cut(vec![1, 2], limit, |n| *n).next_cursor, None);
    }

    #[test]
    fn a_page_ends_before_it_is_too_heavy() {
        assert_eq!(fitting([]), 0);
        assert_eq!(fitting([usize::MAX, 1]), 1);
        assert_eq!(fitting([MAX_PAGE_BYTES - 1, 1, 1]), 2);
        let limit = Limit::new(3).unwrap();
        let page = || Page::cut(vec![1, 2, 3], limit, |n| *n);
        let mut shorter = page();
        shorter.shorten(2, |n| *n);
        assert_eq!(shorter, Page::cut(vec![1, 2, 3], Limit::new(2).unwrap(), |n| *n));
        let mut same = page();
        same.shorten(3, |n| *n);
        assert_eq!(same, page());
    }

    #[test]
    fn foreign_cursors_are_refused() {
        for bad in ["", "%%%", "AAAA", &"A".repeat(513)] {
            assert_eq!(Cursor::decode::<(i64, String)>(bad), Err(PageError::Cursor));
        }
    }
}
