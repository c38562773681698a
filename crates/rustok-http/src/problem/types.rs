//! Every problem type that the server can return: its meaning and the remedy.
//!
//! This table is the only source for the pages under `/problems/` and for the OpenAPI document. A test scans the
//! sources of the whole workspace: the table must list every code used there, and no other.

use rustok_core::error::{ErrorKind, ErrorResponse};
use serde_json::{Value, json};

/// A type of problem (RFC 9457, 3.1.1).
#[derive(Debug, Clone, Copy)]
pub struct ProblemType {
    /// Its stable name, the last segment of its URL.
    pub code: &'static str,
    /// Its kind, one of eleven.
    pub kind: ErrorKind,
    /// The HTTP statuses that it can have, the usual one first.
    pub statuses: &'static [u16],
    /// What it means.
    pub meaning: &'static str,
    /// What a client can do about it.
    pub remedy: &'static str,
}

impl ProblemType {
    /// An example of the problem with this status.
    #[must_use]
    pub fn example(&self, status: u16) -> Value {
        let mut problem = ErrorResponse::new(self.kind)
            .with_code(self.code)
            .with_status(status)
            .with_detail(self.meaning)
            .with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736");
        problem.set_base_url("http://demo.localhost:8080");
        problem.set_instance("/api/...");
        for (name, value) in self.extensions() {
            problem = problem.with_extension(name, value);
        }
        if self.code == "validation_failed" {
            problem = problem.with_field_error("lines.0.quantity", "required");
        }
        // Only strings and numbers under string keys: serialisation cannot fail.
        serde_json::to_value(problem).unwrap_or_default()
    }

    fn extensions(&self) -> Vec<(&'static str, Value)> {
        match self.code {
            "illegal_transition" => vec![
                ("current_state", json!("pending")),
                ("allowed_transitions", json!(["confirm", "cancel"])),
            ],
            "insufficient_stock" => vec![("available", json!(1)), ("requested", json!(3))],
            "total_changed" => vec![("total", json!({ "amount": "21.50", "currency": "USD" }))],
            "version_conflict" => vec![("current_version", json!(7))],
            "term_exists" => vec![("term_id", json!("0190a1b2-0000-7000-8000-000000000000"))],
            "variant_in_use" => vec![("variants", json!(["0190a1b2-0000-7000-8000-000000000000"]))],
            _ => Vec::new(),
        }
    }
}

/// The type with this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static ProblemType> {
    ALL.iter().find(|known| known.code == code)
}

macro_rules! types {
    ($($code:literal $kind:ident [$($status:literal),+] $meaning:literal $remedy:literal;)+) => {
        &[$(ProblemType {
            code: $code,
            kind: ErrorKind::$kind,
            statuses: &[$($status),+],
            meaning: $meaning,
            remedy: $remedy,
        }),+]
    };
}

