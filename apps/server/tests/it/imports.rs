//! Imports over HTTP: a file is sent, a job runs, a report is fetched; and all that may go wrong on the way.

mod life;
mod refusals;
mod restarts;
mod standing;

use crate::limits::{Raw, open};
use crate::platform::{Shop, problem, status_kib, tenant, token};
use reqwest::{Method, RequestBuilder, StatusCode};
use rustok_test_app::Server;
use rustok_test_support::{TIMEOUT, TestDatabase, both_databases, eventually, eventually_is};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const BOUNDARY: &str = "----a-boundary";

/// A part of a form.
fn part(name: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let disposition = if name == "file" {
        "name=\"file\"; filename=\"shop.csv\"\r\nContent-Type: text/csv".to_owned()
    } else {
        format!("name=\"{name}\"")
    };
    let mut part =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").into_bytes();
    part.extend_from_slice(value.as_ref());
    part.extend_from_slice(b"\r\n");
    part
}

/// A whole form of these parts.
pub(crate) fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form: Vec<u8> = parts.iter().flat_map(|(name, value)| part(name, value)).collect();
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

/// Sends a body to `/imports` as a form.
pub(crate) fn post(shop: &rustok_test_app::Shop<impl Server>, body: Vec<u8>) -> RequestBuilder {
    shop.admin(Method::POST, "/imports")
        .header(
            "content-type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .body(body)
}

/// Sends a file and reads the import that it becomes.
async fn sent(shop: &Shop, source: &str, file: impl AsRef<[u8]>, more: &[(&str, &[u8])]) -> Value {
    let parts = [&[("source", source.as_bytes())], more, &[("file", file.as_ref())]].concat();
    let answer = post(shop, form(&parts)).send().await.unwrap();
    let (status, location) = (answer.status(), answer.headers().get("location").cloned());
    let import: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::ACCEPTED, "{import:#}");
    let path = format!("/api/admin/v1/imports/{}", import["id"].as_str().unwrap());
    assert_eq!(location.unwrap(), path);
    import
}

async fn read(shop: &Shop, id: &Value) -> Value {
    let path = format!("/imports/{}", id.as_str().unwrap());
    let answer = shop.admin(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

/// The import once `is_there` says so; asked for again and again, as a client would.
async fn until(shop: &Shop, id: &Value, is_there: impl Fn(&Value) -> bool) -> Value {
    eventually(TIMEOUT, async || {
        let import = read(shop, id).await;
        if is_there(&import) {
            return Ok(import);
        }
        Err(format!("{import:#}\n{}", shop.server.stderr()))
    })
    .await
}

fn has_ended(import: &Value) -> bool {
    !import["finished_at"].is_null()
}

/// Sends a file and waits for its report.
async fn imported(shop: &Shop, source: &str, file: impl AsRef<[u8]>, more: &[(&str, &[u8])]) -> Value {
    let import = sent(shop, source, file, more).await;
    until(shop, &import["id"], has_ended).await
}

fn counts(import: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "skipped"].map(|name| import["report"][name].as_u64().unwrap())
}

/// A CSV of as many products.
fn products(count: usize) -> String {
    let mut csv = "Handle,Title,Variant SKU,Variant Price\n".to_owned();
    for number in 0..count {
        csv.push_str(&format!("item-{number},Item {number},S{number},1.50\n"));
    }
    csv
}

/// An export of as many posts.
fn posts(count: usize) -> String {
    let items: String = (1..=count)
        .map(|id| {
            format!(
                "<item><title>Post {id}</title><wp:post_id>{id}</wp:post_id><wp:post_type>post</wp:post_type>\
                 <wp:status>publish</wp:status><wp:post_date_gmt>2020-01-01 00:00:00</wp:post_date_gmt></item>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><rss xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel>\
         <wp:wxr_version>1.2</wp:wxr_version>{items}</channel></rss>"
    )
}

async fn listed(shop: &Shop, path: &str) -> Vec<Value> {
    let answer = shop.admin(Method::GET, path).send().await.unwrap();
    let mut answer: Value = answer.json().await.unwrap();
    serde_json::from_value(answer["items"].take()).unwrap()
}

/// Where a server that was started with it keeps its files.
fn folder_of(shop: &Shop) -> PathBuf {
    shop.server.command().folder().join("imports")
}

/// A server whose files lie in a folder of its own, on either database.
async fn apart(db: &TestDatabase, settings: &[(&str, &str)]) -> Shop {
    let settings = [&[("RUSTOK_IMPORT_FOLDER", "imports")], settings].concat();
    open(db.url(), &settings).await
}

/// The files that wait there.
fn files(shop: &Shop) -> usize {
    std::fs::read_dir(folder_of(shop)).map_or(0, Iterator::count)
}

/// Waits until so many files lie there: one goes only after its import has ended.
async fn has_files(shop: &Shop, count: usize) {
    eventually(TIMEOUT, async || match files(shop) {
        seen if seen == count => Ok(()),
        seen => Err(format!("{seen} files, not {count}")),
    })
    .await;
}

/// The most memory that the server has had so far.
fn peak_bytes(shop: &Shop) -> u64 {
    status_kib(shop.server.pid(), "VmHWM") * 1_024
}
