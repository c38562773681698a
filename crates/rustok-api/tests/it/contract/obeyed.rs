//! What an operation does not obey, it refuses: queries, conditions, keys and bodies that the document does not list.

use super::document::{Operation, operations};
use super::*;
use rustok_test_support::both_databases;

const UNKNOWN_ID: &str = "018f4e6a-7b1c-7def-8abc-0123456789ab";

/// The headers that a client expects to be obeyed wherever it sends them.
const HEADERS: [(&str, &str); 4] = [
    ("If-Match", "\"7.0a\""),
    ("If-None-Match", "*"),
    ("If-Unmodified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"),
    ("Idempotency-Key", "k"),
];

struct Asked {
    shop: Shop,
    platform: String,
}

impl Asked {
    fn request(&self, operation: &Operation, query: &str) -> RequestBuilder {
        let path = format!("{}{query}", operation.path_of(UNKNOWN_ID));
        let token = match operation.is_platform() {
            true => &self.platform,
            false => &self.shop.token,
        };
        self.shop
            .request(operation.method.clone(), &path)
            .bearer_auth(token)
    }

    /// The codes of the problem, and of its violations.
    async fn refused(&self, request: RequestBuilder) -> Vec<String> {
        let body = send(request).await.text().await.unwrap();
        let problem: Value = serde_json::from_str(&body).unwrap_or_default();
        let errors = problem["errors"].as_array().into_iter().flatten();
        let told = errors.map(|error| {
            format!(
                "{} {}",
                error["pointer"].as_str().unwrap(),
                error["code"].as_str().unwrap()
            )
        });
        let code = problem["code"].as_str().map(str::to_owned);
        code.into_iter().chain(told).collect()
    }
}

both_databases! {
    async fn what_is_not_obeyed_is_refused(db) {
        let shop = Shop::open(db.url()).await;
        let platform = platform_token(&shop).await;
        let asked = Asked { shop, platform };
        let (mut obeyed, mut not_obeyed) = (0, 0);
        for operation in operations() {
            let is_read = operation.method == Method::GET;
            for (name, value) in HEADERS {
                let told = asked.refused(asked.request(&operation, "").header(name, value)).await;
                let is_refused = told.first().is_some_and(|code| code == "not_obeyed");
                // No tag and no key changes what a read answers where it has none.
                let is_harmless = is_read && name != "If-Match";
                assert_eq!(is_refused, !operation.takes(name) && !is_harmless, "{} {name}: {told:?}", operation.id);
                *(if is_refused { &mut not_obeyed } else { &mut obeyed }) += 1;
            }
            let told = asked.refused(asked.request(&operation, "?colour=red&colour=red")).await;
            assert_eq!(told[..2], ["invalid_query", "?colour unknown_parameter"], "{}", operation.id);
            for name in operation.parameters("query") {
                let told = asked.refused(asked.request(&operation, &format!("?{name}=1&{name}=1"))).await;
                assert!(told.contains(&format!("?{name} duplicate_parameter")), "{} {name}: {told:?}", operation.id);
            }
            if is_read {
                for body in ["x", "{\"q\":1}", "                 "] {
                    let told = asked.refused(asked.request(&operation, "").body(body)).await;
                    assert_eq!(told, ["not_obeyed"], "{}", operation.id);
                }
                let told = asked.refused(asked.request(&operation, "").body(" {} ")).await;
                assert!(told.iter().all(|code| code != "not_obeyed"), "{}: {told:?}", operation.id);
            } else if !operation.takes_body() {
                let told = asked.refused(asked.request(&operation, "").json(&json!({ "force": true }))).await;
                assert_eq!(told, ["validation_failed", "#/force unknown_member"], "{}", operation.id);
            }
        }
        assert!(obeyed > 80 && not_obeyed > 80, "{obeyed} {not_obeyed}");
    }
}
