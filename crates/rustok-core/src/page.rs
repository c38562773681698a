//! Cursor pagination of lists.

use crate::clock::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Approximate size limit of a page, in bytes: a page ends before the item that would exceed it, whatever the
/// requested limit.
pub const MAX_PAGE_BYTES: usize = 2 << 20;

/// How many items of these sizes fit into a page: at least one, if there are any.
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

/// The page size: 1 to 100, default 20.
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

    /// A page of this size, or of the nearest size that a page may have: for sizes that code gives.
    #[must_use]
    pub const fn nearest(limit: u8) -> Self {
        match limit {
            0 => Self(1),
            1..=Self::MAX => Self(limit),
            _ => Self(Self::MAX),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    /// The page size plus one: the extra row shows whether there is a next page.
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

/// Why a list request was rejected.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum PageError {
    /// A limit outside 1 to 100.
    #[error("must be a number from 1 to 100")]
    Limit,
    /// A cursor that this server did not issue.
    #[error("is not a cursor of this list; take `next_cursor` of the page before")]
    Cursor,
}

/// The start of a page: the sort key of the last item of the previous page, opaque to clients.
///
/// On the wire it is URL-safe base64 (RFC 4648, 5) of a JSON value. A forged cursor only moves the client within its
/// own list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Maximum length of a cursor.
    pub const MAX_LEN: usize = 512;

    /// Encodes a sort key.
    #[must_use]
    pub fn encode<K: Serialize>(key: &K) -> Self {
        let json = serde_json::to_vec(key).unwrap_or_default();
        Self(URL_SAFE_NO_PAD.encode(json))
    }

    /// Decodes the `after` parameter of a request.
    ///
    /// # Errors
    /// [`PageError::Cursor`] when it is longer than [`Cursor::MAX_LEN`] or not a key of this list.
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

/// The sort key of an item in a list that has two orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ListKey<Id> {
    /// Ordered by id, newest first.
    Id(Id),
    /// Ordered by a time, such as that of the last change; ties ordered by id.
    Timed(Timestamp, Id),
}

impl<Id> ListKey<Id> {
    /// The id of the item.
    pub fn id(self) -> Id {
        match self {
            Self::Id(id) | Self::Timed(_, id) => id,
        }
    }

    /// The id, if the list is ordered by id.
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
    /// Cuts `rows` (at most limit + 1) to a page; `key` returns the sort key of an item.
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

    /// Cuts the page to `count` items, if it has more; `key` returns the sort key of an item.
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

    /// The same page with each item converted.
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
