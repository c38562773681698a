//! Disables one of the two isolation mechanisms between tenants on PostgreSQL, so that a test can show that the other
//! one holds.
//!
//! The server under test is unchanged: row security is turned off in its database, and the tenant filter is removed
//! from its statements by a proxy. This must never be used near a database with real data.

use crate::TestDatabase;
use crate::fault_proxy::{rerouted, server_of};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The major version in a startup message of protocol 3, whatever the minor version.
const PROTOCOL_3: u16 = 3;

impl TestDatabase {
    /// Turns row security off on every table and returns the number of tables. From then on only a query's own filter
    /// isolates tenants.
    ///
    /// # Panics
    /// On SQLite, and when the server returns an error.
    pub async fn disable_row_security(&self) -> usize {
        let client = self.superuser().await;
        let sql = "SELECT relname::text FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace";
        let tables = client.query(sql, &[]).await.unwrap();
        for row in &tables {
            let table: &str = row.get(0);
            let sql = format!(
                "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
            );
            client.batch_execute(&sql).await.unwrap();
        }
        tables.len()
    }

    /// The number of rows of each table.
    ///
    /// # Panics
    /// On SQLite, and when the server returns an error.
    pub async fn row_counts(&self) -> BTreeMap<String, i64> {
        let client = self.superuser().await;
        let sql = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let mut counts = BTreeMap::new();
        for row in client.query(sql, &[]).await.unwrap() {
            let table: String = row.get(0);
            let count = client
                .query_one(&format!("SELECT count(*) FROM {table}"), &[])
                .await
                .unwrap();
            counts.insert(table, count.get(0));
        }
        counts
    }
}

/// A proxy between a server and its PostgreSQL that removes the tenant filter from every statement, so that only row
/// security isolates tenants. Dropped, it closes all connections.
#[derive(Debug)]
pub struct FilterProxy {
    address: SocketAddr,
    taken_out: Arc<AtomicU64>,
    accepting: AbortHandle,
}

impl FilterProxy {
    /// Starts one in front of the server of a `postgres://` URL, such as a `TestDatabase`'s.
    ///
    /// # Panics
    /// When the URL does not name one server and one TCP port, or no port is available.
    pub async fn of_database(url: &str) -> Self {
        let upstream = server_of(url);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken_out = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&taken_out);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, upstream.clone(), Arc::clone(&counted)));
            }
        });
        Self {
            address,
            taken_out,
            accepting: accepting.abort_handle(),
        }
    }

    /// The same `postgres://` URL, but through this proxy.
    ///
    /// # Panics
    /// When the URL does not name one server and one TCP port as `host:port`.
    #[must_use]
    pub fn database_url(&self, url: &str) -> String {
        rerouted(url, self.address)
    }

    /// The number of statements from which a filter was removed so far.
    #[must_use]
    pub fn taken_out(&self) -> u64 {
        self.taken_out.load(Ordering::Relaxed)
    }
}

impl Drop for FilterProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(client: TcpStream, upstream: (String, u16), taken_out: Arc<AtomicU64>) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    // The first direction to end closes both.
    tokio::select! {
        ended = forward(from_client, to_server, &taken_out) => ended,
        ended = copy(&mut from_server, &mut to_client) => ended.map(drop),
    }
}

/// Forwards the frontend's messages, with the tenant filter removed from statements.
async fn forward(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    taken_out: &AtomicU64,
) -> io::Result<()> {
    let mut started = false;
    loop {
        let kind = if started { client.read_u8().await? } else { 0 };
        let rest = client.read_u32().await?.saturating_sub(4);
        let mut body = vec![0; usize::try_from(rest).map_err(io::Error::other)?];
        client.read_exact(&mut body).await?;
        if kind == b'P' {
            let open = without_filters(&body);
            taken_out.fetch_add(u64::from(open != body), Ordering::Relaxed);
            body = open;
        }
        let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(body.len() + 5);
        message.extend(started.then_some(kind));
        message.extend(length.to_be_bytes());
        message.extend(&body);
        server.write_all(&message).await?;
        started |= body.starts_with(&PROTOCOL_3.to_be_bytes());
    }
}

/// The body of a Parse message with the tenant filters removed from its SQL.
fn without_filters(body: &[u8]) -> Vec<u8> {
    let mut parts = body.splitn(3, |byte| *byte == 0);
    let (Some(name), Some(sql), Some(types)) = (parts.next(), parts.next(), parts.next()) else {
        return body.to_vec();
    };
    let sql = open(&String::from_utf8_lossy(sql));
    [name, sql.as_bytes(), types].join(&0)
}

