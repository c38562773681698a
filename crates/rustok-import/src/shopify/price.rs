//! Prices as people and programs write them. Must never guess: what can be read in two ways is refused.

use rust_decimal::{Decimal, RoundingStrategy};

/// Prices below 10^12: with any currency's decimals (at most 4), the minor units fit into 64 bits.
const MAX_WHOLE_DIGITS: usize = 12;
/// Decimals of a number that a program computed with.
const MAX_DECIMALS: usize = 20;
/// Letters of a currency's name or sign beside the number.
const MAX_SIGN_CHARS: usize = 5;

/// What is wrong with a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PriceFault {
    NoPrice,
    /// `1,299` is twelve hundred and ninety-nine, or one and a bit.
    Ambiguous,
    TooManyDecimals,
}

/// A price in major units with at most `decimals` significant decimals, and whether a sign or name of a currency stood
/// beside it. Both a point and a comma may separate decimals; points, commas, apostrophes and spaces may group
/// thousands.
pub(super) fn parse(text: &str, decimals: u32) -> Result<(Decimal, bool), PriceFault> {
    let (number, has_sign) = without_sign(text).ok_or(PriceFault::NoPrice)?;
    let number: String = number.chars().map(plain).collect();
    let mut parts: Vec<&str> = Vec::new();
    let mut separators: Vec<char> = Vec::new();
    let mut from = 0;
    for (at, c) in number.char_indices().filter(|(_, c)| !c.is_ascii_digit()) {
        if !matches!(c, '.' | ',' | '\'' | ' ') {
            return Err(PriceFault::NoPrice);
        }
        parts.push(&number[from..at]);
        separators.push(c);
        from = at + 1;
    }
    parts.push(&number[from..]);
    let (whole, fraction) = split(&parts, &separators, decimals)?;
    if (whole.is_empty() && fraction.is_empty())
        || whole.trim_start_matches('0').len() > MAX_WHOLE_DIGITS
        || fraction.len() > MAX_DECIMALS
    {
        return Err(PriceFault::NoPrice);
    }
    let whole = if whole.is_empty() { "0" } else { whole.as_str() };
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    // 28 digits are exact; a computed number has more noise than that.
    let room = 26_usize.saturating_sub(whole.len()).max(1);
    let fraction = fraction.get(..room.min(fraction.len())).unwrap_or(fraction);
    let amount = Decimal::from_str_exact(&format!("{whole}.{fraction}")).map_err(|_| PriceFault::NoPrice)?;
    Ok((rounded(amount.normalize(), decimals)?, has_sign))
}

/// Removes the noise of a number that a program computed with: `2041.9999999998` is 2042.
fn rounded(amount: Decimal, decimals: u32) -> Result<Decimal, PriceFault> {
    /// Fewer decimals than this are meant.
    const NOISE_DECIMALS: u32 = 7;
    if amount.scale() <= decimals {
        return Ok(amount);
    }
    let near = amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    let is_noise = amount.scale() >= NOISE_DECIMALS && (amount - near).abs() < Decimal::new(1, 6);
    if is_noise {
        Ok(near.normalize())
    } else {
        Err(PriceFault::TooManyDecimals)
    }
}

/// The whole part without its grouping, and the decimals.
fn split<'a>(parts: &[&'a str], separators: &[char], decimals: u32) -> Result<(String, &'a str), PriceFault> {
    let [grouped @ .., last] = parts else {
        return Err(PriceFault::NoPrice);
    };
    let Some((final_separator, before)) = separators.split_last() else {
        return Ok(((*last).to_owned(), ""));
    };
    let is_decimal = match final_separator {
        ' ' | '\'' => false,
        // Twice the same, or a group before the other: all of one kind group.
        separator if before.contains(separator) => false,
        _ if !before.is_empty() => true,
        // Programs write three decimals behind a point.
        separator => return single(grouped, last, decimals == 3 && *separator == '.'),
    };
    if is_decimal {
        let groups = before.first();
        if before.iter().any(|separator| Some(separator) != groups) {
            return Err(PriceFault::NoPrice);
        }
        return Ok((ungrouped(grouped)?, last));
    }
    if before.iter().any(|separator| separator != final_separator) {
        return Err(PriceFault::NoPrice);
    }
    Ok((ungrouped(parts)?, ""))
}

/// One point or comma: three digits behind it may be thousands.
fn single<'a>(before: &[&str], last: &'a str, is_decimal: bool) -> Result<(String, &'a str), PriceFault> {
    let whole = before.first().copied().unwrap_or_default();
    if last.len() == 3 && !is_decimal && (1..=3).contains(&whole.len()) && !whole.starts_with('0') {
        return Err(PriceFault::Ambiguous);
    }
    Ok((whole.to_owned(), last))
}

/// Joins groups of three digits; the first may be shorter. Indian grouping (`12,34,567`) has pairs before the last.
fn ungrouped(groups: &[&str]) -> Result<String, PriceFault> {
    let [first, rest @ ..] = groups else {
        return Err(PriceFault::NoPrice);
    };
    let threes = rest.iter().all(|group| group.len() == 3) && (1..=3).contains(&first.len());
    let indian = matches!(rest, [middle @ .., last] if last.len() == 3 && middle.iter().all(|group| group.len() == 2))
        && (1..=2).contains(&first.len());
    if rest.is_empty() || threes || indian {
        Ok(groups.concat())
    } else {
        Err(PriceFault::NoPrice)
    }
}

