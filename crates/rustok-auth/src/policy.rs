//! The authorisation policy: one table, the only place that decides.
//!
//! A use case calls [`authorize`] before it does anything else. An action without a row is refused to every actor.

use crate::actor::Actor;
use crate::error::AuthError;
use crate::permission::Action;
use crate::role::Role;

/// One row of the table: an action and the decision for each kind of actor.
struct Row {
    action: Action,
    anonymous: bool,
    viewer: bool,
    editor: bool,
    admin: bool,
    platform: bool,
    system: bool,
}

const Y: bool = true;
const N: bool = false;

const fn row(action: Action, may: [bool; 6]) -> Row {
    let [anonymous, viewer, editor, admin, platform, system] = may;
    Row {
        action,
        anonymous,
        viewer,
        editor,
        admin,
        platform,
        system,
    }
}

/// The policy. Store actions are open to all actors except the platform; a viewer reads; an editor also writes
/// content and catalogue; an admin has full access within the tenant; a platform token has access to the directory
/// and **never** to a tenant's data; the process itself (workers, command line) may do everything.
#[rustfmt::skip]
const TABLE: [Row; 35] = [
    //                                  anonymous viewer editor admin platform system
    row(Action::ListProducts,          [Y,        Y,     Y,     Y,    N,       Y]),
    row(Action::ReadProduct,           [Y,        Y,     Y,     Y,    N,       Y]),
    row(Action::ListNodes,             [Y,        Y,     Y,     Y,    N,       Y]),
    row(Action::ReadNode,              [Y,        Y,     Y,     Y,    N,       Y]),
    row(Action::PlaceOrder,            [Y,        Y,     Y,     Y,    N,       Y]),
    row(Action::ReadOrderBySecret,     [Y,        Y,     Y,     Y,    N,       Y]),

    row(Action::ReadCatalog,           [N,        Y,     Y,     Y,    N,       Y]),
    row(Action::CreateProduct,         [N,        N,     Y,     Y,    N,       Y]),
    row(Action::UpdateProduct,         [N,        N,     Y,     Y,    N,       Y]),
    row(Action::DeleteProduct,         [N,        N,     Y,     Y,    N,       Y]),
    row(Action::UndeleteProduct,       [N,        N,     Y,     Y,    N,       Y]),
    row(Action::SetStock,              [N,        N,     Y,     Y,    N,       Y]),
    row(Action::AdjustStock,           [N,        N,     Y,     Y,    N,       Y]),

    row(Action::ReadContent,           [N,        Y,     Y,     Y,    N,       Y]),
    row(Action::CreateNode,            [N,        N,     Y,     Y,    N,       Y]),
    row(Action::UpdateNode,            [N,        N,     Y,     Y,    N,       Y]),
    row(Action::DeleteNode,            [N,        N,     Y,     Y,    N,       Y]),
    row(Action::UndeleteNode,          [N,        N,     Y,     Y,    N,       Y]),
    row(Action::PublishNode,           [N,        N,     Y,     Y,    N,       Y]),
    row(Action::UnpublishNode,         [N,        N,     Y,     Y,    N,       Y]),
    row(Action::ArchiveNode,           [N,        N,     Y,     Y,    N,       Y]),
    row(Action::RestoreNode,           [N,        N,     Y,     Y,    N,       Y]),

    row(Action::ReadOrders,            [N,        Y,     Y,     Y,    N,       Y]),
    row(Action::ConfirmOrder,          [N,        N,     N,     Y,    N,       Y]),
    row(Action::PayOrder,              [N,        N,     N,     Y,    N,       Y]),
    row(Action::ShipOrder,             [N,        N,     N,     Y,    N,       Y]),
    row(Action::DeliverOrder,          [N,        N,     N,     Y,    N,       Y]),
    row(Action::CancelOrder,           [N,        N,     N,     Y,    N,       Y]),
    row(Action::ExpireOrder,           [N,        N,     N,     N,    N,       Y]),
    row(Action::DeliverEvents,         [N,        N,     N,     N,    N,       Y]),

    row(Action::ReadHistory,           [N,        Y,     Y,     Y,    N,       Y]),
    row(Action::ImportData,            [N,        N,     Y,     Y,    N,       Y]),
    row(Action::ManageTokens,          [N,        N,     N,     Y,    N,       Y]),

    row(Action::ManageTenants,         [N,        N,     N,     N,    Y,       Y]),
    row(Action::ManagePlatformTokens,  [N,        N,     N,     N,    N,       Y]),
];

/// Whether `actor` may do `action`.
#[must_use]
pub fn allows(actor: &Actor, action: Action) -> bool {
    TABLE
        .iter()
        .find(|row| row.action == action)
        .is_some_and(|row| match actor {
            Actor::Anonymous => row.anonymous,
            Actor::Token {
                role: Role::Viewer, ..
            } => row.viewer,
            Actor::Token {
                role: Role::Editor, ..
            } => row.editor,
            Actor::Token {
                role: Role::Admin, ..
            } => row.admin,
            Actor::Platform { .. } => row.platform,
            Actor::System(_) => row.system,
        })
}

