//! That a page of a list costs no more as the list grows, whatever is asked for: every combination of every list's filters,
//! its first page and the next, over data in which most combinations have nothing in common.
//!
//! On SQLite the steps of its virtual machine are counted, on PostgreSQL the rows that it takes from tables. All pages
//! together must be what a look at each row would find.

use super::*;
use crate::nodes::details::{self, NodeFilter};
use crate::nodes::public::{self, PublicFilter};
use crate::nodes::texts::Part;
use crate::orders::{OrderFilter, list_orders, list_orders_of};
use crate::products::{ProductFilter, list_products};
use crate::reservations::{Buyer, read_shelf};
use crate::terms::list::TermFilter;
use crate::{authors, customers, home, terms};
use rustok_commerce::OrderStatus;
use rustok_commerce::ids::VariantId;
use rustok_commerce::product::ProductStatus;
use rustok_content::NodeStatus;
use rustok_core::money::Currency;
use rustok_core::page::{Cursor, Limit, Page};
use rustok_db::{TenantTx, params};
use rustok_test_support::both_databases;
use rustok_text::locale::Preference;
use rustok_text::words::Query;
use rustok_text::{CanonicalEmail, Locale, Slug};
use serde::de::DeserializeOwned;

/// How many rows the two shops have. Both are more than a page looks at.
const FEW: i64 = 1_000;
const MANY: i64 = 12_000;
/// How many categories stand below the widest one, on ten levels.
const CATEGORIES: i64 = 5_000;
/// What a page may cost that looks at as many entries as it may: far less than a walk through [`MANY`] would. Steps of
/// SQLite, and rows of PostgreSQL's tables: each entry with a row in two more tables, and the page itself.
const MOST_STEPS: i64 = 30_000;
const MOST_ROWS: i64 = 1_700;

/// What the transaction has cost so far.
async fn cost(tx: &mut TenantTx) -> i64 {
    if !tx.db.is_postgres() {
        return rustok_db::testing::sqlite_steps();
    }
    let sql =
        "SELECT sum(seq_tup_read + COALESCE(idx_tup_fetch, 0))::bigint AS rows FROM pg_stat_xact_user_tables";
    let rows = tx
        .db
        .fetch("pg_stat", sql, &[], |row| row.get("rows"))
        .await
        .unwrap();
    rows[0]
}

fn time(number: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + number).unwrap()
}

/// Runs a statement for each number `i` up to `count`: `{id:x}`, `{time:x}` and `{zeros:x}` are written in the database's words.
async fn fill(tx: &mut TenantTx, count: i64, insert: &str, select: &str) {
    let postgres = tx.db.is_postgres();
    let mut sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
         INSERT INTO {insert} SELECT $1, {select}"
    );
    while let Some(at) = sql.find('{') {
        let end = at + sql[at..].find('}').unwrap();
        let (word, of) = sql[at + 1..end].split_once(':').unwrap();
        let written = match (word, postgres) {
            ("id", true) => format!("lpad(to_hex({of}), 32, '0')::uuid"),
            ("id", false) => format!("unhex(printf('%032x', {of}))"),
            ("time", true) => format!("to_timestamp(1700000000 + {of})"),
            ("time", false) => format!("((1700000000 + {of}) * 1000000)"),
            ("zeros", true) => format!("decode(repeat('00', {of}), 'hex')"),
            ("zeros", false) => format!("zeroblob({of})"),
            _ => panic!("{word}"),
        };
        sql.replace_range(at..=end, &written);
    }
    tx.db
        .execute("fill", &sql, params![tx.tenant(), count])
        .await
        .unwrap();
}

