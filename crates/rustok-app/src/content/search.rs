//! The form in which titles and what is searched for in them are compared: lower case in every script.

use unicode_normalization::UnicodeNormalization;

/// Lower case, composed (UAX #15, form C), since SQLite's own lower case knows ASCII only.
pub(super) fn search_form(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_composition_do_not_count() {
        assert_eq!(search_form("ПриВЕТ"), "привет");
        assert_eq!(search_form("Cafe\u{301}"), search_form("CAFÉ"));
    }
}
