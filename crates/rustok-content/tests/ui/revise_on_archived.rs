//! An archived node must be restored before it is edited.

use rustok_content::{Archived, ContentNode};

fn revise(archived: ContentNode<Archived>) {
    archived.revise();
}

fn main() {}
