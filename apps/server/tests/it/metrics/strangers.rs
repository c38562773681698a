//! The number of series has a bound, whoever asks for whatever.

use super::*;
use crate::platform::printed;
use futures_util::StreamExt as _;
use futures_util::stream::iter;

const TENANTS: usize = 1_000;
const ATTACKS: usize = 3_000;
const AT_ONCE: usize = 32;

both_databases! {
    async fn neither_tenants_nor_strangers_make_series(db) {
        let shop = Shop::start(rustok(db.url())).await;
        work(&shop).await;
        let made = shop.server.run(&["token", "create", "--platform", "--json"]).await;
        let platform = printed(made)["token"].as_str().unwrap().to_owned();
        let create = |number: usize| {
            let body = json!({ "slug": format!("tenant{number}"), "name": "T" });
            ok(shop.request(Method::POST, "/api/platform/v1/tenants").bearer_auth(&platform).json(&body), 201)
        };
        let visit = async |number: usize| {
            let asked = shop.request_to(&format!("tenant{number}"), Method::GET, "/api/store/v1/products");
            assert_eq!(asked.send().await.unwrap().status(), 200);
        };
        create(0).await;
        visit(0).await;
        let before = when(&shop, |seen| seen.has("rustok_outbox_depth")
            && seen.value("rustok_outbox_delivered_total", &[]) >= 21.0).await.series();
        iter(1..TENANTS).for_each_concurrent(AT_ONCE, async |number| {
            create(number).await;
            visit(number).await;
        }).await;
        let mut seed = 6_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        let known = ["/api/store/v1/products", "/api/store/v1/orders", "/api/admin/v1/nodes", "/problems", "/livez", "/api/docs"];
        let attacks: Vec<_> = (0..ATTACKS).map(|_| {
            let word: String = (0..=random(20)).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz"[random(26)])).collect();
            let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
            let method = match random(12) {
                at @ 0..9 => methods[at].to_owned(),
                _ => word.to_uppercase(),
            };
            let path = match random(3) {
                0 => format!("/{word}"),
                1 => known[random(known.len())].to_owned(),
                _ => format!("{}/{word}", known[random(known.len())]),
            };
            let host = match random(3) {
                0 => "shop1.localhost".to_owned(),
                1 => format!("{word}.localhost"),
                _ => format!("{word}.example"),
            };
            shop.client.request(method.parse().unwrap(), format!("{}{path}", shop.server.url())).header("host", host)
        }).collect();
        iter(attacks).for_each_concurrent(AT_ONCE, async |attack| drop(attack.send().await.unwrap())).await;
        let seen = metrics(&shop).await;
        let after = seen.series();
        let new: Vec<_> = after.difference(&before).collect();
        println!("{} series before, {} after", before.len(), after.len());
        assert!(new.len() < 20, "{new:#?}");
        // Some 12 for each operation of the document.
        assert!(after.len() <= 2_500, "{}", after.len());
        let catalogue = catalogue();
        for (name, family) in &seen.families {
            family.samples.iter().for_each(|sample| catalogue[name].check(name, sample));
        }
    }
}
