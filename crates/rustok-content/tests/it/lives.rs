//! The typed life of a node and its run-time face.

use rustok_content::ids::{AuthorId, NodeId};
use rustok_content::state_machine::transitions;
use rustok_content::{
    AnyContentNode, Archived, ContentError, ContentNode, Draft, NodeChange, NodeKind, NodeStatus, Published,
    Revision, Source, TranslationInput,
};
use rustok_core::clock::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// `seconds` after the start of the tests' time.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

pub(crate) fn draft() -> ContentNode<Draft> {
    let ids = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    ContentNode::new_draft_at(ids.0, ids.1, ids.2, NodeKind::parse("article").unwrap(), at(0))
}

pub(crate) fn published() -> ContentNode<Published> {
    draft().publish_at(at(10))
}

pub(crate) fn archived() -> ContentNode<Archived> {
    published().archive_at("outdated".into(), at(20))
}

#[test]
fn the_call_shapes_of_the_readme_compile_with_uuids_and_newtypes() {
    let (tenant, author) = (Uuid::from_u128(2), Uuid::from_u128(3));
    let node = ContentNode::new_draft(Uuid::from_u128(1), tenant, author, "article".into());
    assert_eq!(node.kind().as_str(), "article");
    let node: ContentNode<Published> = node.publish();
    let node: ContentNode<Archived> = node.archive("outdated".into());
    let node: ContentNode<Draft> = node.restore();
    assert_eq!(node.id(), NodeId::from_uuid(Uuid::from_u128(1)));
    let newtype = ContentNode::new_draft(
        node.id(),
        node.tenant_id(),
        node.author_id(),
        "Not a kind!".into(),
    );
    assert_eq!(newtype.kind().as_str(), "not-a-kind");
    assert_eq!(
        newtype
            .publish()
            .revise()
            .unpublish()
            .revise()
            .publish()
            .published_revision(),
        3
    );
}

#[test]
fn a_life_keeps_what_it_must_and_counts_every_change() {
    let node = archived();
    assert_eq!(
        (node.reason(), node.archived_at(), node.published_at()),
        ("outdated", at(20), at(10))
    );
    let node = node.restore_at(at(30));
    assert_eq!((node.created_at(), node.updated_at()), (at(0), at(30)));
    assert_eq!((node.working_revision(), node.version()), (1, 4));
    assert_eq!(node.first_published_at(), Some(at(10)));
    // The first publication date stays for good.
    let node = node.publish_at(at(40));
    assert_eq!(
        (node.published_at(), node.updated_at(), node.version()),
        (at(10), at(40), 5)
    );
    let node = node.unpublish_at(at(50)).publish_at(at(60));
    assert_eq!(node.published_at(), at(10));
}

#[test]
fn an_edit_leaves_the_live_revision_alone_until_the_next_publish() {
    let node = published().revise_at(at(11)).revise_at(at(12));
    assert_eq!(
        (node.published_revision(), node.working_revision(), node.version()),
        (1, 3, 4)
    );
    let node = node.publish_at(at(13)).unwrap();
    assert_eq!(
        (node.published_revision(), node.published_at(), node.version()),
        (3, at(10), 5)
    );
    assert_eq!(node.publish_at(at(14)).unwrap_err().reason(), "no_newer_revision");
}

#[test]
fn a_scheduled_node_is_public_from_its_date_on() {
    let node = AnyContentNode::from(draft())
        .schedule_at(at(100), at(10))
        .unwrap();
    assert_eq!(
        (node.status(), node.published_at()),
        (NodeStatus::Published, Some(at(100)))
    );
    assert!(!node.is_public_at(at(99)));
    assert!(node.is_public_at(at(100)));
    assert!(!AnyContentNode::from(draft()).is_public_at(at(100)));
    assert!(!AnyContentNode::from(archived()).is_public_at(at(100)));
}

#[test]
fn a_date_that_was_never_reached_is_no_publication() {
    let scheduled = || draft().schedule_at(at(100), at(10)).unwrap();
    assert_eq!(scheduled().unpublish_at(at(99)).first_published_at(), None);
    assert_eq!(
        scheduled().unpublish_at(at(99)).publish_at(at(99)).published_at(),
        at(99)
    );
    assert_eq!(
        scheduled().unpublish_at(at(100)).first_published_at(),
        Some(at(100))
    );
    let early = scheduled().archive_at("no".into(), at(50));
    assert_eq!(early.restore_at(at(200)).first_published_at(), None);
}

