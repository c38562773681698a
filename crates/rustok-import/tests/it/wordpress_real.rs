//! WordPress' theme unit test data: 186 items of every kind.

use crate::files;
use rustok_import::{NodeItem, NodeKind, NodeStatus, Taxonomy, WordpressItem, WordpressReader};
use std::collections::HashSet;

const FILE: &str = "wordpress-theme-unit-test.wxr.xml";

fn all() -> Vec<WordpressItem> {
    WordpressReader::new(files::open(FILE), FILE)
        .collect::<Result<_, _>>()
        .unwrap()
}

fn node(id: &str) -> NodeItem {
    files::nodes(all())
        .into_iter()
        .find(|node| node.external_id == id)
        .unwrap()
}

#[test]
fn every_item_is_yielded_or_counted() {
    let mut reader = WordpressReader::new(files::open(FILE), FILE);
    let items: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
    assert_eq!(reader.bytes_read(), 609_142);
    assert!(!reader.stopped_early());

    let skipped: Vec<_> = reader.skipped().iter().collect();
    assert_eq!(
        skipped,
        [
            ("attachment", 37),
            ("comment", 33),
            ("nav_menu term", 6),
            ("nav_menu_item", 70)
        ]
    );

    let count = |wanted: fn(&WordpressItem) -> bool| items.iter().filter(|item| wanted(item)).count();
    assert_eq!(count(|item| matches!(item, WordpressItem::Author(_))), 2);
    // 68 categories, one of them a second time as a term.
    assert_eq!(count(|item| matches!(item, WordpressItem::Category(_))), 69);
    assert_eq!(count(|item| matches!(item, WordpressItem::Tag(_))), 110);
    let nodes = files::nodes(items);
    assert_eq!(
        nodes.iter().filter(|node| node.kind == NodeKind::Post).count(),
        58
    );
    assert_eq!(
        nodes.iter().filter(|node| node.kind == NodeKind::Page).count(),
        21
    );
    let ids: HashSet<_> = nodes.iter().map(|node| node.external_id.as_str()).collect();
    assert_eq!(ids.len(), 79);
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
        .map(|node| node.external_id.as_str())
        .collect();
    assert_eq!(drafts, ["1164", "1168"]);

    let draft = node("1164");
    assert_eq!(
        (draft.slug, draft.published_at, draft.source_status.as_str()),
        (None, None, "draft")
    );
    assert_eq!(draft.created_at.unwrap().to_string(), "2013-04-09T18:20:39Z");

    let locked = node("1168");
    assert!(locked.password_protected);
    assert_eq!(
        (locked.status, locked.source_status.as_str()),
        (NodeStatus::Draft, "publish")
    );

    let scheduled = node("1153");
    assert_eq!(
        (scheduled.status, scheduled.created_at),
        (NodeStatus::Published, None)
    );
    assert_eq!(
        scheduled.published_at.unwrap().to_string(),
        "2030-01-01T19:00:18Z"
    );

    let sticky: Vec<_> = nodes
        .iter()
        .filter(|node| node.sticky)
        .map(|node| node.external_id.as_str())
        .collect();
    assert_eq!(sticky, ["1241"]);
}

#[test]
fn slugs_titles_parents_and_bodies_are_what_they_mean() {
    let second = node("1811");
    assert_eq!(second.slug.as_deref(), Some("επίπεδο-2"));
    assert_eq!(second.title, "Επίπεδο 2 -Second Greek level");
    assert_eq!(second.parent_external_id.as_deref(), Some("1809"));

    assert_eq!(node("1169").title, "");
    assert_eq!(node("1169").slug.as_deref(), Some("edge-case-no-title"));

    let nodes = files::nodes(all());
    let titled = |start: &str| nodes.iter().find(|node| node.title.starts_with(start)).unwrap();
    assert_eq!(titled("Markup: Title With M").title, "Markup: Title With Markup");
    assert!(
        titled("Markup: Title With S")
            .title
            .contains("~`!@#$%^&*()-_=+{}[]/\\;:'\"?,.>")
    );
    assert_eq!(
        nodes.iter().map(|node| node.body.chars().count()).max(),
        Some(38_240)
    );
    assert!(nodes.iter().all(|node| node.author_login.is_some()));
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
    assert_eq!(
        parent("grandchild-category"),
        Some(Some("child-category-03".to_owned()))
    );
    assert_eq!(
        parent("child-category-03"),
        Some(Some("parent-category".to_owned()))
    );
    assert_eq!(parent("parent-category"), Some(None));

    let nodes = files::nodes(items);
    let count = |taxonomy: &Taxonomy| {
        nodes
            .iter()
            .flat_map(|node| &node.terms)
            .filter(|term| term.taxonomy == *taxonomy)
            .count()
    };
    assert_eq!(count(&Taxonomy::Category), 175);
    assert_eq!(count(&Taxonomy::Tag), 188);
    assert_eq!(count(&Taxonomy::Other("post_format".to_owned())), 13);
}

#[test]
fn a_second_reading_is_equal() {
    assert_eq!(all(), all());
}

#[test]
fn cut_anywhere_it_keeps_what_was_complete_and_tells_the_place() {
    let whole = files::bytes(FILE);
    let (complete, _) = files::wordpress(&whole);
    for cut in (1..whole.len() - 20).step_by(20_011) {
        let (items, errors) = files::wordpress(&whole[..cut]);
        assert!(complete.starts_with(&items), "cut at {cut}");
        assert_eq!(errors.len(), 1, "cut at {cut}");
        let lines = 1 + whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert!(
            errors[0].line <= u64::try_from(lines).unwrap() && errors[0].column >= 1,
            "{}",
            errors[0]
        );
    }
}
