//! `/nodes`: what readers see. Published nodes whose date has come, in their live revision, and nothing else.

use crate::node::input::KIND_RULE;
use crate::node::input::{INCLUDE_RULE, included};
use crate::node::{StoreNodePage, StoreNodeView};
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use rustok_app::content::{self, Part, PublicFilter};
use rustok_content::NodeKind;
use rustok_content::ids::NodeId;
use rustok_core::error::RichError;
use rustok_http::extract::{PathParams, QueryParams, QueryReader, StoreCtx};
use rustok_text::{Locale, Slug};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which nodes, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// `post`, `page`, ...
    kind: Option<String>,
    /// The slug of a category; what is in categories below it counts, to 64 levels.
    category: Option<String>,
    /// The slug of a tag.
    tag: Option<String>,
    /// The locale to show where there is one; `Accept-Language` counts if it is not given.
    locale: Option<String>,
    /// `body`: with the bodies, which are left out otherwise. A page ends early where it would be more than about 2 MB.
    include: Option<String>,
}

/// Which locale of a node.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LocaleQuery {
    /// The locale to show if there is one; `Accept-Language` counts if it is not given.
    locale: Option<String>,
}

/// The rule of a slug in a filter.
const SLUG_RULE: &str = "must be a slug: letters and digits in lower case, `-` and `_`";

/// What a reader wants to read, most wanted first.
fn wanted(
    mut query: QueryReader,
    locale: Option<&str>,
    headers: &HeaderMap,
) -> Result<Vec<Locale>, RichError> {
    let named = query.locale(locale);
    query.finish()?;
    if let Some(locale) = named {
        return Ok(vec![locale]);
    }
    let fields = headers
        .get_all(header::ACCEPT_LANGUAGE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    Ok(Locale::from_accept_language(
        &fields.collect::<Vec<_>>().join(","),
    ))
}

fn varies(mut response: Response) -> Response {
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("accept-language"));
    response
}

/// List published nodes, newest first. With several filters, or a category with others below it, a page may be shorter than
/// `limit` and have a next one.
#[utoipa::path(
    get,
    path = "/nodes",
    operation_id = "list_published_nodes",
    tag = "store",
    params(ListQuery, ("Accept-Language" = Option<String>, Header)),
    responses((status = 200, body = StoreNodePage))
)]
async fn list(
    State(state): State<ApiState>,
    StoreCtx(ctx): StoreCtx,
    QueryParams(query): QueryParams<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<(Timestamp, NodeId)>(query.limit, query.after.as_deref());
    let filter = PublicFilter {
        kind: reader
            .parse::<NodeKind>("kind", query.kind.as_deref(), KIND_RULE)
            .map(String::from),
        category: reader.parse::<Slug>("category", query.category.as_deref(), SLUG_RULE),
        tag: reader.parse::<Slug>("tag", query.tag.as_deref(), SLUG_RULE),
    };
    let part = reader.read("include", query.include.as_deref(), INCLUDE_RULE, included);
    let wanted = wanted(reader, query.locale.as_deref(), &headers)?;
    let page = content::list_public(&ctx, &filter, &wanted, after, limit).await?;
    Ok(varies(
        state
            .texts()
            .page(&ctx, page, part.unwrap_or(Part::Summary))
            .await?,
    ))
}

/// Read a published node by its slug in any of its locales. `Content-Language` names the one that is shown.
#[utoipa::path(
    get,
    path = "/nodes/{slug}",
    operation_id = "read_published_node",
    tag = "store",
    params(("slug" = String, Path), LocaleQuery, ("Accept-Language" = Option<String>, Header)),
    responses((status = 200, body = StoreNodeView), (status = 304)),
    extensions(("x-problems" = json!(["node_not_found"])))
)]
async fn read(
    State(state): State<ApiState>,
    StoreCtx(ctx): StoreCtx,
    PathParams(slug): PathParams<String>,
    QueryParams(query): QueryParams<LocaleQuery>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let wanted = wanted(QueryReader::default(), query.locale.as_deref(), &headers)?;
    let node = content::find_public(&ctx, &slug, &wanted).await?;
    let mut response = varies(state.texts().one(&ctx, &headers, &node).await?);
    if let Ok(language) = HeaderValue::try_from(node.locale.as_str()) {
        response.headers_mut().insert(header::CONTENT_LANGUAGE, language);
    }
    Ok(response)
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}
