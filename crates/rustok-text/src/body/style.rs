//! Inline styles: each declaration is checked separately and serialised anew if it is allowed.
//!
//! Allowed is what formats text in place. Nothing may load resources, cover the page around, hide content, or refer
//! to what a theme defines. The values have a few forms: keywords, colours and limited lengths. Quotes, escapes,
//! comments, functions other than colours and `!important` are never allowed.

use super::removed::{Removed, What};

/// For each unit the maximum length, and the maximum font size and border width. Enough for a wide table, too little
/// to fill the page from one small block.
const LENGTHS: [(&str, f32, f32); 12] = [
    ("px", 4_000.0, 200.0),
    ("%", 100.0, 0.0),
    ("em", 200.0, 10.0),
    ("rem", 200.0, 10.0),
    ("ch", 400.0, 20.0),
    ("ex", 400.0, 20.0),
    ("pt", 3_000.0, 150.0),
    ("pc", 250.0, 12.0),
    ("cm", 100.0, 5.0),
    ("mm", 1_000.0, 50.0),
    ("in", 40.0, 2.0),
    ("vw", 100.0, 5.0),
];

/// The allowed properties.
#[cfg(test)]
#[rustfmt::skip]
pub(super) const PROPERTIES: [&str; 57] = [
    "aspect-ratio", "background", "background-color", "border", "border-bottom", "border-collapse", "border-color",
    "border-left", "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width",
    "caption-side", "clear", "color", "direction", "flex-basis", "float", "font-size", "font-style", "font-variant",
    "font-variant-caps", "font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin",
    "margin-bottom", "margin-left", "margin-right", "margin-top", "max-height", "max-width", "min-height", "min-width",
    "object-fit", "overflow-wrap", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top",
    "table-layout", "text-align", "text-decoration", "text-decoration-line", "text-indent", "text-transform",
    "vertical-align", "white-space", "width", "word-break", "word-spacing", "word-wrap",
];

/// The form of a property's value.
#[derive(Clone, Copy)]
enum Form {
    /// One of these words.
    Word(&'static [&'static str]),
    /// One or more of these words.
    Words(&'static [&'static str]),
    Color,
    /// Up to the given number of lengths, or these words.
    Lengths(usize, &'static [&'static str]),
    /// A font size.
    LetterSize,
    /// A number up to a limit, a length, or `normal`.
    LineHeight,
    /// 100 to 900, or one of these words.
    Weight,
    /// A number, or two with a slash in between.
    Ratio,
    /// Widths, a style and a colour of a border, in any sequence.
    Border,
}

const AUTO: &[&str] = &["auto"];
const LINES: &[&str] = &[
    "dashed", "dotted", "double", "groove", "hidden", "inset", "none", "outset", "ridge", "solid",
];
#[rustfmt::skip]
const MARKERS: &[&str] = &[
    "armenian", "circle", "cjk-decimal", "decimal", "decimal-leading-zero", "disc", "georgian", "hebrew",
    "hiragana", "katakana", "lower-alpha", "lower-greek", "lower-latin", "lower-roman", "none", "square",
    "upper-alpha", "upper-latin", "upper-roman",
];
const SIZES: &[&str] = &["auto", "fit-content", "max-content", "min-content", "none"];

/// The form of a property's value; `None` for a property that is not allowed.
fn form(property: &str) -> Option<Form> {
    use Form::{Border, Color, Lengths, LetterSize, LineHeight, Ratio, Weight, Word, Words};
    Some(match property {
        "text-align" => Word(&["left", "right", "center", "justify", "start", "end"]),
        "text-decoration" | "text-decoration-line" => Words(&[
            "none",
            "underline",
            "overline",
            "line-through",
            "solid",
            "dotted",
            "dashed",
            "double",
            "wavy",
        ]),
        "text-transform" => Word(&["none", "capitalize", "uppercase", "lowercase"]),
        "text-indent" => Lengths(1, &[]),
        "font-weight" => Weight,
        "font-style" => Word(&["normal", "italic", "oblique"]),
        "font-variant" | "font-variant-caps" => Word(&["normal", "small-caps"]),
        "font-size" | "letter-spacing" | "word-spacing" => LetterSize,
        "line-height" => LineHeight,
        "color" | "background" | "background-color" | "border-color" => Color,
        "width" | "min-width" | "max-width" | "height" | "min-height" | "max-height" | "flex-basis" => {
            Lengths(1, SIZES)
        }
        "aspect-ratio" => Ratio,
        "object-fit" => Word(&["contain", "cover", "fill", "none", "scale-down"]),
        "float" => Word(&["left", "right", "none", "inline-start", "inline-end"]),
        "clear" => Word(&["left", "right", "both", "none", "inline-start", "inline-end"]),
        "margin" => Lengths(4, AUTO),
        "margin-top" | "margin-right" | "margin-bottom" | "margin-left" => Lengths(1, AUTO),
        "padding" | "border-radius" | "border-width" => Lengths(4, &[]),
        "padding-top" | "padding-right" | "padding-bottom" | "padding-left" => Lengths(1, &[]),
        "list-style-type" => Word(MARKERS),
        "vertical-align" => Word(&[
            "baseline",
            "bottom",
            "middle",
            "sub",
            "super",
            "text-bottom",
            "text-top",
            "top",
        ]),
        "white-space" => Word(&["normal", "nowrap", "pre", "pre-line", "pre-wrap", "break-spaces"]),
        "word-break" => Word(&["normal", "break-all", "break-word", "keep-all"]),
        "overflow-wrap" | "word-wrap" => Word(&["normal", "anywhere", "break-word"]),
        "border" | "border-top" | "border-right" | "border-bottom" | "border-left" => Border,
        "border-style" => Words(LINES),
        "border-collapse" => Word(&["collapse", "separate"]),
        "border-spacing" => Lengths(2, &[]),
        "table-layout" => Word(&["auto", "fixed"]),
        "caption-side" => Word(&["top", "bottom"]),
        "direction" => Word(&["ltr", "rtl"]),
        _ => return None,
    })
}

