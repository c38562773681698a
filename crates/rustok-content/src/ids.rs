//! The identifiers of content.

rustok_core::ids! {
    /// A piece of content.
    NodeId = NodeIdKind,
    /// A category or tag.
    TermId = TermIdKind,
    /// The author of a node.
    AuthorId = AuthorIdKind,
}
