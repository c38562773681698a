//! The identifiers of events and of queued work.

rustok_core::ids! {
    /// An event in the outbox.
    EventId = EventIdKind,
    /// A queued job.
    JobId = JobIdKind,
    /// A file uploaded for import.
    ImportId = ImportIdKind,
    /// A mail to a person.
    MailId = MailIdKind,
}
