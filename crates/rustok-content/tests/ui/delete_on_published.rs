//! A published node must be unpublished or archived before it is deleted.

use rustok_content::{ContentNode, Published};
use rustok_core::clock::Timestamp;

fn delete(live: ContentNode<Published>, now: Timestamp) {
    live.delete_at(now);
}

fn main() {}
