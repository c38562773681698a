//! Numbers that are exact up to a limit only.

use rustok_app::content::Counted;
use serde::Serialize;
use utoipa::ToSchema;

/// A number that is counted no further than to a limit.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Counted)]
pub(crate) struct CountedView {
    /// The number, or the limit.
    count: i64,
    /// Whether there are more.
    more: bool,
}

impl From<Counted> for CountedView {
    fn from(Counted { count, more }: Counted) -> Self {
        Self { count, more }
    }
}
