//! A number that was given twice: after a restore, or where another server took over, a save has the number of one that
//! was lost. Nobody is shown the lost one.

use super::*;

const NODES: &str = "/api/store/v1/nodes";

async fn read(shop: &Shop, tag: Option<&str>) -> Response {
    let request = shop.request(Method::GET, &format!("{NODES}/hello"));
    let request = match tag {
        Some(tag) => request.header("if-none-match", tag),
        None => request,
    };
    request.send().await.unwrap()
}

async fn titles(shop: &Shop) -> Vec<String> {
    let list = shop.request(Method::GET, NODES).send().await.unwrap();
    texts(&shown(list, 200).await, "title")
}

both_databases! {
    async fn a_save_that_was_lost_is_not_shown_for_the_one_that_has_its_number(db) {
        let shop = Shop::open(db.url()).await;
        shop.published(&post("Hello")).await;
        let first = read(&shop, None).await;
        let tag = etag(&first);
        assert_eq!(shown(first, 200).await["title"], "Hello");
        assert_eq!(titles(&shop).await, ["Hello"]);
        assert_eq!(read(&shop, Some(&tag)).await.status(), 304);

        // What a restore leaves: another text, saved at another time, under the same number.
        let change = |later: &str| {
            format!(
                "UPDATE node_revisions SET title = 'Other', body = 'Other', body_html = '<p>Other</p>', \
                 created_at = created_at + {later}"
            )
        };
        db.run_behind(&change("1000"), &change("interval '1 millisecond'")).await;
        let again = read(&shop, Some(&tag)).await;
        assert_ne!(etag(&again), tag);
        assert_eq!(shown(again, 200).await["title"], "Other");
        assert_eq!(titles(&shop).await, ["Other"]);
    }
}
