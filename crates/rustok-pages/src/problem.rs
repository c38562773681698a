//! A problem as a page.

use crate::view::{Reader, View};
use askama::Template;
use http::HeaderMap;
use rustok_core::error::ErrorResponse;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    v: &'a View,
    title: String,
    text: String,
    retry_after: Option<usize>,
    is_ours: bool,
    trace_id: &'a str,
}

/// The page for the person whose request has these headers.
pub(crate) fn page(problem: &ErrorResponse, headers: &HeaderMap) -> String {
    let view = View::of_problem(Reader::of(headers));
    let title = match problem.status() {
        401 => "problem-title-signed-out",
        403 => "problem-title-not-allowed",
        404 => "problem-title-not-found",
        409 | 412 => "problem-title-changed",
        429 => "problem-title-too-many",
        503 => "problem-title-busy",
        status if status >= 500 => "problem-title-ours",
        _ => "problem-title-refused",
    };
    let template = ProblemPage {
        title: view.t(title).into_owned(),
        text: view.words.problem(problem).into_owned(),
        retry_after: problem
            .retry_after_seconds()
            .and_then(|seconds| usize::try_from(seconds).ok()),
        is_ours: problem.status() >= 500,
        trace_id: problem.trace_id().unwrap_or_default(),
        v: &view,
    };
    // A template fails only if what it shows does.
    template.render().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_core::error::ErrorResponse;

    #[test]
    fn a_problem_is_told_in_the_language_of_the_reader_and_is_escaped() {
        let mut headers = HeaderMap::new();
        headers.insert("accept-language", "ru".parse().unwrap());
        let problem = ErrorResponse::internal().with_detail("<script>");
        let html = page(&problem, &headers);
        assert!(html.contains("lang=\"ru\"") && html.contains("Ошибка на нашей стороне"));
        assert!(!html.contains("<script>x") && !html.contains("detail"));
    }
}