#[test]
fn a_first_publication_date_is_fixed() {
    for other in [at(500), at(5)] {
        let draft = published().unpublish_at(at(20));
        let refused = draft.schedule_at(other, at(30)).unwrap_err();
        assert_eq!(refused.reason(), "published_at_fixed");
        let any = AnyContentNode::from(published().unpublish_at(at(20)));
        match any.schedule_at(other, at(30)).unwrap_err() {
            ContentError::ValidationFailed(found) => {
                let reported: Vec<_> = found.iter().map(|f| (&*f.pointer, &*f.code)).collect();
                assert_eq!(reported, [("#/published_at", "published_at_fixed")]);
            }
            other => panic!("{other:?}"),
        }
    }
    let same = published()
        .unpublish_at(at(20))
        .schedule_at(at(10), at(30))
        .unwrap();
    assert_eq!(same.published_at(), at(10));
    let none = published().unpublish_at(at(20)).publish_at(at(30));
    assert_eq!(none.published_at(), at(10));
}

#[test]
fn a_published_node_with_a_newer_text_takes_no_other_date_once_it_is_public() {
    let revised = || published().revise_at(at(20));
    for other in [at(500), at(5)] {
        assert_eq!(
            revised().schedule_at(other, at(30)).unwrap_err().reason(),
            "published_at_fixed"
        );
        // The date is refused before the missing revision is.
        let refused = AnyContentNode::from(published()).schedule_at(other, at(30));
        assert!(
            matches!(refused, Err(ContentError::ValidationFailed(_))),
            "{refused:?}"
        );
    }
    let same = revised().schedule_at(at(10), at(30)).unwrap();
    assert_eq!((same.published_at(), same.published_revision()), (at(10), 2));
    let nothing_new = AnyContentNode::from(published()).schedule_at(at(10), at(30));
    assert!(matches!(nothing_new, Err(ContentError::IllegalTransition { .. })));
    // What waits for its date may get another one.
    let waiting = || draft().schedule_at(at(100), at(10)).unwrap().revise_at(at(20));
    let later = waiting().schedule_at(at(200), at(30)).unwrap();
    assert!(!later.is_public_at(at(199)) && later.is_public_at(at(200)));
    assert!(
        waiting()
            .schedule_at(at(25), at(30))
            .unwrap()
            .is_public_at(at(30))
    );
    assert_eq!(
        waiting().schedule_at(at(200), at(100)).unwrap_err().reason(),
        "published_at_fixed"
    );
}

#[test]
fn what_was_public_does_not_wait_for_its_own_date_again() {
    // The clock went back behind the first publication.
    let again = published()
        .unpublish_at(at(20))
        .schedule_at(at(10), at(5))
        .unwrap();
    assert!(again.is_public_at(at(5)));
}

#[test]
fn only_a_scheduled_date_is_waited_for() {
    // The clock of this machine is behind that of the one that published.
    let node = published();
    assert!(node.is_public_at(at(1)));
    assert_eq!(node.unpublish_at(at(1)).first_published_at(), Some(at(10)));
    let archived = published().archive_at("old".into(), at(1));
    assert_eq!(archived.restore_at(at(2)).first_published_at(), Some(at(10)));
    let past = draft().schedule_at(at(5), at(10)).unwrap();
    assert!(past.is_public_at(at(1)));
    assert!(!draft().schedule_at(at(11), at(10)).unwrap().is_public_at(at(10)));
}

#[test]
fn a_deleted_node_comes_back_as_what_it_was() {
    let deleted = archived().delete_at(at(30));
    assert_eq!((deleted.deleted_at(), deleted.node().version()), (at(30), 4));
    let back = deleted.undelete_at(at(40));
    assert_eq!(
        (back.status(), back.version(), back.updated_at()),
        (NodeStatus::Archived, 5, at(40))
    );
    let back = draft().revise_at(at(1)).delete_at(at(2)).undelete_at(at(3));
    assert_eq!((back.status(), back.working_revision()), (NodeStatus::Draft, 2));
}

/// What a transition leads to from draft, published and archived; typed by hand.
const EXPECTED: [(&str, [Option<NodeStatus>; 3]); 4] = [
    (
        "publish",
        [Some(NodeStatus::Published), Some(NodeStatus::Published), None],
    ),
    ("unpublish", [None, Some(NodeStatus::Draft), None]),
    ("archive", [None, Some(NodeStatus::Archived), None]),
    ("restore", [None, None, Some(NodeStatus::Draft)]),
];

/// A node of each status; the published one has a newer revision.
fn one_of_each() -> [AnyContentNode; 3] {
    [
        draft().into(),
        published().revise_at(at(11)).into(),
        archived().into(),
    ]
}

fn attempt(node: AnyContentNode, name: &str) -> Result<AnyContentNode, ContentError> {
    match name {
        "publish" => node.publish_at(at(90)),
        "unpublish" => node.unpublish_at(at(90)),
        "archive" => node.archive_at("outdated".into(), at(90)),
        "restore" => node.restore_at(at(90)),
        other => panic!("{other}"),
    }
}

