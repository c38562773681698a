//! The context of a use case: actor, tenant and deadline. It is the first argument of every use case.
//!
//! Requests, workers, commands and tests all build a [`Ctx`]; there is no other access to a tenant's data.

use crate::counts::Counts;
use crate::mail::MailRoute;
use crate::people::Hashing;
use crate::secrets::Keyring;
use crate::tenants::TokenUse;
use crate::work::InFlight;
use rand::rngs::StdRng;
use rustok_auth::{Action, Actor, Principal, authorize};
use rustok_core::clock::{Clock, Timestamp};
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::Ids;
use rustok_events::{Event, Job, JobKind, Topic};
use rustok_storage::standing::{Writer, on_behalf_of};
use rustok_storage::{PlatformTx, Store, TenantTx};
use rustok_tenancy::{Tenant, TenantIdentifierValidator};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tracing::Span;
use uuid::Uuid;

/// What all use cases share. One per process.
#[derive(Debug)]
pub struct Services {
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The id generator.
    pub ids: Ids,
    /// Validates and canonicalises tenant names.
    pub validator: TenantIdentifierValidator,
    /// Metrics counters.
    pub counts: Counts,
    /// The keys of sealed records.
    pub secrets: Keyring,
    /// Where mails go.
    pub mail: MailRoute,
    pub(crate) in_flight: InFlight,
    pub(crate) hashing: Hashing,
    pub(crate) used_tokens: TokenUse,
    rng: Mutex<StdRng>,
}

