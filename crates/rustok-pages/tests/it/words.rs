//! What stands on the pages: texts of people as texts, and words of ours in the language of the reader.

use crate::html::{Piece, pieces};
use crate::routes::routes;
use crate::site::{OWNER, PASSWORD, Site, is_guarded};
use rustok_test_support::both_databases;

/// What people write who want more than a text.
const CANARY: &str = "tea \"'><img src=x onerror=alert(1)></textarea></title><script>";

/// Latin words that are no English: names, also of languages and formats, and what is written on keys.
const NAMES: [&str; 29] = [
    "RusToK",
    "English",
    "Deutsch",
    "Shopify",
    "WordPress",
    "API",
    "JSON",
    "HTML",
    "Markdown",
    "CSV",
    "XML",
    "WXR",
    "ZIP",
    "gzip",
    "UTC",
    "IANA",
    "USD",
    "Ctrl",
    "Alt",
    "Shift",
    "Esc",
    "Enter",
    "en",
    "ru",
    "de",
    "pt",
    "BR",
    "test",
    "SKU",
];

/// The session of the owner whose name is the word of the shop.
async fn owner(site: &Site) -> String {
    let typed =
        [("email", OWNER), ("password", PASSWORD)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let response = site.post(None, "/admin/sign-in", &typed).send().await.unwrap();
    is_guarded(&response);
    let cookies = response.headers().get_all("set-cookie").iter();
    let mut sessions = cookies.filter_map(|cookie| cookie.to_str().unwrap().strip_prefix("session="));
    sessions.next().unwrap().split(';').next().unwrap().to_owned()
}

/// What a person reads or hears of a page.
fn texts(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in pieces(html) {
        match piece {
            Piece::Text(text) => found.push(text),
            Piece::Tag(_, attributes) => {
                let is_read = |name: &str| matches!(name, "aria-label" | "placeholder" | "title" | "alt");
                found.extend(
                    attributes
                        .into_iter()
                        .filter(|(name, _)| is_read(name))
                        .map(|(_, value)| value),
                );
            }
        }
    }
    found
}

/// The words of a text that are written in Latin letters and are not names, addresses, numbers or codes.
fn english(text: &str) -> Vec<String> {
    let is_code =
        |word: &&str| word.contains(['@', '/', '#', '_']) || word.contains(|c: char| c.is_ascii_digit());
    let words = text.split_whitespace().filter(|word| !is_code(word));
    let words = words.flat_map(|word| word.split(|c: char| !c.is_alphabetic()));
    let words = words.filter(|word| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic()));
    words
        .filter(|word| !NAMES.contains(word))
        .map(str::to_owned)
        .collect()
}

both_databases! {
    async fn a_text_of_people_is_never_markup(db) {
        let site = Site::written(&db, CANARY).await;
        let owner = owner(&site).await;
        let mut shown_on = 0;
        for route in routes().into_iter().filter(|route| route.is_page()) {
            let thing = site.thing(route.thing).await;
            let session = (!route.is_open()).then_some(owner.as_str());
            let address = site.address(&route, &thing);
            // As what is asked for, too: a page may show it again.
            let mark = if address.contains('?') { '&' } else { '?' };
            let asked: String = form_urlencoded::byte_serialize(CANARY.as_bytes()).collect();
            let names = ["q", "next", "link", "status", "do", "after"].map(|name| format!("{name}={asked}"));
            for address in [address.clone(), format!("{address}{mark}{}", names.join("&"))] {
                let html = site.page(session, &address).await;
                assert!(!html.contains("<img src=x") && !html.contains("\"'>") && !html.contains("<script>"), "{}: {html}", route.name());
                shown_on += usize::from(html.contains("&#60;img src=x onerror=alert(1)&#62;"));
            }
        }
        assert!(shown_on > 10, "{shown_on}");
    }

    async fn no_word_is_left_in_english(db) {
        let site = Site::written(&db, "Чай").await;
        let owner = owner(&site).await;
        let mut left = Vec::new();
        for route in routes().into_iter().filter(|route| route.is_page() && !route.path.contains("q=")) {
            let thing = site.thing(route.thing).await;
            let session = (!route.is_open()).then_some(owner.as_str());
            let html = site.russian(session, &site.address(&route, &thing)).await;
            assert!(html.contains("<html lang=\"ru\""), "{}", route.name());
            for text in texts(&html) {
                let words = english(&text);
                if !words.is_empty() {
                    left.push(format!("{}: {words:?} in {text:?}", route.name()));
                }
            }
        }
        assert!(left.is_empty(), "{}", left.join("\n"));
    }
}
