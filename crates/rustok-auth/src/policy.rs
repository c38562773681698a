//! The authorisation policy: one table, the only place that decides.
//!
//! A use case calls [`authorize`] before it does anything else. An action without a row is refused to every actor.

use crate::actor::Actor;
use crate::error::AuthError;
use crate::permission::Action;
use crate::role::Role;
use crate::scopes::Scopes;

/// What the policy says of an actor and an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Refused.
    None,
    /// Allowed on what the actor made. The use case checks that, in its transaction.
    Own,
    /// Allowed.
    All,
}

/// One row of the table: an action and the decision for each kind of actor, in the order of [`COLUMNS`].
struct Row {
    action: Action,
    permissions: [Permission; COLUMNS],
}

/// Anonymous, the seven roles from viewer to owner, platform, system.
const COLUMNS: usize = 10;

const Y: Permission = Permission::All;
const O: Permission = Permission::Own;
const N: Permission = Permission::None;

const fn row(action: Action, permissions: [Permission; COLUMNS]) -> Row {
    Row { action, permissions }
}

/// The column of an actor.
const fn column(actor: &Actor) -> usize {
    match actor {
        Actor::Anonymous => 0,
        Actor::Token { role, .. } | Actor::User { role, .. } => column_of(*role),
        Actor::Platform { .. } => 8,
        Actor::System(_) => 9,
    }
}

/// The column of a role.
const fn column_of(role: Role) -> usize {
    match role {
        Role::Viewer => 1,
        Role::Support => 2,
        Role::Author => 3,
        Role::Editor => 4,
        Role::Manager => 5,
        Role::Admin => 6,
        Role::Owner => 7,
    }
}

