//! What is done with one product besides editing it: copy, delete, bring back.

use crate::respond::{PageResult, done};
use crate::visit::{Posted, see_other};
use axum::{Router, routing};
use rustok_app::IdempotencyKey;
use rustok_app::catalog::{self, DuplicateProduct};
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::Product;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;

/// Copies a product and opens the copy.
async fn duplicate(PathParams(id): PathParams<ProductId>, posted: Posted) -> PageResult {
    let Posted { visit, .. } = posted;
    let source = catalog::get(&visit.ctx, id).await?;
    let title = visit.view.with("product-copy-title", "title", &source.title);
    // A title has 255 characters at most, the mark of a copy included.
    let title: String = match title.chars().count() > 255 {
        true => source.title,
        false => title.into_owned(),
    };
    let duplicate = DuplicateProduct { id, title };
    let copy = catalog::duplicate(&visit.ctx, duplicate, IdempotencyKey::none())
        .await?
        .made()?;
    done(&path_of(&copy), "flash-product-copied")
}

/// Deletes a product. The list offers to bring it back.
async fn delete(PathParams(id): PathParams<ProductId>, posted: Posted) -> PageResult {
    catalog::delete(&posted.visit.ctx, id.into()).await?;
    Ok(see_other(&format!("/admin/products?undo={id}")))
}

/// Brings a deleted product back and opens it.
async fn undelete(PathParams(id): PathParams<ProductId>, posted: Posted) -> PageResult {
    let product = catalog::undelete(&posted.visit.ctx, id.into(), IdempotencyKey::none())
        .await?
        .made()?;
    done(&path_of(&product), "flash-product-undeleted")
}

/// The address of a product.
pub(super) fn path_of(product: &Product) -> String {
    format!("/admin/products/{}", product.id)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/products/{id}/duplicate", routing::post(duplicate))
        .route("/admin/products/{id}/delete", routing::post(delete))
        .route("/admin/products/{id}/undelete", routing::post(undelete))
}