/// Nodes: odd ones are published posts, even ones draft pages, each third of which is deleted; the first is of a kind of its
/// own. They are changed in the opposite order. All have one word in common and one for themselves; odd and even ones have
/// one each. Every fourth node has a tag, and the two behind it a category below another; some are in the upper one too,
/// some in one of the many below a third, and one is in a category and has a tag that no other node has.
async fn nodes(tx: &mut TenantTx, count: i64) {
    let odd = "i % 2 = 1";
    let deleted = "CASE WHEN i % 6 = 0 THEN {time:i} END";
    let public = format!("CASE WHEN {odd} THEN {{time:i}} END");
    fill(
        tx,
        count,
        "nodes (tenant_id, id, kind, status, author_id, created_at, updated_at, published_at, deleted_at, scheduled, \
         working_revision, published_revision, version)",
        &format!(
            "{{id:i}}, CASE WHEN i = 1 THEN 'rare' WHEN {odd} THEN 'post' ELSE 'page' END, \
             CASE WHEN {odd} THEN 'published' ELSE 'draft' END, {{id:1}}, {{time:i}}, {{time:$2 - i}}, {public}, {deleted}, \
             false, 1, CASE WHEN {odd} THEN 1 END, 1 FROM n"
        ),
    )
    .await;
    fill(
        tx,
        count,
        "node_revisions (tenant_id, node_id, revision, locale, title, slug, excerpt, body, format, body_html, actor, \
         created_at)",
        "{id:i}, 1, 'en', 'A title', 'slug-' || i, '', '', 'html', '', 'system:test', {time:i} FROM n",
    )
    .await;
    fill(
        tx,
        count,
        "node_translations (tenant_id, node_id, locale, slug, title_search, working_revision, published_slug, \
         published_revision, is_original)",
        &format!(
            "{{id:i}}, 'en', 'slug-' || i, {TITLE}, 1, CASE WHEN {odd} THEN 'slug-' || i END, \
             CASE WHEN {odd} THEN 1 END, true FROM n"
        ),
    )
    .await;
    words(tx, count, "node", "en").await;
    for (term, which) in [
        ("1", "i % 4 = 1"),
        ("2", "i % 8 = 3"),
        ("3", "i % 4 = 3"),
        ("4", "i % 8 = 5"),
        ("5", "i = 1"),
        ("6", "i = 5"),
        ("10000 + i % 5000", "i % 8 = 7"),
    ] {
        fill(
            tx,
            count,
            "node_terms (tenant_id, node_id, term_id, published_at)",
            &format!("{{id:i}}, {{id:{term}}}, {public} FROM n WHERE {which}"),
        )
        .await;
    }
}

const TITLE: &str = "'common ' || CASE WHEN i % 2 = 1 THEN 'odd' ELSE 'even' END || ' word' || i";

fn title(number: i64) -> String {
    format!(
        "common {} word{number}",
        if number % 2 == 1 { "odd" } else { "even" }
    )
}

async fn words(tx: &mut TenantTx, count: i64, kind: &str, locale: &str) {
    for term in [
        "'co'",
        "'common'",
        "CASE WHEN i % 2 = 1 THEN 'od' ELSE 'ev' END",
        "CASE WHEN i % 2 = 1 THEN 'odd' ELSE 'even' END",
        "'wo'",
        "'word' || i",
    ] {
        fill(
            tx,
            count,
            "search_terms (tenant_id, kind, term, subject_id, locale)",
            &format!("'{kind}', {term}, {{id:i}}, '{locale}' FROM n"),
        )
        .await;
    }
}

/// Products: odd ones are active, even ones drafts of one vendor, each third of which is deleted.
async fn products(tx: &mut TenantTx, count: i64) {
    fill(
        tx,
        count,
        "products (tenant_id, id, handle, status, title, description_html, vendor, tags, options, images, search_text, \
         created_at, updated_at, deleted_at, version, vendor_folded)",
        &format!(
            "{{id:i}}, 'handle-' || i, CASE WHEN i % 2 = 1 THEN 'active' ELSE 'draft' END, 'A title', '', \
             CASE WHEN i % 2 = 0 THEN 'acme' END, '[]', '[]', '[]', {TITLE}, {{time:i}}, {{time:$2 - i}}, \
             CASE WHEN i % 6 = 0 THEN {{time:i}} END, 1, CASE WHEN i % 2 = 0 THEN 'acme' END FROM n"
        ),
    )
    .await;
    words(tx, count, "product", "").await;
    // The first product can be bought.
    let sql = "INSERT INTO variants (tenant_id, id, product_id, position, title, option_values) \
               VALUES ($1, $2, $2, 0, '', '[]')";
    tx.db
        .execute_one("variants", sql, params![tx.tenant(), id(1)])
        .await
        .unwrap();
}

