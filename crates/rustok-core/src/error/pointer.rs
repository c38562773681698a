//! The location of an error in a request: a JSON pointer in its URI fragment form (RFC 6901, section 6).
//!
//! A pointer may contain names from untrusted input, so the output is always ASCII that is valid in a URI fragment
//! (RFC 3986, section 3.5), with a length limit. It must never fail: a violation would lose its location.

/// Maximum length of a pointer, in bytes. A longer one is cut after the last whole segment that fits: it then names
/// the enclosing value.
pub(super) const MAX_POINTER_BYTES: usize = 512;

/// `email` → `#/email`, `lines.0.quantity` → `#/lines/0/quantity`, `/a/b` → `#/a/b`, an empty text → `#` (the whole
/// document). `#/a` and `?a` stay as they are, except that invalid characters are encoded.
pub(super) fn pointer(field: &str) -> String {
    let mut out = String::with_capacity(field.len() + 2);
    match field.chars().next() {
        None => out.push('#'),
        Some(form @ ('#' | '?')) => {
            out.push(form);
            push_encoded(&mut out, &field[1..], true);
        }
        Some('/') => {
            out.push('#');
            push_encoded(&mut out, field, false);
        }
        Some(_) => {
            out.push('#');
            for segment in field.split('.') {
                push_segment(&mut out, segment);
            }
        }
    }
    cut(out)
}

/// The pointer for a path of keys and indexes, whatever characters the keys contain.
pub(super) fn pointer_to<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> String {
    let mut out = String::from("#");
    for segment in segments {
        push_segment(&mut out, segment.as_ref());
    }
    cut(out)
}

/// Escapes `~` and `/` first (RFC 6901, section 3), then the characters that are invalid in a fragment (section 6).
fn push_segment(out: &mut String, segment: &str) {
    out.push('/');
    if segment.contains(['~', '/']) {
        push_encoded(out, &segment.replace('~', "~0").replace('/', "~1"), false);
    } else {
        push_encoded(out, segment, false);
    }
}

/// Percent-encodes the characters that are invalid in a fragment. With `encoded`, `text` is encoded already, and a
/// triplet such as `%20` is kept.
fn push_encoded(out: &mut String, text: &str, encoded: bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().copied().enumerate() {
        let triplet = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
        let kept = encoded && byte == b'%' && bytes.get(at + 1..at + 3).is_some_and(triplet);
        if kept || fits_a_fragment(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(HEX[usize::from(digit)]));
            }
        }
    }
}

/// `pchar`, `/` and `?` of RFC 3986, without the `%` of a triplet.
const fn fits_a_fragment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'('
                ..=b',' | b';' | b'=' | b':' | b'@' | b'/' | b'?'
        )
}

/// Applies [`MAX_POINTER_BYTES`].
pub(super) fn cut(mut pointer: String) -> String {
    if pointer.len() > MAX_POINTER_BYTES {
        // The first character is `#` or `?`, and everything is ASCII unless the field of a violation was set
        // directly.
        let head = &pointer.as_bytes()[..=MAX_POINTER_BYTES];
        let end = head.iter().rposition(|byte| *byte == b'/').unwrap_or(0).max(1);
        pointer.truncate(pointer.floor_char_boundary(end));
        if pointer.is_empty() {
            pointer.push('#');
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_json_pointers() {
        for (field, expected) in [
            ("email", "#/email"),
            ("lines.0.quantity", "#/lines/0/quantity"),
            ("/lines/0", "#/lines/0"),
            ("#/lines/0", "#/lines/0"),
            ("", "#"),
            ("#", "#"),
            ("/", "#/"),
            ("a..b", "#/a//b"),
            ("a/b~c", "#/a~1b~0c"),
            ("?limit", "?limit"),
        ] {
            assert_eq!(pointer(field), expected);
        }
    }

    /// The example pointers of RFC 6901, section 5, in the form of section 6.
    #[test]
    fn the_examples_of_the_rfc_come_out_as_the_rfc_says() {
        for (key, expected) in [
            ("foo", "#/foo"),
            ("", "#/"),
            ("a/b", "#/a~1b"),
            ("c%d", "#/c%25d"),
            ("e^f", "#/e%5Ef"),
            ("g|h", "#/g%7Ch"),
            ("i\\j", "#/i%5Cj"),
            ("k\"l", "#/k%22l"),
            (" ", "#/%20"),
            ("m~n", "#/m~0n"),
        ] {
            assert_eq!(pointer_to([key]), expected);
        }
        assert_eq!(pointer_to(["foo", "0"]), "#/foo/0");
        assert_eq!(pointer_to::<&str>([]), "#");
    }

    #[test]
    fn names_that_a_fragment_cannot_hold_are_encoded_once() {
        for (field, expected) in [
            ("größe", "#/gr%C3%B6%C3%9Fe"),
            ("名前.0", "#/%E5%90%8D%E5%89%8D/0"),
            ("/a b/100%", "#/a%20b/100%25"),
            ("/a%20b", "#/a%2520b"),
            ("#/a%20b c%", "#/a%20b%20c%25"),
            ("#/é", "#/%C3%A9"),
            ("?q\r\nx: y", "?q%0D%0Ax:%20y"),
            ("~1", "#/~01"),
        ] {
            assert_eq!(pointer(field), expected);
        }
        assert_eq!(pointer_to(["a.b", "c/d"]), "#/a.b/c~1d");
    }

    #[test]
    fn a_long_pointer_names_what_is_around_the_place() {
        let fits = "x".repeat(MAX_POINTER_BYTES - 2);
        assert_eq!(pointer(&fits).len(), MAX_POINTER_BYTES);
        assert_eq!(pointer(&format!("{fits}x")), "#");
        assert_eq!(pointer(&format!("?{}", "é".repeat(1 << 20))), "?");
        assert_eq!(pointer_to(["lines", "0", &"名".repeat(1000)]), "#/lines/0");
        let deep = pointer_to(std::iter::repeat_n("a", 1000));
        assert_eq!((deep.len(), deep.ends_with("/a")), (511, true));
    }
}
