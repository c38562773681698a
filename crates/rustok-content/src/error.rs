//! The errors of content, and how each maps to kind, code and public text.
//!
//! A public message never contains external text, except for names that the caller asked for.

use crate::node::NodeStatus;
use crate::state_machine::InvalidNodeRow;
pub use rustok_core::error::FieldViolation as FieldError;
use rustok_core::error::{ErrorContext, ErrorKind, RichError};
use rustok_core::state_machine::{GuardRefusal, IllegalTransition};
use rustok_text::Locale;
use rustok_text::Slug;
use thiserror::Error;

/// An error of content.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContentError {
    /// No such node is visible to the caller. The text is an id or a slug and internal.
    #[error("no node `{0}`")]
    NotFound(String),
    /// The input is invalid; contains all violations.
    #[error("{} field(s) break a rule", .0.len())]
    ValidationFailed(Vec<FieldError>),
    /// The caller lacks permission.
    #[error("the actor may not do this with content")]
    Unauthorized,
    /// The node does not have this transition now.
    #[error("{refused}{}", .reason.map(|reason| format!(" ({})", reason.reason())).unwrap_or_default())]
    IllegalTransition {
        /// The attempted transition, the current state, and the allowed transitions.
        refused: IllegalTransition,
        /// The guard's reason, if the state has the transition.
        reason: Option<GuardRefusal>,
    },
    /// The node was changed since the caller read it.
    #[error("the node has version {current_version} by now")]
    VersionConflict {
        /// The stored version.
        current_version: i64,
    },
    /// Another node already has the requested slug.
    #[error("slug `{slug}` is taken in {locale}")]
    SlugTaken {
        /// The slug.
        slug: Slug,
        /// The locale in which it is taken.
        locale: Locale,
    },
    /// The text of a node in this status cannot be edited.
    #[error("a node that is {status} cannot be edited")]
    NotEditable {
        /// The current status.
        status: NodeStatus,
        /// The transitions that are allowed.
        allowed_transitions: Vec<&'static str>,
    },
    /// A published node cannot be deleted.
    #[error("a published node cannot be deleted")]
    StillPublished {
        /// The transitions that are allowed.
        allowed_transitions: Vec<&'static str>,
    },
    /// The node has no translation in that locale.
    #[error("no translation in {locale}")]
    TranslationNotFound {
        /// The locale.
        locale: Locale,
    },
    /// The category, tag or author of a reference does not exist. The text is an id or a slug and internal.
    #[error("no term or author `{name}`")]
    ReferenceNotFound {
        /// The field of the request with the reference: `terms`, `author`.
        field: &'static str,
        /// The reference.
        name: String,
    },
    /// A stored row that no node can have produced.
    #[error(transparent)]
    InconsistentRow(#[from] InvalidNodeRow),
}

impl ContentError {
    /// The kind of each error, decided only here.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::TranslationNotFound { .. } => ErrorKind::NotFound,
            Self::ValidationFailed(_) | Self::ReferenceNotFound { .. } => ErrorKind::Validation,
            // The caller has been authenticated before any content is touched, so this is about permissions: 403.
            Self::Unauthorized => ErrorKind::Forbidden,
            Self::IllegalTransition { .. } | Self::NotEditable { .. } | Self::StillPublished { .. } => {
                ErrorKind::BusinessRule
            }
            Self::VersionConflict { .. } | Self::SlugTaken { .. } => ErrorKind::Conflict,
            Self::InconsistentRow(_) => ErrorKind::Internal,
        }
    }
}