/// Replaces `x.tenant_id = $1` and `x.tenant_id = y.tenant_id` by conditions that are always true, with the same
/// parameters.
fn open(sql: &str) -> String {
    const FILTER: &str = "tenant_id = ";
    let mut opened = String::with_capacity(sql.len() * 2);
    let mut rest = sql;
    while let Some(at) = rest.find(FILTER) {
        let (before, after) = rest.split_at(at);
        let after = &after[FILTER.len()..];
        let other = after
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '$' | '_' | '.'))
            .map_or(after, |end| &after[..end]);
        opened.push_str(before);
        if other.starts_with('$') {
            opened.push_str(&format!("tenant_id IS NOT NULL AND {other}::uuid IS NOT NULL"));
        } else if other.ends_with(".tenant_id") {
            opened.push_str(&format!("tenant_id IS NOT NULL AND {other} IS NOT NULL"));
        } else {
            opened.push_str(FILTER);
            opened.push_str(other);
        }
        rest = &after[other.len()..];
    }
    opened + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::NoTls;

    #[test]
    fn only_the_filters_of_tenants_are_taken_out() {
        for (sql, opened) in [
            ("SELECT 1", "SELECT 1"),
            (
                "SELECT a FROM x WHERE x.tenant_id = $1 AND x.id = $12",
                "SELECT a FROM x WHERE x.tenant_id IS NOT NULL AND $1::uuid IS NOT NULL AND x.id = $12",
            ),
            (
                "DELETE FROM x WHERE tenant_id = $12",
                "DELETE FROM x WHERE tenant_id IS NOT NULL AND $12::uuid IS NOT NULL",
            ),
            (
                "x JOIN y ON y.tenant_id = x.tenant_id AND y.a = x.a",
                "x JOIN y ON y.tenant_id IS NOT NULL AND x.tenant_id IS NOT NULL AND y.a = x.a",
            ),
            // The lookup of a tenant by its host is not a filter.
            (
                "tenants t JOIN tenant_hosts h ON h.tenant_id = t.id WHERE h.host = $1",
                "tenants t JOIN tenant_hosts h ON h.tenant_id = t.id WHERE h.host = $1",
            ),
            (
                "INSERT INTO x (tenant_id, id) VALUES ($1, $2) ON CONFLICT (tenant_id, id) DO NOTHING",
                "INSERT INTO x (tenant_id, id) VALUES ($1, $2) ON CONFLICT (tenant_id, id) DO NOTHING",
            ),
        ] {
            assert_eq!(open(sql), opened);
        }
        assert_eq!(
            without_filters(b"s1\0DELETE FROM x WHERE tenant_id = $1\0\0\x01\0\0\0\0"),
            b"s1\0DELETE FROM x WHERE tenant_id IS NOT NULL AND $1::uuid IS NOT NULL\0\0\x01\0\0\0\0"
        );
    }

    /// Two tenants with one row each: the number of row pairs that a tenant sees shows which mechanism is active.
    #[tokio::test]
    async fn each_wall_goes_by_itself() {
        let db = TestDatabase::postgres().await;
        let setup = "INSERT INTO tenants SELECT gen_random_uuid(), n, n, 'active', '{}', now(), now(), 1, 1 \
                     FROM unnest(ARRAY['one', 'two']) n; \
                     INSERT INTO authors (tenant_id, id, login, display_name, created_at) \
                     SELECT id, id, 'x', 'x', now() FROM tenants";
        let superuser = db.superuser().await;
        superuser.batch_execute(setup).await.unwrap();
        let proxy = FilterProxy::of_database(db.direct_url()).await;
        let seen = async |url: &str| -> i64 {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            drop(tokio::spawn(connection));
            let begin = "BEGIN; SELECT set_config('rustok.tenant_id', min(id::text), true) FROM tenants; \
                         SET LOCAL ROLE rustok_app";
            client.batch_execute(begin).await.unwrap();
            let sql = "SELECT count(*) FROM authors a JOIN authors b ON a.tenant_id = b.tenant_id";
            client.query_one(sql, &[]).await.unwrap().get(0)
        };
        let proxied = proxy.database_url(db.direct_url());
        assert_eq!(
            (seen(db.direct_url()).await, proxy.taken_out()),
            (1, 0),
            "both stand"
        );
        assert_eq!(
            (seen(&proxied).await, proxy.taken_out()),
            (1, 1),
            "row security stands"
        );
        assert!(db.disable_row_security().await > 20);
        assert_eq!(seen(db.direct_url()).await, 2, "the filter stands");
        assert_eq!(seen(&proxied).await, 4, "neither stands");
        assert_eq!(db.row_counts().await["authors"], 2);
    }
}