/// The allowed declarations of `style`; empty if there is none.
pub(super) fn declarations(style: &str, element: &str, removed: &mut Removed) -> String {
    let mut kept = String::with_capacity(style.len());
    for declaration in split(style) {
        let (property, value) = declaration.split_once(':').unwrap_or((declaration, ""));
        let property = property.trim().to_ascii_lowercase();
        if let Some(value) = form(&property).and_then(|form| judge(form, value)) {
            if !kept.is_empty() {
                kept.push_str("; ");
            }
            kept.push_str(&property);
            kept.push_str(": ");
            kept.push_str(&value);
        } else {
            removed.note(What::Style, &property, Some((element, None)));
        }
    }
    kept
}

/// The non-empty declarations. A semicolon in a string or in parentheses is not a separator.
fn split(style: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    let mut depth = 0_usize;
    let mut is_escaped = false;
    let ends = move |c: char| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match (quote, c) {
            (_, '\\') => is_escaped = true,
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ';') => return depth == 0,
            _ => {}
        }
        false
    };
    style.split(ends).filter(|part| !part.trim().is_empty())
}

/// The value, serialised anew.
fn judge(form: Form, value: &str) -> Option<String> {
    let value = value.trim().to_ascii_lowercase();
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let all = |fits: &dyn Fn(&str) -> Option<String>| {
        let written: Option<Vec<String>> = words.iter().map(|word| fits(word)).collect();
        written.map(|words| words.join(" "))
    };
    let known = |list: &[&str], word: &str| list.contains(&word).then(|| word.to_owned());
    match (form, words.as_slice()) {
        (_, []) => None,
        (Form::Color, _) => color(&value),
        (Form::Word(list), [word]) => known(list, word),
        (Form::Words(list), words) if words.len() <= 4 => all(&|word| known(list, word)),
        (Form::Lengths(most, list), words) if words.len() <= most => {
            all(&|word| length(word, false).or_else(|| known(list, word)))
        }
        (Form::LetterSize, [word]) => length(word, true).or_else(|| percent(word)).or_else(|| {
            known(
                &[
                    "xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large", "smaller",
                    "larger",
                ],
                word,
            )
        }),
        (Form::LineHeight, [word]) => match number(word) {
            Some(n) if n <= 10.0 => Some(plain(n)),
            Some(_) => None,
            None => length(word, true)
                .or_else(|| percent(word))
                .or_else(|| known(&["normal"], word)),
        },
        (Form::Weight, [word]) => match number(word) {
            Some(n) => (1.0..=1_000.0).contains(&n).then(|| plain(n)),
            None => known(&["normal", "bold", "bolder", "lighter"], word),
        },
        (Form::Ratio, _) => ratio(&value),
        (Form::Border, words) if words.len() <= 3 => all(&|word| {
            length(word, true)
                .or_else(|| known(&["thin", "medium", "thick"], word))
                .or_else(|| known(LINES, word))
                .or_else(|| color(word))
        }),
        _ => None,
    }
}

/// A non-negative number of digits and at most one dot.
fn number(text: &str) -> Option<f32> {
    let is_number = text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| is_number)
}

/// A number without redundant digits.
fn plain(number: f32) -> String {
    number.to_string()
}

/// A length within its limit, or within that of fonts and borders; zero needs no unit.
fn length(text: &str, is_small: bool) -> Option<String> {
    let digits = text
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    let (digits, unit) = text.split_at_checked(digits)?;
    let number = number(digits)?;
    if unit.is_empty() {
        return (number == 0.0).then(|| "0".to_owned());
    }
    let (_, most, most_if_small) = LENGTHS.iter().find(|(known, ..)| *known == unit)?;
    let most = if is_small { most_if_small } else { most };
    (number <= *most).then(|| format!("{}{unit}", plain(number)))
}

