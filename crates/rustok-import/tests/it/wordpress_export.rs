//! A whole export of a site, `tests/data/site.wxr.xml`: 47 items of every kind.

use crate::files::{self, SITE};
use rustok_import::{NodeItem, NodeKind, NodeStatus, Taxonomy, WordpressItem, WordpressReader};
use std::collections::HashSet;

const FILE: &str = "site.wxr.xml";

fn all() -> Vec<WordpressItem> {
    WordpressReader::new(SITE, FILE)
        .collect::<Result<_, _>>()
        .unwrap()
}

fn node(id: &str) -> NodeItem {
    files::nodes(all())
        .into_iter()
        .find(|node| node.external_id == format!("{HOST}#{id}"))
        .unwrap()
}

/// The address of its site.
const HOST: &str = "north-pier.example";

/// The id of the post in its site.
fn id_of(node: &NodeItem) -> &str {
    node.external_id.split_once('#').unwrap().1
}

#[test]
fn every_item_is_yielded_or_counted() {
    let mut reader = WordpressReader::new(SITE, FILE);
    let items: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
    assert_eq!(reader.bytes_read(), SITE.len() as u64);
    assert!(!reader.stopped_early());

    let skipped: Vec<_> = reader.skipped().iter().collect();
    assert_eq!(
        skipped,
        [
            ("attachment", 4),
            ("comment", 6),
            ("custom_css", 1),
            ("description of a term", 2),
            ("e-mail of an author", 1),
            ("element guid", 35),
            ("element of a term term_id", 13),
            ("element of an author author_first_name", 1),
            ("element of an author author_id", 2),
            ("element of the channel base_site_url", 1),
            ("element of the channel description", 1),
            ("element of the channel generator", 1),
            ("element of the channel language", 1),
            ("element of the channel link", 1),
            ("element of the channel pubDate", 1),
            ("element of the channel title", 1),
            ("element pubDate", 35),
            ("meta _edit_last", 1),
            ("meta _thumbnail_id", 1),
            ("nav_menu term", 2),
            ("nav_menu_item", 5),
            ("order of a page among its siblings (menu_order)", 3),
            ("parent of a page", 3),
            ("post with a password, which became a draft", 1),
            ("post_format of a post", 2),
            ("status pending became draft", 1),
            ("status private became draft", 1),
            ("status trash", 1),
            ("sticky post", 1),
            ("wp_block", 1),
        ]
    );

    let count = |wanted: fn(&WordpressItem) -> bool| items.iter().filter(|item| wanted(item)).count();
    assert_eq!(count(|item| matches!(item, WordpressItem::Author(_))), 2);
    // Six categories, one of them a second time as a term.
    assert_eq!(count(|item| matches!(item, WordpressItem::Category(_))), 7);
    assert_eq!(count(|item| matches!(item, WordpressItem::Tag(_))), 4);
    let nodes = files::nodes(items);
    let kinds = |kind| nodes.iter().filter(|node| node.kind == kind).count();
    assert_eq!((kinds(NodeKind::Post), kinds(NodeKind::Page)), (28, 7));
    let ids: HashSet<_> = nodes.iter().map(|node| node.external_id.as_str()).collect();
    assert_eq!(ids.len(), 35);
    assert!(
        nodes
            .iter()
            .all(|node| node.published_at.is_some() || node.status == NodeStatus::Draft)
    );
}

#[test]
fn statuses_decide_what_the_public_may_see() {
    let nodes = files::nodes(all());
    let drafts: Vec<_> = nodes
        .iter()
        .filter(|node| node.status == NodeStatus::Draft)
        .map(|node| (id_of(node), node.source_status.as_str()))
        .collect();
    let expected = [
        ("103", "draft"),
        ("104", "publish"),
        ("106", "pending"),
        ("107", "private"),
        ("206", "draft"),
    ];
    assert_eq!(drafts, expected);

    // A draft has no date of UTC: its local one is the last resort.
    let draft = node("103");
    assert_eq!((draft.slug, draft.published_at), (None, None));
    assert_eq!(draft.created_at.unwrap().to_string(), "2021-03-04T10:20:30Z");

    let locked: Vec<_> = nodes.iter().filter(|node| node.password_protected).collect();
    assert_eq!(locked.len(), 1);
    assert_eq!((id_of(locked[0]), locked[0].published_at), ("104", None));

    let scheduled = node("102");
    assert_eq!(
        (
            scheduled.status,
            scheduled.source_status.as_str(),
            scheduled.created_at
        ),
        (NodeStatus::Published, "future", None)
    );
    assert_eq!(
        scheduled.published_at.unwrap().to_string(),
        "2030-01-01T19:00:18Z"
    );

    let sticky: Vec<_> = nodes.iter().filter(|node| node.sticky).map(id_of).collect();
    assert_eq!(sticky, ["105"]);
}

