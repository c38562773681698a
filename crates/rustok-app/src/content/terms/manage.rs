//! Terms as people put them in order: lists, new names, merging and deleting.
//!
//! A term that is merged or deleted is gone for everyone at once; nodes lose it in parts, the first of them in the same
//! transaction and the rest by a job.

use super::{Found, TermRef, check_one, find, is_named, make};
use crate::context::{Ctx, PlatformCtx};
use crate::jobs::run_in_parts;
use crate::work::{Begun, Done, IdempotencyKey, refuse};
use rustok_auth::Action;
use rustok_content::ids::TermId;
use rustok_content::{ContentError, FieldError, Taxonomy, Term};
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Limit, Page};
use rustok_events::{ClaimedJob, JobKind};
use rustok_storage::counted::Counted;
use rustok_storage::terms::{self as rows, list, retire};
use rustok_storage::{TenantTx, jobs};
use rustok_text::Slug;

pub use rustok_storage::terms::list::{ListedTerm, TermFilter, TermPlace};

/// A term's next name and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeTerm {
    /// The term.
    pub id: TermId,
    /// Its name.
    pub name: String,
    /// Its slug; `None` keeps the present one, with all links.
    pub slug: Option<String>,
    /// The slug of the category above it; `None` for none.
    pub parent: Option<String>,
}

/// What became of a merged term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedTerm {
    /// The term that remains.
    pub term: ListedTerm,
    /// Whether nodes still change from the merged one to it.
    pub is_pending: bool,
}

/// A page of terms: categories before tags, each by its name.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_terms(
    ctx: &Ctx,
    filter: &TermFilter,
    after: Option<&TermPlace>,
    limit: Limit,
) -> Result<Page<ListedTerm>, RichError> {
    ctx.authorize(Action::ReadContent)?;
    Ok(list::list_page(ctx.read().await?.last(), filter, after, limit).await?)
}

/// One term.
///
/// # Errors
/// `term_not_found`, authorization and database errors.
pub async fn get_term(ctx: &Ctx, id: TermId) -> Result<ListedTerm, RichError> {
    ctx.authorize(Action::ReadContent)?;
    let found = list::find_listed(ctx.read().await?.last(), id).await?;
    found.ok_or_else(not_found)
}

/// Creates a term, unless its taxonomy has one of this slug, or one of this name below the same category.
///
/// # Errors
/// `validation_failed`, `term_exists`, authorization and database errors.
pub async fn create_term(
    ctx: &Ctx,
    new: TermRef,
    key: IdempotencyKey<'_, ListedTerm>,
) -> Result<Done<ListedTerm>, RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let wanted = check_one(0, &new).map_err(ContentError::ValidationFailed)?;
    if !wanted.name_is_given {
        return Err(invalid("name", "required", "is required"));
    }
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let slugs: Vec<&Slug> = [Some(&wanted.term.slug), wanted.parent.as_ref()]
        .into_iter()
        .flatten()
        .collect();
    let names = [rustok_text::plain::folded(&wanted.term.name)];
    let known = rows::list_terms_known_by(&mut work.tx, &slugs, &names).await?;
    let parent_id = match place(&wanted, &known) {
        Ok(parent_id) => parent_id,
        Err(refusal) => return Err(work.refuse(refusal).await),
    };
    let id: TermId = ctx.id();
    let term = Term {
        id,
        parent_id,
        ..wanted.term.clone()
    };
    let made = make(&mut work.tx, ctx, term, wanted.slug_is_given).await?;
    if made.id != id {
        // A concurrent request created it since the lookup.
        return Err(work.refuse(exists(made.id)).await);
    }
    let listed = ListedTerm {
        parent_slug: wanted.parent,
        nodes: Counted::default(),
        term: made,
    };
    work.finish(listed).await
}

/// Where the new term stands: below which category.
fn place(wanted: &super::Wanted, known: &[Term]) -> Result<Option<TermId>, RichError> {
    let same_slug = |term: &&Term| {
        term.taxonomy == wanted.term.taxonomy && wanted.slug_is_given && term.slug == wanted.term.slug
    };
    if let Some(taken) = known.iter().find(same_slug) {
        return Err(exists(taken.id).with_violation("slug", "taken", "is taken"));
    }
    let by_name = super::Wanted {
        slug_is_given: false,
        term: wanted.term.clone(),
        parent: wanted.parent.clone(),
        ..*wanted
    };
    match find(&by_name, known) {
        Ok(Found::Term(taken)) => Err(exists(taken.id).with_violation("name", "taken", "is taken")),
        Ok(Found::None { parent_id }) => Ok(parent_id),
        Err(_) => Err(invalid("parent", "not_found", "does not exist")),
    }
}

/// Gives a term another name, slug or place. Nodes keep it.
///
/// # Errors
/// `term_not_found`, `validation_failed`, `term_exists`, authorization and database errors.
pub async fn change_term(ctx: &Ctx, change: ChangeTerm) -> Result<ListedTerm, RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let mut tx = ctx.write().await?;
    match changed(&mut tx, &change).await {
        Err(refusal) => Err(refuse(tx, refusal).await),
        Ok(term) => {
            if !retire::rename_term(&mut tx, &term).await? {
                let taken = rows::find_term(&mut tx, term.taxonomy, &term.slug).await?;
                let refusal = exists(taken.map_or(term.id, |taken| taken.id));
                return Err(refuse(tx, refusal.with_violation("slug", "taken", "is taken")).await);
            }
            let listed = list::find_listed(&mut tx, term.id).await?.ok_or_else(not_found)?;
            tx.commit().await?;
            Ok(listed)
        }
    }
}