/// Returns an error unless `actor` may do `action`.
///
/// # Errors
/// [`AuthError::Unauthenticated`] for an anonymous actor (a credential could help), [`AuthError::Forbidden`] for
/// every other one (it could not).
pub fn authorize(actor: &Actor, action: Action) -> Result<(), AuthError> {
    if allows(actor, action) {
        return Ok(());
    }
    Err(match actor {
        Actor::Anonymous => AuthError::Unauthenticated,
        Actor::Token { .. } | Actor::Platform { .. } | Actor::System(_) => AuthError::Forbidden { action },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TokenId;
    use uuid::Uuid;

    /// anonymous, viewer, editor, admin, platform, system.
    fn actors() -> [Actor; 6] {
        let id = TokenId::from_uuid(Uuid::from_u128(1));
        [
            Actor::Anonymous,
            Actor::Token {
                id,
                role: Role::Viewer,
            },
            Actor::Token {
                id,
                role: Role::Editor,
            },
            Actor::Token {
                id,
                role: Role::Admin,
            },
            Actor::Platform { id },
            Actor::System("test"),
        ]
    }

    /// The expected policy, written by hand and independent of the table: one letter for each allowed actor.
    /// a(nonymous) v(iewer) e(ditor) A(dmin) p(latform) s(ystem)
    const EXPECTED: [(&str, &str); 35] = [
        ("list_products", "aveA-s"),
        ("read_product", "aveA-s"),
        ("list_nodes", "aveA-s"),
        ("read_node", "aveA-s"),
        ("place_order", "aveA-s"),
        ("read_order_by_secret", "aveA-s"),
        ("read_catalog", "-veA-s"),
        ("create_product", "--eA-s"),
        ("update_product", "--eA-s"),
        ("delete_product", "--eA-s"),
        ("undelete_product", "--eA-s"),
        ("set_stock", "--eA-s"),
        ("adjust_stock", "--eA-s"),
        ("read_content", "-veA-s"),
        ("create_node", "--eA-s"),
        ("update_node", "--eA-s"),
        ("delete_node", "--eA-s"),
        ("undelete_node", "--eA-s"),
        ("publish_node", "--eA-s"),
        ("unpublish_node", "--eA-s"),
        ("archive_node", "--eA-s"),
        ("restore_node", "--eA-s"),
        ("read_orders", "-veA-s"),
        ("confirm_order", "---A-s"),
        ("pay_order", "---A-s"),
        ("ship_order", "---A-s"),
        ("deliver_order", "---A-s"),
        ("cancel_order", "---A-s"),
        ("expire_order", "-----s"),
        ("deliver_events", "-----s"),
        ("read_history", "-veA-s"),
        ("import_data", "--eA-s"),
        ("manage_tokens", "---A-s"),
        ("manage_tenants", "----ps"),
        ("manage_platform_tokens", "-----s"),
    ];

    #[test]
    fn the_table_says_what_was_decided() {
        assert_eq!(EXPECTED.len(), Action::ALL.len());
        for action in Action::ALL {
            let said: String = actors()
                .iter()
                .zip("aveAps".chars())
                .map(|(actor, letter)| if allows(actor, *action) { letter } else { '-' })
                .collect();
            let decided = EXPECTED.iter().find(|(name, _)| *name == action.as_str());
            assert_eq!(decided, Some(&(action.as_str(), said.as_str())));
        }
    }

    #[test]
    fn every_action_has_exactly_one_row_in_the_declared_order() {
        let rows: Vec<Action> = TABLE.iter().map(|row| row.action).collect();
        assert_eq!(rows, Action::ALL);
    }

    #[test]
    fn a_platform_token_never_acts_inside_a_tenant() {
        let platform = actors()[4];
        let allowed: Vec<&Action> = Action::ALL
            .iter()
            .filter(|action| allows(&platform, **action))
            .collect();
        assert_eq!(allowed, [&Action::ManageTenants]);
    }

    #[test]
    fn each_role_may_do_all_that_the_one_below_may() {
        let [_, viewer, editor, admin, ..] = actors();
        for action in Action::ALL {
            assert!(allows(&editor, *action) || !allows(&viewer, *action), "{action}");
            assert!(allows(&admin, *action) || !allows(&editor, *action), "{action}");
        }
    }

    #[test]
    fn a_refusal_says_whether_a_credential_could_help() {
        for actor in actors() {
            for action in Action::ALL {
                let expected = match (allows(&actor, *action), actor) {
                    (true, _) => Ok(()),
                    (false, Actor::Anonymous) => Err(AuthError::Unauthenticated),
                    (false, _) => Err(AuthError::Forbidden { action: *action }),
                };
                assert_eq!(authorize(&actor, *action), expected);
            }
        }
    }
}
