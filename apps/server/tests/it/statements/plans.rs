//! That no statement goes through a whole table, whichever request, worker or command sends it.

use super::watched::{Reported, Watched};
use crate::isolation::document::Operation;
use crate::workers::place_two_hours_ago;
use rustok_test_support::both_databases;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Statements that may: how each begins, and why it is no harm.
const MAY: [(&str, &str); 10] = [
    (
        "SELECT t.id, t.slug, t.name, t.status, t.settings, t.created_at, t.updated_at, t.version FROM tenants t WHERE $1::uuid IS NULL",
        "a page of the whole directory, in the order of its key and no further than the page",
    ),
    (
        "SELECT id, name, created_at, revoked_at FROM platform_tokens ORDER BY id",
        "a command that shows all of a few",
    ),
    (
        "SELECT id, name, role, scopes, created_at, expires_at, used_at, revoked_at, actor, member_id FROM api_tokens \
         WHERE tenant_id = $1 ORDER BY id",
        "a command that shows all of a few",
    ),
    (
        "UPDATE api_tokens SET revoked_at = expires_at WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at <= $2",
        "a tenant has at most 500 tokens that are valid",
    ),
    (
        "SELECT tenant_id, host FROM tenant_hosts WHERE tenant_id IN",
        "all hosts of the tenants that are shown, and no other",
    ),
    (
        "SELECT o.tenant_id, o.id, o.topic, o.subject_id, o.payload, o.traceparent, o.occurred_at FROM outbox o WHERE o.distributed_at IS NULL",
        "its index has nothing but what waits, and it ends with the batch",
    ),
    (
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE distributed_at IS NULL LIMIT $1)",
        "its indexes have nothing but what waits or is dead, and it counts no further than the limit",
    ),
    (
        "SELECT count(*) AS open FROM imports WHERE tenant_id = $1 AND status IN",
        "the setting for the most open imports of a tenant limits them, and this statement is how",
    ),
    (
        "SELECT count(*) AS members FROM memberships WHERE tenant_id = $1",
        "a tenant has at most 500 members, and this statement is how",
    ),
    (
        "SELECT * FROM (SELECT 'order' AS kind, o.id, CAST(o.number AS text) AS title",
        "each of its three parts follows an index in its order and stops after ten rows, which are sorted together",
    ),
];

both_databases! {
    async fn no_statement_goes_through_a_whole_table(db) {
        let watched = all_statements(db).await;
        let (reported, db) = watched.finish().await;
        let statements = reported.into_iter().map(|Reported { sql, .. }| sql);
        let statements: BTreeSet<String> = statements.filter(|sql| has_rows_of_ours(sql)).collect();
        assert_everything_was_told(&statements);
        let (mut found, mut used) = (BTreeMap::new(), BTreeSet::new());
        for sql in &statements {
            let walks = db.full_scans(sql).await;
            let known = MAY.iter().find(|(begins, _)| sql.starts_with(begins));
            match known {
                _ if walks.is_empty() => {}
                Some((begins, _)) => drop(used.insert(begins)),
                None => drop(found.insert(sql, walks)),
            }
        }
        assert!(found.is_empty(), "of {} statements: {found:#?}", statements.len());
        // PostgreSQL's plans tell less: there a tenant's own part of a table is no walk.
        assert!(db.is_postgres() || used.len() == MAY.len(), "of MAY only these are needed: {used:#?}");
    }
}

/// Ends of transactions have no plan, nor has what keeps PostgreSQL's statistics, which finds in its catalogue what is to
/// be done.
fn has_rows_of_ours(sql: &str) -> bool {
    sql != "COMMIT" && !sql.starts_with("ANALYZE ") && !sql.contains(" FROM pg_class ")
}

/// Statements of every sort must have been seen: else this would show nothing.
fn assert_everything_was_told(statements: &BTreeSet<String>) {
    for part in [
        "FROM api_tokens WHERE tenant_id",
        "FROM platform_tokens WHERE hash",
        "FROM tenants t JOIN tenant_hosts",
        "FROM directory_version v",
        "FROM idempotency_records WHERE",
        "UPDATE stock_levels SET available = available - $3",
        "UPDATE stock_levels SET available = available + $3",
        "FROM outbox o WHERE o.distributed_at IS NULL",
        "UPDATE outbox SET distributed_at",
        "DELETE FROM outbox",
        "FROM deliveries d JOIN outbox o",
        "FROM jobs WHERE dead_at IS NULL",
        "DELETE FROM jobs",
        // The answers that it finds are deleted by a statement that a test of the storage room looks at.
        "AS bytes FROM idempotency_records",
        "FROM import_references",
    ] {
        assert!(
            statements.iter().any(|sql| sql.contains(part)),
            "never told: {part} in {statements:#?}"
        );
    }
}