/// The locked term as it is to be.
async fn changed(tx: &mut TenantTx, change: &ChangeTerm) -> Result<Term, RichError> {
    let before = retire::lock_term(tx, change.id).await?.ok_or_else(not_found)?;
    let slug = change.slug.clone().filter(|slug| !slug.trim().is_empty());
    let named = TermRef {
        taxonomy: before.taxonomy,
        slug: Some(slug.unwrap_or_else(|| before.slug.as_str().to_owned())),
        name: Some(change.name.clone()),
        parent: change.parent.clone(),
    };
    let wanted = check_one(0, &named).map_err(ContentError::ValidationFailed)?;
    let parent_id = match &wanted.parent {
        None => None,
        Some(slug) => Some(parent_of(tx, change.id, slug).await?),
    };
    let term = Term {
        id: before.id,
        parent_id,
        ..wanted.term
    };
    let renamed = !is_named(&before, &term.name, term.parent_id);
    if renamed && let Some(taken) = retire::find_namesake(tx, &term).await? {
        return Err(exists(taken).with_violation("name", "taken", "is taken"));
    }
    Ok(term)
}

/// The category with this slug, which may not be the term or stand below it.
async fn parent_of(tx: &mut TenantTx, id: TermId, slug: &Slug) -> Result<TermId, RichError> {
    let found = rows::find_term(tx, Taxonomy::Category, slug).await?;
    let parent = found.ok_or_else(|| invalid("parent", "not_found", "does not exist"))?;
    if rows::list_lineage(tx, parent.id).await?.contains(&id) {
        return Err(invalid(
            "parent",
            "not_allowed",
            "must not be the category itself, nor one below it",
        ));
    }
    Ok(parent.id)
}

/// Merges a term into another one of its taxonomy: its nodes get that one, and the categories below it stand below that one.
///
/// # Errors
/// `term_not_found`, `validation_failed` for a target that is missing, of another taxonomy or below the term,
/// authorization and database errors.
pub async fn merge_term(
    ctx: &Ctx,
    id: TermId,
    into: TermId,
    key: IdempotencyKey<'_, MergedTerm>,
) -> Result<Done<MergedTerm>, RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    if let Err(refusal) = check_merge(&mut work.tx, id, into).await {
        return Err(work.refuse(refusal).await);
    }
    let is_pending = retire(ctx, &mut work.tx, id, Some(into)).await?;
    let term = list::find_listed(&mut work.tx, into)
        .await?
        .ok_or_else(not_found)?;
    work.finish(MergedTerm { term, is_pending }).await
}

async fn check_merge(tx: &mut TenantTx, id: TermId, into: TermId) -> Result<(), RichError> {
    // Always in the same order, so that two merges cannot wait for each other.
    let (first, second) = (id.min(into), id.max(into));
    let first = retire::lock_term(tx, first).await?;
    let second = retire::lock_term(tx, second).await?;
    let (from, target) = if id < into {
        (first, second)
    } else {
        (second, first)
    };
    let from = from.ok_or_else(not_found)?;
    let target = target.filter(|_| id != into);
    let target = target.ok_or_else(|| invalid("into", "not_found", "must be another term"))?;
    if target.taxonomy != from.taxonomy {
        return Err(invalid(
            "into",
            "not_allowed",
            "must be a term of the same taxonomy",
        ));
    }
    if rows::list_lineage(tx, into).await?.contains(&id) {
        return Err(invalid("into", "not_allowed", "must not be a category below it"));
    }
    Ok(())
}

/// Deletes a term: nodes lose it, and the categories below it stand below its own parent.
///
/// # Errors
/// `term_not_found`, authorization and database errors.
pub async fn delete_term(ctx: &Ctx, id: TermId) -> Result<(), RichError> {
    ctx.authorize(Action::ManageTerms)?;
    let mut tx = ctx.write().await?;
    if retire::lock_term(&mut tx, id).await?.is_none() {
        return Err(refuse(tx, not_found()).await);
    }
    retire(ctx, &mut tx, id, None).await?;
    Ok(tx.commit().await?)
}

/// Retires a term; true if a job has to do the rest.
async fn retire(ctx: &Ctx, tx: &mut TenantTx, id: TermId, into: Option<TermId>) -> Result<bool, RichError> {
    retire::retire_term(tx, id, into, ctx.now()).await?;
    if retire::move_some(tx, id).await? {
        return Ok(false);
    }
    jobs::schedule(tx, &ctx.job(JobKind::RetireTerm, id.as_uuid(), ctx.now())).await?;
    Ok(true)
}

/// The rest of a retirement, as far as one claim may do it. Returns whether it did any.
pub(crate) async fn retire_rest(ctx: &PlatformCtx, job: &ClaimedJob) -> Result<bool, RichError> {
    let id = TermId::from_uuid(job.job.subject_id);
    run_in_parts(ctx, job, |tx| Box::pin(retire::move_some(tx, id))).await
}

fn not_found() -> RichError {
    RichError::new(ErrorKind::NotFound, "no such term")
        .with_code("term_not_found")
        .with_public("There is no such category or tag.")
}

fn exists(id: TermId) -> RichError {
    RichError::new(ErrorKind::Conflict, "the term exists")
        .with_code("term_exists")
        .with_public(
            "There is a category or tag with this name or slug. Merge the two, or take another name.",
        )
        .with_extension("term_id", id)
}

pub(in crate::content) fn invalid(at: &str, code: &'static str, rule: &'static str) -> RichError {
    ContentError::ValidationFailed(vec![FieldError::new(at, code, rule)]).into()
}
