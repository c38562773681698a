//! The statements that placing an order takes on SQLite, run by one writer thread that commits all orders together that
//! came in meanwhile. They are those of `rustok-storage` (`orders/place.rs`, `reservations.rs`, `standing.rs`).

use crate::documents::failed;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, body::Bytes};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The most orders that one commit holds.
const GROUP: usize = 64;
/// In microseconds.
const HOUR: i64 = 3_600_000_000;

#[derive(Deserialize)]
struct Request {
    email: String,
    currency: String,
    lines: Vec<RequestLine>,
}

#[derive(Deserialize)]
struct RequestLine {
    sku: String,
    quantity: i64,
}

#[derive(Serialize)]
struct Placed {
    id: Uuid,
    number: i64,
    email: String,
    currency: String,
    total_minor: i64,
}

type Outcome = rusqlite::Result<Option<Placed>>;
type Queue = mpsc::Sender<(Request, oneshot::Sender<Outcome>)>;

pub(crate) fn routes(file: &Path) -> rusqlite::Result<Router> {
    let mut db = Connection::open(file)?;
    // As the server: durable commits, and the log is moved into the file not with each 4 MB but with each 64.
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 16384",
    )?;
    db.set_prepared_statement_cache_capacity(64);
    // Without it a cached statement is prepared again for most values.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let tenant: Vec<u8> = db.query_row("SELECT id FROM tenants WHERE slug = 'bench'", [], |row| {
        row.get(0)
    })?;
    let (queue, requests) = mpsc::channel::<(Request, oneshot::Sender<Outcome>)>();
    std::thread::spawn(move || {
        while let Ok(first) = requests.recv() {
            let group: Vec<_> = std::iter::once(first)
                .chain(requests.try_iter())
                .take(GROUP)
                .collect();
            let (requests, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            let outcomes = place_group(&mut db, &tenant, &requests);
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // A client that has gone needs no reply.
                drop(reply.send(outcome));
            }
        }
    });
    Ok(Router::new().route("/orders", post(place)).with_state(queue))
}

