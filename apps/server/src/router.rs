//! All routes of the public listener: those of the surfaces, and the health checks.
//!
//! Each surface has a table of its paths. Here these tables become one, which the layers read.

use axum::Router;
use rustok_api::state::ApiState;
use rustok_http::layers;
use rustok_http::surface::{Surface, Surfaces};

/// The path of the liveness check.
pub(crate) const LIVEZ: &str = "/livez";
/// The path of the readiness check.
pub(crate) const READYZ: &str = "/readyz";

/// Which paths belong to which surface.
#[must_use]
pub fn surfaces() -> Surfaces {
    rustok_pages::router::surfaces(rustok_api::router::surfaces())
        .at(LIVEZ, Surface::Health)
        .at(READYZ, Surface::Health)
}

/// The public router, with all its layers. `health` answers the health checks.
pub fn public(api: &ApiState, health: Router) -> Router {
    let routes = rustok_api::router::routes(api)
        .merge(rustok_pages::router::routes(api.http()))
        .merge(health);
    layers::wrap(routes, api.http(), surfaces())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[test]
    fn health_checks_have_no_limits_and_are_not_kept() {
        let surface_of = |path: &str| surfaces().of(&Method::GET, path);
        for path in [LIVEZ, READYZ] {
            assert!(surface_of(path).skips_limits() && !surface_of(path).is_public());
        }
        assert_eq!(surface_of("/api/store/v1/nodes"), Surface::Store);
    }
}
