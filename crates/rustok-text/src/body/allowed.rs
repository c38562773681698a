//! The lists: which elements may stay, which go with everything in them, and which attributes an element may have.
//!
//! What is on no list goes. `docs/CONTENT_HTML.md` tells editors the same; a test compares the two.

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Keep,
    /// Its tag goes, its content stays.
    Unwrap,
    /// It goes with its content, which is no text for a reader.
    Drop,
}

/// The elements that stay. None of them has a content that is read other than as HTML, and none acts. An `input` stays
/// only as a checkbox that cannot be changed.
#[rustfmt::skip]
pub(super) const ELEMENTS: [&str; 88] = [
    "a", "abbr", "acronym", "address", "article", "aside", "audio", "b", "bdi", "bdo", "big", "blockquote", "br",
    "caption", "center", "cite", "code", "col", "colgroup", "data", "dd", "del", "details", "dfn", "div", "dl",
    "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup",
    "hr", "i", "img", "input", "ins", "kbd", "label", "li", "main", "mark", "menu", "nav", "ol", "p", "picture",
    "pre", "q", "rp", "rt", "rtc", "ruby", "s", "samp", "search", "section", "small", "source", "span", "strike",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "track", "tt",
    "u", "ul", "var", "video", "wbr",
];

/// The elements that go with everything in them.
pub(super) const DROPPED: [&str; 14] = [
    "iframe", "math", "noembed", "noframes", "noscript", "object", "script", "select", "style", "svg",
    "template", "textarea", "title", "xmp",
];

/// The elements without content and end tag.
const VOID: [&str; 8] = ["br", "col", "hr", "img", "input", "source", "track", "wbr"];

/// The unknown elements that make a parser read what is in them otherwise: taken out, they leave a text that has to be
/// read again.
#[rustfmt::skip]
const SHAPING: [&str; 14] = [
    "applet", "button", "dialog", "dir", "fieldset", "form", "listing", "marquee", "nobr", "optgroup", "option",
    "param", "plaintext", "image",
];

/// The beginnings of classes that themes and highlighters know, and what Markdown becomes. Free classes would let a text
/// dress up as a part of the page around it.
#[rustfmt::skip]
pub(super) const CLASS_BEGINNINGS: [&str; 12] = [
    "align", "blocks-gallery", "footnote", "gallery", "has-", "is-", "lang-", "language-", "markdown-alert",
    "size-", "task-list", "wp-",
];

/// Classes that are known as a whole.
pub(super) const CLASSES: [&str; 4] = ["contains-task-list", "fn", "screen-reader-text", "sr-only"];

/// What a link may be to its target. None of these loads anything or hands over the window.
#[rustfmt::skip]
pub(super) const RELS: [&str; 49] = [
    "acquaintance", "alternate", "attachment", "author", "bookmark", "canonical", "category", "child",
    "co-resident", "co-worker", "colleague", "contact", "copyright", "crush", "date", "directory", "enclosure",
    "external", "first", "friend", "glossary", "help", "home", "index", "kin", "last", "license", "me", "met",
    "muse", "neighbor", "next", "nofollow", "noopener", "noreferrer", "parent", "payment", "prev", "previous",
    "privacy-policy", "search", "sibling", "sponsored", "spouse", "sweetheart", "tag", "terms-of-service", "ugc",
    "up",
];

/// The roles, beside those that begin with `doc-`. None makes a text look like a control.
#[rustfmt::skip]
pub(super) const ROLES: [&str; 19] = [
    "cell", "columnheader", "complementary", "definition", "figure", "group", "img", "list", "listitem", "none",
    "note", "paragraph", "presentation", "region", "row", "rowheader", "separator", "table", "term",
];

/// How an attribute's value is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Text that nothing is done with.
    Text,
    /// There or not.
    Flag,
    /// One of these words, in whatever case.
    Words(&'static [&'static str]),
    /// A whole number, perhaps with a sign.
    Number,
    /// A whole number, of pixels or with `%`.
    Size,
    /// The size of a `font`.
    FontSize,
    /// An address to follow.
    Link,
    /// An address to load.
    Resource,
    /// Addresses to load, by width or density.
    Srcset,
    /// Conditions and lengths.
    Media,
    /// A name that links lead to.
    Name,
    /// Names of other elements.
    References,
    Class,
    Style,
    Rel,
    Role,
    Color,
}

