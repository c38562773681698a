//! Stores when tokens were last used, and deletes sessions, sign-in links and invitations whose time is over, and old mails.
//! They are refused before: this only makes room.

use super::{FORGOTTEN_AT_ONCE, Round, round_deadline};
use crate::state::AppState;
use rustok_app::tenants::store_token_use;
use rustok_core::error::RichError;
use rustok_storage::mails;
use rustok_storage::people::{accounts, proofs};
use std::time::Duration;

/// How long it can be seen that a mail was sent, and how long one is kept.
const MAILS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long what was mailed limits what is mailed.
const PROOFS_KEPT: Duration = Duration::from_secs(3_600);
/// How long a device is known that is not used.
const DEVICES_KEPT: Duration = Duration::from_secs(180 * 24 * 3_600);

/// How often the last uses of tokens are stored.
pub(super) const USES_EVERY: Duration = Duration::from_secs(60);

/// Stores which tokens were used.
pub(super) async fn store_uses(state: &AppState) -> Result<Round, RichError> {
    store_token_use(state.services(), round_deadline()).await?;
    Ok(Round::Done)
}

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    let services = state.services();
    let mut tx = services.store.platform_write(round_deadline()).await?;
    let most = FORGOTTEN_AT_ONCE.into();
    let now = services.clock.now();
    let ended = accounts::delete_ended(&mut tx, now, most).await?;
    let old = now.checked_sub(MAILS_KEPT).unwrap_or(now);
    let ended = ended.max(mails::delete_mails(&mut tx, old, most).await?);
    let before = |time: Duration| now.checked_sub(time).unwrap_or(now);
    let old = proofs::delete_old(&mut tx, before(PROOFS_KEPT), before(DEVICES_KEPT), most).await?;
    let deleted = ended.max(old);
    if deleted > 0 {
        tx.commit().await?;
    }
    Ok(if deleted >= u64::from(FORGOTTEN_AT_ONCE) {
        Round::Full
    } else {
        Round::Done
    })
}
