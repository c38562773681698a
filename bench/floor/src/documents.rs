//! Ready JSON by key: the least that a read over HTTP can do.

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rusqlite::{CachedStatement, Connection, OpenFlags, OptionalExtension};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The rows of a page.
const PAGE: i64 = 20;

struct Documents {
    file: PathBuf,
    writer: Mutex<Connection>,
}

pub(crate) fn routes(file: &Path) -> rusqlite::Result<Router> {
    let writer = Connection::open(file)?;
    writer.execute_batch(
        "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS floor_documents (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT",
    )?;
    let documents = Documents {
        file: file.to_owned(),
        writer: Mutex::new(writer),
    };
    Ok(Router::new()
        .route("/documents/{key}", get(read).put(write))
        .route("/pages/{prefix}", get(page))
        .with_state(Arc::new(documents)))
}

async fn read(State(documents): State<Arc<Documents>>, Segment(key): Segment<String>) -> Response {
    let sql = "SELECT json FROM floor_documents WHERE key = ?1";
    let found = documents.with_reader(sql, |statement| {
        statement
            .query_row([key], |row| row.get::<_, String>(0))
            .optional()
    });
    match found {
        Ok(Some(json)) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

async fn page(State(documents): State<Arc<Documents>>, Segment(prefix): Segment<String>) -> Response {
    let sql = "SELECT json FROM floor_documents WHERE key >= ?1 ORDER BY key LIMIT ?2";
    let page = documents.with_reader(sql, |statement| {
        let mut rows = statement.query((prefix, PAGE))?;
        let mut page = String::from(r#"{"items":["#);
        while let Some(row) = rows.next()? {
            if !page.ends_with('[') {
                page.push(',');
            }
            page.push_str(row.get_ref(0)?.as_str()?);
        }
        page.push_str(r#"],"next_cursor":null}"#);
        Ok(page)
    });
    match page {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => failed(&error),
    }
}

async fn write(
    State(documents): State<Arc<Documents>>,
    Segment(key): Segment<String>,
    json: String,
) -> Response {
    let Ok(writer) = documents.writer.lock() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match writer.execute(
        "INSERT OR REPLACE INTO floor_documents VALUES (?1, ?2)",
        [key, json],
    ) {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

impl Documents {
    /// Runs one statement on this thread's own connection.
    fn with_reader<T>(
        &self,
        sql: &str,
        read: impl FnOnce(&mut CachedStatement<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        thread_local! {
            static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
        }
        READER.with_borrow_mut(|reader| {
            let reader = match reader {
                Some(reader) => reader,
                None => reader.insert(open_reader(&self.file)?),
            };
            read(&mut reader.prepare_cached(sql)?)
        })
    }
}

fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    let reader = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    reader.pragma_update(None, "mmap_size", 1_i64 << 30)?;
    Ok(reader)
}

pub(crate) fn failed(error: &rusqlite::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}
