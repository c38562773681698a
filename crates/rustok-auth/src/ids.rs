//! The identifiers of credentials.

rustok_core::ids! {
    /// A bearer token.
    TokenId = TokenIdKind,
}