/// Orders: odd ones pending, of one buyer and from one network, even ones cancelled and of another buyer.
async fn orders(tx: &mut TenantTx, count: i64) {
    for (number, email) in [(1, "even@example.com"), (2, "odd@example.com")] {
        let sql = "INSERT INTO customers (tenant_id, id, email, created_at) VALUES ($1, $2, $3, $4)";
        let values = params![tx.tenant(), id(number), email, now()];
        tx.db.execute("customers", sql, values).await.unwrap();
    }
    let odd = "i % 2 = 1";
    fill(
        tx,
        count,
        "orders (tenant_id, id, number, source, customer_id, email, status, currency, total_minor, secret_hash, created_at, \
         updated_at, expires_at, cancelled_at, cancel_reason, version, placed_from)",
        &format!(
            "{{id:i}}, i + 1, 'storefront', {{id:i % 2 + 1}}, 'x@example.com', CASE WHEN {odd} THEN 'pending' ELSE 'cancelled' END, 'USD', 1, \
             {{zeros:32}}, {{time:i}}, {{time:i}}, CASE WHEN {odd} THEN {{time:i}} END, \
             CASE WHEN {odd} THEN NULL ELSE {{time:i}} END, CASE WHEN {odd} THEN NULL ELSE 'why' END, 1, \
             CASE WHEN {odd} THEN {{zeros:16}} END FROM n"
        ),
    )
    .await;
}

async fn shop(store: &Store, number: u128, count: i64) -> TenantHandle {
    let shop = tenant(store, number, &format!("shop{number}")).await;
    let mut tx = store.write(shop, soon()).await.unwrap();
    tx.db
        .execute_one(
            "authors",
            INSERT_AUTHOR,
            params![tx.tenant(), id(1), "author", now()],
        )
        .await
        .unwrap();
    for (number, taxonomy, slug, parent) in [
        (1, "tag", "tag", None),
        (2, "category", "top", None),
        (3, "category", "below", Some(id(2))),
        (4, "category", "other", None),
        (5, "category", "one", None),
        (6, "tag", "one", None),
        (7, "category", "wide", None),
    ] {
        let sql = "INSERT INTO terms (tenant_id, id, taxonomy, slug, name, name_folded, parent_id, created_at) \
                   VALUES ($1, $2, $3, $4, $4, $4, $5, $6)";
        let values = params![tx.tenant(), id(number), taxonomy, slug, parent, now()];
        tx.db.execute_one("terms", sql, values).await.unwrap();
    }
    fill(
        &mut tx,
        CATEGORIES,
        "terms (tenant_id, id, taxonomy, slug, name, name_folded, parent_id, created_at)",
        "{id:9999 + i}, 'category', 'wide-' || i, '-', '-', \
         CASE WHEN i <= 500 THEN {id:7} ELSE {id:9999 + i - 500} END, {time:1} FROM n",
    )
    .await;
    nodes(&mut tx, count).await;
    products(&mut tx, count).await;
    orders(&mut tx, count).await;
    tx.commit().await.unwrap();
    shop
}

/// The values that a filter may have, and whether a row has them.
type Choice<F> = (&'static str, fn(&mut F, i64), fn(i64, i64) -> bool);

/// All combinations of one choice of each list.
fn combinations<F: Clone + Default>(choices: &[&[Choice<F>]]) -> Vec<(String, Vec<Choice<F>>)> {
    let mut all = vec![(String::new(), Vec::new())];
    for list in choices {
        let mut next = Vec::new();
        for (name, chosen) in &all {
            next.push((name.clone(), chosen.clone()));
            for choice in *list {
                let mut chosen = chosen.clone();
                chosen.push(*choice);
                next.push((format!("{name} {}", choice.0), chosen));
            }
        }
        all = next;
    }
    all
}

fn en() -> Locale {
    "en".parse().unwrap()
}

fn query(text: &str) -> Option<Query> {
    Some(Query::of(text))
}

const MIDDLE: i64 = FEW / 2;

/// The two shops, and what a list is to be tried with.
struct Tried<'a> {
    store: &'a Store,
    few: TenantHandle,
    many: TenantHandle,
}

