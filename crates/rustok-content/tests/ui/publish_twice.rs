//! A transition takes the node: the draft is gone once it is published.

use rustok_content::{ContentNode, Draft};

fn publish(draft: ContentNode<Draft>) {
    let _live = draft.publish();
    let _again = draft.publish();
}

fn main() {}
