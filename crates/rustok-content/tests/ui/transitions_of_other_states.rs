//! Each transition leaves the states that have it, and no other.

use rustok_content::{Archived, ContentNode, Draft};

fn unpublish(draft: ContentNode<Draft>) {
    draft.unpublish();
}

fn publish(archived: ContentNode<Archived>) {
    archived.publish();
}

fn archive(archived: ContentNode<Archived>) {
    archived.archive("again".into());
}

fn main() {}
