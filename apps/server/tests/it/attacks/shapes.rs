//! JSON that is made to hurt: deep, wide, with the same key twice, compressed.

use super::cost::Meter;
use super::*;
use rustok_test_support::both_databases;
use serde_json::json;

/// Operations that read their body in each of the ways there are: typed, as a merge patch, by a stranger.
const READERS: [&str; 4] = ["create_product", "update_product", "update_node", "place_order"];

/// The largest body that is read, in bytes.
const LIMIT: usize = 2 << 20;

fn deep(levels: usize) -> [String; 3] {
    [
        "[".repeat(levels),
        format!(r#"{{"title":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels)),
        format!(r#"{}1{}"#, r#"{"title":"#.repeat(levels), "}".repeat(levels)),
    ]
}

fn wide(keys: usize) -> String {
    let members: Vec<_> = (0..keys).map(|key| format!(r#""k{key}":0"#)).collect();
    format!("{{{}}}", members.join(","))
}

/// `text` as the only member of a gzip file of `times` × 258 zeros: fixed Huffman codes, written by hand.
fn gzip_bomb(times: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::with_capacity(times * 13 + 32);
    // The last block, with fixed codes: a zero, then its repetitions (length 258, distance 1), then the end.
    bits.extend([true, true, false]);
    bits.extend("00110000".bytes().map(|bit| bit == b'1'));
    for _ in 0..times {
        bits.extend("1100010100000".bytes().map(|bit| bit == b'1'));
    }
    bits.extend("0000000".bytes().map(|bit| bit == b'1'));
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    file.extend(bits.chunks(8).map(|bits| {
        let bits = bits.iter().enumerate();
        bits.fold(0_u8, |byte, (at, bit)| byte | (u8::from(*bit) << at))
    }));
    file.extend([0; 8]);
    file
}

/// Refused with a problem that names the reason. A body beyond the limit may also be cut off while it is still being
/// sent: then nobody is there to read a problem.
async fn refused_or_cut(request: RequestBuilder, length: usize, what: &str) {
    match request.send().await {
        Ok(response) => {
            let answer = Answer::read(response).await;
            let problem = answer.json();
            let known = [
                "malformed_json",
                "validation_failed",
                "body_too_large",
                "body_too_deep",
                "body_too_deep",
                "too_many_values",
            ];
            let code = problem["code"].as_str().unwrap_or_default();
            assert!(
                (400..500).contains(&answer.status) && known.contains(&code),
                "{what}: {answer:#?}"
            );
        }
        Err(error) => assert!(length > LIMIT, "{what}: {error:?}"),
    }
}

both_databases! {
    async fn deep_and_wide_json_is_refused_cheaply(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let mut meter = Meter::of(&world);
        let bodies = deep(10_000).into_iter().chain([wide(1_000_000), wide(150_000)]);
        for (number, body) in bodies.enumerate() {
            for operation in READERS {
                let what = format!("{operation} of body {number}");
                meter.measure(&what, async || {
                    refused_or_cut(with_body(&world, operation, body.clone()).await, body.len(), &what).await;
                }).await;
            }
        }
        meter.finish();
        assert_eq!(Digest::of(&world).await, before);
    }

    async fn a_key_stands_once(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let product = world.thing(&world.ours, "product").await;
        let variant = &product["variant"];
        for (operation, body) in [
            ("place_order", format!(
                r#"{{"email":"a@example.com","currency":"USD","lines":[{{"variant_id":"{variant}","quantity":1,"quantity":2}}]}}"#
            )),
            ("create_product", r#"{"title":"A","title":"B"}"#.to_owned()),
            ("create_node", r#"{"kind":"post","title":"A","title":"B"}"#.to_owned()),
            ("create_node", r#"{"kind":"post","title":"A","t\u0069tle":"B"}"#.to_owned()),
            ("set_stock", r#"{"quantity":1,"quantity":2}"#.to_owned()),
            ("update_product", r#"{"title":"A","title":"B"}"#.to_owned()),
            ("update_product", r#"{"variants":[{"sku":"A","sku":"B"}]}"#.to_owned()),
            ("update_variant", r#"{"price":{"amount":"1.00","amount":"2.00","currency":"USD"}}"#.to_owned()),
            ("update_node", r#"{"title":"A","title":"B"}"#.to_owned()),
            ("update_node", r#"{"author":{"login":"a","login":"b"}}"#.to_owned()),
        ] {
            let problem = refused(with_body(&world, operation, body.clone()).await, &format!("{operation} {body}")).await;
            assert_eq!(problem["code"], "validation_failed", "{operation} {body}: {problem:#}");
        }
        assert_eq!(Digest::of(&world).await, before);
    }

    async fn a_compressed_body_is_not_unpacked(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let mut meter = Meter::of(&world);
        // 250 MB when unpacked, within the limit of a body as it comes.
        let bomb = gzip_bomb(1_000_000);
        assert!(bomb.len() < LIMIT);
        for operation in READERS {
            for coding in ["gzip", "gzip, gzip", "x-gzip", "deflate", "br", "zstd"] {
                let what = format!("{operation} with {coding}");
                meter.measure(&what, async || {
                    let request = with_body(&world, operation, String::new()).await;
                    refused(request.header("content-encoding", coding).body(bomb.clone()), &what).await;
                }).await;
            }
            // Plain JSON that says it is not: reading it anyway would be a guess.
            let request = with_body(&world, operation, json!({ "title": "A" }).to_string()).await;
            let problem = refused(request.header("content-encoding", "gzip"), operation).await;
            assert_eq!((&problem["status"], &problem["code"]), (&json!(415), &json!("unsupported_media_type")));
        }
        meter.finish();
        assert_eq!(Digest::of(&world).await, before);
    }
}