impl Tried<'_> {
    /// Tries all combinations. `page` reads a page and gives the numbers of its items; `timed` says whether the list is in
    /// the order of changes, which is the opposite one.
    async fn all<F: Clone + Default, K: DeserializeOwned>(
        &self,
        choices: &[&[Choice<F>]],
        listed: fn(i64, &F) -> bool,
        timed: fn(&F) -> bool,
        page: impl AsyncFn(&mut TenantTx, &F, Option<K>, Limit) -> Page<i64>,
    ) {
        let mut tried = 0;
        for (name, chosen) in combinations(choices) {
            let mut costs = Vec::new();
            for (shop, count) in [(self.few, FEW), (self.many, MANY)] {
                let mut filter = F::default();
                for (_, choose, _) in &chosen {
                    choose(&mut filter, count);
                }
                let mut pages = Vec::new();
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let mut tx = self.store.read(shop, soon()).await.unwrap();
                    let before = cost(&mut tx).await;
                    // The first pages are those of a person, the others bring the end nearer.
                    let limit = Limit::new(if pages.len() < 2 { 20 } else { 100 }).unwrap();
                    let Page { items, next_cursor } = page(&mut tx, &filter, after, limit).await;
                    if pages.len() < 2 {
                        pages.push(cost(&mut tx).await - before);
                    } else if count == MANY {
                        break;
                    }
                    found.extend(items);
                    match next_cursor {
                        Some(next) => after = Some(Cursor::decode(&next).unwrap()),
                        None => break,
                    }
                }
                if count == FEW {
                    let mut expected: Vec<i64> = (1..=count)
                        .filter(|number| listed(*number, &filter))
                        .filter(|number| chosen.iter().all(|(_, _, has)| has(*number, count)))
                        .collect();
                    if !timed(&filter) {
                        expected.reverse();
                    }
                    assert_eq!(found, expected, "{name}");
                }
                costs.push(pages);
            }
            let [few, many] = &costs[..] else { unreachable!() };
            for (few, many) in few.iter().zip(many) {
                let most = if self.store.sqlite_path().is_some() {
                    MOST_STEPS.max(few + few / 2)
                } else {
                    MOST_ROWS
                };
                assert!(*many <= most, "`{name}`: {few} of {FEW}, {many} of {MANY}");
            }
            tried += 1;
        }
        assert!(tried > 10, "{tried}");
    }
}

const NODE_Q: &[Choice<NodeFilter>] = &[
    ("q=common", |f, _| f.query = query("common"), |_, _| true),
    ("q=c", |f, _| f.query = query("c"), |_, _| true),
    ("q=wor", |f, _| f.query = query("wor"), |_, _| true),
    ("q=odd even", |f, _| f.query = query("odd even"), |_, _| false),
    (
        "q=word5 com",
        |f, _| f.query = query("word5 com"),
        |i, _| title(i).contains("word5"),
    ),
];

const PRODUCT_Q: &[Choice<ProductFilter>] = &[
    ("q=common", |f, _| f.query = query("common"), |_, _| true),
    ("q=e", |f, _| f.query = query("e"), |i, _| i % 2 == 0),
    ("q=odd even", |f, _| f.query = query("odd even"), |_, _| false),
    (
        "q=word5 com",
        |f, _| f.query = query("word5 com"),
        |i, _| title(i).contains("word5"),
    ),
];

