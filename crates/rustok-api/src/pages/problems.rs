//! `/problems/`: one page per problem type, the target of every problem's `type` (RFC 9457, 3.1.1). Links are
//! relative, so that they work below any path prefix.

use axum::Json;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, header};
use rustok_core::error::ErrorResponse;
use rustok_http::problem::types::{self, ProblemType};
use serde_json::{Value, json};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// Lists all types: HTML, or JSON if the client accepts it.
pub async fn index(headers: HeaderMap) -> Response {
    if wants_json(&headers) {
        let items: Vec<Value> = types::ALL.iter().map(described).collect();
        return Json(json!({ "items": items })).into_response();
    }
    let row = |known: &ProblemType| {
        let ProblemType { code, meaning, .. } = known;
        let status = known.statuses.first().unwrap_or(&500);
        format!(
            "<tr><td>{status}<td><a href=\"problems/{code}\"><code>{code}</code></a><td>{}",
            inline(meaning)
        )
    };
    let rows: String = types::ALL.iter().map(row).collect();
    page(
        "Problems",
        &format!("<h1>Problems</h1><table><tr><th>Status<th>Code<th>Meaning{rows}</table>"),
    )
}

/// Shows one type.
pub async fn one(Path(code): Path<String>, headers: HeaderMap) -> Response {
    let Some(known) = types::find(&code) else {
        return ErrorResponse::not_found("Problem type").into_response();
    };
    if wants_json(&headers) {
        return Json(described(known)).into_response();
    }
    let statuses: Vec<String> = known.statuses.iter().map(ToString::to_string).collect();
    let example = known.example(known.statuses.first().copied().unwrap_or(500));
    let text = format!(
        "<h1><code>{code}</code></h1><p>{}</p><h2>What to do</h2><p>{}</p>\
         <h2>On the wire</h2><p>Status {}, kind <code>{}</code>.</p><pre>{}</pre>\
         <p><a href=\"../problems\">All problems</a> · <a href=\"../api/docs\">API documentation</a></p>",
        inline(known.meaning),
        inline(known.remedy),
        statuses.join(" or "),
        known.kind.as_str(),
        // Serialising a `Value` cannot fail.
        serde_json::to_string_pretty(&example).unwrap_or_default(),
    );
    page(known.code, &text)
}

fn described(known: &ProblemType) -> Value {
    json!({
        "code": known.code,
        "kind": known.kind.as_str(),
        "statuses": known.statuses,
        "meaning": known.meaning,
        "remedy": known.remedy,
    })
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.trim_start().starts_with("application/json"))
}

/// `` `x` `` → `<code>x</code>`. The texts are compiled in and hold no other markup.
fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| {
            if at % 2 == 1 {
                format!("<code>{part}</code>")
            } else {
                part.to_owned()
            }
        })
        .collect()
}

fn page(title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:4rem auto;padding:0 1rem}}\
         td,th{{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}}pre{{overflow:auto}}</style>{text}</html>"
    );
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_become_code() {
        assert_eq!(
            inline("Read `errors` and `x`."),
            "Read <code>errors</code> and <code>x</code>."
        );
    }
}