impl Services {
    /// Services over an open store, with randomness from the operating system.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, validator: TenantIdentifierValidator) -> Self {
        Self {
            store,
            ids: Ids::new(Arc::clone(&clock)),
            clock,
            validator,
            counts: Counts::default(),
            secrets: Keyring::default(),
            mail: MailRoute::default(),
            in_flight: InFlight::default(),
            hashing: Hashing::default(),
            used_tokens: TokenUse::default(),
            rng: Mutex::new(rand::make_rng()),
        }
    }

    /// The same with the keys of sealed records.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Keyring) -> Self {
        self.secrets = secrets;
        self
    }

    /// The same with a way for mails.
    #[must_use]
    pub fn with_mail(mut self, mail: MailRoute) -> Self {
        self.mail = mail;
        self
    }

    /// Calls `make` with the random generator for secrets.
    pub(crate) fn with_rng<T>(&self, make: impl FnOnce(&mut StdRng) -> T) -> T {
        make(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The tracing span of a use case: from its first authorization, which names it, until its context is dropped.
#[derive(Debug, Clone, Default)]
pub struct UseCase(OnceLock<Span>);

impl UseCase {
    fn begin(&self, action: Action) {
        let name = action.as_str();
        self.0
            .get_or_init(|| tracing::info_span!(target: "rustok.trace", "use_case", otel.name = name));
    }
}

/// The context of a use case on one tenant's data.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// What all use cases share.
    pub services: Arc<Services>,
    /// The tenant; resolved from the request's host, never from its body.
    pub tenant: Arc<Tenant>,
    /// The actor.
    pub actor: Actor,
    /// The deadline of the request.
    pub deadline: Deadline,
    /// The W3C trace context of the request; copied into events.
    pub traceparent: Option<String>,
    /// The network of the client, if it is known and not a loopback address: an IPv6 address, or an IPv4-mapped one
    /// (RFC 4291, 2.5.5.2).
    pub network: Option<[u8; 16]>,
    /// The tracing span.
    pub use_case: UseCase,
    /// The URL by which the client reaches the tenant, without a slash at its end, for links in mails; `None` where none
    /// is to be written.
    pub origin: Option<String>,
    /// Whether the tenant asks its members for a second factor, and the account of this one has none: nothing is allowed but
    /// what belongs to the own account.
    pub lacks_second_factor: bool,
    /// On whose behalf this process works if the actor is the process itself, such as the sender of a file.
    pub sender: Option<Principal>,
}

impl Ctx {
    /// A context for this process itself: a worker or a command.
    #[must_use]
    pub fn system(
        services: Arc<Services>,
        tenant: Arc<Tenant>,
        name: &'static str,
        deadline: Deadline,
    ) -> Self {
        Self {
            services,
            tenant,
            actor: Actor::System(name),
            deadline,
            traceparent: None,
            network: None,
            use_case: UseCase::default(),
            origin: None,
            lacks_second_factor: false,
            sender: None,
        }
    }

    /// Checks that the policy allows this action to the actor.
    ///
    /// # Errors
    /// `unauthenticated`, `forbidden` or `second_factor_missing`.
    pub fn authorize(&self, action: Action) -> Result<(), RichError> {
        self.use_case.begin(action);
        authorize(&self.actor, action)?;
        if self.lacks_second_factor && action != Action::ManageOwnAccount {
            return Err(second_factor_missing());
        }
        Ok(())
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    /// A new id.
    #[must_use]
    pub fn id<T: From<Uuid>>(&self) -> T {
        self.services.ids.next()
    }

    /// A job of this tenant.
    pub(crate) fn job(&self, kind: JobKind, subject_id: Uuid, due_at: Timestamp) -> Job {
        Job {
            id: self.id(),
            tenant_id: self.tenant.id,
            kind,
            subject_id,
            due_at,
        }
    }

    /// Starts a read-only transaction on the tenant's data.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn read(&self) -> Result<TenantTx, RichError> {
        Ok(self
            .services
            .store
            .read(self.tenant.handle(), self.deadline)
            .await?)
    }

    /// Starts a read-write transaction on the tenant's data. Use cases that can be repeated with an `Idempotency-Key`
    /// use `begin`.
    ///
    /// # Errors
    /// If the database is unavailable. Its commit is refused if the token or the tenant may not write any more.
    pub async fn write(&self) -> Result<TenantTx, RichError> {
        let tx = self.services.store.write(self.tenant.handle(), self.deadline);
        let writer = match self.sender {
            Some(Principal::Token(id)) => Writer::Token(id),
            Some(Principal::User(id)) => Writer::User(id),
            None => writer(&self.actor),
        };
        Ok(on_behalf_of(tx.await?, writer))
    }

    /// The event of a change made now by this actor.
    #[must_use]
    pub fn event(&self, topic: Topic, subject_id: Uuid, payload: serde_json::Value) -> Event {
        Event {
            id: self.id(),
            tenant_id: self.tenant.id,
            topic,
            subject_id,
            payload,
            occurred_at: self.now(),
            traceparent: self.traceparent.clone(),
        }
    }
}

fn second_factor_missing() -> RichError {
    RichError::new(ErrorKind::Forbidden, "the tenant asks for a second factor")
        .with_code("second_factor_missing")
        .with_public("This shop or site asks its members for a second factor. Turn it on in your account.")
}

/// The context of a use case on the tenant directory.
#[derive(Debug, Clone)]
pub struct PlatformCtx {
    /// What all use cases share.
    pub services: Arc<Services>,
    /// The actor.
    pub actor: Actor,
    /// The deadline of the request.
    pub deadline: Deadline,
    /// The tracing span.
    pub use_case: UseCase,
}

impl PlatformCtx {
    /// A context for this process itself.
    #[must_use]
    pub fn system(services: Arc<Services>, name: &'static str, deadline: Deadline) -> Self {
        Self {
            services,
            actor: Actor::System(name),
            deadline,
            use_case: UseCase::default(),
        }
    }

    pub(crate) fn authorize(&self, action: Action) -> Result<(), RichError> {
        self.use_case.begin(action);
        Ok(authorize(&self.actor, action)?)
    }

    pub(crate) async fn read(&self) -> Result<PlatformTx, RichError> {
        Ok(self.services.store.platform_read(self.deadline).await?)
    }

    pub(crate) async fn write(&self) -> Result<PlatformTx, RichError> {
        let tx = self.services.store.platform_write(self.deadline).await?;
        Ok(on_behalf_of(tx, writer(&self.actor)))
    }
}

/// The writer to check at the commit. A platform token must not write in a tenant; its standing is checked where it
/// may write, in the directory.
pub(crate) const fn writer(actor: &Actor) -> Writer {
    match actor {
        Actor::Anonymous => Writer::Anyone,
        Actor::Token { id, .. } | Actor::Platform { id } => Writer::Token(*id),
        Actor::User { session, .. } => Writer::Session(*session),
        Actor::System(_) => Writer::System,
    }
}
