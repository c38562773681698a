//! The surfaces of the server, as data: what differs between them, and which paths belong to which.
//!
//! The program makes one table, [`Surfaces`], of those of its surfaces. The outermost layer looks the request up in
//! it, once, and adds the [`Surface`] to the request's extensions. Everything else reads it there: no other code may
//! decide anything by comparing paths.

use axum::extract::Request;
use http::{HeaderMap, Method, header};
use rustok_core::error::ErrorResponse;
use std::sync::Arc;

/// A part of the server with rules of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surface {
    /// Health checks of the systems that watch the server.
    Health,
    /// The storefront of a tenant: what all visitors see alike.
    Store,
    /// The storefront of a tenant: what belongs to one visitor.
    StorePrivate,
    /// The administration of a tenant.
    Admin,
    /// A file sent to the administration of a tenant.
    AdminUpload,
    /// The pages of the administration of a tenant.
    AdminPages,
    /// A file sent by a form of the administration's pages.
    AdminPagesUpload,
    /// The pages of the storefront of a tenant.
    StorePages,
    /// What pages are made of: styles, scripts, icons. The same for all tenants.
    Assets,
    /// The directory of tenants.
    Platform,
    /// Documents about the server: the API document, and pages.
    Documents,
    /// None of them: nothing is at such a path.
    #[default]
    Unknown,
}

impl Surface {
    /// The surface of a request; [`Surface::Unknown`] where no layer has looked it up.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        request.extensions().get::<Self>().copied().unwrap_or_default()
    }

    /// Whether requests have a tenant, which is resolved before the route's handler.
    #[must_use]
    pub const fn has_tenant(self) -> bool {
        matches!(
            self,
            Self::Store
                | Self::StorePrivate
                | Self::StorePages
                | Self::Admin
                | Self::AdminUpload
                | Self::AdminPages
                | Self::AdminPagesUpload
        )
    }

    /// Whether people look at the responses: problems are pages too.
    #[must_use]
    pub const fn is_page(self) -> bool {
        matches!(self, Self::AdminPages | Self::AdminPagesUpload | Self::StorePages)
    }

    /// Whether the session of a member is a credential, besides a token.
    #[must_use]
    pub const fn takes_sessions(self) -> bool {
        matches!(
            self,
            Self::Admin | Self::AdminUpload | Self::AdminPages | Self::AdminPagesUpload
        )
    }

    /// Whether no limit applies. Health checks matter most under overload.
    #[must_use]
    pub const fn skips_limits(self) -> bool {
        matches!(self, Self::Health)
    }

    /// Whether the body is a file: it is received piece by piece by the handler, takes longer than a request may, and
    /// has permits of its own.
    #[must_use]
    pub const fn takes_file(self) -> bool {
        matches!(self, Self::AdminUpload | Self::AdminPagesUpload)
    }

    /// Whether a tenant can let scripts of every origin read its responses.
    #[must_use]
    pub const fn may_open_to_all_origins(self) -> bool {
        matches!(self, Self::Store | Self::StorePrivate)
    }

    /// Whether shared caches may keep responses: they are the same for everyone.
    #[must_use]
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Store | Self::Documents | Self::Assets)
    }
}

/// Renders a problem as a page for the person who made a request with these headers.
pub type ProblemPage = fn(&ErrorResponse, &HeaderMap) -> String;

/// Which paths belong to which surface. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Surfaces {
    rows: Arc<Vec<Row>>,
    problem_page: Option<ProblemPage>,
}

/// The paths of one row.
#[derive(Debug, Clone)]
struct Row {
    /// `None` for all methods.
    method: Option<Method>,
    path: &'static str,
    /// Whether the row also covers what is below its path.
    with_below: bool,
    surface: Surface,
}

impl Row {
    fn covers(&self, method: &Method, path: &str) -> bool {
        let covers_rest = |rest: &str| rest.is_empty() || (self.with_below && rest.starts_with('/'));
        path.strip_prefix(self.path).is_some_and(covers_rest)
            && self.method.as_ref().is_none_or(|wanted| wanted == method)
    }
}

impl Surfaces {
    /// Adds a row for `path` alone.
    #[must_use]
    pub fn at(self, path: &'static str, surface: Surface) -> Self {
        self.with(Row {
            method: None,
            path,
            with_below: false,
            surface,
        })
    }

    /// Adds a row for requests with this method to `path` alone.
    #[must_use]
    pub fn at_method(self, method: Method, path: &'static str, surface: Surface) -> Self {
        self.with(Row {
            method: Some(method),
            path,
            with_below: false,
            surface,
        })
    }

    /// Adds a row for `path` and everything below it.
    #[must_use]
    pub fn below(self, path: &'static str, surface: Surface) -> Self {
        self.with(Row {
            method: None,
            path,
            with_below: true,
            surface,
        })
    }

    fn with(mut self, row: Row) -> Self {
        Arc::make_mut(&mut self.rows).push(row);
        self
    }

    /// Renders problems as pages where a person asked for one.
    #[must_use]
    pub fn with_problem_page(mut self, page: ProblemPage) -> Self {
        self.problem_page = Some(page);
        self
    }

    /// How the problem of a request is rendered as a page: on surfaces of pages, and for a browser that asks for a path
    /// that does not exist. `None` for a document.
    #[must_use]
    pub fn problem_page(&self, surface: Surface, headers: &HeaderMap) -> Option<ProblemPage> {
        let is_browser = || {
            headers
                .get(header::ACCEPT)
                .is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"))
        };
        let is_page = surface.is_page() || (surface == Surface::Unknown && is_browser());
        self.problem_page.filter(|_| is_page)
    }

    /// The surface of a request, or of a route's template: that of the first row that covers it.
    #[must_use]
    pub fn of(&self, method: &Method, path: &str) -> Surface {
        let row = self.rows.iter().find(|row| row.covers(method, path));
        row.map_or(Surface::Unknown, |row| row.surface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_that_covers_a_path_counts() {
        let surfaces = Surfaces::default()
            .at("/livez", Surface::Health)
            .below("/shop/things", Surface::Store)
            .below("/shop", Surface::StorePrivate)
            .at_method(Method::POST, "/files", Surface::AdminUpload)
            .below("/files", Surface::Admin);
        for (method, path, surface) in [
            (Method::GET, "/livez", Surface::Health),
            (Method::GET, "/livez/x", Surface::Unknown),
            (Method::GET, "/livezx", Surface::Unknown),
            (Method::GET, "/shop/things", Surface::Store),
            (Method::GET, "/shop/things/tea", Surface::Store),
            (Method::GET, "/shop/thingsx", Surface::StorePrivate),
            (Method::GET, "/shop", Surface::StorePrivate),
            (Method::GET, "//shop/things", Surface::Unknown),
            (Method::POST, "/files", Surface::AdminUpload),
            (Method::POST, "/files/1", Surface::Admin),
            (Method::GET, "/files", Surface::Admin),
            (Method::OPTIONS, "*", Surface::Unknown),
            (Method::GET, "/", Surface::Unknown),
        ] {
            assert_eq!(surfaces.of(&method, path), surface, "{method} {path}");
        }
    }
}
