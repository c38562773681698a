//! Errors as HTTP responses (feature `axum`), so that `Result<Json<T>, RichError>` is a handler's return type.
//!
//! It puts an [`ErrorResponse`], and for a [`RichError`] also an `Arc<RichError>`, into the response's extensions.
//! The server's outermost layer takes them out, adds trace id, instance and base URL, rewrites the body
//! ([`ErrorResponse::to_json`]) and logs once. Nothing is logged here.
//! Tests: `cargo test -p rustok-core --features axum`.

use super::{ErrorKind, ErrorResponse, PROBLEM_JSON, RichError};
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use std::sync::Arc;

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() =
            StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind() == ErrorKind::Unauthenticated {
            // RFC 9110, 15.5.2: a 401 must name a scheme; RFC 6750, 3: Bearer.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for RichError {
    fn into_response(self) -> Response {
        let mut response = self.to_response().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use std::time::Duration;

    async fn body(response: Response) -> serde_json::Value {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_rich_error_is_a_problem_and_stays_for_the_log() {
        let error = RichError::new(ErrorKind::NotFound, "SELECT secret").with_code("order_not_found");
        let response = error.into_response();
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert!(!response.headers().contains_key(RETRY_AFTER));
        let kept = response.extensions().get::<Arc<RichError>>().unwrap();
        assert_eq!(kept.internal_message(), "SELECT secret");
        assert_eq!(
            response.extensions().get::<ErrorResponse>().unwrap().code(),
            "order_not_found"
        );
        let problem = body(response).await;
        assert_eq!(problem["code"], "order_not_found");
        assert!(!problem.to_string().contains("SELECT"));
    }

    #[tokio::test]
    async fn a_401_names_the_scheme() {
        let response = ErrorResponse::unauthenticated().into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        assert!(
            !ErrorResponse::forbidden()
                .into_response()
                .headers()
                .contains_key(WWW_AUTHENTICATE)
        );
    }

    #[tokio::test]
    async fn a_503_and_a_429_say_when_to_come_back() {
        let response = ErrorResponse::unavailable(Duration::from_millis(1001)).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        let limited = RichError::new(ErrorKind::RateLimited, "x").into_response();
        assert_eq!(
            (limited.status().as_u16(), &limited.headers()[RETRY_AFTER]),
            (429, &"1".parse().unwrap())
        );
    }

    #[tokio::test]
    async fn a_handler_result_works_as_it_is() {
        let refused: Result<&'static str, RichError> = Err(RichError::new(ErrorKind::Forbidden, "x"));
        assert_eq!(refused.into_response().status(), 403);
        let fine: Result<&'static str, RichError> = Ok("fine");
        assert_eq!(fine.into_response().status(), 200);
    }
}
