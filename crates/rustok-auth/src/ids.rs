//! The identifiers of credentials.

rustok_core::ids! {
    /// A bearer token.
    TokenId = TokenIdKind,
    /// The account of a person.
    UserId = UserIdKind,
    /// A session of a user in one tenant.
    SessionId = SessionIdKind,
    /// An invitation to become a member of a tenant.
    InvitationId = InvitationIdKind,
    /// A proof that a member reads their mailbox.
    ProofId = ProofIdKind,
}
