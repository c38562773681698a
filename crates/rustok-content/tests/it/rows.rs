//! Rows: what a node writes it can read, and nothing else becomes a node.

use crate::lives::{archived, at, draft, published};
use rustok_content::{AnyContentNode, DeletedNode, NodeRow};

fn row(node: impl Into<AnyContentNode>) -> NodeRow {
    NodeRow::from(&node.into())
}

#[test]
fn every_node_survives_its_row() {
    let scheduled = || draft().schedule_at(at(500), at(1)).unwrap();
    let nodes: [AnyContentNode; 8] = [
        draft().into(),
        published().into(),
        published().revise_at(at(15)).into(),
        published().unpublish_at(at(20)).into(),
        archived().into(),
        scheduled().into(),
        scheduled().archive_at("early".into(), at(2)).into(),
        scheduled().archive_at("late".into(), at(600)).into(),
    ];
    for node in nodes {
        assert_eq!(AnyContentNode::try_from(NodeRow::from(&node)), Ok(node));
    }
    let deleted = archived().delete_at(at(30));
    assert_eq!(DeletedNode::try_from(NodeRow::from(&deleted)), Ok(deleted));
}

#[test]
fn the_columns_are_what_the_states_say() {
    let row = row(archived());
    assert_eq!(
        (row.status.as_str(), row.kind.as_str(), row.version),
        ("archived", "article", 3)
    );
    assert_eq!((row.published_at, row.archived_at), (Some(at(10)), Some(at(20))));
    assert_eq!(
        (row.archive_reason.as_deref(), row.published_revision),
        (Some("outdated"), None)
    );
}

#[test]
fn impossible_rows_are_refused() {
    let cases: Vec<(NodeRow, &str)> = vec![
        (
            NodeRow {
                scheduled: true,
                ..row(draft())
            },
            "scheduled",
        ),
        (
            NodeRow {
                kind: "Not A Kind".into(),
                ..row(draft())
            },
            "kind",
        ),
        (
            NodeRow {
                status: "deleted".into(),
                ..row(draft())
            },
            "status",
        ),
        (
            NodeRow {
                version: 0,
                ..row(draft())
            },
            "version",
        ),
        (
            NodeRow {
                working_revision: 0,
                ..row(draft())
            },
            "working_revision",
        ),
        (
            NodeRow {
                published_revision: Some(1),
                ..row(draft())
            },
            "published_revision",
        ),
        (
            NodeRow {
                archived_at: Some(at(1)),
                ..row(draft())
            },
            "archived_at",
        ),
        (
            NodeRow {
                archive_reason: Some("x".into()),
                ..row(draft())
            },
            "archive_reason",
        ),
        (
            NodeRow {
                published_at: None,
                ..row(published())
            },
            "published_at",
        ),
        (
            NodeRow {
                published_revision: None,
                ..row(published())
            },
            "published_revision",
        ),
        (
            NodeRow {
                published_revision: Some(0),
                ..row(published())
            },
            "published_revision",
        ),
        (
            NodeRow {
                published_revision: Some(2),
                ..row(published())
            },
            "published_revision",
        ),
        (
            NodeRow {
                archived_at: Some(at(1)),
                ..row(published())
            },
            "archived_at",
        ),
        (
            NodeRow {
                archive_reason: Some("x".into()),
                ..row(published())
            },
            "archive_reason",
        ),
        (
            NodeRow {
                deleted_at: Some(at(1)),
                ..row(published())
            },
            "deleted_at",
        ),
        (
            NodeRow {
                published_at: None,
                ..row(archived())
            },
            "published_at",
        ),
        (
            NodeRow {
                archived_at: None,
                ..row(archived())
            },
            "archived_at",
        ),
        (
            NodeRow {
                archive_reason: None,
                ..row(archived())
            },
            "archive_reason",
        ),
        (
            NodeRow {
                published_revision: Some(1),
                ..row(archived())
            },
            "published_revision",
        ),
        (
            NodeRow {
                status: "published".into(),
                ..row(draft())
            },
            "published_revision",
        ),
    ];
    for (row, column) in cases {
        let error = AnyContentNode::try_from(row.clone()).unwrap_err();
        assert_eq!((error.column, error.id), (column, row.id), "{row:?}");
    }
}

#[test]
fn a_deleted_row_is_no_node_in_use_and_the_other_way_round() {
    let deleted = NodeRow::from(&draft().delete_at(at(30)));
    assert_eq!(
        AnyContentNode::try_from(deleted).unwrap_err().column,
        "deleted_at"
    );
    assert_eq!(
        DeletedNode::try_from(row(draft())).unwrap_err().column,
        "deleted_at"
    );
    let text = DeletedNode::try_from(row(draft())).unwrap_err().to_string();
    assert_eq!(
        text,
        "inconsistent row of nodes 00000000-0000-0000-0000-000000000001: deleted_at is missing on a deleted node"
    );
}
