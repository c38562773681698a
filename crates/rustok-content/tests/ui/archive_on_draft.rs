//! A draft has no `archive`.

use rustok_content::{ContentNode, Draft};

fn archive(draft: ContentNode<Draft>) {
    draft.archive("outdated".into());
}

fn main() {}