/// The policy. Store actions are open to all actors except the platform; a viewer reads, and so does support; an author
/// reads content and writes what is their own; an editor writes all content and the catalogue; a manager works on orders;
/// an admin has full access within the tenant, and an owner besides says who its owners are. A platform token has access
/// to the directory and **never** to a tenant's data; the process itself (workers, command line) may do everything.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    //                                  anonymous viewer support author editor manager admin owner platform system
    row(Action::ListProducts,          [Y,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::ReadProduct,           [Y,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::ListNodes,             [Y,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::ReadNode,              [Y,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::PlaceOrder,            [Y,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::ReadOrderBySecret,     [Y,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),

    row(Action::ReadCatalog,           [N,        Y,     Y,      N,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::CreateProduct,         [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::UpdateProduct,         [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::DeleteProduct,         [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::UndeleteProduct,       [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::SetStock,              [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::AdjustStock,           [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),

    row(Action::ReadContent,           [N,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::CreateNode,            [N,        N,     N,      Y,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::UpdateNode,            [N,        N,     N,      O,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::DeleteNode,            [N,        N,     N,      O,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::UndeleteNode,          [N,        N,     N,      O,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::PublishNode,           [N,        N,     N,      O,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::UnpublishNode,         [N,        N,     N,      O,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::ArchiveNode,           [N,        N,     N,      O,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::RestoreNode,           [N,        N,     N,      O,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::ManageTerms,           [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),

    row(Action::ReadOrders,            [N,        Y,     Y,      N,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::ConfirmOrder,          [N,        N,     N,      N,     N,     Y,      Y,    Y,    N,       Y]),
    row(Action::PayOrder,              [N,        N,     N,      N,     N,     Y,      Y,    Y,    N,       Y]),
    row(Action::ShipOrder,             [N,        N,     N,      N,     N,     Y,      Y,    Y,    N,       Y]),
    row(Action::DeliverOrder,          [N,        N,     N,      N,     N,     Y,      Y,    Y,    N,       Y]),
    row(Action::CancelOrder,           [N,        N,     N,      N,     N,     Y,      Y,    Y,    N,       Y]),
    row(Action::ExpireOrder,           [N,        N,     N,      N,     N,     N,      N,    N,    N,       Y]),
    row(Action::DeliverEvents,         [N,        N,     N,      N,     N,     N,      N,    N,    N,       Y]),

    row(Action::ReadHistory,           [N,        Y,     Y,      N,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::ImportData,            [N,        N,     N,      N,     Y,     N,      Y,    Y,    N,       Y]),
    row(Action::ManageTokens,          [N,        N,     N,      N,     N,     N,      Y,    Y,    N,       Y]),

    row(Action::SignIn,                [Y,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       Y]),
    row(Action::ManageOwnAccount,      [N,        Y,     Y,      Y,     Y,     Y,      Y,    Y,    N,       N]),
    row(Action::ReadMembers,           [N,        N,     N,      N,     N,     N,      Y,    Y,    N,       Y]),
    row(Action::ManageMembers,         [N,        N,     N,      N,     N,     N,      Y,    Y,    N,       Y]),
    row(Action::ManageOwners,          [N,        N,     N,      N,     N,     N,      N,    Y,    N,       Y]),
    row(Action::ManageSettings,        [N,        N,     N,      N,     N,     N,      Y,    Y,    N,       Y]),

    row(Action::ManageTenants,         [N,        N,     N,      N,     N,     N,      N,    N,    Y,       Y]),
    row(Action::ManageAccounts,        [N,        N,     N,      N,     N,     N,      N,    N,    N,       Y]),
    row(Action::ManagePlatformTokens,  [N,        N,     N,      N,     N,     N,      N,    N,    N,       Y]),
];

/// What the policy says of `actor` and `action`. A token may do what both its role and its scopes allow.
#[must_use]
pub fn permission(actor: &Actor, action: Action) -> Permission {
    match actor {
        Actor::Token { role, scopes, .. } => token_permission(*role, *scopes, action),
        _ => permission_in(column(actor), action),
    }
}

fn token_permission(role: Role, scopes: Scopes, action: Action) -> Permission {
    if scopes.contains(action) {
        permission_in(column_of(role), action)
    } else {
        Permission::None
    }
}

fn permission_in(column: usize, action: Action) -> Permission {
    let row = TABLE.iter().find(|row| row.action == action);
    let permission = row.and_then(|row| row.permissions.get(column));
    permission.copied().unwrap_or(Permission::None)
}

/// Whether `actor` may do `action`, at least on what is its own.
#[must_use]
pub fn allows(actor: &Actor, action: Action) -> bool {
    permission(actor, action) != Permission::None
}

/// Whether a member with this role may do `action`, at least on what is their own.
#[must_use]
pub fn role_allows(role: Role, action: Action) -> bool {
    permission_in(column_of(role), action) != Permission::None
}

/// Whether the actor may do all that a member with this role may: only then it may give or take the role.
#[must_use]
pub fn covers(actor: &Actor, role: Role) -> bool {
    covers_token(actor, role, Scopes::ALL)
}

/// Whether the actor may do all that a token with this role and these scopes may: only then it may make one.
#[must_use]
pub fn covers_token(actor: &Actor, role: Role, scopes: Scopes) -> bool {
    covers_all(
        |action| permission(actor, action),
        |action| token_permission(role, scopes, action),
    )
}

/// Whether a token with this role and these scopes may do all that a member with `role` may.
#[must_use]
pub fn token_covers(own: Role, scopes: Scopes, role: Role) -> bool {
    covers_all(
        |action| token_permission(own, scopes, action),
        |action| permission_in(column_of(role), action),
    )
}

/// Whether a member with the role `own` may do all that one with `role` may.
#[must_use]
pub fn role_covers(own: Role, role: Role) -> bool {
    token_covers(own, Scopes::ALL, role)
}

/// Whether `own` is at least `given` for each action that one actor can give another.
fn covers_all(own: impl Fn(Action) -> Permission, given: impl Fn(Action) -> Permission) -> bool {
    let rank = |permission| match permission {
        Permission::None => 0,
        Permission::Own => 1,
        Permission::All => 2,
    };
    // What belongs to the account of a member is nobody else's to give.
    let is_given = |action: &&Action| **action != Action::ManageOwnAccount;
    Action::ALL
        .iter()
        .filter(is_given)
        .all(|action| rank(given(*action)) <= rank(own(*action)))
}

/// Returns an error unless `actor` may do `action`, at least on what is its own.
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
        Actor::Token { .. } | Actor::User { .. } | Actor::Platform { .. } | Actor::System(_) => {
            AuthError::Forbidden { action }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SessionId, TokenId, UserId};
    use uuid::Uuid;

    fn user(role: Role) -> Actor {
        Actor::User {
            id: UserId::from_uuid(Uuid::from_u128(2)),
            session: SessionId::from_uuid(Uuid::from_u128(3)),
            role,
        }
    }

    fn token(role: Role) -> Actor {
        limited(role, Scopes::ALL)
    }

    fn limited(role: Role, scopes: Scopes) -> Actor {
        let id = TokenId::from_uuid(Uuid::from_u128(1));
        Actor::Token { id, role, scopes }
    }

    const ROLES: [Role; 7] = [
        Role::Viewer,
        Role::Support,
        Role::Author,
        Role::Editor,
        Role::Manager,
        Role::Admin,
        Role::Owner,
    ];

    /// anonymous, the members from viewer to owner, platform, system.
    fn actors() -> Vec<Actor> {
        let id = TokenId::from_uuid(Uuid::from_u128(1));
        let members = ROLES.map(user);
        let others = [Actor::Platform { id }, Actor::System("test")];
        [Actor::Anonymous]
            .into_iter()
            .chain(members)
            .chain(others)
            .collect()
    }

    /// The expected policy, written by hand and independent of the table: one letter for each allowed actor, `o` for
    /// one that is allowed on what is its own.
    /// a(nonymous) v(iewer) (s)u(pport) (au)t(hor) e(ditor) m(anager) A(dmin) O(wner) p(latform) s(ystem)
    const EXPECTED: &[(&str, &str)] = &[
        ("list_products", "avutemAO-s"),
        ("read_product", "avutemAO-s"),
        ("list_nodes", "avutemAO-s"),
        ("read_node", "avutemAO-s"),
        ("place_order", "avutemAO-s"),
        ("read_order_by_secret", "avutemAO-s"),
        ("read_catalog", "-vu-emAO-s"),
        ("create_product", "----e-AO-s"),
        ("update_product", "----e-AO-s"),
        ("delete_product", "----e-AO-s"),
        ("undelete_product", "----e-AO-s"),
        ("set_stock", "----e-AO-s"),
        ("adjust_stock", "----e-AO-s"),
        ("read_content", "-vutemAO-s"),
        ("create_node", "---te-AO-s"),
        ("update_node", "---oe-AO-s"),
        ("delete_node", "---oe-AO-s"),
        ("undelete_node", "---oe-AO-s"),
        ("publish_node", "---oe-AO-s"),
        ("unpublish_node", "---oe-AO-s"),
        ("archive_node", "---oe-AO-s"),
        ("restore_node", "---oe-AO-s"),
        ("manage_terms", "----e-AO-s"),
        ("read_orders", "-vu-emAO-s"),
        ("confirm_order", "-----mAO-s"),
        ("pay_order", "-----mAO-s"),
        ("ship_order", "-----mAO-s"),
        ("deliver_order", "-----mAO-s"),
        ("cancel_order", "-----mAO-s"),
        ("expire_order", "---------s"),
        ("deliver_events", "---------s"),
        ("read_history", "-vu-emAO-s"),
        ("import_data", "----e-AO-s"),
        ("manage_tokens", "------AO-s"),
        ("sign_in", "avutemAO-s"),
        ("manage_own_account", "-vutemAO--"),
        ("read_members", "------AO-s"),
        ("manage_members", "------AO-s"),
        ("manage_owners", "-------O-s"),
        ("manage_settings", "------AO-s"),
        ("manage_tenants", "--------ps"),
        ("manage_accounts", "---------s"),
        ("manage_platform_tokens", "---------s"),
    ];

    #[test]
    fn the_table_says_what_was_decided() {
        assert_eq!(EXPECTED.len(), Action::ALL.len());
        for action in Action::ALL {
            let said: String = actors()
                .iter()
                .zip("avutemAOps".chars())
                .map(|(actor, letter)| match permission(actor, *action) {
                    Permission::All => letter,
                    Permission::Own => 'o',
                    Permission::None => '-',
                })
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
        let platform = actors()[8];
        let allowed: Vec<&Action> = Action::ALL
            .iter()
            .filter(|action| allows(&platform, **action))
            .collect();
        assert_eq!(allowed, [&Action::ManageTenants]);
    }

    #[test]
    fn each_role_may_do_all_that_the_ones_below_may() {
        for (role, below) in [
            (Role::Owner, &ROLES[..]),
            (Role::Admin, &ROLES[..6]),
            (Role::Manager, &[Role::Viewer, Role::Support, Role::Manager]),
            (
                Role::Editor,
                &[Role::Viewer, Role::Support, Role::Author, Role::Editor],
            ),
            (Role::Author, &[Role::Author]),
            (Role::Support, &[Role::Viewer, Role::Support]),
            (Role::Viewer, &[Role::Viewer, Role::Support]),
        ] {
            for other in ROLES {
                let expected = below.contains(&other);
                assert_eq!(covers(&user(role), other), expected, "{role} {other}");
                assert_eq!(covers(&token(role), other), expected, "{role} {other}");
            }
        }
        for other in ROLES {
            assert!(covers(&Actor::System("test"), other), "{other}");
            assert!(!covers(&actors()[8], other) && !covers(&Actor::Anonymous, other));
        }
    }

    #[test]
    fn a_token_may_do_what_a_member_with_its_role_may() {
        for (role, action) in ROLES
            .into_iter()
            .flat_map(|role| Action::ALL.iter().map(move |a| (role, *a)))
        {
            assert_eq!(permission(&token(role), action), permission(&user(role), action));
        }
    }

    #[test]
    fn scopes_take_rights_of_the_role_away_and_add_none() {
        for role in ROLES {
            for scope in Action::ALL {
                let actor = limited(role, Scopes::of([*scope]));
                for action in Action::ALL {
                    let of_role = permission(&user(role), *action);
                    let expected = if action == scope {
                        of_role
                    } else {
                        Permission::None
                    };
                    assert_eq!(permission(&actor, *action), expected, "{role} {scope} {action}");
                }
            }
        }
    }

    #[test]
    fn a_token_is_made_by_an_actor_who_may_do_all_that_it_may() {
        let some = Scopes::of([Action::ManageTokens, Action::ReadOrders]);
        let less = Scopes::of([Action::ReadOrders]);
        for (actor, role, scopes, may) in [
            (user(Role::Admin), Role::Admin, Scopes::ALL, true),
            (user(Role::Editor), Role::Admin, Scopes::ALL, false),
            (user(Role::Editor), Role::Admin, less, true),
            (user(Role::Editor), Role::Admin, some, false),
            (limited(Role::Admin, some), Role::Admin, Scopes::ALL, false),
            (limited(Role::Admin, some), Role::Viewer, Scopes::ALL, false),
            (limited(Role::Admin, some), Role::Admin, some, true),
            (limited(Role::Admin, some), Role::Viewer, less, true),
            (limited(Role::Admin, less), Role::Admin, some, false),
            // An author's right on what is their own is less than the right on everything.
            (
                user(Role::Author),
                Role::Editor,
                Scopes::of([Action::UpdateNode]),
                false,
            ),
        ] {
            assert_eq!(
                covers_token(&actor, role, scopes),
                may,
                "{actor:?} {role} {scopes:?}"
            );
        }
        assert!(!covers(&limited(Role::Admin, some), Role::Viewer));
        assert!(
            !token_covers(Role::Admin, some, Role::Viewer)
                && token_covers(Role::Admin, Scopes::ALL, Role::Viewer)
        );
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
