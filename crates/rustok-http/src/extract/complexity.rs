//! Limits the number of values in a JSON body: a small body with very many values becomes a tree many times its size.

use rustok_core::error::{ErrorKind, RichError};

/// The maximum number of values, containers included. The largest documented body, a product with all its variants
/// and images, has a quarter of that.
const MAX_VALUES: usize = 10_000;

/// Refuses a body with more values before it is parsed. The body need not be valid JSON.
///
/// # Errors
/// `too_many_values`.
pub fn check(body: &[u8]) -> Result<(), RichError> {
    // Each value takes at least two bytes: its own and the one before it.
    if body.len() <= MAX_VALUES * 2 || count_values(body) <= MAX_VALUES {
        return Ok(());
    }
    Err(RichError::new(ErrorKind::Validation, "too many values")
        .with_status(400)
        .with_code("too_many_values")
        .with_public(format!("The body may hold at most {MAX_VALUES} values.")))
}

/// Counts the values: each is the first of its container or follows a comma.
fn count_values(body: &[u8]) -> usize {
    let mut count = 1;
    let mut in_string = false;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b',' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_not_what_stands_in_strings() {
        for (body, count) in [
            ("", 1),
            ("1", 1),
            ("[1,2,3]", 4),
            (r#"{"a":1,"b":[2]}"#, 4),
            (r#"{"a":"[,{\",["}"#, 2),
        ] {
            assert_eq!(count_values(body.as_bytes()), count, "{body}");
        }
    }

    #[test]
    fn a_body_may_hold_so_many_values_and_no_more() {
        let list = |length: usize| format!("[{}1]", "1,".repeat(length - 1));
        assert!(check(list(MAX_VALUES - 1).as_bytes()).is_ok());
        let refused = check(list(MAX_VALUES).as_bytes()).unwrap_err();
        assert_eq!((refused.status(), refused.code()), (400, "too_many_values"));
        assert!(check(&vec![b' '; 1 << 20]).is_ok());
    }
}
