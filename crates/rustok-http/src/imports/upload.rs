//! Extractors for a file to import, sent as `multipart/form-data`: reads the fields and streams the file to disk.
//!
//! At most one chunk of the body is in memory at a time. If the client disconnects, stalls or exceeds a limit, the
//! partial file is deleted.

mod form;

use super::spool::SpoolFile;
use crate::extract::AdminCtx;
use crate::extract::body::{is_encoded, not_received};
use crate::session::MemberCtx;
use crate::state::HttpState;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRef, FromRequest, FromRequestParts as _, Request};
use bytes::Bytes;
use form::{Form, file_name};
use futures_util::Stream;
use http::{HeaderMap, header};
use multer::{Constraints, Field, Multipart, SizeLimit};
use rustok_app::import::jobs::{self, Import, Upload};
use rustok_app::{Ctx, tenants};
use rustok_auth::Action;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::resilience::with_timeout;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;

/// The maximum size of the part of the body before the file, in bytes.
const MAX_FORM_BYTES: u64 = 64 << 10;
/// The maximum length of a field's value, in bytes.
const MAX_FIELD_BYTES: usize = 255;
/// The maximum length of the boundary (RFC 2046, 5.1.1).
const MAX_BOUNDARY: usize = 70;
/// How long to drain the body after a refusal: closing the connection while the client still sends may lose the
/// response.
const LINGER: Duration = Duration::from_secs(5);
/// The interval at which the client's authorisation is checked again during an upload.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A received file, with its context and import options.
#[derive(Debug)]
pub struct ImportUpload {
    /// Tenant, actor, deadline.
    pub ctx: Ctx,
    /// The import options from the form.
    pub upload: Upload,
    /// The file on disk; deleted on drop.
    pub file: SpoolFile,
}

impl ImportUpload {
    /// Creates the import, and queues its file.
    ///
    /// # Errors
    /// `too_many_imports`, database errors: the file is deleted.
    pub async fn enqueue(self, http: HttpState) -> Result<Import, RichError> {
        let Self {
            ctx,
            upload,
            mut file,
        } = self;
        // Not cut off by a client that goes away now: the row and the file must stay together.
        let taken = tokio::spawn(async move {
            let settings = &http.imports().settings;
            let import = jobs::enqueue(&ctx, upload, settings.max_per_tenant, settings.lease).await?;
            file.keep();
            http.imports().push(file);
            Ok(import)
        });
        taken.await.map_err(|error| {
            RichError::new(
                ErrorKind::Internal,
                format!("an import was not taken on: {error}"),
            )
        })?
    }
}

/// A form that a program sends, with a token or a session.
impl<S> FromRequest<S> for ImportUpload
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request(request: Request, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        let (mut parts, body) = request.into_parts();
        let mut body = Paced::new(body);
        // Authentication and authorisation come first, within the normal request timeout: no file is received from a
        // caller who may not import.
        parts
            .extensions
            .insert(Deadline::after(http.settings().request_timeout));
        let received = match AdminCtx::from_request_parts(&mut parts, state).await {
            Ok(AdminCtx(ctx)) => receive(ctx, &parts.headers, &mut body, &mut Form::default(), &http).await,
            Err(refused) => Err(refused),
        };
        if received.is_err() {
            drop(tokio::spawn(drain(body)));
        }
        received
    }
}

/// A form that a page sent, to be shown again if it is refused.
#[derive(Debug)]
pub struct PageUpload {
    /// The member who sent it.
    pub member: MemberCtx,
    /// The fields before the file, as typed.
    pub fields: Vec<(String, String)>,
    /// The file, or why it was refused.
    pub received: Result<ImportUpload, RichError>,
}

