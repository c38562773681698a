//! What every answer tells browsers and caches, whatever it is the answer to.

use super::document::operations;
use super::*;
use rustok_test_app::is_marked;
use rustok_test_support::both_databases;

both_databases! {
    async fn every_answer_of_every_operation_is_marked(db) {
        let shop = Shop::open(db.url()).await;
        let platform = platform_token(&shop).await;
        let mut answered = 0;
        for operation in operations() {
            let is_public = operation.method == Method::GET
                && ["/api/store/v1/nodes", "/api/store/v1/products"].iter().any(|public| operation.path.starts_with(public));
            let path = operation.path_of("018f4e6a-7b1c-7def-8abc-0123456789ab");
            // A stranger, one whose token is none, and one who may; what they ask is wrong in most cases.
            for token in [None, Some("rtk_no"), Some(shop.token.as_str()), Some(platform.as_str())] {
                let request = shop.request(operation.method.clone(), &path);
                let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
                let answer = send(request).await;
                answered += usize::from(answer.status().is_success());
                is_marked(&answer, &format!("{} {}", operation.id, answer.status()), is_public);
            }
        }
        assert!(answered > 10, "{answered}");
    }
}
