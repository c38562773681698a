//! The state that the handlers of the REST surface share.

use crate::node::texts::RenderedTexts;
use crate::product::rendered::RenderedProducts;
use axum::extract::FromRef;
use rustok_http::middleware::tenant_cache_v3::TenantCacheV3;
use rustok_http::state::HttpState;
use std::sync::Arc;

/// The default memory for rendered JSON, in bytes.
pub const RENDERED_BYTES: u64 = 24 << 20;
/// Products get the memory for rendered JSON divided by this; texts get the rest.
const PRODUCTS_PART: u64 = 3;

/// The state of the REST surface. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    http: HttpState,
    texts: RenderedTexts,
    products: RenderedProducts,
}

impl ApiState {
    /// Builds the state. `rendered_bytes` limits the memory for rendered JSON.
    #[must_use]
    pub fn new(http: HttpState, rendered_bytes: u64) -> Self {
        let for_products = rendered_bytes / PRODUCTS_PART;
        Self(Arc::new(Inner {
            http,
            texts: RenderedTexts::new(rendered_bytes - for_products),
            products: RenderedProducts::new(for_products),
        }))
    }

    /// The state of the HTTP toolkit.
    #[must_use]
    pub fn http(&self) -> &HttpState {
        &self.0.http
    }

    /// The tenants by identifier.
    #[must_use]
    pub fn tenants(&self) -> &TenantCacheV3 {
        self.0.http.tenants()
    }

    /// Texts of nodes, rendered as JSON.
    #[must_use]
    pub fn texts(&self) -> &RenderedTexts {
        &self.0.texts
    }

    /// Products of the store, rendered as JSON.
    #[must_use]
    pub fn products(&self) -> &RenderedProducts {
        &self.0.products
    }
}

impl FromRef<ApiState> for HttpState {
    fn from_ref(api: &ApiState) -> Self {
        api.0.http.clone()
    }
}