/// A form that a page sends, with the session of a member. Its first field must be `form_token`. An empty field counts as
/// missing, as browsers send all fields.
impl<S> FromRequest<S> for PageUpload
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request(request: Request, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        let (mut parts, body) = request.into_parts();
        let mut body = Paced::new(body);
        let limit = http.settings().request_timeout;
        parts.extensions.insert(Deadline::after(limit));
        let mut member = match MemberCtx::from_request_parts(&mut parts, state).await {
            Ok(member) => member,
            Err(refused) => {
                drop(tokio::spawn(drain(body)));
                return Err(refused);
            }
        };
        let mut form = Form::of_page(member.form_token.clone());
        let received = receive(member.ctx.clone(), &parts.headers, &mut body, &mut form, &http).await;
        if received.is_err() {
            drop(tokio::spawn(drain(body)));
        }
        member.ctx.deadline = Deadline::after(limit);
        Ok(Self {
            member,
            fields: form.into_values(),
            received,
        })
    }
}

/// Drains the rest of the body for at most [`LINGER`].
async fn drain(mut body: Paced) {
    let rest = async {
        while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut body.body).poll_frame(cx)).await {}
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

async fn receive(
    mut ctx: Ctx,
    headers: &HeaderMap,
    body: &mut Paced,
    form: &mut Form,
    http: &HttpState,
) -> Result<ImportUpload, RichError> {
    let (settings, limit) = (&http.imports().settings, http.settings().request_timeout);
    jobs::check_room(&ctx, settings.max_per_tenant).await?;
    let boundary = boundary(headers)?;
    check_length(headers, settings.max_bytes)?;
    let _receiving = http.imports().receive(ctx.tenant.id)?;
    let all = with_timeout(http.settings().upload_timeout, || {
        read_form(&ctx, body, boundary, form, http)
    });
    let (upload, file) = tokio::select! {
        received = all => received.map_err(|_| too_slow())??,
        refusal = await_revocation(&ctx, limit) => return Err(refusal),
    };
    ctx.deadline = Deadline::after(limit);
    Ok(ImportUpload { ctx, upload, file })
}

/// Completes with the refusal once the caller's authorisation is gone, which aborts the upload.
async fn await_revocation(ctx: &Ctx, limit: Duration) -> RichError {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let ctx = Ctx {
            deadline: Deadline::after(limit),
            ..ctx.clone()
        };
        match tenants::check_standing(&ctx, Action::ImportData).await {
            Err(error) if matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Forbidden) => {
                return error;
            }
            // A database outage does not abort the upload; if it lasts, the final step fails.
            _ => {}
        }
    }
}

fn boundary(headers: &HeaderMap) -> Result<String, RichError> {
    let unsupported = |why| {
        RichError::new(ErrorKind::Validation, "not a form")
            .with_status(415)
            .with_code("unsupported_media_type")
            .with_public(why)
    };
    if is_encoded(headers) {
        return Err(unsupported(
            "Send the form as it is, without a `Content-Encoding`.",
        ));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    match content_type.map(multer::parse_boundary) {
        Some(Ok(boundary)) if (1..=MAX_BOUNDARY).contains(&boundary.len()) => Ok(boundary),
        Some(Ok(_) | Err(multer::Error::NoBoundary)) => Err(malformed("no boundary")),
        _ => Err(unsupported(
            "Send the file in a form, with `Content-Type: multipart/form-data`.",
        )),
    }
}

/// Refuses a body whose declared length is over the limit before reading it.
fn check_length(headers: &HeaderMap, max_bytes: u64) -> Result<(), RichError> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > max_bytes.saturating_add(MAX_FORM_BYTES) => Err(too_large(max_bytes)),
        _ => Ok(()),
    }
}

/// The limits of one upload.
#[derive(Clone, Copy)]
struct Limits {
    /// The idle timeout: how long to wait for the next chunk.
    patience: Duration,
    /// The maximum size of the file, in bytes.
    max_bytes: u64,
}

