//! What was typed stays when a form is shown again.

use crate::html;
use crate::site::{Site, read};
use rustok_test_support::both_databases;

fn fields(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

both_databases! {
    async fn a_new_text_that_exists_meanwhile_does_not_take_the_terms_of_its_node(db) {
        let site = Site::open(&db).await;
        let owner = site.session("owner").await;
        let token = site.form_token(&owner).await;
        let node = site.thing(Some("node.draft")).await;
        let address = format!("/admin/content/{}", node["id"]);
        let fresh = |title: &str, seen: &str| fields(&[
            ("form_token", token.as_str()), ("fresh", "1"), ("locale", "ru"), ("title", title), ("body", "text"),
            ("format", "markdown"), ("seen", seen),
        ]);
        // The form was opened before a colleague wrote a text in this language.
        let (status, _) = read(site.post(Some(&owner), &address, &fresh("Theirs", "1-1"))).await;
        assert_eq!(status, 412);
        let page = site.page(Some(&owner), &format!("{address}?locale=ru")).await;
        let form = html::forms(&page).into_iter().find(|form| form.action == address).unwrap();
        let seen = form.fields.into_iter().find(|(name, _)| name == "seen").unwrap().1;
        let (status, _) = read(site.post(Some(&owner), &address, &fresh("Theirs", &seen))).await;
        assert_eq!(status, 303);
        let (status, again) = read(site.post(Some(&owner), &address, &fresh("Mine", &seen))).await;
        assert_eq!(status, 412);
        assert!(again.contains("Mine") && again.contains("name=\"fresh\""), "{again}");
        assert!(!again.contains("name=\"kind\""), "{again}");
    }

    async fn an_order_that_changed_is_shown_with_what_was_typed(db) {
        let site = Site::open(&db).await;
        let owner = site.session("owner").await;
        let token = site.form_token(&owner).await;
        let order = site.thing(Some("order.confirmed")).await;
        let pay = fields(&[
            ("form_token", token.as_str()), ("seen", "1-1"), ("method", "by hand"), ("payment_id", "pay-typed"),
        ]);
        let (status, page) = read(site.post(Some(&owner), &format!("/admin/orders/{}/pay", order["id"]), &pay)).await;
        assert_eq!(status, 412);
        assert!(page.contains("value=\"by hand\"") && page.contains("value=\"pay-typed\""), "{page}");
    }

    async fn an_address_with_no_id_is_a_page_that_is_not_there(db) {
        let site = Site::open(&db).await;
        let owner = site.session("owner").await;
        let token = site.form_token(&owner).await;
        for path in ["/admin/orders/x/pay", "/admin/content/x/archive", "/admin/terms/x/delete", "/admin/authors/x/merge"] {
            let (status, page) = read(site.post(Some(&owner), path, &fields(&[("form_token", token.as_str())]))).await;
            assert_eq!(status, 404, "{path}");
            assert!(page.contains("<h1>"), "{page}");
        }
    }
}
