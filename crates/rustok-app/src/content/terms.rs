//! Terms: found by slug or name, or created. Categories form trees, never a cycle.

pub(crate) mod manage;

use super::authors::{IfNamed, below};
use crate::context::Ctx;
use crate::numbers;
use rustok_content::ids::TermId;
use rustok_content::{ContentError, FieldError, NewNode, Taxonomy, Term};
use rustok_core::error::RichError;
use rustok_storage::nodes::FiledTerm;
use rustok_storage::{TenantTx, terms};
use rustok_text::Slug;
use rustok_text::plain::folded;
use uuid::Uuid;

/// A term named in a request; not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRef {
    /// Category or tag.
    pub taxonomy: Taxonomy,
    /// The slug; if `None`, the term is identified by its name and parent category.
    pub slug: Option<String>,
    /// The name: for a new term, or to identify the term.
    pub name: Option<String>,
    /// The slug of the parent category.
    pub parent: Option<String>,
}

/// A validated term of a request.
struct Wanted {
    /// Its index in the request.
    at: usize,
    /// The term to create if it is missing. Its id and parent are not set yet.
    term: Term,
    slug_is_given: bool,
    name_is_given: bool,
    parent: Option<Slug>,
}

impl Wanted {
    fn violation(&self, part: &str, code: &'static str, rule: &'static str) -> FieldError {
        FieldError::new(format!("#/terms/{}{part}", self.at), code, rule)
    }
}

/// Validates the terms of a request, without looking them up.
fn check(refs: &[TermRef]) -> Result<Vec<Wanted>, ContentError> {
    if refs.len() > NewNode::MAX_TERMS {
        let rule = format!("must have at most {} terms", NewNode::MAX_TERMS);
        return Err(ContentError::ValidationFailed(vec![FieldError::new(
            "terms", "too_many", rule,
        )]));
    }
    let (mut wanted, mut errors): (Vec<Wanted>, _) = (Vec::with_capacity(refs.len()), Vec::new());
    for (at, named) in refs.iter().enumerate() {
        match check_one(at, named) {
            Ok(term) => wanted.push(term),
            Err(found) => errors.extend(
                found
                    .into_iter()
                    .map(|error| below(&format!("terms/{at}"), error)),
            ),
        }
    }
    if errors.is_empty() {
        Ok(wanted)
    } else {
        Err(ContentError::ValidationFailed(errors))
    }
}

fn check_one(at: usize, named: &TermRef) -> Result<Wanted, Vec<FieldError>> {
    let slug = named.slug.as_deref().filter(|slug| !slug.trim().is_empty());
    // A lookup by slug needs no name; the slug takes its place.
    let name = named.name.as_deref().or(slug).unwrap_or_default();
    let term = Term::new_strict(TermId::from_uuid(Uuid::nil()), named.taxonomy, name, slug, None).map_err(
        |error| match error {
            ContentError::ValidationFailed(errors) => errors,
            other => vec![FieldError::new("slug", "invalid", other.to_string())],
        },
    )?;
    let parent = named.parent.as_deref().filter(|parent| !parent.is_empty());
    if parent.is_some() && named.taxonomy == Taxonomy::Tag {
        return Err(vec![FieldError::new(
            "parent",
            "not_allowed",
            "tags do not stand below one another",
        )]);
    }
    let parent = parent.map(Slug::parse).transpose();
    let parent = parent.map_err(|error| vec![FieldError::new("parent", error.code(), error.to_string())])?;
    Ok(Wanted {
        at,
        term,
        slug_is_given: slug.is_some(),
        name_is_given: named.name.is_some(),
        parent,
    })
}