impl Limits {
    /// Awaits a result of the parser, with the idle timeout.
    async fn timely<T>(self, answer: impl Future<Output = multer::Result<T>>) -> Result<T, RichError> {
        let answer = with_timeout(self.patience, || answer).await;
        let answer = answer.map_err(|_| too_slow())?;
        answer.map_err(|error| broken(error, self.max_bytes))
    }
}

/// Reads the form to its end. The file must be the last part: the fields have to be validated before it is received.
async fn read_form(
    ctx: &Ctx,
    body: &mut Paced,
    boundary: String,
    form: &mut Form,
    http: &HttpState,
) -> Result<(Upload, SpoolFile), RichError> {
    let limits = Limits {
        patience: http.settings().body_timeout,
        max_bytes: http.imports().settings.max_bytes,
    };
    let before_file = AtomicBool::new(true);
    let stream = BeforeFile {
        body,
        before_file: &before_file,
    };
    let sizes = SizeLimit::new().for_field("file", limits.max_bytes);
    let mut parts = Multipart::with_constraints(stream, boundary, Constraints::new().size_limit(sizes));
    let part = loop {
        match limits.timely(parts.next_field()).await? {
            Some(part) if part.name() != Some("file") => {
                let (name, text) = limits.timely(text(part)).await?;
                form.note(name, text)?;
            }
            other => break other,
        }
    };
    form.check_token()?;
    before_file.store(false, Ordering::Relaxed);
    let (source, dry_run, options) = form.checked(ctx, part.is_some())?;
    let Some(part) = part else {
        return Err(wrong_file("required", "is required"));
    };
    let id = ctx.id();
    let name = file_name(part.file_name());
    let mut file = http.imports().spool.create(ctx.tenant.id, id)?;
    write(part, &mut file, limits).await?;
    if limits.timely(parts.next_field()).await?.is_some() {
        return Err(wrong_file("last", "must be the last part of the form"));
    }
    let bytes_total = file.bytes();
    if bytes_total == 0 {
        return Err(wrong_file("required", "must not be empty"));
    }
    let upload = Upload {
        id,
        source,
        dry_run,
        options,
        file: name,
        bytes_total,
    };
    Ok((upload, file))
}

fn wrong_file(code: &'static str, why: &'static str) -> RichError {
    RichError::new(ErrorKind::Validation, "file refused").with_violation("#/file", code, why)
}

/// The name and value of a text field; the value is `None` if it is too long or not text.
async fn text(mut part: Field<'_>) -> multer::Result<(String, Option<String>)> {
    let name = part.name().unwrap_or_default().to_owned();
    let mut value = Vec::new();
    let mut fits = true;
    while let Some(piece) = part.chunk().await? {
        fits &= value.len() + piece.len() <= MAX_FIELD_BYTES;
        if fits {
            value.extend_from_slice(&piece);
        }
    }
    let text = fits.then(|| String::from_utf8(value).ok()).flatten();
    Ok((name, text))
}

async fn write(mut part: Field<'_>, file: &mut SpoolFile, limits: Limits) -> Result<(), RichError> {
    let mut writer = file.writer()?;
    let refused = |error: std::io::Error| SpoolFile::refused(&error);
    while let Some(piece) = limits.timely(part.chunk()).await? {
        file.reserve(u64::try_from(piece.len()).unwrap_or(u64::MAX))?;
        writer.write_all(&piece).await.map_err(refused)?;
    }
    writer.flush().await.map_err(refused)?;
    // A 202 response promises durability: the file must survive a power failure.
    writer.sync_all().await.map_err(refused)
}

/// A body that returns `Pending` before each chunk: otherwise the parser would buffer everything it can get before it
/// parses any of it.
struct Paced {
    body: Body,
    bytes: u64,
    paused: bool,
}

impl Paced {
    fn new(body: Body) -> Self {
        Self {
            body,
            bytes: 0,
            paused: false,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        if !self.paused {
            self.paused = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            return match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
                        self.paused = false;
                        Poll::Ready(Some(Ok(data)))
                    }
                    // Trailers are ignored.
                    Err(_) => continue,
                },
                Some(Err(error)) => Poll::Ready(Some(Err(error))),
                None => Poll::Ready(None),
            };
        }
    }
}