async fn with_both(db: &TestDatabase, try_list: impl AsyncFn(Tried<'_>)) {
    let store = open(db).await;
    let few = shop(&store, 1, FEW).await;
    let many = shop(&store, 2, MANY).await;
    store.analyse_grown_tables(soon()).await.unwrap();
    try_list(Tried {
        store: &store,
        few,
        many,
    })
    .await;
}

fn number(id: Uuid) -> i64 {
    i64::try_from(id.as_u128()).unwrap()
}

both_databases! {
    async fn nodes_in_the_administration(db) {
        with_both(&db, async |tried: Tried<'_>| {
            let preference = Preference { wanted: &[], default: en() };
            tried.all(
                &[
                    &[
                        ("status=draft", |f: &mut NodeFilter, _| f.status = Some(NodeStatus::Draft), |i, _| i % 2 == 0),
                        ("status=archived", |f, _| f.status = Some(NodeStatus::Archived), |_, _| false),
                    ],
                    &[
                        ("kind=post", |f, _| f.kind = Some("post".parse().unwrap()), |i, _| i % 2 == 1 && i > 1),
                        ("kind=rare", |f, _| f.kind = Some("rare".parse().unwrap()), |i, _| i == 1),
                    ],
                    &[("updated_after", |f, n| f.updated_after = Some(time(n - MIDDLE)), |i, _| i <= MIDDLE),
                    ("updated_before", |f, n| f.updated_before = Some(time(n - 9)), |i, _| i > 9)],
                    &[("deleted", |f, _| f.deleted = true, |i, _| i % 6 == 0)],
                    NODE_Q,
                ],
                |i, filter| filter.deleted || i % 6 != 0,
                NodeFilter::by_change,
                async |tx, filter: &NodeFilter, after, limit| {
                    let page = details::list_nodes(tx, filter, preference, Part::Summary, after, limit).await.unwrap();
                    page.map(|node| number(node.node.any().id().as_uuid()))
                },
            ).await;
        }).await;
    }

    async fn published_nodes(db) {
        with_both(&db, async |tried: Tried<'_>| {
            tried.all(
                &[
                    &[
                        ("kind=post", |f: &mut PublicFilter, _| f.kind = Some("post".to_owned()), |i, _| i > 1),
                        ("kind=page", |f, _| f.kind = Some("page".to_owned()), |_, _| false),
                        ("kind=rare", |f, _| f.kind = Some("rare".to_owned()), |i, _| i == 1),
                    ],
                    &[
                        ("tag=tag", |f, _| f.tag = Some(Slug::parse("tag").unwrap()), |i, _| i % 4 == 1),
                        ("tag=one", |f, _| f.tag = Some(Slug::parse("one").unwrap()), |i, _| i == 5),
                        ("tag=none", |f, _| f.tag = Some(Slug::parse("none").unwrap()), |_, _| false),
                    ],
                    &[
                        ("category=top", |f, _| f.category = Some(Slug::parse("top").unwrap()), |i, _| i % 4 == 3),
                        ("category=other", |f, _| f.category = Some(Slug::parse("other").unwrap()), |i, _| i % 8 == 5),
                        ("category=one", |f, _| f.category = Some(Slug::parse("one").unwrap()), |i, _| i == 1),
                        ("category=wide", |f, _| f.category = Some(Slug::parse("wide").unwrap()), |i, _| i % 8 == 7),
                    ],
                ],
                |i, _| i % 2 == 1,
                |_| false,
                async |tx, filter: &PublicFilter, after, limit| {
                    let preference = Preference { wanted: &[], default: en() };
                    let locales = public::ShownLocales { preference, listed: Vec::new() };
                    let page = public::list_public(tx, filter, locales, now(), after, limit).await.unwrap();
                    page.map(|node| number(node.id.as_uuid()))
                },
            ).await;
        }).await;
    }

    async fn terms_and_authors_in_the_administration(db) {
        with_both(&db, async |tried: Tried<'_>| {
            let limit = Limit::new(100).unwrap();
            for (prefix, found) in [(None, 100), (Some("wid"), 1), (Some("o"), 3), (Some("none"), 0)] {
                let filter = TermFilter { taxonomy: None, prefix: prefix.map(str::to_owned) };
                let mut after = None;
                for page in 0..2 {
                    for shop in [tried.few, tried.many] {
                        let mut tx = tried.store.read(shop, soon()).await.unwrap();
                        let before = cost(&mut tx).await;
                        let terms = terms::list::list_page(&mut tx, &filter, after.as_ref(), limit).await.unwrap();
                        if page == 0 {
                            assert_eq!(terms.items.len(), found, "{prefix:?}");
                        }
                        let cost = cost(&mut tx).await - before;
                        assert!(cost <= MOST_STEPS, "{prefix:?}: {cost}");
                        if shop.tenant_id() == tried.many.tenant_id() {
                            after = terms.next_cursor.map(|next| Cursor::decode(&next).unwrap());
                        }
                    }
                    if after.is_none() {
                        break;
                    }
                }
            }
            let mut tx = tried.store.read(tried.many, soon()).await.unwrap();
            let before = cost(&mut tx).await;
            let authors = authors::list::list_page(&mut tx, Some("auth"), None, limit).await.unwrap();
            assert_eq!((authors.items[0].nodes.count, authors.items[0].nodes.more), (200, true));
            assert!(cost(&mut tx).await - before <= MOST_STEPS);
        }).await;
    }

    async fn what_people_look_at_first(db) {
        with_both(&db, async |tried: Tried<'_>| {
            for shop in [tried.few, tried.many] {
                let mut tx = tried.store.write(shop, soon()).await.unwrap();
                fill(
                    &mut tx,
                    FEW * 3,
                    "stock_levels (tenant_id, variant_id, available, allow_backorder, updated_at)",
                    "{id:1}, 3, false, {time:1} FROM n WHERE i = 1",
                )
                .await;
                tx.commit().await.unwrap();
            }
            let mut costs = Vec::new();
            for shop in [tried.few, tried.many] {
                let mut tx = tried.store.read(shop, soon()).await.unwrap();
                let before = cost(&mut tx).await;
                let to_handle = home::count_to_handle(&mut tx).await.unwrap();
                assert!(to_handle.pending.count >= FEW / 2);
                assert_eq!(home::list_activity(&mut tx, 10).await.unwrap().len(), 10);
                assert_eq!(home::list_low_stock(&mut tx, 5, None, Limit::default()).await.unwrap().items.len(), 1);
                costs.push(cost(&mut tx).await - before);
            }
            assert!(costs[1] <= MOST_STEPS, "{costs:?}");
        }).await;
    }

    async fn customers_and_their_orders(db) {
        with_both(&db, async |tried: Tried<'_>| {
            let ids = [1, 2].map(|number| id(number).into());
            let mut costs = Vec::new();
            for shop in [tried.few, tried.many] {
                let mut tx = tried.store.read(shop, soon()).await.unwrap();
                let before = cost(&mut tx).await;
                let listed = customers::list_customers(&mut tx, None, None, Limit::default(), 200).await.unwrap().items;
                assert_eq!(listed.iter().map(|one| (one.orders.count, one.orders.more)).collect::<Vec<_>>(), [(200, true); 2]);
                let orders = list_orders_of(&mut tx, &ids, Limit::default()).await.unwrap();
                assert_eq!(orders.len(), 20);
                costs.push(cost(&mut tx).await - before);
            }
            assert!(costs[1] <= MOST_STEPS, "{costs:?}");
        }).await;
    }

    /// Each part costs the same, and all together lose nothing.
    async fn a_term_with_many_nodes_is_merged_in_parts(db) {
        let store = open(&db).await;
        let shop = shop(&store, 1, FEW * 4).await;
        store.analyse_grown_tables(soon()).await.unwrap();
        let count = async |term: u128| {
            let mut tx = store.read(shop, soon()).await.unwrap();
            let sql = "SELECT count(*) AS n FROM node_terms WHERE tenant_id = $1 AND term_id = $2";
            let values = params![tx.tenant(), id(term)];
            tx.db.fetch("node_terms", sql, values, |row| row.get::<i64>("n")).await.unwrap()[0]
        };
        let (before, other) = (count(1).await, count(6).await);
        assert!(before == FEW && other == 1, "{before} {other}");
        let mut tx = store.write(shop, soon()).await.unwrap();
        terms::retire::retire_term(&mut tx, id(1).into(), Some(id(6).into()), now()).await.unwrap();
        tx.commit().await.unwrap();
        // Merged on while it is merged.
        let mut tx = store.write(shop, soon()).await.unwrap();
        assert!(!terms::retire::move_some(&mut tx, id(1).into()).await.unwrap());
        tx.commit().await.unwrap();
        let mut parts = 1;
        loop {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let before = cost(&mut tx).await;
            let is_done = terms::retire::move_some(&mut tx, id(1).into()).await.unwrap();
            let cost = cost(&mut tx).await - before;
            assert!(cost <= 2 * MOST_STEPS, "{cost}");
            tx.commit().await.unwrap();
            parts += 1;
            if is_done {
                break;
            }
        }
        // One node had both.
        assert_eq!((parts, count(1).await, count(6).await), (3, 0, before));
    }

    async fn products_in_the_administration_and_the_store(db) {
        with_both(&db, async |tried: Tried<'_>| {
            tried.all(
                &[
                    &[
                        ("status=active", |f: &mut ProductFilter, _| f.status = Some(ProductStatus::Active), |i, _| i % 2 == 1),
                        ("status=archived", |f, _| f.status = Some(ProductStatus::Archived), |_, _| false),
                    ],
                    &[
                        ("vendor=acme", |f, _| f.vendor = Some("acme".to_owned()), |i, _| i % 2 == 0),
                        ("vendor=none", |f, _| f.vendor = Some("none".to_owned()), |_, _| false),
                    ],
                    &[("updated_after", |f, n| f.updated_after = Some(time(n - MIDDLE)), |i, _| i <= MIDDLE),
                    ("updated_before", |f, n| f.updated_before = Some(time(n - 9)), |i, _| i > 9)],
                    &[("deleted", |f, _| f.deleted = true, |i, _| i % 6 == 0)],
                    PRODUCT_Q,
                ],
                |i, filter| filter.deleted || i % 6 != 0,
                ProductFilter::by_change,
                async |tx, filter: &ProductFilter, after, limit| {
                    let page = list_products(tx, filter, after, limit).await.unwrap();
                    page.map(|product| number(product.id.as_uuid()))
                },
            ).await;
        }).await;
    }

    async fn what_an_order_needs_before_it_is_placed(db) {
        with_both(&db, async |tried: Tried<'_>| {
            let usd = Currency::parse("USD").unwrap();
            let [new, known] = ["new", "even"].map(|name| CanonicalEmail::parse(&format!("{name}@example.com")).unwrap());
            for email in [&new, &known] {
                for network in [None, Some(&[1; 16])] {
                    let mut costs = Vec::new();
                    for shop in [tried.few, tried.many] {
                        let mut tx = tried.store.read(shop, soon()).await.unwrap();
                        let before = cost(&mut tx).await;
                        let buyer = Buyer { email, network };
                        let variant = VariantId::from(id(1));
                        let shelf = read_shelf(&mut tx, &[variant], &[], usd, buyer).await.unwrap();
                        assert_eq!((shelf.variants.len(), shelf.pending), (1, 0));
                        assert_eq!(shelf.customer.is_some(), email == &known);
                        costs.push(cost(&mut tx).await - before);
                    }
                    assert!(costs[1] < costs[0] + 100, "{} {network:?}: {costs:?}", email.as_str());
                }
            }
        }).await;
    }

    async fn orders_in_the_administration(db) {
        with_both(&db, async |tried: Tried<'_>| {
            tried.all(
                &[
                    &[
                        ("status=pending", |f: &mut OrderFilter, _| f.status = Some(OrderStatus::Pending), |i, _| i % 2 == 1),
                        ("status=paid", |f, _| f.status = Some(OrderStatus::Paid), |_, _| false),
                    ],
                    &[
                        ("email=even", |f, _| f.email = CanonicalEmail::parse("even@example.com"), |i, _| i % 2 == 0),
                        ("email=none", |f, _| f.email = CanonicalEmail::parse("none@example.com"), |_, _| false),
                    ],
                    &[("created_after", |f, _| f.created_after = Some(time(MIDDLE)), |i, _| i >= MIDDLE)],
                    &[("created_before", |f, _| f.created_before = Some(time(MIDDLE + 9)), |i, _| i < MIDDLE + 9)],
                ],
                |_, _| true,
                |_| false,
                async |tx, filter: &OrderFilter, after, limit| {
                    let page = list_orders(tx, filter, after, limit).await.unwrap();
                    page.map(|order| number(order.id.as_uuid()))
                },
            ).await;
        }).await;
    }
}