/// Resolves the terms of a request; missing ones with a name are created. With a slug, the term with this slug is
/// meant, and other given fields must match it; without one, the term with this name and parent category.
///
/// # Errors
/// `validation_failed` at `#/terms/...`, and database errors.
pub(super) async fn resolve(
    tx: &mut TenantTx,
    ctx: &Ctx,
    refs: &[TermRef],
) -> Result<Vec<FiledTerm>, RichError> {
    let wanted = check(refs)?;
    let slugs: Vec<&Slug> = wanted
        .iter()
        .flat_map(|want| [Some(&want.term.slug), want.parent.as_ref()])
        .flatten()
        .collect();
    let by_name = wanted.iter().filter(|want| !want.slug_is_given);
    let names: Vec<String> = by_name.map(|want| folded(&want.term.name)).collect();
    let mut known = terms::list_terms_known_by(tx, &slugs, &names).await?;
    let mut filed: Vec<Term> = Vec::with_capacity(wanted.len());
    let mut errors = Vec::new();
    for want in &wanted {
        match find(want, &known) {
            Err(error) => errors.push(error),
            Ok(Found::Term(term)) => filed.push(term.clone()),
            Ok(Found::None { parent_id }) => {
                let term = Term {
                    id: ctx.id(),
                    parent_id,
                    ..want.term.clone()
                };
                let term = make(tx, ctx, term, want.slug_is_given).await?;
                known.push(term.clone());
                filed.push(term);
            }
        }
    }
    if errors.is_empty() {
        filed.sort_by_key(|term| term.id);
        filed.dedup_by_key(|term| term.id);
        with_parents(tx, filed, &known).await
    } else {
        Err(ContentError::ValidationFailed(errors).into())
    }
}

enum Found<'a> {
    Term(&'a Term),
    /// The term does not exist; it may be created below this category.
    None {
        parent_id: Option<TermId>,
    },
}

fn find<'a>(want: &Wanted, known: &'a [Term]) -> Result<Found<'a>, FieldError> {
    let parent_id = match &want.parent {
        None => None,
        Some(slug) => match known.iter().find(|term| is_category(term, slug)) {
            Some(parent) => Some(parent.id),
            None => return Err(want.violation("/parent", "not_found", "does not exist")),
        },
    };
    let mut known = known.iter().filter(|term| term.taxonomy == want.term.taxonomy);
    if want.slug_is_given {
        let Some(term) = known.find(|term| term.slug == want.term.slug) else {
            return match want.name_is_given {
                true => Ok(Found::None { parent_id }),
                false => Err(want.violation("", "not_found", "does not exist; give it a name to make it")),
            };
        };
        if want.name_is_given && folded(&term.name) != folded(&want.term.name) {
            let rule = "is not the name of the term with this slug; leave it out, or leave out the slug";
            return Err(want.violation("/name", "mismatch", rule));
        }
        if want.parent.is_some() && term.parent_id != parent_id {
            let rule = "is not above the category with this slug; leave it out, or leave out the slug";
            return Err(want.violation("/parent", "mismatch", rule));
        }
        return Ok(Found::Term(term));
    }
    let same = |term: &&Term| is_named(term, &want.term.name, parent_id);
    Ok(known.find(same).map_or(Found::None { parent_id }, Found::Term))
}

fn is_category(term: &Term, slug: &Slug) -> bool {
    term.taxonomy == Taxonomy::Category && term.slug == *slug
}

fn is_named(term: &Term, name: &str, parent_id: Option<TermId>) -> bool {
    term.parent_id == parent_id && folded(&term.name) == folded(name)
}

/// Creates a term. A slug generated from its name is numbered if it is taken.
async fn make(tx: &mut TenantTx, ctx: &Ctx, term: Term, slug_is_given: bool) -> Result<Term, RichError> {
    if slug_is_given {
        return insert(tx, ctx, term).await;
    }
    let names = [folded(&term.name)];
    for candidates in numbers::batches(&term.slug, Slug::numbered) {
        let slugs: Vec<&Slug> = candidates.iter().collect();
        // Repeated while concurrent requests take the slug that was free.
        loop {
            let mut known = terms::list_terms_known_by(tx, &slugs, &names).await?;
            known.retain(|known| known.taxonomy == term.taxonomy);
            // A concurrent request created it since the lookup.
            if let Some(same) = known
                .iter()
                .find(|known| is_named(known, &term.name, term.parent_id))
            {
                return Ok(same.clone());
            }
            let free = candidates
                .iter()
                .find(|slug| known.iter().all(|known| known.slug != **slug));
            let Some(slug) = free.cloned() else { break };
            let term = Term { slug, ..term.clone() };
            if terms::insert_term(tx, &term, ctx.now()).await? {
                return Ok(term);
            }
        }
    }
    let rule = "has a name of which more than a thousand variants exist; give it a slug";
    Err(ContentError::ValidationFailed(vec![FieldError::new("terms", "taken", rule)]).into())
}

