//! Creates products.

use super::assemble::Assembler;
use super::draft::{CheckedDraft, check_new};
use super::handle::free_handle;
use super::{currency, first_movements, handle_taken, product_event};
use crate::context::Ctx;
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::Action;
use rustok_commerce::product::{Product, ProductInput};
use rustok_core::error::RichError;
use rustok_events::Topic;
use rustok_storage::inventory::MovementReason;
use rustok_storage::{TenantTx, products};
use rustok_text::body::Removed;

/// How often to look for a free handle. An attempt fails only if a concurrent request takes the same handle.
const ATTEMPTS: usize = 100;

/// A product after a change of its own fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenProduct {
    /// The product.
    pub product: Product,
    /// What the sanitiser removed from the description.
    pub removed: Removed,
}

/// Creates a product, a draft by default. Without a handle, one is made from the title.
///
/// # Errors
/// `validation_failed` with all fields at once; `handle_taken` if another product has the given handle.
pub async fn create(
    ctx: &Ctx,
    input: ProductInput,
    key: IdempotencyKey<'_, WrittenProduct>,
) -> Result<Done<WrittenProduct>, RichError> {
    ctx.authorize(Action::CreateProduct)?;
    let mut draft = check_new(input)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let clash = if draft.handle_given {
        Clash::Refuse
    } else {
        Clash::Number
    };
    let removed = std::mem::take(&mut draft.removed);
    let product = insert(&mut work.tx, ctx, draft, clash, MovementReason::Set).await?;
    work.finish(WrittenProduct { product, removed }).await
}

/// What to do if another product has the handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clash {
    Refuse,
    Number,
}

/// Inserts a new product in a running transaction.
pub(super) async fn insert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    draft: CheckedDraft,
    clash: Clash,
    reason: MovementReason,
) -> Result<Product, RichError> {
    let assembler = Assembler {
        ids: &ctx.services.ids,
        now: ctx.now(),
        currency: currency(ctx)?,
    };
    let mut product = assembler.product(draft.draft, None);
    let wanted = product.handle.clone();
    let movements = first_movements(ctx, None, &product, reason);
    for attempt in 0..ATTEMPTS {
        // Most handles are free: look for a free number only after a conflict.
        if attempt > 0 {
            product.handle = free_handle(tx, &wanted, None).await?;
        }
        let event = product_event(ctx, Topic::ProductCreated, &product);
        if products::insert_product(tx, &product, &movements, &event).await? {
            return Ok(product);
        }
        if clash == Clash::Refuse {
            break;
        }
    }
    Err(handle_taken())
}
