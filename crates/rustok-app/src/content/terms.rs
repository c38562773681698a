//! Terms: found by their address, or made. Categories may stand below one another, never in a circle.

use super::authors::below;
use crate::context::Ctx;
use rustok_content::{ContentError, FieldError, NewNode, Taxonomy, Term};
use rustok_core::error::RichError;
use rustok_core::ids::TermId;
use rustok_storage::nodes::FiledTerm;
use rustok_storage::{TenantTx, terms};
use rustok_text::Slug;
use uuid::Uuid;

/// Names a term in a request. Nothing in it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRef {
    /// Category or tag.
    pub taxonomy: Taxonomy,
    /// Its address; without one it is made from the name.
    pub slug: Option<String>,
    /// Its name, for a term that does not exist yet.
    pub name: Option<String>,
    /// The address of the category above it, for a category that does not exist yet.
    pub parent: Option<String>,
}

/// A term that a request names, checked.
struct Wanted {
    /// Where in the request it stands.
    at: usize,
    /// What it will be, if it has to be made. Its id and its parent are not decided yet.
    term: Term,
    may_be_made: bool,
    parent: Option<Slug>,
}

/// Checks the terms that a request names, without looking for them.
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
            Ok(term) => {
                let twice = |known: &Wanted| is_same(&known.term, &term.term);
                if !wanted.iter().any(twice) {
                    wanted.push(term);
                }
            }
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

fn is_same(one: &Term, other: &Term) -> bool {
    one.taxonomy == other.taxonomy && one.slug == other.slug
}

fn check_one(at: usize, named: &TermRef) -> Result<Wanted, Vec<FieldError>> {
    let slug = named.slug.as_deref().filter(|slug| !slug.trim().is_empty());
    // A term that is only looked up by its address needs no name; the address then stands for it.
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
        may_be_made: named.name.is_some(),
        parent,
    })
}

/// The terms that a request names; those that do not exist yet and have a name are made.
///
/// # Errors
/// `validation_failed` at `#/terms/...`, and those of the database.
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
    let mut known = terms::list_terms_with_slugs(tx, &slugs).await?;
    let mut filed = Vec::with_capacity(wanted.len());
    let mut errors = Vec::new();
    for want in &wanted {
        let place = |part: &str| format!("#/terms/{}{part}", want.at);
        if let Some(term) = known.iter().find(|term| is_same(term, &want.term)) {
            filed.push(term.clone());
            continue;
        }
        if !want.may_be_made {
            errors.push(FieldError::new(
                place(""),
                "not_found",
                "does not exist; give it a name to make it",
            ));
            continue;
        }
        let parent = want
            .parent
            .as_ref()
            .map(|slug| known.iter().find(|term| is_category(term, slug)));
        let parent_id = match parent {
            None => None,
            Some(Some(parent)) => Some(parent.id),
            Some(None) => {
                errors.push(FieldError::new(place("/parent"), "not_found", "does not exist"));
                continue;
            }
        };
        let term = Term {
            id: ctx.id(),
            parent_id,
            ..want.term.clone()
        };
        let term = insert(tx, ctx, term).await?;
        known.push(term.clone());
        filed.push(term);
    }
    if errors.is_empty() {
        with_parents(tx, filed, &known).await
    } else {
        Err(ContentError::ValidationFailed(errors).into())
    }
}

fn is_category(term: &Term, slug: &Slug) -> bool {
    term.taxonomy == Taxonomy::Category && term.slug == *slug
}

/// The terms in the order in which they are shown, each with the address of the category above it.
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
    // Somebody else made it since it was looked for.
    let found = terms::find_term(tx, term.taxonomy, &term.slug).await?;
    found.ok_or_else(|| {
        ContentError::ReferenceNotFound {
            field: "terms",
            name: term.slug.into_string(),
        }
        .into()
    })
}

/// The term of that address for an import: one that is there stays as it is, one that is not is made. The address is
/// taken in whatever form it comes.
///
/// # Errors
/// `validation_failed` for a name that is too long or has no character, and those of the database.
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

/// Brings a term to the name and the place that an import has for it. A category above it that is not there yet is made,
/// with its address for a name, until it is imported itself. A place that would put categories into a circle is not taken:
/// the term then stays where it is.
///
/// # Errors
/// `validation_failed` for a name that is too long or has no character, and those of the database.
pub async fn upsert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    taxonomy: Taxonomy,
    slug: &str,
    name: &str,
    parent_slug: Option<&str>,
) -> Result<Term, RichError> {
    let wanted = Term::new(ctx.id::<TermId>(), taxonomy, name, Some(slug), None)?;
    let mut term = find_or_insert(tx, ctx, wanted.clone()).await?;
    let mut parent_id = None;
    if let Some(slug) = parent_slug.filter(|_| taxonomy == Taxonomy::Category) {
        let parent = ensure(tx, ctx, Taxonomy::Category, slug, "").await?;
        let circle = terms::list_lineage(tx, parent.id).await?.contains(&term.id);
        parent_id = if circle { term.parent_id } else { Some(parent.id) };
    }
    if (&term.name, term.parent_id) != (&wanted.name, parent_id) {
        (term.name, term.parent_id) = (wanted.name, parent_id);
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

    #[test]
    fn a_term_is_named_once() {
        let refs = [
            named(Taxonomy::Tag, Some("a-b"), None, None),
            named(Taxonomy::Tag, None, Some("A b"), None),
            named(Taxonomy::Category, Some("a-b"), None, None),
        ];
        assert_eq!(check(&refs).unwrap().len(), 2);
    }
}