const ALIGN: Rule = Rule::Words(&[
    "left", "center", "right", "justify", "char", "top", "middle", "bottom",
]);
const VALIGN: Rule = Rule::Words(&["top", "middle", "bottom", "baseline"]);

/// What becomes of an element of HTML.
pub(super) fn fate(element: &str) -> Fate {
    if ELEMENTS.binary_search(&element).is_ok() {
        Fate::Keep
    } else if DROPPED.contains(&element) {
        Fate::Drop
    } else {
        Fate::Unwrap
    }
}

pub(super) fn is_void(element: &str) -> bool {
    VOID.contains(&element)
}

/// Whether what is in an element that was unwrapped would be read otherwise without it.
pub(super) fn is_shaping(element: &str) -> bool {
    SHAPING.contains(&element)
}

/// How the attribute of an element that stays is judged; `None` for one that goes.
pub(super) fn rule(element: &str, attribute: &str) -> Option<Rule> {
    match element {
        // Its state is written by the sanitiser. Anything that names it could stand in for a control of the page.
        "input" => matches!(attribute, "class" | "aria-label").then(|| global(attribute))?,
        _ => own(element, attribute).or_else(|| global(attribute)),
    }
}

/// The attributes that every element may have.
fn global(attribute: &str) -> Option<Rule> {
    Some(match attribute {
        "aria-describedby" | "aria-details" | "aria-labelledby" => Rule::References,
        "aria-hidden" => Rule::Words(&["true", "false"]),
        "aria-label" | "lang" | "title" => Rule::Text,
        "aria-level" => Rule::Number,
        "class" => Rule::Class,
        "dir" => Rule::Words(&["ltr", "rtl", "auto"]),
        "id" => Rule::Name,
        "role" => Rule::Role,
        "style" => Rule::Style,
        "translate" => Rule::Words(&["yes", "no"]),
        _ => return None,
    })
}

/// The attributes of one element.
fn own(element: &str, attribute: &str) -> Option<Rule> {
    match element {
        "a" => link(attribute),
        "audio" | "img" | "picture" | "source" | "track" | "video" => media(element, attribute),
        "caption" | "col" | "colgroup" | "table" | "tbody" | "td" | "tfoot" | "th" | "thead" | "tr" => {
            table(element, attribute)
        }
        _ => text(element, attribute),
    }
}

fn link(attribute: &str) -> Option<Rule> {
    Some(match attribute {
        "download" | "hreflang" | "type" => Rule::Text,
        "href" => Rule::Link,
        "name" => Rule::Name,
        "rel" => Rule::Rel,
        "target" => Rule::Words(&["_blank", "_self"]),
        _ => return None,
    })
}

fn media(element: &str, attribute: &str) -> Option<Rule> {
    Some(match (element, attribute) {
        ("img" | "source", "srcset") => Rule::Srcset,
        ("img" | "source", "sizes") | ("source", "media") => Rule::Media,
        ("img" | "source" | "video", "height" | "width") => Rule::Size,
        ("img" | "source" | "track" | "video" | "audio", "src")
        | ("img", "longdesc")
        | ("video", "poster") => Rule::Resource,
        ("img", "alt") | ("source", "type") | ("track", "label" | "srclang") => Rule::Text,
        ("img", "align") => ALIGN,
        ("img", "border" | "hspace" | "vspace") => Rule::Number,
        ("img", "decoding") => Rule::Words(&["async", "auto", "sync"]),
        ("img", "fetchpriority") => Rule::Words(&["auto", "high", "low"]),
        ("img", "loading") => Rule::Words(&["eager", "lazy"]),
        ("audio" | "video", "controls" | "loop" | "muted")
        | ("video", "playsinline")
        | ("track", "default") => Rule::Flag,
        ("audio" | "video", "preload") => Rule::Words(&["auto", "metadata", "none"]),
        ("track", "kind") => Rule::Words(&["captions", "chapters", "descriptions", "metadata", "subtitles"]),
        _ => return None,
    })
}