#[test]
fn slugs_titles_parents_and_bodies_are_what_they_mean() {
    let second = node("205");
    assert_eq!(second.slug.as_deref(), Some("λιμάνι-2"));
    assert_eq!(second.title, "Λιμάνι 2 - the Second");
    assert_eq!(second.parent_external_id.as_deref(), Some("204"));
    assert_eq!(node("202").menu_order, 2);

    assert_eq!(node("109").title, "");
    assert_eq!(node("109").slug.as_deref(), Some("without-a-title"));
    assert_eq!(node("110").title, "Rope and Knots");
    assert_eq!(node("111").title, r##"Signs: §±!"#$%&'()*+,-./:;=?@[\]^_`{|}~"##);
    assert_eq!(node("112").title, "Sun & Wind – \"Both\"");
    assert_eq!(node("113").title, "יומן הים");
    assert_eq!(node("113").slug.as_deref(), Some("יומן-הים"));
    assert_eq!(node("114").body, "<p dir=\"rtl\">الميناء هادئ هذا الصباح.</p>");
    assert_eq!(node("124").title.len(), 499);
    assert_eq!(
        (node("121").title, node("121").slug),
        (node("122").title, node("122").slug)
    );

    // Bodies as they are: split sections are one text, and what stands in them is not read.
    assert!(
        node("116")
            .body
            .contains("<code>]]></code> and the text goes on.")
    );
    assert!(node("117").body.starts_with("[caption id=\"attachment_301\""));
    assert!(node("119").body.contains("\n\n<!--more Read the rest-->\n\n"));
    assert!(node("120").body.starts_with("<!-- wp:paragraph -->\n<p>"));
    assert_eq!(
        (node("123").body.as_str(), node("126").excerpt.as_str()),
        ("", "A <em>short</em> story.")
    );
    // The logbook has 50 lines of 99 characters.
    let nodes = files::nodes(all());
    let longest = nodes.iter().map(|node| node.body.chars().count()).max();
    assert_eq!(longest, Some(50 * 99 + 49));
    assert!(nodes.iter().all(|node| node.author_login.is_some()));
    assert_eq!(
        node("127").author_login.as_deref(),
        Some("guest"),
        "declared nowhere"
    );
}

#[test]
fn categories_are_nested_and_nodes_carry_their_terms() {
    let items = all();
    let parent = |wanted: &str| {
        items.iter().find_map(|item| match item {
            WordpressItem::Category(term) if term.slug == wanted => Some(term.parent_slug.clone()),
            _ => None,
        })
    };
    assert_eq!(parent("rowing-boats"), Some(Some("boats".to_owned())));
    assert_eq!(parent("boats"), Some(Some("harbour".to_owned())));
    assert_eq!(parent("harbour"), Some(None));
    assert_eq!(parent("новости"), Some(None));

    let nodes = files::nodes(items);
    let count = |taxonomy: &Taxonomy| {
        nodes
            .iter()
            .flat_map(|node| &node.terms)
            .filter(|term| term.taxonomy == *taxonomy)
            .count()
    };
    assert_eq!(count(&Taxonomy::Category), 29);
    assert_eq!(count(&Taxonomy::Tag), 7);
    assert_eq!(count(&Taxonomy::Other("post_format".to_owned())), 2);
    let knots = &node("110").terms[0];
    assert_eq!(
        (knots.slug.as_str(), knots.name.as_str()),
        ("ropes-knots", "Ropes & Knots")
    );
    assert_eq!(node("127").terms.len(), 2, "declared nowhere either");
}

#[test]
fn a_second_reading_is_equal() {
    assert_eq!(all(), all());
}

#[test]
fn cut_anywhere_it_keeps_what_was_complete_and_tells_the_place() {
    let (complete, _) = files::wordpress(SITE);
    for cut in (1..SITE.len() - 20).step_by(307) {
        let (items, errors) = files::wordpress(&SITE[..cut]);
        assert!(complete.starts_with(&items), "cut at {cut}");
        assert_eq!(errors.len(), 1, "cut at {cut}");
        let lines = 1 + SITE[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert!(
            errors[0].line <= u64::try_from(lines).unwrap() && errors[0].column >= 1,
            "{}",
            errors[0]
        );
    }
}