impl From<ContentError> for RichError {
    #[track_caller]
    fn from(error: ContentError) -> Self {
        let rich = Self::new(error.kind(), error.to_string());
        match error {
            ContentError::NotFound(_) => rich
                .with_code("node_not_found")
                .with_public("There is no such node."),
            ContentError::ValidationFailed(violations) => {
                rich.with_code("validation_failed").with_violations(violations)
            }
            ContentError::Unauthorized => rich.with_code("forbidden"),
            ContentError::IllegalTransition { refused, reason } => {
                let public = match reason {
                    Some(_) => format!("The node is {} and has no newer revision.", refused.current_state),
                    None => format!(
                        "The node is {}: it is not possible to {} it.",
                        refused.current_state, refused.attempted
                    ),
                };
                let rich = rich.with_code("illegal_transition").with_public(public);
                let rich = match reason {
                    Some(reason) => rich.with_extension("reason", reason.reason()),
                    None => rich,
                };
                with_state(rich, refused.current_state, &refused.allowed_transitions)
            }
            ContentError::VersionConflict { current_version } => rich
                .with_code("version_conflict")
                .with_public("The node was changed meanwhile. Read it again.")
                .with_extension("current_version", current_version),
            ContentError::SlugTaken { .. } => rich
                .with_code("slug_taken")
                .with_public("Another node has this slug in this locale.")
                .with_violation("slug", "taken", "is taken"),
            ContentError::NotEditable {
                status,
                allowed_transitions,
            } => with_state(
                rich.with_code("node_not_editable")
                    .with_public(format!("A node that is {status} cannot be edited.")),
                status.as_str(),
                &allowed_transitions,
            ),
            ContentError::StillPublished { allowed_transitions } => with_state(
                rich.with_code("node_still_published")
                    .with_public("A published node must be unpublished or archived before it is deleted."),
                NodeStatus::Published.as_str(),
                &allowed_transitions,
            ),
            ContentError::TranslationNotFound { locale } => rich
                .with_code("translation_not_found")
                .with_public(format!("The node has no translation in {locale}.")),
            ContentError::ReferenceNotFound { field, .. } => rich
                .with_code("validation_failed")
                .with_violation(field, "not_found", "does not exist"),
            ContentError::InconsistentRow(row) => rich.with_source(row),
        }
    }
}