/// The terms in display order, each with the slug of its parent category.
async fn with_parents(
    tx: &mut TenantTx,
    filed: Vec<Term>,
    known: &[Term],
) -> Result<Vec<FiledTerm>, RichError> {
    let mut missing: Vec<TermId> = filed.iter().filter_map(|term| term.parent_id).collect();
    missing.retain(|id| !known.iter().any(|term| term.id == *id));
    let fetched = terms::list_terms(tx, &missing).await?;
    let slug_of = |id: TermId| {
        known
            .iter()
            .chain(&fetched)
            .find(|term| term.id == id)
            .map(|term| term.slug.clone())
    };
    let mut filed: Vec<FiledTerm> = filed
        .into_iter()
        .map(|term| FiledTerm {
            parent_slug: term.parent_id.and_then(slug_of),
            term,
        })
        .collect();
    filed.sort_by(|a, b| {
        (a.term.taxonomy.as_str(), &a.term.slug).cmp(&(b.term.taxonomy.as_str(), &b.term.slug))
    });
    Ok(filed)
}

async fn find_or_insert(tx: &mut TenantTx, ctx: &Ctx, term: Term) -> Result<Term, RichError> {
    if let Some(found) = terms::find_term(tx, term.taxonomy, &term.slug).await? {
        return Ok(found);
    }
    insert(tx, ctx, term).await
}

async fn insert(tx: &mut TenantTx, ctx: &Ctx, term: Term) -> Result<Term, RichError> {
    if terms::insert_term(tx, &term, ctx.now()).await? {
        return Ok(term);
    }
    // A concurrent request created it since the lookup.
    let found = terms::find_term(tx, term.taxonomy, &term.slug).await?;
    found.ok_or_else(|| {
        ContentError::ReferenceNotFound {
            field: "terms",
            name: term.slug.into_string(),
        }
        .into()
    })
}

/// Finds a term by slug, or creates it; for imports. An existing term is not changed. The slug may have any form.
///
/// # Errors
/// `validation_failed` for a name that is too long or has no character, and database errors.
pub async fn ensure(
    tx: &mut TenantTx,
    ctx: &Ctx,
    taxonomy: Taxonomy,
    slug: &str,
    name: &str,
) -> Result<Term, RichError> {
    let name = if name.trim().is_empty() { slug } else { name };
    let term = Term::new(ctx.id::<TermId>(), taxonomy, name, Some(slug), None)?;
    find_or_insert(tx, ctx, term).await
}

