//! Lists of terms by their names, each with the number of nodes that it has.

use super::{COLUMNS, TABLE, term};
use crate::counted::{Counted, UP_TO_IN_LISTS};
use rustok_content::ids::TermId;
use rustok_content::{Taxonomy, Term};
use rustok_core::page::{Limit, Page};
use rustok_db::walk::indexed_by;
use rustok_db::{Row, StoreError, TenantTx, Value, params};
use rustok_text::Slug;
use rustok_text::plain::folded;
use serde::{Deserialize, Serialize};

/// The filter of a list of terms; `None` means no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TermFilter {
    /// Terms of this taxonomy.
    pub taxonomy: Option<Taxonomy>,
    /// The beginning of the name, folded as names are compared.
    pub prefix: Option<String>,
}

/// A term in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTerm {
    /// The term.
    pub term: Term,
    /// The slug of its parent category.
    pub parent_slug: Option<Slug>,
    /// The nodes that have it, deleted ones included.
    pub nodes: Counted,
}

/// Characters of a name in a position. A longer name is read again from its term.
const PLACE_CHARS: usize = 60;

/// The position of a term in a list: by taxonomy, folded name and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermPlace {
    #[serde(rename = "t")]
    taxonomy: String,
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "c")]
    is_cut: bool,
    #[serde(rename = "i")]
    id: TermId,
}

impl TermPlace {
    fn of(term: &Term) -> Self {
        let name = folded(&term.name);
        let beginning: String = name.chars().take(PLACE_CHARS).collect();
        Self {
            taxonomy: term.taxonomy.as_str().to_owned(),
            is_cut: beginning.len() < name.len(),
            name: beginning,
            id: term.id,
        }
    }
}

/// Both taxonomies, in the order of a list.
const TAXONOMIES: [Taxonomy; 2] = [Taxonomy::Category, Taxonomy::Tag];

/// A page of terms: categories before tags, each by its name. Retired ones are not listed.
///
/// # Errors
/// Those of the database.
pub async fn list_page(
    tx: &mut TenantTx,
    filter: &TermFilter,
    after: Option<&TermPlace>,
    limit: Limit,
) -> Result<Page<ListedTerm>, StoreError> {
    let after_taxonomy = after.map(|after| after.taxonomy.as_str());
    let wanted = TAXONOMIES.into_iter().filter(|taxonomy| {
        filter.taxonomy.is_none_or(|only| only == *taxonomy)
            && after_taxonomy.is_none_or(|after| taxonomy.as_str() >= after)
    });
    let mut values = params![tx.tenant(), limit.plus_one(), UP_TO_IN_LISTS + 1].to_vec();
    let index = indexed_by("terms_name_idx", tx.db.is_postgres());
    let lists: Vec<String> = wanted
        .map(|taxonomy| {
            let after = after.filter(|after| after.taxonomy == taxonomy.as_str());
            let range = range(filter.prefix.as_deref(), after, &mut values);
            values.push(taxonomy.as_str().into());
            format!(
                "SELECT * FROM (SELECT t.* FROM terms t{index} WHERE t.tenant_id = $1 AND t.taxonomy = ${}{range} \
                 ORDER BY t.name_folded, t.id LIMIT $2) AS listed",
                values.len()
            )
        })
        .collect();
    if lists.is_empty() {
        return Ok(Page::cut(Vec::new(), limit, |listed: &ListedTerm| {
            TermPlace::of(&listed.term)
        }));
    }
    let sql = format!(
        "SELECT {COLUMNS}, p.slug AS parent_slug, (SELECT count(*) FROM (SELECT 1 FROM node_terms f \
         WHERE f.tenant_id = $1 AND f.term_id = m.id LIMIT $3) AS counted) AS nodes \
         FROM (SELECT * FROM ({}) AS united ORDER BY taxonomy, name_folded, id LIMIT $2) m \
         LEFT JOIN terms p ON p.tenant_id = $1 AND p.id = m.parent_id ORDER BY m.taxonomy, m.name_folded, m.id",
        lists.join(" UNION ALL ")
    );
    let listed = tx.db.fetch(TABLE, &sql, &values, listed).await?;
    Ok(Page::cut(listed, limit, |listed| TermPlace::of(&listed.term)))
}

/// One term as lists show it; `None` if there is none, or it is retired.
///
/// # Errors
/// Those of the database.
pub async fn find_listed(tx: &mut TenantTx, id: TermId) -> Result<Option<ListedTerm>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, p.slug AS parent_slug, (SELECT count(*) FROM (SELECT 1 FROM node_terms f \
         WHERE f.tenant_id = $1 AND f.term_id = m.id LIMIT $3) AS counted) AS nodes FROM terms m \
         LEFT JOIN terms p ON p.tenant_id = $1 AND p.id = m.parent_id \
         WHERE m.tenant_id = $1 AND m.id = $2 AND m.retired_at IS NULL"
    );
    let values = params![tx.tenant(), id, UP_TO_IN_LISTS + 1];
    tx.db.fetch_optional(TABLE, &sql, values, listed).await
}

fn listed(row: &Row<'_>) -> Result<ListedTerm, StoreError> {
    let parent: Option<String> = row.get("parent_slug")?;
    let parent = parent
        .map(|slug| Slug::parse(&slug).map_err(|error| row.inconsistent("parent_slug", &error.to_string())));
    Ok(ListedTerm {
        term: term(row)?,
        parent_slug: parent.transpose()?,
        nodes: Counted::up_to(UP_TO_IN_LISTS, row.get("nodes")?),
    })
}

/// The conditions on the name. A retired term has none.
fn range<'a>(prefix: Option<&'a str>, after: Option<&'a TermPlace>, values: &mut Vec<Value<'a>>) -> String {
    let mut bind = |value: Value<'a>| {
        values.push(value);
        values.len()
    };
    let mut range = match prefix.filter(|prefix| !prefix.is_empty()) {
        None => " AND t.name_folded > ''".to_owned(),
        Some(prefix) => {
            let (from, end) = (bind(prefix.into()), bind(format!("{prefix}\u{10ffff}").into()));
            format!(" AND t.name_folded >= ${from} AND t.name_folded < ${end}")
        }
    };
    if let Some(TermPlace { name, is_cut, id, .. }) = after {
        let (name, id) = (bind(name.into()), bind((*id).into()));
        let name = match is_cut {
            false => format!("${name}"),
            true => format!(
                "COALESCE((SELECT c.name_folded FROM terms c WHERE c.tenant_id = $1 AND c.id = ${id}), ${name})"
            ),
        };
        range.push_str(&format!(" AND (t.name_folded, t.id) > ({name}, ${id})"));
    }
    range
}
