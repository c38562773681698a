//! The operations that requests are counted by: those of the API document, and the pages. The list must name every
//! route of the public router: a request to any other route is counted as `unmatched`.

use rustok_api::router;
use rustok_http::openapi::operations;
use rustok_telemetry::metrics::Operation;
use std::sync::LazyLock;

/// Statuses that any operation may return without a valid token. Their series exist from the start, as those of
/// successes do; series of other refusals appear with the first one.
const FOR_STRANGERS: [u16; 7] = [400, 401, 403, 404, 429, 500, 503];
/// The pages; all of them are GET.
const PAGES: [(&str, &[u16]); 7] = [
    (router::OPENAPI_PATH, &[200]),
    ("/api/docs", &[200]),
    ("/api/docs/{asset}", &[200, 404]),
    ("/problems", &[200]),
    ("/problems/{code}", &[200, 404]),
    ("/livez", &[200]),
    ("/readyz", &[200, 503]),
];

/// All operations, by the route templates of the router.
pub(super) fn all() -> Vec<Operation> {
    static ALL: LazyLock<Vec<Operation>> = LazyLock::new(read);
    ALL.clone()
}

fn read() -> Vec<Operation> {
    let mut all: Vec<_> = PAGES
        .iter()
        .map(|(route, statuses)| Operation {
            method: "GET",
            route: (*route).to_owned(),
            statuses: statuses.to_vec(),
        })
        .collect();
    for (route, mut item) in router::bare_document().paths.paths {
        for (method, operation) in operations(&mut item) {
            let statuses = operation.responses.responses.keys();
            let declared = statuses.filter_map(|status| status.parse().ok());
            let mut statuses: Vec<_> = declared.filter(|status| *status < 400).collect();
            statuses.extend(FOR_STRANGERS);
            all.push(Operation {
                method,
                route: route.clone(),
                statuses,
            });
        }
    }
    all
}
