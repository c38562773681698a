//! Authors as people put them in order: lists, new names, merging and deleting.

use crate::content::terms::manage::invalid;
use crate::context::{Ctx, PlatformCtx};
use crate::jobs::run_in_parts;
use crate::work::{Begun, Done, IdempotencyKey, refuse};
use rustok_auth::Action;
use rustok_content::Author;
use rustok_content::ids::AuthorId;
use rustok_content::translation::Source;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Limit, Page};
use rustok_events::{ClaimedJob, JobKind};
use rustok_storage::authors::{self as rows, list, retire};
use rustok_storage::counted::Counted;
use rustok_storage::{TenantTx, jobs};
use rustok_text::plain::folded;

pub use rustok_storage::authors::list::ListedAuthor;

/// An author's names; not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorNames {
    /// The short name, unique in the tenant.
    pub login: String,
    /// The name that readers see; blank for the login.
    pub name: String,
}

/// What became of a merged author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedAuthor {
    /// The author that remains.
    pub author: ListedAuthor,
    /// Whether nodes are still given over to it.
    pub is_pending: bool,
}

/// A page of authors, the newest first: those whose login or name begins with `prefix`, in whatever case. With a prefix a
/// page may be shorter than `limit` and have a next one.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_authors(
    ctx: &Ctx,
    prefix: Option<&str>,
    after: Option<AuthorId>,
    limit: Limit,
) -> Result<Page<ListedAuthor>, RichError> {
    ctx.authorize(Action::ReadContent)?;
    let prefix = prefix.map(folded);
    Ok(list::list_page(&mut ctx.read().await?, prefix.as_deref(), after, limit).await?)
}

/// One author.
///
/// # Errors
/// `author_not_found`, authorization and database errors.
pub async fn get_author(ctx: &Ctx, id: AuthorId) -> Result<ListedAuthor, RichError> {
    ctx.authorize(Action::ReadContent)?;
    let found = list::find_listed(ctx.read().await?.last(), id).await?;
    found.ok_or_else(not_found)
}

/// Creates an author.
///
/// # Errors
/// `validation_failed`, `author_exists`, authorization and database errors.
pub async fn create_author(
    ctx: &Ctx,
    names: AuthorNames,
    key: IdempotencyKey<'_, ListedAuthor>,
) -> Result<Done<ListedAuthor>, RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let author = checked(ctx.id(), &names)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    if !rows::insert_author(&mut work.tx, &author, ctx.now()).await? {
        return Err(work.refuse(exists()).await);
    }
    let nodes = Counted::default();
    work.finish(ListedAuthor { author, nodes }).await
}

/// Changes the names of an author. Nodes keep it.
///
/// # Errors
/// `author_not_found`, `validation_failed`, `author_exists`, authorization and database errors.
pub async fn change_author(ctx: &Ctx, id: AuthorId, names: AuthorNames) -> Result<ListedAuthor, RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let author = checked(id, &names)?;
    let mut tx = ctx.write().await?;
    if retire::lock_author(&mut tx, id).await?.is_none() {
        return Err(refuse(tx, not_found()).await);
    }
    if !retire::change_author(&mut tx, &author).await? {
        return Err(refuse(tx, exists()).await);
    }
    let listed = list::find_listed(&mut tx, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    Ok(listed)
}

/// Merges an author into another one, which gets its nodes. Their versions stay as they are.
///
/// # Errors
/// `author_not_found`, `validation_failed` for a target that is missing, authorization and database errors.
pub async fn merge_author(
    ctx: &Ctx,
    id: AuthorId,
    into: AuthorId,
    key: IdempotencyKey<'_, MergedAuthor>,
) -> Result<Done<MergedAuthor>, RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    if let Err(refusal) = check_merge(&mut work.tx, id, into).await {
        return Err(work.refuse(refusal).await);
    }
    let tx = &mut work.tx;
    retire::retire_author(tx, id, into, ctx.now()).await?;
    let is_pending = !retire::move_some(tx, id).await?;
    if is_pending {
        jobs::schedule(tx, &ctx.job(JobKind::RetireAuthor, id.as_uuid(), ctx.now())).await?;
    }
    let author = list::find_listed(tx, into).await?.ok_or_else(not_found)?;
    work.finish(MergedAuthor { author, is_pending }).await
}

async fn check_merge(tx: &mut TenantTx, id: AuthorId, into: AuthorId) -> Result<(), RichError> {
    // Always in the same order, so that two merges cannot wait for each other.
    let (first, second) = (id.min(into), id.max(into));
    let first = retire::lock_author(tx, first).await?;
    let second = retire::lock_author(tx, second).await?;
    let (from, target) = if id < into {
        (first, second)
    } else {
        (second, first)
    };
    from.ok_or_else(not_found)?;
    if target.is_none() || id == into {
        return Err(invalid("into", "not_found", "must be another author"));
    }
    Ok(())
}

/// Deletes an author without nodes.
///
/// # Errors
/// `author_not_found`, `author_in_use`, authorization and database errors.
pub async fn delete_author(ctx: &Ctx, id: AuthorId) -> Result<(), RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let mut tx = ctx.write().await?;
    if retire::lock_author(&mut tx, id).await?.is_none() {
        return Err(refuse(tx, not_found()).await);
    }
    if !retire::delete_author(&mut tx, id).await? {
        return Err(refuse(tx, in_use()).await);
    }
    Ok(tx.commit().await?)
}

/// The rest of a merge, as far as one claim may do it. Returns whether it did any.
pub(crate) async fn retire_rest(ctx: &PlatformCtx, job: &ClaimedJob) -> Result<bool, RichError> {
    let id = AuthorId::from_uuid(job.job.subject_id);
    run_in_parts(ctx, job, |tx| Box::pin(retire::move_some(tx, id))).await
}

fn checked(id: AuthorId, names: &AuthorNames) -> Result<Author, RichError> {
    Author::new(id, &names.login, &names.name, Source::Editor).map_err(|error| match error {
        rustok_content::ContentError::ValidationFailed(errors) => {
            let named = errors.into_iter().map(|mut error| {
                if error.pointer == "#/display_name" {
                    error.pointer = "#/name".into();
                }
                error
            });
            rustok_content::ContentError::ValidationFailed(named.collect()).into()
        }
        other => other.into(),
    })
}

fn not_found() -> RichError {
    RichError::new(ErrorKind::NotFound, "no such author")
        .with_code("author_not_found")
        .with_public("There is no such author.")
}

fn exists() -> RichError {
    RichError::new(ErrorKind::Conflict, "the author exists")
        .with_code("author_exists")
        .with_public("Another author has this login. Merge the two, or take another login.")
        .with_violation("login", "taken", "is taken")
}

fn in_use() -> RichError {
    RichError::new(ErrorKind::Conflict, "the author has nodes")
        .with_code("author_in_use")
        .with_public(
            "There are nodes of this author, deleted ones perhaps. Merge it into another author instead.",
        )
}
