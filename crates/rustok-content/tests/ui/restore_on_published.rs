//! Only an archived node can be restored.

use rustok_content::{ContentNode, Published};

fn restore(live: ContentNode<Published>) {
    live.restore();
}

fn main() {}