#[test]
fn every_pair_of_state_and_transition_does_what_is_typed_here() {
    for (name, targets) in EXPECTED {
        for (node, target) in one_of_each().into_iter().zip(targets) {
            let (from, version) = (node.status(), node.version());
            let allowed = node.allowed_transitions();
            assert_eq!(allowed.contains(&name), target.is_some(), "{name} from {from}");
            assert_eq!(node.check(name).is_ok(), target.is_some(), "{name} from {from}");
            let in_table = transitions().check(from.as_str(), name).ok();
            assert_eq!(in_table, target.map(NodeStatus::as_str), "{name} from {from}");
            match (attempt(node, name), target) {
                (Ok(next), Some(target)) => {
                    assert_eq!(
                        (next.status(), next.version()),
                        (target, version + 1),
                        "{name} from {from}"
                    );
                }
                (
                    Err(ContentError::IllegalTransition {
                        refused,
                        reason: None,
                    }),
                    None,
                ) => {
                    assert_eq!((refused.current_state, refused.attempted), (from.as_str(), name));
                    assert_eq!(refused.allowed_transitions, allowed);
                }
                (result, _) => panic!("{name} from {from}: {result:?}"),
            }
        }
    }
    assert_eq!(transitions().edges().len(), 5);
}

#[test]
fn editing_and_deleting_follow_the_state_too() {
    let [draft, published, archived] = one_of_each();
    assert_eq!(draft.clone().revise_at(at(90)).unwrap().working_revision(), 2);
    assert_eq!(published.clone().revise_at(at(90)).unwrap().working_revision(), 3);
    let refused = archived.clone().revise_at(at(90)).unwrap_err();
    let expected = ContentError::NotEditable {
        status: NodeStatus::Archived,
        allowed_transitions: vec!["restore"],
    };
    assert_eq!(refused, expected);

    let kind = NodeKind::parse("page").unwrap();
    let author_id = Some(AuthorId::from_uuid(Uuid::from_u128(99)));
    let change = NodeChange {
        kind: Some(kind.clone()),
        author_id,
        adds_revision: false,
    };
    let changed = published.clone().change_at(change.clone(), at(90)).unwrap();
    assert_eq!((changed.kind(), Some(changed.author_id())), (&kind, author_id));
    assert_eq!(
        changed.working_revision(),
        published.working_revision(),
        "no text was written"
    );
    assert_eq!(
        (changed.version(), changed.updated_at()),
        (published.version() + 1, at(90))
    );
    assert_eq!(archived.clone().change_at(change, at(90)).unwrap_err(), expected);

    assert!(draft.delete_at(at(90)).is_ok());
    assert!(archived.delete_at(at(90)).is_ok());
    let allowed_transitions = vec!["publish", "unpublish", "archive"];
    assert_eq!(
        published.delete_at(at(90)).unwrap_err(),
        ContentError::StillPublished { allowed_transitions }
    );
}

#[test]
fn publishing_again_without_a_newer_revision_is_refused_and_not_offered() {
    let node = AnyContentNode::from(published());
    assert_eq!(node.allowed_transitions(), ["unpublish", "archive"]);
    // The state has it; it is the guard that refuses.
    assert_eq!(node.check("publish"), Ok(()));
    match node.publish_at(at(20)) {
        Err(ContentError::IllegalTransition {
            refused,
            reason: Some(reason),
        }) => {
            assert_eq!(refused.allowed_transitions, ["unpublish", "archive"]);
            assert_eq!(
                (refused.current_state, reason.reason()),
                ("published", "no_newer_revision")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reason_from_outside_is_checked() {
    let archive = |reason: &str| AnyContentNode::from(published()).archive_at(reason.into(), at(20));
    for (reason, code) in [
        ("", "required"),
        (" \n", "required"),
        ("a\u{0}", "control_character"),
    ] {
        match archive(reason) {
            Err(ContentError::ValidationFailed(errors)) => {
                assert_eq!((errors[0].pointer.as_str(), &*errors[0].code), ("#/reason", code));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(archive(&"ж".repeat(1_001)).is_err());
    match archive(&format!(" {} ", "ж".repeat(1_000))).unwrap() {
        AnyContentNode::Archived(node) => assert_eq!(node.reason().chars().count(), 1_000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_revision_is_the_save_that_made_the_node_what_it_is() {
    let node = AnyContentNode::from(published()).revise_at(at(30)).unwrap();
    let input = TranslationInput {
        title: "Hello".into(),
        slug: None,
        excerpt: String::new(),
        body: "Hi *there*".into(),
        format: rustok_text::BodyFormat::Markdown,
    };
    let text = input.validate(node.kind(), Source::Editor).unwrap();
    let revision = Revision::of(&node, "ru".parse().unwrap(), text, "token 1".into());
    assert_eq!(
        (revision.revision, revision.created_at, revision.node_id),
        (2, at(30), node.id())
    );
    assert_eq!(revision.translation.body_html, "<p>Hi <em>there</em></p>\n");
}
