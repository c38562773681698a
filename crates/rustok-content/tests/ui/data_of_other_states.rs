//! The data of a state can be read in the states that have it, and in no other.

use rustok_content::{Archived, ContentNode, Draft, Published};

fn read(draft: &ContentNode<Draft>, published: &ContentNode<Published>, archived: &ContentNode<Archived>) {
    draft.published_revision();
    published.reason();
    archived.published_revision();
}

fn main() {}