/// Gives a term the name and parent of an import. One that has another name or parent stays as `if_named` says; the returned
/// term differs from the given name then. A missing parent category is created with its slug as name, until
/// it is imported itself. A parent that would form a cycle is ignored: the term stays where it is.
///
/// # Errors
/// `validation_failed` for a name that is too long or has no character, and database errors.
pub async fn upsert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    taxonomy: Taxonomy,
    slug: &str,
    name: &str,
    parent_slug: Option<&str>,
    if_named: IfNamed,
) -> Result<Term, RichError> {
    let wanted = Term::new(ctx.id::<TermId>(), taxonomy, name, Some(slug), None)?;
    let mut term = find_or_insert(tx, ctx, wanted.clone()).await?;
    let mut parent_id = None;
    if let Some(slug) = parent_slug.filter(|_| taxonomy == Taxonomy::Category) {
        let parent = ensure(tx, ctx, Taxonomy::Category, slug, "").await?;
        let circle = terms::list_lineage(tx, parent.id).await?.contains(&term.id);
        parent_id = if circle { term.parent_id } else { Some(parent.id) };
    }
    let overwrites = if_named == IfNamed::Overwrite;
    // Until it is imported itself, a parent has its slug as its name.
    let takes_name = overwrites || term.name == term.slug.as_str();
    let takes_parent = overwrites || term.parent_id.is_none();
    let name = if takes_name {
        wanted.name
    } else {
        term.name.clone()
    };
    let parent_id = if takes_parent { parent_id } else { term.parent_id };
    if (&term.name, term.parent_id) != (&name, parent_id) {
        (term.name, term.parent_id) = (name, parent_id);
        terms::update_term(tx, &term).await?;
    }
    Ok(term)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(taxonomy: Taxonomy, slug: Option<&str>, name: Option<&str>, parent: Option<&str>) -> TermRef {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        TermRef {
            taxonomy,
            slug: owned(slug),
            name: owned(name),
            parent: owned(parent),
        }
    }

    fn pointers(refs: &[TermRef]) -> Vec<String> {
        match check(refs).err() {
            Some(ContentError::ValidationFailed(errors)) => {
                errors.into_iter().map(|error| error.pointer).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wrong_terms_say_which_one_and_why() {
        let refs = [
            named(Taxonomy::Tag, None, None, None),
            named(Taxonomy::Tag, Some("No Slug"), None, None),
            named(Taxonomy::Tag, Some("a"), None, Some("b")),
            named(Taxonomy::Category, Some("a"), None, Some("B")),
        ];
        assert_eq!(
            pointers(&refs),
            [
                "#/terms/0/name",
                "#/terms/1/slug",
                "#/terms/2/parent",
                "#/terms/3/parent"
            ]
        );
        let many = vec![named(Taxonomy::Tag, Some("a"), None, None); 201];
        assert_eq!(pointers(&many), ["#/terms"]);
    }

    fn term(number: u128, slug: &str, name: &str, parent: Option<u128>) -> Term {
        let id = |number| TermId::from_uuid(Uuid::from_u128(number));
        let parent = parent.map(id);
        Term::new(id(number), Taxonomy::Category, name, Some(slug), parent).unwrap()
    }

    /// The number of the found term, 0 for a term to create, or the place of the violation.
    fn found(named: &TermRef, known: &[Term]) -> Result<u128, String> {
        let want = check_one(0, named).unwrap();
        match find(&want, known) {
            Ok(Found::Term(term)) => Ok(term.id.as_uuid().as_u128()),
            Ok(Found::None { .. }) => Ok(0),
            Err(error) => Err(format!("{} {}", error.pointer, error.code)),
        }
    }

    #[test]
    fn a_term_is_known_by_its_slug_or_by_its_name_below_its_category() {
        let known = [
            term(1, "men", "Men", None),
            term(2, "women", "Women", None),
            term(3, "shoes", "Shoes", Some(1)),
            term(4, "c", "C", None),
        ];
        let category = |slug, name, parent| named(Taxonomy::Category, slug, name, parent);
        for (wanted, expected) in [
            (category(None, Some("shoes"), Some("men")), Ok(3)),
            (category(None, Some(" SHOES\u{200b}"), Some("men")), Ok(3)),
            (category(None, Some("Shoes"), Some("women")), Ok(0)),
            (category(None, Some("Shoes"), None), Ok(0)),
            (category(None, Some("C++"), None), Ok(0)),
            (category(None, Some("c"), None), Ok(4)),
            (category(Some("shoes"), None, None), Ok(3)),
            (category(Some("shoes"), Some("SHOES"), Some("men")), Ok(3)),
            (
                category(Some("shoes"), Some("Boots"), None),
                Err("#/terms/0/name mismatch"),
            ),
            (
                category(Some("shoes"), None, Some("women")),
                Err("#/terms/0/parent mismatch"),
            ),
            (category(Some("boots"), None, None), Err("#/terms/0 not_found")),
            (category(Some("boots"), Some("Boots"), None), Ok(0)),
            (
                category(None, Some("Shoes"), Some("kids")),
                Err("#/terms/0/parent not_found"),
            ),
            (named(Taxonomy::Tag, None, Some("C"), None), Ok(0)),
        ] {
            assert_eq!(
                found(&wanted, &known),
                expected.map_err(str::to_owned),
                "{wanted:?}"
            );
        }
    }
}