fn table(element: &str, attribute: &str) -> Option<Rule> {
    let is_cell = matches!(element, "td" | "th");
    Some(match attribute {
        "align" => ALIGN,
        "bgcolor" if element != "caption" => Rule::Color,
        "char" | "charoff" if !matches!(element, "caption" | "table") => Rule::Text,
        "valign" if element != "table" => VALIGN,
        "border" | "cellpadding" | "cellspacing" if element == "table" => Rule::Number,
        "summary" if element == "table" => Rule::Text,
        "width" if is_cell || matches!(element, "col" | "colgroup" | "table") => Rule::Size,
        "height" if is_cell || matches!(element, "table" | "tr") => Rule::Size,
        "span" if matches!(element, "col" | "colgroup") => Rule::Number,
        "colspan" | "rowspan" if is_cell => Rule::Number,
        "headers" if is_cell => Rule::References,
        "abbr" | "axis" if is_cell => Rule::Text,
        "nowrap" if is_cell => Rule::Flag,
        "scope" if is_cell => Rule::Words(&["col", "colgroup", "row", "rowgroup"]),
        _ => return None,
    })
}

fn text(element: &str, attribute: &str) -> Option<Rule> {
    Some(match (element, attribute) {
        ("blockquote" | "q" | "del" | "ins", "cite") => Rule::Resource,
        ("del" | "ins" | "time", "datetime") | ("data", "value") => Rule::Text,
        ("div" | "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "hr", "align") => ALIGN,
        ("br", "clear") => Rule::Words(&["all", "left", "none", "right"]),
        ("hr", "size" | "width") | ("pre", "width") => Rule::Size,
        ("details", "name") => Rule::Name,
        ("details", "open") | ("ol", "reversed") => Rule::Flag,
        ("font", "color") => Rule::Color,
        ("font", "size") => Rule::FontSize,
        ("li", "value") | ("ol", "start") => Rule::Number,
        ("li" | "ol" | "ul", "type") => LIST_TYPES,
        _ => return None,
    })
}

/// Their case matters: `a` and `A` are different.
const LIST_TYPES: Rule = Rule::Words(&["1", "a", "A", "i", "I", "circle", "disc", "square"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_do_not_overlap() {
        assert!(ELEMENTS.is_sorted() && DROPPED.is_sorted() && RELS.is_sorted() && ROLES.is_sorted());
        for element in DROPPED.iter().chain(&SHAPING) {
            assert!(!ELEMENTS.contains(element), "{element}");
        }
        assert!(VOID.iter().all(|element| ELEMENTS.contains(element)));
    }

    /// The block of words after ```` ```name ```` in the page for editors.
    fn documented(name: &str) -> Vec<&'static str> {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONTENT_HTML.md"));
        let (_, block) = page.split_once(&format!("```{name}\n")).unwrap();
        block
            .split_once("```")
            .unwrap()
            .0
            .split_ascii_whitespace()
            .collect()
    }

    #[test]
    fn the_page_for_editors_is_true() {
        assert_eq!(documented("elements"), ELEMENTS);
        assert_eq!(documented("dropped"), DROPPED);
        assert_eq!(documented("rel"), RELS);
        assert_eq!(documented("roles"), ROLES);
        assert_eq!(documented("class-beginnings"), CLASS_BEGINNINGS);
        assert_eq!(documented("classes"), CLASSES);
        assert_eq!(documented("style"), crate::body::style::PROPERTIES);
    }

    /// Elements whose content a parser reads as something else than HTML, or that act by themselves.
    #[test]
    fn nothing_dangerous_is_on_the_list() {
        for element in [
            "base",
            "button",
            "embed",
            "form",
            "frame",
            "iframe",
            "link",
            "math",
            "meta",
            "noscript",
            "object",
            "plaintext",
            "script",
            "select",
            "style",
            "svg",
            "template",
            "textarea",
            "title",
            "xmp",
            "dialog",
            "portal",
            "map",
            "area",
        ] {
            assert_ne!(fate(element), Fate::Keep, "{element}");
        }
        for element in ELEMENTS {
            for attribute in [
                "onclick",
                "onload",
                "srcdoc",
                "action",
                "formaction",
                "ping",
                "usemap",
                "ismap",
                "background",
                "xlink:href",
                "data-x",
                "is",
                "slot",
                "part",
                "nonce",
                "tabindex",
                "autofocus",
                "autoplay",
                "contenteditable",
                "popover",
                "popovertarget",
                "form",
                "itemscope",
                "accesskey",
                "http-equiv",
                "integrity",
                "for",
                "hidden",
                "inert",
            ] {
                assert_eq!(rule(element, attribute), None, "{attribute} on {element}");
            }
        }
    }
}
