//! Authors: found by login, or created. Without a named author, the author that represents the actor is used, with
//! the site's name.

pub(crate) mod manage;

use crate::context::Ctx;
use rustok_content::ids::AuthorId;
use rustok_content::translation::Source;
use rustok_content::{Author, ContentError, FieldError};
use rustok_core::error::RichError;
use rustok_storage::{TenantTx, authors};

/// An author named in a request; not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorRef {
    /// The login.
    pub login: String,
    /// The display name, for an author that does not exist yet.
    pub name: Option<String>,
}

/// The author named in a request; created if it does not exist and the request has a display name. Without a named
/// author, the one that represents the actor.
///
/// # Errors
/// `validation_failed` at `#/author`, and database errors.
pub(super) async fn resolve(
    tx: &mut TenantTx,
    ctx: &Ctx,
    named: Option<&AuthorRef>,
) -> Result<Author, RichError> {
    let Some(named) = named else {
        // The name is public: it is the site's name, never the id of a token.
        let author = Author::new(
            ctx.id::<AuthorId>(),
            &ctx.actor.to_string(),
            &ctx.tenant.name,
            Source::Editor,
        )?;
        return find_or_insert(tx, ctx, author).await;
    };
    let name = named.name.as_deref().unwrap_or_default();
    let author =
        Author::new(ctx.id::<AuthorId>(), &named.login, name, Source::Editor).map_err(below_author)?;
    if named.name.is_some() {
        let wanted = author.display_name.clone();
        let found = find_or_insert(tx, ctx, author).await?;
        if found.display_name != wanted {
            let rule = "is not the name of the author with this login; leave it out, or take another login";
            let violation = FieldError::new("#/author/name", "mismatch", rule);
            return Err(ContentError::ValidationFailed(vec![violation]).into());
        }
        return Ok(found);
    }
    let found = authors::find_author(tx, &author.login).await?;
    found.ok_or_else(|| {
        ContentError::ReferenceNotFound {
            field: "author",
            name: author.login,
        }
        .into()
    })
}

/// The same violations, with pointers below `author`.
fn below_author(error: ContentError) -> ContentError {
    match error {
        ContentError::ValidationFailed(errors) => {
            ContentError::ValidationFailed(errors.into_iter().map(|error| below("author", error)).collect())
        }
        other => other,
    }
}

/// A violation of a part of the field `at`.
pub(super) fn below(at: &str, error: FieldError) -> FieldError {
    let inner = error.pointer.trim_start_matches("#/");
    let inner = if inner == "display_name" { "name" } else { inner };
    FieldError::new(format!("#/{at}/{inner}"), error.code, error.detail)
}

async fn find_or_insert(tx: &mut TenantTx, ctx: &Ctx, author: Author) -> Result<Author, RichError> {
    if let Some(found) = authors::find_author(tx, &author.login).await? {
        return Ok(found);
    }
    if authors::insert_author(tx, &author, ctx.now()).await? {
        return Ok(author);
    }
    // A concurrent request created it between the two statements.
    let found = authors::find_author(tx, &author.login).await?;
    found.ok_or_else(|| {
        ContentError::ReferenceNotFound {
            field: "author",
            name: author.login,
        }
        .into()
    })
}

/// Whether an import changes an author or term that is there with another name: it may be that of another site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNamed {
    /// It stays as it is, unless its name only stands in for the one that it has now.
    Keep,
    /// It gets the name of the import.
    Overwrite,
}

/// Creates an author, or changes the display name of the one with this login; for imports. `None` keeps the name of
/// an existing author. The returned author has another name than the given one if that was kept.
///
/// # Errors
/// `validation_failed` for a blank login or a name that is too long, and database errors.
pub async fn upsert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    login: &str,
    name: Option<&str>,
    if_named: IfNamed,
) -> Result<Author, RichError> {
    let author = Author::new(
        ctx.id::<AuthorId>(),
        login,
        name.unwrap_or_default(),
        Source::Import,
    )?;
    let mut found = find_or_insert(tx, ctx, author.clone()).await?;
    let may_rename = if_named == IfNamed::Overwrite || found.display_name == found.login;
    if name.is_some() && found.display_name != author.display_name && may_rename {
        found.display_name = author.display_name;
        authors::rename_author(tx, &found).await?;
    }
    Ok(found)
}
