//! Numbers as people type them: with a comma or a point, and with spaces between the digits.

/// An amount with a point and without grouping, if it is clear which number is meant; else the text as typed, which is
/// then refused as no number.
///
/// A single point is a decimal point. A single comma is one too if at most two digits follow: three could be thousands.
pub(crate) fn amount(text: &str) -> String {
    let plain: String = text.trim().chars().filter(|c| !is_space(*c)).collect();
    let (points, commas) = (plain.matches('.').count(), plain.matches(',').count());
    let (decimal, grouping) = match (points, commas) {
        (_, 0) if points < 2 => return plain,
        (0, 1) if plain.len() - plain.find(',').unwrap_or_default() <= 3 => (Some(','), None),
        (0, 1) => return text.trim().to_owned(),
        (_, 0) => (None, Some('.')),
        (0, _) => (None, Some(',')),
        (1, _) if plain.rfind('.') > plain.rfind(',') => (Some('.'), Some(',')),
        (_, 1) if plain.rfind(',') > plain.rfind('.') => (Some(','), Some('.')),
        _ => return text.trim().to_owned(),
    };
    let (whole, part) = match decimal.and_then(|decimal| plain.rsplit_once(decimal)) {
        Some((whole, part)) => (whole, Some(part)),
        None => (plain.as_str(), None),
    };
    let whole = match grouping.map(|grouping| ungrouped(whole, grouping)) {
        Some(Some(whole)) => whole,
        Some(None) => return text.trim().to_owned(),
        None => whole.to_owned(),
    };
    part.map_or(whole.clone(), |part| format!("{whole}.{part}"))
}

/// The digits without the separator, if it stands between groups of three.
fn ungrouped(digits: &str, separator: char) -> Option<String> {
    let mut groups = digits.split(separator);
    let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    (first && groups.all(|group| group.len() == 3)).then(|| digits.replace(separator, ""))
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{a0}' | '\u{202f}')
}

/// A whole number, with a sign if one was typed; `None` if it is none.
pub(crate) fn whole(text: &str) -> Option<i64> {
    let plain: String = text.chars().filter(|c| !is_space(*c)).collect();
    plain.replace('\u{2212}', "-").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_where_it_is_clear() {
        for (typed, read) in [
            ("12.90", "12.90"),
            ("12,90", "12.90"),
            ("12,9", "12.9"),
            (" 1 240,50 ", "1240.50"),
            ("1\u{a0}240,50", "1240.50"),
            ("1,240.50", "1240.50"),
            ("1.240,50", "1240.50"),
            ("1,234,567", "1234567"),
            ("1.234.567,8", "1234567.8"),
            ("1.234", "1.234"),
            ("-5", "-5"),
            ("", ""),
            // Not clear: thousands, or a fraction.
            ("1,234", "1,234"),
            ("12,34,5", "12,34,5"),
            ("1.2.3", "1.2.3"),
            ("1,2.3,4", "1,2.3,4"),
            ("1234,567.8", "1234,567.8"),
            ("twelve", "twelve"),
        ] {
            assert_eq!(amount(typed), read, "{typed}");
        }
    }

    #[test]
    fn a_whole_number_may_have_spaces_and_a_sign() {
        for (typed, read) in [
            ("12", Some(12)),
            (" 1 000 ", Some(1000)),
            ("-3", Some(-3)),
            ("\u{2212}3", Some(-3)),
            ("+4", Some(4)),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(whole(typed), read, "{typed}");
        }
    }
}
