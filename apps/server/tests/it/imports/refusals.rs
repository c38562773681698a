//! What is refused, and that nothing of it is left: no file and no import.

use super::*;
use crate::platform::errors;

type Parts<'a> = &'a [(&'a str, &'a [u8])];

const SHOPIFY: (&str, &[u8]) = ("source", b"shopify");
const FILE: (&str, &[u8]) = ("file", b"Handle,Title,Variant Price\na,A,1\n");

async fn nothing_is_left(shop: &Shop) {
    has_files(shop, 0).await;
    assert!(listed(shop, "/imports").await.is_empty(), "an import is left");
}

/// The head of an upload of this length, and the start of its form.
pub(super) async fn begun(shop: &Shop, length: usize) -> Raw {
    let mut raw = Raw::connect(shop).await;
    raw.send(&format!(
        "POST /api/admin/v1/imports HTTP/1.1\r\nhost: shop1.localhost\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {length}\r\n\r\n",
        shop.token
    ))
    .await;
    let start = [part("source", "shopify"), part("file", "")].concat();
    raw.send(std::str::from_utf8(&start[..start.len() - 2]).unwrap())
        .await;
    raw
}

both_databases! {
    async fn a_form_is_refused_with_all_that_is_wrong_in_it(db) {
        let shop = apart(&db, &[]).await;
        let long = [b'x'; 300];
        let cases: [(Parts<'_>, &[&str]); 13] = [
            (&[SHOPIFY], &["#/file required"]),
            (&[FILE], &["#/source required"]),
            (&[], &["#/source required", "#/file required"]),
            (&[("source", b"magento"), FILE], &["#/source invalid"]),
            (&[SHOPIFY, ("currency", b"BITCOIN"), ("locale", b"english"), ("dry_run", b"maybe"), FILE],
                &["#/currency invalid", "#/locale invalid", "#/dry_run invalid"]),
            (&[SHOPIFY, ("tenant_id", b"x"), ("id", b"x"), FILE], &["#/tenant_id unknown", "#/id unknown"]),
            (&[SHOPIFY, SHOPIFY, FILE], &["#/source duplicate"]),
            (&[SHOPIFY, ("currency", &long), FILE], &["#/currency too_long"]),
            (&[SHOPIFY, ("currency", b"\xff\xfe"), FILE], &["#/currency too_long"]),
            (&[SHOPIFY, FILE, ("currency", b"EUR")], &["#/file last"]),
            (&[SHOPIFY, ("file", b"")], &["#/file required"]),
            (&[SHOPIFY, ("locale", b"ru"), FILE], &["#/locale not_allowed"]),
            (&[("source", b"wordpress"), ("currency", b"EUR"), FILE], &["#/currency not_allowed"]),
        ];
        for (parts, expected) in cases {
            let answer = post(&shop, form(parts)).send().await.unwrap();
            let refused = problem(answer, 422, "validation_failed").await;
            assert_eq!(errors(&refused), expected, "{refused:#}");
        }
        nothing_is_left(&shop).await;
    }

    async fn what_is_no_form_is_refused(db) {
        let shop = apart(&db, &[]).await;
        let whole = form(&[SHOPIFY, FILE]);
        let typed = |media: &str| shop.admin(Method::POST, "/imports").header("content-type", media).body(whole.clone());
        for media in ["application/json", "text/csv", "multipart/mixed; boundary=x"] {
            problem(typed(media).send().await.unwrap(), 415, "unsupported_media_type").await;
        }
        problem(shop.admin(Method::POST, "/imports").send().await.unwrap(), 415, "unsupported_media_type").await;
        let packed = post(&shop, whole.clone()).header("content-encoding", "gzip");
        problem(packed.send().await.unwrap(), 415, "unsupported_media_type").await;
        for media in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=another"] {
            problem(typed(media).send().await.unwrap(), 400, "malformed_multipart").await;
        }
        for cut in [0, 10, 60, whole.len() - 30, whole.len() - 6] {
            problem(post(&shop, whole[..cut].to_vec()).send().await.unwrap(), 400, "malformed_multipart").await;
        }
        nothing_is_left(&shop).await;
    }

    async fn what_is_too_large_is_refused_however_it_comes(db) {
        let shop = apart(&db, &[("RUSTOK_MAX_IMPORT_BYTES", "1000")]).await;
        let file = |bytes: usize| form(&[SHOPIFY, ("file", &vec![b'x'; bytes])]);
        let announced = problem(post(&shop, file(200 << 10)).send().await.unwrap(), 413, "body_too_large").await;
        assert!(announced["detail"].as_str().unwrap().contains("1000"), "{announced:#}");
        problem(post(&shop, file(1_001)).send().await.unwrap(), 413, "body_too_large").await;
        // Before the file, in fields, in one field's head, and before the first of them.
        let field = vec![b'x'; 90 << 10];
        let head = [format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"").as_bytes(), &field].concat();
        let shop = apart_again(shop, "RUSTOK_MAX_IMPORT_BYTES", "1000000").await;
        for body in [form(&[("source", &field)]), head, field.clone()] {
            let mut long = body;
            long.resize(300 << 10, b'x');
            problem(post(&shop, long).send().await.unwrap(), 413, "body_too_large").await;
        }
        nothing_is_left(&shop).await;
        assert_eq!(post(&shop, file(1_000)).send().await.unwrap().status(), StatusCode::ACCEPTED);
    }

    async fn who_is_refused_may_finish_sending(db) {
        let shop = apart(&db, &[("RUSTOK_MAX_IMPORT_BYTES", "1000")]).await;
        let mut raw = begun(&shop, 4 << 20).await;
        // A client that only looks at the answer once it has sent all must not lose it to a closed connection.
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            raw.send(&"x".repeat(10_000)).await;
        }
        let answer = raw.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (413, &json!("body_too_large")));
    }

    async fn who_breaks_off_leaves_neither_file_nor_import(db) {
        let shop = apart(&db, &[]).await;
        let mut raw = begun(&shop, 1 << 20).await;
        raw.send(&"x".repeat(1_000)).await;
        has_files(&shop, 1).await;
        drop(raw);
        nothing_is_left(&shop).await;

        // Cut off together with the server: what is left of it goes at the next start, once it is old.
        let mut raw = begun(&shop, 1 << 20).await;
        raw.send(&"x".repeat(1_000)).await;
        has_files(&shop, 1).await;
        let folder = folder_of(&shop);
        let server = shop.server.kill().await;
        let left = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(3_600);
        std::fs::File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
        let shop = Shop { server: server.start().await, ..shop };
        nothing_is_left(&shop).await;
    }

    async fn an_upload_may_be_slow_but_not_stand_still(db) {
        // The whole takes longer than a request may, and no pause nearly as long as one may be, on a busy machine too.
        let shop = apart(&db, &[("RUSTOK_REQUEST_TIMEOUT_MS", "1000"), ("RUSTOK_BODY_TIMEOUT_MS", "4000")]).await;
        let rest = format!("a,A,1\r\n--{BOUNDARY}--\r\n");
        let start = [part("source", "shopify"), part("file", "")].concat().len() - 2;
        let head = "Handle,Title,Variant Price\n";
        let mut slow = begun(&shop, start + head.len() + rest.len()).await;
        // Longer than any other request may take.
        for piece in [&head[..5], &head[5..12], &head[12..], &rest[..2], &rest[2..]] {
            tokio::time::sleep(Duration::from_millis(300)).await;
            slow.send(piece).await;
        }
        let answer = slow.answer().await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
        until(&shop, &answer.body["id"], has_ended).await;

        let mut stalled = begun(&shop, 1 << 20).await;
        let answer = stalled.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (408, &json!("body_too_slow")));
        has_files(&shop, 0).await;
        // And not for ever, however evenly it trickles.
        let shop = apart_again(shop, "RUSTOK_IMPORT_UPLOAD_TIMEOUT_MS", "900").await;
        let mut trickle = begun(&shop, 1 << 20).await;
        for _ in 0..8 {
            trickle.try_send("x").await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        let answer = trickle.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (408, &json!("body_too_slow")));
        has_files(&shop, 0).await;
    }

    async fn so_many_wait_and_no_more(db) {
        let shop = apart(&db, &[("RUSTOK_MAX_IMPORTS_PER_TENANT", "1")]).await;
        let first = sent(&shop, "shopify", products(400), &[]).await;
        let refused = post(&shop, form(&[SHOPIFY, FILE])).send().await.unwrap();
        assert!(refused.headers().contains_key("retry-after"));
        problem(refused, 429, "too_many_imports").await;
        let other = tenant(shop.server.command(), "shop2", "admin").await;
        let other = Shop { slug: "shop2", token: other, client: shop.client.clone(), ..shop };
        let theirs = imported(&other, "shopify", products(1), &[]).await;
        // What the neighbour has is unknown here.
        let path = format!("/imports/{}", first["id"].as_str().unwrap());
        problem(other.admin(Method::GET, &path).send().await.unwrap(), 404, "import_not_found").await;
        assert_eq!(listed(&other, "/imports").await.iter().map(|i| &i["id"]).collect::<Vec<_>>(), [&theirs["id"]]);

        let viewer = token(other.server.command(), "shop2", "viewer").await;
        let viewer = Shop { token: viewer, ..other };
        problem(post(&viewer, form(&[SHOPIFY, FILE])).send().await.unwrap(), 403, "forbidden").await;
        let nobody = post(&viewer, form(&[SHOPIFY, FILE])).header("authorization", "Bearer x");
        assert_eq!(nobody.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }

    async fn a_folder_that_is_full_takes_no_more(db) {
        let shop = apart(&db, &[("RUSTOK_MAX_IMPORT_FOLDER_BYTES", "100")]).await;
        let large = form(&[SHOPIFY, ("file", &[b'x'; 101])]);
        let refused = post(&shop, large).send().await.unwrap();
        assert!(refused.headers().contains_key("retry-after"));
        problem(refused, 503, "overloaded").await;
        nothing_is_left(&shop).await;
        assert_eq!(imported(&shop, "shopify", FILE.1, &[]).await["status"], "succeeded");
    }
}

/// The same shop with one more setting.
async fn apart_again(shop: Shop, name: &str, value: &str) -> Shop {
    let command = shop.server.kill().await.env(name, value);
    Shop {
        server: command.start().await,
        ..shop
    }
}
