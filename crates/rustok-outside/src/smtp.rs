//! Mail by SMTP (RFC 5321), with TLS by rustls.
//!
//! A mail that the server refuses for good (5yz) is an error of the kind `Validation`, which no retry helps. Every other
//! failure, a login that is refused too, is the server's, and the mail waits.

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncTransport as _, Message, Tokio1Executor};
use rustok_app::mail::{MailPort, MailSending, OutgoingMail};
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::resilience::{CircuitBreaker, CircuitBreakerConfig, Dependency, RetryBudget, RetryPolicy};
use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;
use thiserror::Error;

/// The name of the dependency in metrics and errors.
const NAME: &str = "smtp";
/// Time limit of one attempt: the job that sends has five seconds.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(4);
/// The first pause before an attempt is repeated. What fails longer waits in its job.
const PAUSE: Duration = Duration::from_millis(200);
/// Attempts within one job.
const ATTEMPTS: u32 = 2;
/// What failures may spend on repeats: ten at once; a success gives one back.
const BUDGET: (u32, u32, u32) = (10, 1, 1);

/// A setting that is wrong. It never repeats the setting, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SmtpError {
    /// The URL.
    #[error(
        "smtp_url is no URL such as smtps://user:password@mail.example:465, smtp://mail.example:587?tls=required, or \
         smtp://localhost:25"
    )]
    Url,
    /// The sender.
    #[error("mail_from is no address such as Shop <shop@example.com>")]
    From,
}

/// Where mail goes.
#[derive(Clone)]
pub struct SmtpSettings {
    /// `smtps://` is TLS from the first byte, `smtp://` with `?tls=required` or `?tls=opportunistic` is STARTTLS, and
    /// `smtp://` alone is plain text. User and password stand in the URL, percent-encoded.
    pub url: String,
    /// The sender of all mails.
    pub from: String,
}

/// Without the URL, which may hold a password.
impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// A mail server.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    dependency: Dependency,
}

/// Without the credentials of the transport.
impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("from", &self.from)
            .field("dependency", &self.dependency)
            .finish_non_exhaustive()
    }
}

impl Smtp {
    /// A mail server by its settings. It is called with the first mail.
    ///
    /// # Errors
    /// [`SmtpError`].
    pub fn new(settings: &SmtpSettings) -> Result<Self, SmtpError> {
        let from: Mailbox = settings.from.parse().map_err(|_| SmtpError::From)?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url);
        let transport = transport
            .map_err(|_| SmtpError::Url)?
            .timeout(Some(ATTEMPT_LIMIT))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .build();
        let (capacity, transient, throttled) = BUDGET;
        let retry = RetryPolicy::exponential(PAUSE)
            .max_attempts(ATTEMPTS)
            .budget(RetryBudget::new(capacity, transient, throttled));
        let breaker = CircuitBreaker::new(NAME, CircuitBreakerConfig::default());
        Ok(Self {
            transport,
            from,
            dependency: Dependency::new(breaker, ATTEMPT_LIMIT).with_retry(retry),
        })
    }

    /// The message in the format of RFC 5322. Its id is that of the mail, so that one that was sent twice is seen as one.
    fn message(&self, mail: &OutgoingMail) -> Result<Message, RichError> {
        let unusable = |error: &dyn fmt::Display| {
            RichError::new(ErrorKind::Validation, format!("a mail cannot be sent: {error}"))
        };
        let to = Address::from_str(&mail.to).map_err(|error| unusable(&error))?;
        let html = SinglePart::builder()
            .header(ContentType::TEXT_HTML)
            .body(mail.html.clone());
        let text = SinglePart::builder()
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone());
        let mut message = Message::builder()
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .multipart(MultiPart::alternative().singlepart(text).singlepart(html))
            .map_err(|error| unusable(&error))?;
        // No answers by programs that are away (RFC 3834, 5).
        for (name, value) in [
            (HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated"),
            (HeaderName::new_from_ascii_str("Content-Language"), mail.language),
        ] {
            let value = HeaderValue::new(name, value.to_owned());
            message.headers_mut().insert_raw(value);
        }
        Ok(message)
    }
}

/// Whether a refusal is about this server and not about the mail: commands that the mail server does not know (RFC 5321,
/// 4.2.4), TLS or a login that it asks for, and a login that is wrong (RFC 4954, 6). The mail then waits.
fn is_of_all_mails(code: u16) -> bool {
    matches!(code, 500..=504 | 530 | 534 | 535 | 538)
}

/// What a failure of lettre means for the mail.
fn failure(error: lettre::transport::smtp::Error) -> RichError {
    let of_all = error.status().is_some_and(|code| is_of_all_mails(code.into()));
    let kind = if error.is_permanent() && !of_all {
        ErrorKind::Validation
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else {
        ErrorKind::ExternalService
    };
    RichError::new(kind, "the mail server did not take a mail").with_source(error)
}

impl MailPort for Smtp {
    fn send<'a>(&'a self, mail: &'a OutgoingMail, deadline: Deadline) -> MailSending<'a> {
        Box::pin(async move {
            let message = self.message(mail)?;
            let call = || async {
                let sent = self.transport.send(message.clone()).await;
                sent.map(drop).map_err(failure)
            };
            self.dependency.call(deadline, call).await
        })
    }
}
