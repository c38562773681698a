//! Members that nobody may set, in every body that can be written.

use super::*;
use rustok_test_support::both_databases;
use serde_json::json;
use std::collections::BTreeSet;

/// What would be worth setting.
fn wanted() -> [(&'static str, Value); 5] {
    [
        ("tenant_id", json!("01890000-0000-7000-8000-000000000001")),
        ("id", json!("01890000-0000-7000-8000-000000000002")),
        ("status", json!("paid")),
        ("price", json!({ "amount": "0.01", "currency": "USD" })),
        ("version", json!(4711)),
    ]
}

both_databases! {
    async fn members_that_nobody_may_set_are_refused_in_every_body(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let mut tried = 0;
        for operation in world.document.operations.iter().filter(|operation| !operation.is_read()) {
            let call = call(&operation.id).unwrap();
            let filled = world.fill(operation, &call, &world.values(&world.ours, &call).await);
            let body = filled.body.unwrap_or_else(|| json!({}));
            let mut objects = world.document.objects(operation, &body);
            if objects.is_empty() {
                // It takes no body; an empty object is none.
                objects.push((String::new(), BTreeSet::new()));
            }
            for (at, declared) in objects {
                for (name, value) in wanted().into_iter().filter(|(name, _)| !declared.contains(*name)) {
                    let mut body = body.clone();
                    body.pointer_mut(&at).unwrap()[name] = value;
                    let request = with_body(&world, &operation.id, body.to_string()).await;
                    let problem = refused(request, &format!("{} {at}/{name}", operation.id)).await;
                    assert_eq!(problem["code"], "validation_failed", "{} {at}/{name}: {problem:#}", operation.id);
                    tried += 1;
                }
            }
        }
        assert!(tried > 150, "{tried}");
        assert_eq!(Digest::of(&world).await, before);
    }
}
