//! Methods beyond GET at an address of the health checks.

use super::*;
use crate::platform::{problem, program};
use rustok_test_support::TestDatabase;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_health_check_tells_its_methods_and_refuses_the_others() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &[]).await;
    let allowed = |response: &Response| {
        let mut methods: Vec<_> = header(response, "allow").split(',').map(str::to_owned).collect();
        methods.sort_unstable();
        methods
    };
    let options = send(shop.request(Method::OPTIONS, "/livez")).await;
    assert_eq!(
        (options.status().as_u16(), allowed(&options)),
        (204, vec!["GET".to_owned(), "HEAD".to_owned()])
    );
    assert_eq!(options.text().await.unwrap(), "");
    for method in ["PUT", "POST", "DELETE", "PATCH", "TRACE", "PROPFIND"] {
        let refused = send(shop.request(method.parse().unwrap(), "/livez")).await;
        assert_eq!(allowed(&refused), ["GET", "HEAD"], "{method}");
        problem(refused, 405, "method_not_allowed").await;
    }
}