async fn all_statements(db: rustok_test_support::TestDatabase) -> Watched {
    let mut watched = Watched::open(db).await;
    let side = &watched.world.ours;
    for kind in [
        "published",
        "product",
        "pending",
        "import",
        "term",
        "author",
        "low_stock",
        "customer",
    ] {
        for _ in 0..2 {
            watched.world.thing(side, kind).await;
            watched.world.forget(side, kind);
        }
    }
    let variant = watched.world.thing(side, "product").await["variant"].clone();
    place_two_hours_ago(watched.world.db.url(), &json!({ "id": variant })).await;
    for operation in watched.world.document.operations.clone() {
        every_way(&mut watched, &operation).await;
    }
    // A host that nobody has is looked for all the same.
    let url = format!("{}/api/store/v1/products", watched.world.server.url());
    let unknown = watched.world.client.get(url).header("host", "nobody.example");
    assert_eq!(unknown.send().await.unwrap().status(), 404);
    commands(&mut watched).await;
    watched
}

/// Calls an operation with each parameter that its query may have, and with a key where it may be repeated.
async fn every_way(watched: &mut Watched, operation: &Operation) {
    let mut call = watched.filled(operation).await;
    if operation
        .parameters("header")
        .any(|name| name.eq_ignore_ascii_case("idempotency-key"))
    {
        call.headers
            .push(("idempotency-key".to_owned(), format!("key-{}", operation.id)));
    }
    watched.send(operation, call.clone()).await;
    if call.headers.iter().any(|(name, _)| name == "idempotency-key") {
        watched.send(operation, call.clone()).await;
    }
    watched.spend(operation);
    if !operation.is_read() {
        return;
    }
    for parameter in operation.parameters("query") {
        let value = match parameter {
            "limit" => "100",
            "after" => &cursor(watched, operation).await,
            "status" => status(operation),
            "number" => "1001",
            "kind" => "post",
            "q" | "vendor" | "category" | "tag" | "prefix" => "ours",
            "taxonomy" => "tag",
            "email" => "ours@example.com",
            "locale" => "en",
            "currency" => "EUR",
            "deleted" => "true",
            "include" => "body",
            "updated_after" | "updated_before" | "created_after" | "created_before" => "2026-01-02T03:04:05Z",
            other => panic!("{}: say here what {other} may be", operation.id),
        };
        let mut call = call.clone();
        call.query.push((parameter.to_owned(), value.to_owned()));
        watched.send(operation, call).await;
    }
}

/// A status of what a list shows.
fn status(operation: &Operation) -> &'static str {
    match operation.id.as_str() {
        "list_products" => "active",
        "list_nodes" => "published",
        _ => "pending",
    }
}

/// Where the second page of a list begins.
async fn cursor(watched: &mut Watched, operation: &Operation) -> String {
    if operation.id == "list_stock_movements" {
        // A second line of the ledger.
        let world = &watched.world;
        world.forget(&world.ours, "pending");
        world.thing(&world.ours, "pending").await;
    }
    let mut call = watched.filled(operation).await;
    call.query.push(("limit".to_owned(), "1".to_owned()));
    let (_, first) = watched.send(operation, call).await;
    let cursor: &Value = &first.json()["next_cursor"];
    cursor
        .as_str()
        .unwrap_or_else(|| panic!("{}: has one page only", operation.id))
        .to_owned()
}

/// What nobody can do over HTTP.
async fn commands(watched: &mut Watched) {
    let folder = watched.world.server.command().folder().to_owned();
    let csv = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,\
               Variant Price\ntea,Tea,Kind,Green,TEA-1,shopify,5,3.50\ntea,,,Black,TEA-2,shopify,5,3.50\n";
    std::fs::write(folder.join("products.csv"), csv).unwrap();
    let wxr = "<?xml version=\"1.0\"?><rss xmlns:wp=\"http://wordpress.org/export/1.2/\" \
               xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
               xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel><wp:wxr_version>1.2</wp:wxr_version>\
               <item><title>A post</title><dc:creator>somebody</dc:creator>\
               <content:encoded><![CDATA[<p>Text</p>]]></content:encoded><wp:post_id>1</wp:post_id>\
               <wp:post_name>a-post</wp:post_name><wp:post_date_gmt>2020-01-01 00:00:00</wp:post_date_gmt>\
               <wp:status>publish</wp:status><wp:post_type>post</wp:post_type>\
               <category domain=\"category\" nicename=\"news\"><![CDATA[News]]></category></item></channel></rss>";
    std::fs::write(folder.join("site.xml"), wxr).unwrap();
    for args in [
        &["import", "shopify", "products.csv", "--tenant", "shop1"][..],
        &["import", "shopify", "products.csv", "--tenant", "shop1"],
        &["import", "wordpress", "site.xml", "--tenant", "shop1"],
        &["import", "wordpress", "site.xml", "--tenant", "shop1"],
        &["tenant", "list"],
        &["token", "list", "--tenant", "shop1"],
        &["token", "list", "--platform"],
    ] {
        watched.run(args).await;
    }
}