fn plain(c: char) -> char {
    match c {
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '\u{2019}' => '\'',
        other => other,
    }
}

/// Takes a sign or a short name of a currency off one end.
fn without_sign(text: &str) -> Option<(&str, bool)> {
    let text = text.trim();
    let number_start = text.find(|c: char| c.is_ascii_digit())?;
    let number_end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    // A point or comma at an edge belongs to the number (`.99`, `15.`), unless a name ends with it (`Rs.`).
    let head = text.get(..number_start)?;
    let tail = text.get(number_end..)?;
    let (head, start) = match head.strip_suffix(['.', ',']) {
        Some(before) if !before.ends_with(char::is_alphabetic) => (before, number_start - 1),
        _ => (head, number_start),
    };
    let (tail, end) = match tail.strip_prefix(['.', ',']) {
        Some(after) => (after, number_end + 1),
        None => (tail, number_end),
    };
    let sign = |part: &str| {
        let part = part.trim_matches(|c: char| c.is_whitespace() || c == '\u{a0}' || c == '\u{202f}');
        let part = part.strip_suffix('.').unwrap_or(part);
        (part.is_empty() || is_currency(part)).then_some(!part.is_empty())
    };
    let (head, tail) = (sign(head)?, sign(tail)?);
    if head && tail {
        return None;
    }
    Some((text.get(start..end)?, head || tail))
}

/// A sign with at most a few letters (`US$`), or a name that is known: `XL` is none.
fn is_currency(part: &str) -> bool {
    if part.chars().any(is_currency_sign) {
        return part.chars().count() <= MAX_SIGN_CHARS
            && part.chars().all(|c| c.is_alphabetic() || is_currency_sign(c));
    }
    let folded = part.to_lowercase();
    let is_code = part.len() == 3 && CODES.split(' ').any(|code| code.eq_ignore_ascii_case(part));
    is_code || SHORT_NAMES.contains(&folded.as_str())
}

/// ISO 4217's codes in use.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN \
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
    HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD \
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON \
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
    USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

/// What people write instead, in lower case and without a point at the end.
const SHORT_NAMES: [&str; 24] = [
    "rs", "rp", "rm", "r", "kr", "fr", "sfr", "zł", "zl", "kč", "ft", "lei", "tl", "kn", "лв", "руб", "р",
    "грн", "тг", "din", "euro", "euros", "us", "dh",
];

fn is_currency_sign(c: char) -> bool {
    matches!(c, '$' | '¢' | '£' | '¤' | '¥' | '฿' | '₠'..='\u{20cf}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_is_read() {
        for (text, expected) in [
            ("50", "50"),
            ("50.00", "50"),
            ("007.5", "7.5"),
            ("1,299.00", "1299"),
            ("1.299,00", "1299"),
            ("1 299,00", "1299"),
            ("1\u{a0}299,00", "1299"),
            ("1'299.50", "1299.5"),
            ("1,234,567", "1234567"),
            ("12,34,567.00", "1234567"),
            ("€15,00", "15"),
            ("15,00 €", "15"),
            ("15,5", "15.5"),
            ("$15", "15"),
            ("US$ 15.20", "15.2"),
            ("15 USD", "15"),
            ("Rs. 500", "500"),
            ("500 руб.", "500"),
            ("R$ 5,90", "5.9"),
            ("usd 15", "15"),
            ("15.", "15"),
            (".99", "0.99"),
            ("0", "0"),
            ("2041.9999999998", "2042"),
            ("19.990000000000002", "19.99"),
            ("5.0", "5"),
            ("0.10", "0.1"),
            ("999999999999.99", "999999999999.99"),
        ] {
            assert_eq!(parse(text, 2).unwrap().0.to_string(), expected, "{text}");
        }
        assert_eq!(parse("15.250", 3).unwrap().0.to_string(), "15.25");
        assert_eq!(parse("1,299", 0), Err(PriceFault::Ambiguous));
        assert_eq!(parse("1,299", 3), Err(PriceFault::Ambiguous));
        assert_eq!(parse("1,299.000", 3).unwrap().0.to_string(), "1299");
    }

    #[test]
    fn two_meanings_and_none_are_refused() {
        for text in ["1,299", "15.000", "15.999", "123.456"] {
            assert_eq!(parse(text, 2), Err(PriceFault::Ambiguous), "{text}");
        }
        for text in ["0.999", "15.1234"] {
            assert_eq!(parse(text, 2), Err(PriceFault::TooManyDecimals), "{text}");
        }
        for text in [
            "",
            "-1",
            "+1",
            "1e3",
            "1.2.3",
            "1_0",
            "٣",
            "1000000000000",
            "five",
            "1,2,3",
            "12 5,00",
            "$ 5 USD",
            ".",
            "5-6",
            "abcdefg 5",
            "XL2",
            "2 XL",
            "No 7",
            "A4",
            "1.234.56",
        ] {
            assert_eq!(parse(text, 2), Err(PriceFault::NoPrice), "{text}");
        }
    }
}