fn with_state(
    rich: RichError,
    current_state: &'static str,
    allowed_transitions: &[&'static str],
) -> RichError {
    rich.with_extension("current_state", current_state)
        .with_extension("allowed_transitions", allowed_transitions)
}

impl ErrorContext for ContentError {
    type Output = RichError;

    fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> RichError {
        add(self.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::state_machine::transitions;
    use rustok_core::error::ErrorResponse;
    use serde_json::{Value, json};
    use uuid::Uuid;

    const CANARY: &str = "canary-4711";

    type Row = (ContentError, ErrorKind, u16, &'static str, &'static str);

    /// Every variant with its expected kind, status, code and public text, written by hand.
    fn expected() -> [Row; 11] {
        use ContentError as E;
        use ErrorKind as K;
        let refused = transitions().refuse("draft", "archive");
        let row = InvalidNodeRow {
            id: NodeId::from_uuid(Uuid::nil()),
            column: CANARY,
            rule: CANARY,
        };
        let locale = Locale::parse("en").unwrap();
        let slug = Slug::parse(CANARY).unwrap();
        let allowed_transitions = vec!["restore"];
        let broken = FieldError::new("title", "required", "is required");
        let missing = E::ReferenceNotFound {
            field: "terms",
            name: CANARY.into(),
        };
        let archived = E::NotEditable {
            status: NodeStatus::Archived,
            allowed_transitions: allowed_transitions.clone(),
        };
        let published = E::StillPublished { allowed_transitions };
        let illegal = E::IllegalTransition {
            refused,
            reason: None,
        };
        let no_node = "There is no such node.";
        let unfit = "The request is not valid.";
        let forbidden = "You are not allowed to do this.";
        let impossible = "The node is draft: it is not possible to archive it.";
        let changed = "The node was changed meanwhile. Read it again.";
        let taken = "Another node has this slug in this locale.";
        let closed = "A node that is archived cannot be edited.";
        let public = "A published node must be unpublished or archived before it is deleted.";
        let silent = "The node has no translation in en.";
        let ours = "Something went wrong on our side.";
        [
            (
                E::NotFound(CANARY.into()),
                K::NotFound,
                404,
                "node_not_found",
                no_node,
            ),
            (
                E::ValidationFailed(vec![broken]),
                K::Validation,
                422,
                "validation_failed",
                unfit,
            ),
            (E::Unauthorized, K::Forbidden, 403, "forbidden", forbidden),
            (illegal, K::BusinessRule, 409, "illegal_transition", impossible),
            (
                E::VersionConflict { current_version: 3 },
                K::Conflict,
                409,
                "version_conflict",
                changed,
            ),
            (
                E::SlugTaken { slug, locale },
                K::Conflict,
                409,
                "slug_taken",
                taken,
            ),
            (archived, K::BusinessRule, 409, "node_not_editable", closed),
            (published, K::BusinessRule, 409, "node_still_published", public),
            (
                E::TranslationNotFound { locale },
                K::NotFound,
                404,
                "translation_not_found",
                silent,
            ),
            (missing, K::Validation, 422, "validation_failed", unfit),
            (E::InconsistentRow(row), K::Internal, 500, "internal", ours),
        ]
    }

    /// Fails to compile when a variant is added, so that the table above is kept complete.
    fn place(error: &ContentError) -> usize {
        match error {
            ContentError::NotFound(_) => 0,
            ContentError::ValidationFailed(_) => 1,
            ContentError::Unauthorized => 2,
            ContentError::IllegalTransition { .. } => 3,
            ContentError::VersionConflict { .. } => 4,
            ContentError::SlugTaken { .. } => 5,
            ContentError::NotEditable { .. } => 6,
            ContentError::StillPublished { .. } => 7,
            ContentError::TranslationNotFound { .. } => 8,
            ContentError::ReferenceNotFound { .. } => 9,
            ContentError::InconsistentRow(_) => 10,
        }
    }

    fn wire(error: ContentError) -> Value {
        serde_json::to_value(ErrorResponse::from(RichError::from(error))).unwrap()
    }

    #[test]
    fn each_variant_has_its_kind_status_code_and_public_text() {
        for (index, (error, kind, status, code, public)) in expected().into_iter().enumerate() {
            assert_eq!(place(&error), index);
            let rich = RichError::from(error);
            assert_eq!((rich.kind(), rich.status(), rich.code()), (kind, status, code));
            assert_eq!(rich.to_response().detail(), public, "{code}");
        }
    }

    #[test]
    fn nothing_from_inside_gets_out() {
        let mut inside = 0;
        for (error, ..) in expected() {
            let rich = RichError::from(error).context("publish node");
            inside += usize::from(format!("{rich:?}").contains(CANARY));
            let outside = serde_json::to_string(&rich.to_response()).unwrap();
            assert!(!outside.contains(CANARY), "{outside}");
        }
        assert_eq!(
            inside, 4,
            "an id, a slug, a reference and a row are in the report"
        );
    }

    #[test]
    fn the_report_names_the_line_that_raised_it() {
        fn raised() -> Result<(), RichError> {
            Err(ContentError::Unauthorized)?;
            Ok(())
        }
        let raised = raised().unwrap_err().location().line();
        assert!((line!() - 5..line!()).contains(&raised), "{raised}");
    }

    #[test]
    fn an_illegal_transition_says_what_is_possible() {
        let wire = wire(ContentError::IllegalTransition {
            refused: transitions().refuse("published", "restore"),
            reason: None,
        });
        assert_eq!(wire["current_state"], "published");
        assert_eq!(
            wire["allowed_transitions"],
            json!(["publish", "unpublish", "archive"])
        );
        assert_eq!(
            wire["detail"],
            "The node is published: it is not possible to restore it."
        );
    }

    #[test]
    fn fields_and_versions_are_on_the_wire() {
        let fields = wire(ContentError::ValidationFailed(vec![
            FieldError::new("title", "required", "is required"),
            FieldError::new("slug", "taken", "is taken"),
        ]));
        assert_eq!(fields["errors"][1]["pointer"], "#/slug");
        assert_eq!(
            wire(ContentError::VersionConflict { current_version: 3 })["current_version"],
            3
        );
    }

    #[test]
    fn context_keeps_the_kind() {
        let rich = ContentError::NotFound("x".into()).context("publish node");
        assert_eq!(
            (rich.kind(), rich.to_string()),
            (ErrorKind::NotFound, "publish node: no node `x`".into())
        );
    }
}