/// All problem types.
pub const ALL: &[ProblemType] = types! {
    "validation_failed" Validation [422]
        "Parts of the request break a rule."
        "Read `errors`: each entry names one part by a JSON Pointer (or `?name` for a query parameter), the rule by a \
         code, and says in words what is wrong. Correct all of them and send the request again.";
    "malformed_json" Validation [400]
        "The body is not JSON."
        "`detail` names line and column. Let a JSON library write the body.";
    "malformed_multipart" Validation [400]
        "The body is not the form that its media type announces."
        "Let an HTTP library write the form: `multipart/form-data` with a boundary, ended by its last boundary.";
    "body_too_deep" Validation [400]
        "The JSON of the body is nested deeper than this server reads."
        "Send only documented members; none of them is nested deeply.";
    "too_many_products" Validation [400]
        "A page asked to change more products at once than one step takes, or did not say how."
        "Choose at most 50 products and one step.";
    "too_many_values" Validation [400]
        "The body holds more values than any documented one."
        "Send only documented members; split long lists over several requests.";
    "ambiguous_length" Validation [400]
        "The request says in two ways how long it is."
        "Send either `Content-Length` or `Transfer-Encoding: chunked`, once.";
    "body_too_slow" Validation [408]
        "The body did not arrive in the time that this server gives it."
        "Check the connection and send the request again; nothing was changed.";
    "url_too_long" Validation [414]
        "Path and query are longer than this server takes."
        "Leave out parameters that are not documented.";
    "header_too_large" Validation [431]
        "The header has more fields or bytes than this server takes."
        "Send fewer and shorter header fields; cookies are not needed.";
    "body_not_received" Validation [400]
        "The connection ended before the whole body had arrived."
        "Check `Content-Length` and the connection, and send the request again.";
    "body_too_large" Validation [413]
        "The body is larger than this server takes."
        "Send less at once; large files go through the import.";
    "unsupported_media_type" Validation [415]
        "The body is not declared to be JSON, or for an import a form; or it is encoded."
        "Send `Content-Type: application/json` and no `Content-Encoding`; for an update also \
         `application/merge-patch+json`, for an import `multipart/form-data`.";
    "invalid_query" Validation [400]
        "The query or the path has a part that is unknown, stands twice, or cannot be read."
        "Compare the parameters with the API documentation; each stands once, percent-encoded.";
    "not_obeyed" Validation [400]
        "The request has a header or a body that has no effect on this operation."
        "Leave out what `detail` names: `If-Match`, `If-None-Match` and `Idempotency-Key` where the API documentation does \
         not list them, and the body of a read.";
    "method_not_allowed" Validation [405]
        "The address exists, but not with this method."
        "The answer's `Allow` header lists the methods that it has.";
    "invalid_forwarded" Validation [400]
        "What a proxy in front of this server says of the request cannot be read."
        "`detail` names the field. Correct the proxy: `Forwarded` is of the form of RFC 7239, `X-Forwarded-Prefix` a plain \
         path; a proxy that does not set them removes them.";
    "invalid_tenant_identifier" Validation [400]
        "The request's host cannot be the name of a shop or site."
        "Send exactly one `Host` with a valid host name.";
    "tenant_identifier_mismatch" Validation [400]
        "The names in the request lead to different tenants."
        "Correct the proxy in front of this server: `Host`, `X-Forwarded-Host`, `Forwarded` and `X-Tenant-ID` must name the \
         same one.";
    "invalid_idempotency_key" Validation [400]
        "The `Idempotency-Key` is not one."
        "Send it once, with 1 to 255 printable ASCII characters and no blanks; a UUID is a good key.";
    "idempotency_key_reused" Validation [422]
        "The `Idempotency-Key` was used within the last day for a request with another body."
        "Take a new key for a new request; repeat a request only with exactly the same body.";
    "precondition_required" Validation [428]
        "An update must say which version it is based on."
        "Read the resource and send the `ETag` of the answer as `If-Match`.";
    "unauthenticated" Unauthenticated [401]
        "The request has neither a valid bearer token of this tenant nor a session of one of its members."
        "Send `Authorization: Bearer` with a token of this very shop or site; a platform token is for the platform API. A \
         browser signs in again.";
    "forbidden" Forbidden [403]
        "The token or the session is valid, but its role does not allow this."
        "Use a token with a role that may do it, or ask an admin for another role.";
    "sign_in_failed" Unauthenticated [401]
        "The address or the password is wrong, or the account cannot sign in here."
        "Check both, and that the account is a member of this very shop or site. A link works once, and not for long.";
    "second_factor_required" Unauthenticated [401]
        "The password, link or code is right, and the account has a second factor."
        "Send it again with `code`: six digits of the app, or a recovery code. A link works once: ask for another one.";
    "second_factor_missing" Forbidden [403]
        "The shop or site asks its members for a second factor, and the account of this session has none."
        "Turn it on in the administration, under the own account.";
    "second_factor_on" Conflict [409]
        "The account has a second factor already."
        "Turn it off first, with a code of it.";
    "second_factor_off" Conflict [409]
        "The account has no second factor, or the turning on of it was begun too long ago."
        "Begin to turn it on.";
    "tls_required" Forbidden [403]
        "The server was reached over plain HTTP, where others can read a password."
        "Use the https URL. The operator sets `RUSTOK_BASE_URL`, or `RUSTOK_TRUSTED_PROXIES` for the proxy that has the TLS.";
    "cross_site_request" Forbidden [403]
        "A request with a session that changes something does not come from a page of this host."
        "Send it from a page of the same host. A program sends this host as its `Origin`, or uses a token.";
    "form_expired" Forbidden [403]
        "The form of a page was opened in an earlier session than the one that sent it."
        "Load the page again, and send the form once more: nothing was changed.";
    "role_above_own" Forbidden [403]
        "Nobody gives or takes a role that may do more than their own."
        "Ask a member whose role may do all that.";
    "session_not_found" NotFound [404]
        "There is no such session of this member, or it ended before."
        "List the sessions; nothing has to be done to end one that is over.";
    "member_not_found" NotFound [404]
        "There is no such member."
        "List the members; one of them may have left.";
    "reset_not_found" NotFound [404]
        "There is no such link to set a new password."
        "It may have been used, or be older than an hour. Ask for another one.";
    "mail_not_found" NotFound [404]
        "The mailbox of this server has no such mail."
        "List its mails. They are kept for 30 days.";
    "mailbox_not_found" NotFound [404]
        "This server keeps no mails: they go to a mail server, or are not written at all."
        "Read them where they were sent. Only the default database keeps mails, for a first look.";
    "invitation_not_found" NotFound [404]
        "There is no such invitation."
        "It may have been accepted, taken back, or be older than seven days. Ask for another one.";
    "user_not_found" NotFound [404]
        "There is no account with this address."
        "Create it: `rustok user create`.";
    "already_member" Conflict [409]
        "This account is a member already."
        "Change the member's role instead.";
    "last_owner" Conflict [409]
        "The last owner cannot leave or take another role."
        "Make another member an owner first.";
    "too_many_members" Conflict [409]
        "The tenant has as many members and invitations as it can."
        "Remove members, or take invitations back.";
    "too_many_tokens" Conflict [409]
        "The tenant has as many tokens as it can."
        "Revoke those that nobody uses.";
    "email_taken" Conflict [409]
        "There is an account with this address already."
        "Use that account: `rustok user grant` makes it a member.";
    "account_disabled" Conflict [409]
        "The account is disabled."
        "Enable it first: `rustok user enable`.";
    "account_not_vouched" Conflict [409]
        "The account was made by accepting an invitation, so that its password may be another person's."
        "Set its password first: `rustok user set-password`.";
    "tenant_suspended" Forbidden [403]
        "This shop or site is suspended."
        "Nothing can be read or written until the operator resumes it.";
    "not_found" NotFound [404]
        "There is nothing under this address."
        "Check the address: a part of it may be no id at all.";
    "route_not_found" NotFound [404]
        "There is no such route."
        "The API documentation lists all of them.";
    "tenant_not_found" NotFound [404]
        "No shop or site has this name."
        "Check the host of the request.";
    "product_not_found" NotFound [404]
        "There is no such product, or it is not for sale."
        "Check the id or handle; the list of products shows what there is.";
    "variant_not_found" NotFound [404]
        "There is no such variant."
        "Check the id; a product lists its variants.";
    "order_not_found" NotFound [404]
        "There is no such order, or the secret sent is not this order's."
        "Check the id; in the store send the `secret` of the placed order as `X-Order-Secret`.";
    "customer_not_found" NotFound [404]
        "There is no such customer."
        "Check the id; the list of customers shows who ordered.";
    "node_not_found" NotFound [404]
        "There is no such node, or it is not public, or it is deleted."
        "Check the id or slug; a deleted node can be undeleted for a while.";
    "term_not_found" NotFound [404]
        "There is no such category or tag."
        "List the terms; it may have been merged or deleted.";
    "term_exists" Conflict [409]
        "There is a category or tag with this name or slug."
        "Merge the two, or take another name; `term_id` names the one that is there.";
    "author_not_found" NotFound [404]
        "There is no such author."
        "List the authors; it may have been merged or deleted.";
    "author_exists" Conflict [409]
        "Another author has this login."
        "Merge the two, or take another login.";
    "author_in_use" Conflict [409]
        "There are nodes of this author, deleted ones perhaps."
        "Merge it into another author instead.";
    "translation_not_found" NotFound [404]
        "The node has no text in this locale."
        "Read the node: `translations` lists the locales it has.";
    "import_not_found" NotFound [404]
        "There is no such import, or its report was forgotten."
        "Check the id; a report is kept for ninety days.";
    "token_not_found" NotFound [404]
        "There is no such token, or it was revoked before."
        "List the tokens to see which there are.";
    "conflict" Conflict [409]
        "It conflicts with what is there."
        "Read the current state, then decide whether to send the request again.";
    "version_conflict" Conflict [409, 412]
        "Somebody else changed it meanwhile."
        "Read it again, make the change on what is there now, and send the new `ETag` as `If-Match`. \
         `current_version` tells the version it has; after a write of stock `current_etag` is the tag that it has.";
    "idempotency_in_flight" Conflict [409]
        "The first request with this `Idempotency-Key` is still running."
        "Wait for `Retry-After` and send the same request again: it gets the answer of the first.";
    "slug_taken" Conflict [409]
        "Another one has this slug already."
        "Choose another slug, or leave it out and let it be made from the title.";
    "host_taken" Conflict [409]
        "Another tenant has this host already."
        "Take it away there first, or use another host.";
    "host_not_found" NotFound [404]
        "The tenant does not have this host."
        "Read the tenant: `hosts` lists those it has. A host that was moved is another tenant's by now.";
    "handle_taken" Conflict [409]
        "Another product has this handle already."
        "Choose another handle, or leave it out and let it be made from the title.";
    "already_taken" Conflict [409]
        "Another one has this value already."
        "`errors` names the field; choose another value.";
    "used_for_another_order" Conflict [409]
        "Another order of this tenant has this payment or refund already."
        "`errors` names the field. A payment pays one order, a refund gives one back: look which order it belongs to.";
    "business_rule" BusinessRule [409]
        "A rule of the business does not allow it."
        "`detail` says which one.";
    "illegal_transition" BusinessRule [409]
        "The state it is in does not allow this."
        "`current_state` tells the state, `allowed_transitions` what it allows.";
    "transition_refused" BusinessRule [409]
        "The state allows this, but a condition of it does not hold."
        "`reason` names the condition.";
    "insufficient_stock" BusinessRule [409]
        "There are fewer pieces than wanted."
        "`variant_id` names the variant, `available` how many there are, `requested` how many were wanted.";
    "stock_changed" Conflict [412]
        "The stock of a variant was changed after the form showed it."
        "Look at the stock as it is now, and set it again.";
    "too_many_pending_pieces" BusinessRule [409]
        "Orders of this buyer that are not confirmed hold as many pieces as they may."
        "Confirm or cancel them, or wait until they expire; then order again.";
    "total_changed" BusinessRule [409]
        "The order costs something else than its buyer saw."
        "Show the buyer `total`, and order again with it as `expected_total`.";
    "original_translation" BusinessRule [409]
        "The node was written in this locale first, so its text there cannot be taken away."
        "Delete the node, or write the text anew.";
    "stock_not_tracked" BusinessRule [409]
        "The pieces of this variant are not counted, so there is no number to change."
        "Set the stock first: from then on its pieces are counted.";
    "variant_in_use" BusinessRule [409]
        "The list of variants leaves out some whose stock is counted; they would be lost."
        "`variants` names them. Send each with its `id`, and with `\"deleted\": true` if it is to be deleted.";
    "payment_failed" BusinessRule [409]
        "The payment was not accepted."
        "Ask the payment provider, or use another payment.";
    "node_not_editable" BusinessRule [409]
        "An archived node cannot be changed."
        "Restore it first.";
    "node_still_published" BusinessRule [409]
        "A published node cannot be deleted."
        "Unpublish or archive it first.";
    "too_many_imports" RateLimited [429]
        "Too many imports of this shop or site wait, or too many of its files are received at once."
        "Wait until one has ended, then send the file again.";
    "rate_limited" RateLimited [429]
        "Too many requests in a short time."
        "Wait for `Retry-After`, then go on more slowly.";
    "request_timeout" Timeout [504]
        "The request took too long; whether it had an effect is not known."
        "Send it again with the same `Idempotency-Key`, or read before you repeat it.";
    "timeout" Timeout [504]
        "Something this server depends on took too long; whether there was an effect is not known."
        "Send it again with the same `Idempotency-Key`, or read before you repeat it.";
    "unavailable" Unavailable [503]
        "The server cannot answer right now; the request had no effect."
        "Wait for `Retry-After` and send it again.";
    "tenant_unavailable" Unavailable [503]
        "The directory of tenants cannot be reached right now."
        "Wait for `Retry-After` and send it again.";
    "database_unavailable" Unavailable [503]
        "The database did not answer in time or cannot be reached; nothing was changed."
        "Wait for `Retry-After` and send it again.";
    "overloaded" Unavailable [503]
        "Too many requests wait already; nothing was changed."
        "Wait for `Retry-After` and send it again.";
    "mail_not_set_up" Unavailable [503]
        "This server sends no mail, and this cannot do without."
        "The operator sets `RUSTOK_SMTP_URL` and `RUSTOK_MAIL_FROM`. A password is set by `rustok user set-password` too.";
    "secret_key_missing" Unavailable [503]
        "The server lacks the key with which it seals what is secret; nothing was changed."
        "The operator sets `RUSTOK_SECRET_KEY`, and keeps the older key in `RUSTOK_SECRET_KEY_OLD` until `rustok secrets rotate` is done.";
    "outcome_unknown" Timeout [504]
        "The database did not tell whether the change was made."
        "Read before you repeat the request, or repeat it with the same `Idempotency-Key`.";
    "circuit_open" Unavailable [503]
        "Something this server depends on is sick and was cut off for a while."
        "Wait for `Retry-After` and send it again.";
    "external_service" ExternalService [502]
        "Something this server depends on failed."
        "Try again later; a write with an `Idempotency-Key` only.";
    "internal" Internal [500]
        "A defect of ours."
        "Name the `trace_id` when you ask for help.";
    "inconsistent_row" Internal [500]
        "What is stored breaks a rule: a defect of ours."
        "Name the `trace_id` when you ask for help.";
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The sources of everything that can be part of the server, without test code.
    fn sources() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let crates = fs::read_dir(root.join("crates")).unwrap();
        let mut folders: Vec<PathBuf> = crates.map(|entry| entry.unwrap().path().join("src")).collect();
        folders.push(root.join("apps/server/src"));
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|is| is == "rs") {
                    files.push(path);
                }
            }
        }
        files.retain(|file| {
            !file.to_string_lossy().ends_with("tests.rs")
                && !file.components().any(|part| part.as_os_str() == "tests")
        });
        files
    }

    /// The arguments of each `with_code(` call, without comments and test modules.
    fn arguments(source: &str) -> Vec<String> {
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        let arguments = code.split("with_code(").skip(1);
        arguments
            .map(|rest| rest.split(')').next().unwrap().trim().to_owned())
            .collect()
    }

    #[test]
    fn arguments_are_found_across_lines_and_not_in_tests_and_comments() {
        let source = "a.with_code(\n  \"one\",\n)\n/// x.with_code(\"two\")\nb.with_code(c)\n#[cfg(test)]\nmod tests {\n with_code(\"x\") }";
        assert_eq!(arguments(source), ["\"one\",", "c"]);
    }

    #[test]
    fn every_code_of_the_sources_has_its_page_and_every_page_its_code() {
        let mut written: BTreeSet<String> = ErrorKind::ALL
            .iter()
            .map(|kind| kind.default_code().to_owned())
            .collect();
        for file in sources() {
            for argument in arguments(&fs::read_to_string(&file).unwrap()) {
                let literal = argument
                    .trim_end_matches(',')
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                // The two definitions of `with_code`, and the example of the table itself.
                let known = argument.starts_with("mut self") || argument == "self.code";
                match literal {
                    Some(code) => drop(written.insert(code.to_owned())),
                    None => assert!(
                        known,
                        "{}: write the code as a literal, so that it is seen: {argument}",
                        file.display()
                    ),
                }
            }
        }
        assert!(written.len() > 40, "{written:?}");
        let paged: BTreeSet<String> = ALL.iter().map(|known| known.code.to_owned()).collect();
        assert_eq!(paged.len(), ALL.len(), "a code stands twice");
        assert_eq!(written, paged);
    }

    #[test]
    fn every_type_says_what_it_means_and_what_to_do() {
        for known in ALL {
            assert!(
                known.meaning.ends_with('.') && known.remedy.ends_with('.'),
                "{known:?}"
            );
            for status in known.statuses {
                let example = known.example(*status);
                assert_eq!(
                    (&example["status"], &example["code"]),
                    (&json!(status), &json!(known.code))
                );
                let text = example.to_string() + known.remedy;
                assert!(
                    !text.contains(['<', '>', '&']),
                    "goes into a page as it is: {text}"
                );
            }
        }
    }
}