/// The part of the form before the file exceeds [`MAX_FORM_BYTES`].
#[derive(Debug, Error)]
#[error("too much before the file")]
struct FormTooLong;

/// The body, with a size limit on what precedes the file.
struct BeforeFile<'a> {
    body: &'a mut Paced,
    before_file: &'a AtomicBool,
}

impl Stream for BeforeFile<'_> {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.before_file.load(Ordering::Relaxed) && this.body.bytes > MAX_FORM_BYTES {
            return Poll::Ready(Some(Err(Box::new(FormTooLong))));
        }
        this.body
            .poll(cx)
            .map(|piece| piece.map(|piece| piece.map_err(Into::into)))
    }
}

fn broken(error: multer::Error, max_bytes: u64) -> RichError {
    match error {
        multer::Error::FieldSizeExceeded { .. } => too_large(max_bytes),
        multer::Error::StreamReadFailed(error) if error.is::<FormTooLong>() => {
            let public = format!("At most {MAX_FORM_BYTES} bytes may stand before the file.");
            RichError::new(ErrorKind::Validation, "form too long")
                .with_status(413)
                .with_code("body_too_large")
                .with_public(public)
        }
        multer::Error::StreamReadFailed(error) => not_received(&error),
        error => malformed(&error.to_string()),
    }
}

fn malformed(why: &str) -> RichError {
    RichError::new(ErrorKind::Validation, format!("malformed form: {why}"))
        .with_status(400)
        .with_code("malformed_multipart")
        .with_public("The body is not a form as its `Content-Type` announces it (RFC 7578).")
}

fn too_large(max_bytes: u64) -> RichError {
    RichError::new(ErrorKind::Validation, "file too large")
        .with_status(413)
        .with_code("body_too_large")
        .with_public(format!(
            "A file may have at most {max_bytes} bytes. Nothing was kept."
        ))
}

fn too_slow() -> RichError {
    RichError::new(ErrorKind::Validation, "body too slow")
        .with_status(408)
        .with_code("body_too_slow")
        .with_public("The file did not arrive in time. Nothing was kept.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt as _, stream};

    #[test]
    fn a_body_comes_piece_by_piece_however_fast_it_is_sent() {
        let pieces = (0..3).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"abc")));
        let mut body = Paced::new(Body::from_stream(stream::iter(pieces)));
        let mut next = || {
            let piece = std::future::poll_fn(|cx| body.poll(cx)).now_or_never();
            piece.map(|piece| piece.map(|piece| piece.unwrap().len()))
        };
        for piece in [Some(3), Some(3), Some(3)] {
            assert_eq!((next(), next()), (None, Some(piece)));
        }
        assert_eq!((next(), next()), (None, Some(None)));
    }

    #[test]
    fn a_form_says_so_and_has_a_boundary() {
        let reported = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(value));
            boundary(&headers).map_err(|error| (error.status(), error.code().to_owned()))
        };
        assert_eq!(reported("multipart/form-data; boundary=x"), Ok("x".to_owned()));
        assert_eq!(
            reported("Multipart/Form-Data; boundary=\"a b\""),
            Ok("a b".to_owned())
        );
        let malformed = Err((400, "malformed_multipart".to_owned()));
        assert_eq!(reported("multipart/form-data"), malformed);
        assert_eq!(reported("multipart/form-data; boundary="), malformed);
        let long = "multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890x";
        assert_eq!(reported(long), malformed);
        let unsupported = Err((415, "unsupported_media_type".to_owned()));
        assert_eq!(reported("application/json"), unsupported);
        assert_eq!(reported("multipart/mixed; boundary=x"), unsupported);
        assert!(boundary(&HeaderMap::new()).is_err_and(|error| error.status() == 415));
    }
}
