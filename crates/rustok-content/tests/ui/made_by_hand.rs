//! No state can be made from outside, so no published node without a publication.

use rustok_content::{ContentNode, Draft, Published};

fn forge(draft: ContentNode<Draft>) -> ContentNode<Published> {
    ContentNode { core: draft.core, state: Published }
}

fn main() {}