/// A percentage of the parent's font size, up to 500%.
fn percent(text: &str) -> Option<String> {
    let number = number(text.strip_suffix('%')?)?;
    (number <= 500.0).then(|| format!("{}%", plain(number)))
}

/// `auto`, `16/9`, `16 / 9` or `1.5`.
fn ratio(value: &str) -> Option<String> {
    if value == "auto" {
        return Some(value.to_owned());
    }
    let part = |text: &str| {
        number(text.trim())
            .filter(|n| (0.01..=1_000.0).contains(n))
            .map(plain)
    };
    match value.split_once('/') {
        None => part(value),
        Some((width, height)) => Some(format!("{}/{}", part(width)?, part(height)?)),
    }
}

/// A colour by name, in hexadecimal digits, or as `rgb()`, `rgba()`, `hsl()` or `hsla()` of numbers.
pub(super) fn color(value: &str) -> Option<String> {
    let value = value.trim().to_ascii_lowercase();
    if let Some(digits) = value.strip_prefix('#') {
        let fits = matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        return fits.then_some(value);
    }
    if let Some((function, inside)) = value.split_once('(') {
        let inside = inside.strip_suffix(')')?;
        let fits = |part: &&str| {
            let part = part
                .strip_suffix('%')
                .or_else(|| part.strip_suffix("deg"))
                .unwrap_or(part);
            number(part).is_some()
        };
        let parts: Vec<&str> = inside
            .split([',', ' ', '/'])
            .filter(|part| !part.is_empty())
            .collect();
        let is_color = matches!(function, "rgb" | "rgba" | "hsl" | "hsla") && matches!(parts.len(), 3 | 4);
        return (is_color && parts.iter().all(fits)).then(|| format!("{function}({})", parts.join(", ")));
    }
    let is_name = (3..=24).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_lowercase());
    is_name.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(style: &str) -> String {
        declarations(style, "p", &mut Removed::default())
    }

    #[test]
    fn all_that_is_listed_has_a_form() {
        assert!(PROPERTIES.iter().all(|property| form(property).is_some()));
    }

    #[test]
    fn lengths_have_limits() {
        for (style, expected) in [
            ("width: 4000px", "width: 4000px"),
            ("width: 4000.5px", ""),
            ("width: 100%", "width: 100%"),
            ("width: 101%", ""),
            ("width: 1e9px", ""),
            ("width: -1px", ""),
            ("width: +1px", ""),
            ("width: 0", "width: 0"),
            ("width: 5", ""),
            ("width: .5em", "width: 0.5em"),
            ("width: calc(1px)", ""),
            ("width: nan", ""),
            ("width: infpx", ""),
            ("margin: 0 auto", "margin: 0 auto"),
            ("margin: 1px 2px 3px 4px 5px", ""),
            ("padding: auto", ""),
            ("font-size: 200px", "font-size: 200px"),
            ("font-size: 201px", ""),
            ("font-size: 120%", "font-size: 120%"),
            ("font-size: larger", "font-size: larger"),
            ("line-height: 1.5", "line-height: 1.5"),
            ("line-height: 1000", ""),
            ("line-height: 150%", "line-height: 150%"),
            ("font-weight: 650", "font-weight: 650"),
            ("font-weight: 5000", ""),
            ("aspect-ratio: 16 / 9", "aspect-ratio: 16/9"),
            ("aspect-ratio: 1.5", "aspect-ratio: 1.5"),
            ("aspect-ratio: 1/0", ""),
            ("border: 300px solid red", ""),
            ("border-bottom: 1px dashed", "border-bottom: 1px dashed"),
        ] {
            assert_eq!(kept(style), expected, "{style}");
        }
    }

    #[test]
    fn colours_are_of_a_few_forms() {
        for good in [
            "#abc",
            "#abcd",
            "#aabbcc",
            "#aabbccdd",
            "red",
            "transparent",
            "rgb(1, 2, 3)",
            "hsl(10deg, 5%, 5%)",
        ] {
            assert_eq!(color(good).as_deref(), Some(good));
        }
        assert_eq!(color("RGB(1 2 3 / 50%)").as_deref(), Some("rgb(1, 2, 3, 50%)"));
        for bad in [
            "",
            "#",
            "#ab",
            "#ggg",
            "url(x)",
            "var(--x)",
            "rgb(1,2)",
            "rgb(url(x),1,2)",
            "rgb(1,2,3) url(x)",
            "a-b",
            "re\\d",
            "expression(1)",
            "red/**/",
            "rgb(1,2,3",
        ] {
            assert_eq!(color(bad), None, "{bad}");
        }
    }

    #[test]
    fn strings_and_parentheses_hold_their_semicolons() {
        assert_eq!(
            split("a:url(x;y);b:';';c:\"\\\";\";;d").collect::<Vec<_>>(),
            ["a:url(x;y)", "b:';'", "c:\"\\\";\"", "d"]
        );
    }
}
