//! People: signing in and out, accounts, members of a tenant, and invitations.
//!
//! Nobody gives or takes a role that may do more than their own, and a tenant keeps an owner. A password is hashed and
//! compared outside of transactions, beside the async workers (`passwords`).

mod accounts;
mod invitations;
pub mod mailbox;
mod members;
mod passwords;
mod recovery;
mod second_factor;
mod sessions;

pub use accounts::{
    ChangePassword, change_password, create_account, disable, enable, find_account, grant, issue_link,
    list_accounts, set_password,
};
pub use invitations::{
    AcceptInvitation, INVITATION_PATH, Invite, IssuedInvitation, accept, invite, list_invitations,
    revoke_invitation,
};
pub use members::{SetRole, list_members, remove_member, set_role};
pub(crate) use passwords::Hashing;
pub use recovery::{
    PASSWORD_RESET_PATH, request_password_reset, request_sign_in_code, reset_password, sign_in_by_code,
};
pub use rustok_storage::people::accounts::Account;
pub use rustok_storage::people::invitations::Invitation;
pub use second_factor::{
    Confirmation, Enrolment, PendingSignIn, SignedIn, begin_second_factor, confirm_second_factor,
    finish_sign_in, new_recovery_codes, reset_second_factor, seal_seeds_again, turn_off_second_factor,
};
pub use sessions::{
    AuthenticatedSession, Browser, OpenedSession, OwnSession, SignIn, authenticate_session, end_all_sessions,
    end_other_sessions, end_session, exchange_link, list_sessions, read_member, read_session, sign_in,
    sign_out,
};

use crate::context::Ctx;
use rustok_auth::ids::{SessionId, UserId};
use rustok_auth::{Action, Actor, AuthError};
use rustok_core::error::{ErrorKind, FieldViolation, RichError};

/// The member whose session this is. A token has no account.
fn own_account(ctx: &Ctx) -> Result<(UserId, SessionId), RichError> {
    let action = Action::ManageOwnAccount;
    ctx.authorize(action)?;
    match ctx.actor {
        Actor::User { id, session, .. } => Ok((id, session)),
        _ => Err(AuthError::Forbidden { action }.into()),
    }
}

/// The one refusal of every attempt to sign in: it does not tell whether there is an account.
fn sign_in_failed(why: &'static str) -> RichError {
    RichError::new(ErrorKind::Unauthenticated, why)
        .with_code("sign_in_failed")
        .with_public("The address or the password is wrong, or this account cannot sign in here.")
}

fn invalid(violation: FieldViolation) -> RichError {
    RichError::new(ErrorKind::Validation, "a rule of accounts is broken").with_violations([violation])
}