async fn place(State(queue): State<Queue>, body: Bytes) -> Response {
    let request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let (reply, outcome) = oneshot::channel();
    if queue.send((request, reply)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match outcome.await {
        Ok(Ok(Some(placed))) => (StatusCode::CREATED, Json(placed)).into_response(),
        Ok(Ok(None)) => StatusCode::CONFLICT.into_response(),
        Ok(Err(error)) => failed(&error),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The outcome of each request; if the commit fails, of all.
fn place_group(db: &mut Connection, tenant: &[u8], requests: &[Request]) -> Vec<Outcome> {
    let committed = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(|mut tx| {
            let outcomes = requests
                .iter()
                .map(|request| place_one(&mut tx, tenant, request))
                .collect();
            tx.commit()?;
            Ok(outcomes)
        });
    committed.unwrap_or_else(|error| {
        let text = error.to_string();
        let each = || Err(rusqlite::Error::InvalidParameterName(text.clone()));
        requests.iter().map(|_| each()).collect()
    })
}

/// One order within its savepoint. Without a variant, or enough of it, nothing is written.
fn place_one(tx: &mut Transaction<'_>, tenant: &[u8], request: &Request) -> Outcome {
    let savepoint = tx.savepoint()?;
    let placed = insert(&savepoint, tenant, request)?;
    match placed {
        Some(_) => savepoint.commit()?,
        None => savepoint.finish()?,
    }
    Ok(placed)
}

/// What is known of a line before it is written.
struct Found {
    variant: Vec<u8>,
    product: Vec<u8>,
    title: String,
    variant_title: String,
    price: i64,
    customer: Option<Vec<u8>>,
}

fn insert(tx: &Connection, tenant: &[u8], request: &Request) -> Outcome {
    let now = microseconds();
    let [line] = &request.lines[..] else {
        return Ok(None);
    };
    let Some(found) = read_shelf(tx, tenant, request, line)? else {
        return Ok(None);
    };
    let order = new_id();
    let total_minor = found.price * line.quantity;
    insert_head(tx, tenant, &order, request, &found, now)?;
    tx.prepare_cached(
        "INSERT INTO order_lines (tenant_id, order_id, position, variant_id, product_id, title, variant_title, sku, \
         quantity, unit_price_minor, stock_taken) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1)",
    )?
    .execute(params![
        tenant,
        order,
        found.variant,
        found.product,
        found.title,
        found.variant_title,
        line.sku,
        line.quantity,
        found.price
    ])?;
    tx.prepare_cached(
        "INSERT INTO stock_movements (tenant_id, id, variant_id, order_id, delta, reason, actor, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, 'reserved', 'anonymous', ?6)",
    )?
    .execute(params![
        tenant,
        new_id(),
        found.variant,
        order,
        -line.quantity,
        now
    ])?;
    insert_traces(tx, tenant, &order, now)?;
    let taken = tx
        .prepare_cached(
            "UPDATE stock_levels SET available = available - ?3, updated_at = ?4 \
             WHERE tenant_id = ?1 AND variant_id = ?2 AND (available >= ?3 OR allow_backorder)",
        )?
        .execute(params![tenant, found.variant, line.quantity, now])?;
    if taken != 1 {
        return Ok(None);
    }
    let number = tx
        .prepare_cached("SELECT number FROM orders WHERE tenant_id = ?1 AND id = ?2")?
        .query_row(params![tenant, order], |row| row.get(0))?;
    tx.prepare_cached("SELECT 1 / count(*) FROM own_tenant WHERE id = ?1 AND status = 'active'")?
        .query_row([tenant], |row| row.get::<_, Option<i64>>(0))?;
    Ok(Some(Placed {
        id: Uuid::from_bytes(order),
        number,
        email: request.email.clone(),
        currency: request.currency.clone(),
        total_minor,
    }))
}

/// The buyer, if new, and the order with its number.
fn insert_head(
    tx: &Connection,
    tenant: &[u8],
    order: &[u8; 16],
    request: &Request,
    found: &Found,
    now: i64,
) -> rusqlite::Result<()> {
    let customer = match &found.customer {
        Some(customer) => customer.clone(),
        None => tx
            .prepare_cached(
                "INSERT INTO customers (tenant_id, id, email, created_at) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (tenant_id, email) DO UPDATE SET created_at = customers.created_at RETURNING id",
            )?
            .query_row(params![tenant, new_id(), request.email, now], |row| row.get(0))?,
    };
    let total = found.price * request.lines.iter().map(|line| line.quantity).sum::<i64>();
    tx.prepare_cached(
        "INSERT INTO orders (tenant_id, id, customer_id, email, status, currency, total_minor, \
         secret_hash, created_at, updated_at, expires_at, version, placed_from, source, number) \
         VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6, ?7, ?8, ?8, ?9, 1, NULL, 'storefront', \
         (SELECT min(s.next_number) FROM number_series s WHERE s.tenant_id = ?1 AND s.series = 'order'))",
    )?
    .execute(params![
        tenant,
        order,
        customer,
        request.email,
        request.currency,
        total,
        [7_u8; 32],
        now,
        now + HOUR
    ])?;
    tx.prepare_cached(
        "UPDATE number_series SET next_number = next_number + 64 WHERE tenant_id = ?1 AND series = 'order' \
         AND next_number = (SELECT o.number FROM orders o WHERE o.tenant_id = ?1 AND o.id = ?2)",
    )?
    .execute(params![tenant, order])?;
    Ok(())
}

/// The order's history, its event and the job that lets it expire.
fn insert_traces(tx: &Connection, tenant: &[u8], order: &[u8; 16], now: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO order_history (tenant_id, order_id, version, at, actor, transition, from_status, to_status) \
         VALUES (?1, ?2, 1, ?3, 'anonymous', 'place', NULL, 'pending')",
    )?
    .execute(params![tenant, order, now])?;
    tx.prepare_cached(
        "INSERT INTO outbox (tenant_id, id, topic, subject_id, payload, traceparent, occurred_at) \
         VALUES (?1, ?2, 'order.placed', ?3, '{\"number\":1}', NULL, ?4)",
    )?
    .execute(params![tenant, new_id(), order, now])?;
    tx.prepare_cached(
        "INSERT INTO jobs (tenant_id, id, kind, subject_id, due_at) VALUES (?1, ?2, 'expire_order', ?3, ?4)",
    )?
    .execute(params![tenant, new_id(), order, now + HOUR])?;
    Ok(())
}

fn read_shelf(
    tx: &Connection,
    tenant: &[u8],
    request: &Request,
    line: &RequestLine,
) -> rusqlite::Result<Option<Found>> {
    tx.prepare_cached(
        "SELECT v.id, v.product_id, p.title, v.title, r.amount_minor, \
         (SELECT c.id FROM customers c WHERE c.tenant_id = v.tenant_id AND c.email = ?3), \
         (SELECT COALESCE(CAST(sum(l.quantity) AS bigint), 0) FROM orders o INDEXED BY orders_pending_customer_idx \
         CROSS JOIN order_lines l WHERE o.tenant_id = ?1 AND o.status = 'pending' \
         AND o.customer_id = (SELECT c.id FROM customers c WHERE c.tenant_id = ?1 AND c.email = ?3) \
         AND l.tenant_id = ?1 AND l.order_id = o.id AND l.stock_taken) \
         FROM variants v \
         JOIN products p ON p.tenant_id = v.tenant_id AND p.id = v.product_id \
         JOIN prices r ON r.tenant_id = v.tenant_id AND r.variant_id = v.id AND r.currency = ?2 \
         JOIN stock_levels s ON s.tenant_id = v.tenant_id AND s.variant_id = v.id \
         WHERE v.tenant_id = ?1 AND v.sku = ?4 AND v.deleted_at IS NULL AND p.deleted_at IS NULL AND p.status = 'active'",
    )?
    .query_row(params![tenant, request.currency, request.email, line.sku], |row| {
        Ok(Found {
            variant: row.get(0)?,
            product: row.get(1)?,
            title: row.get(2)?,
            variant_title: row.get(3)?,
            price: row.get(4)?,
            customer: row.get(5)?,
        })
    })
    .optional()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program is only measured; no test moves its clock"
)]
fn new_id() -> [u8; 16] {
    Uuid::now_v7().into_bytes()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program is only measured; no test moves its clock"
)]
fn microseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or_default()
}
