//! The allowlists: which elements are kept, which are removed with their content, and which attributes an element may
//! have.
//!
//! Anything that is not listed is removed. `docs/CONTENT_HTML.md` documents the same lists for editors; a test
//! compares the two.

/// How the sanitiser treats an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Kept.
    Keep,
    /// The tags are removed, the content is kept.
    Unwrap,
    /// Removed with its content, which is not text for readers.
    Drop,
}

/// The elements that are kept. The content of each is parsed as ordinary HTML, and none has behaviour of its own. An
/// `input` is kept only as a disabled checkbox.
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

/// The elements that are removed with their content.
pub(super) const DROPPED: [&str; 14] = [
    "iframe", "math", "noembed", "noframes", "noscript", "object", "script", "select", "style", "svg",
    "template", "textarea", "title", "xmp",
];

/// The void elements: no content, no end tag.
const VOID: [&str; 8] = ["br", "col", "hr", "img", "input", "source", "track", "wbr"];

/// The unknown elements that change how a parser reads their content: after unwrapping one, the text has to be parsed
/// again.
#[rustfmt::skip]
const SHAPING: [&str; 14] = [
    "applet", "button", "dialog", "dir", "fieldset", "form", "listing", "marquee", "nobr", "optgroup", "option",
    "param", "plaintext", "image",
];

/// The prefixes of classes that themes, highlighters and the Markdown renderer use. Arbitrary classes would let
/// content imitate a part of the page around it.
#[rustfmt::skip]
pub(super) const CLASS_BEGINNINGS: [&str; 12] = [
    "align", "blocks-gallery", "footnote", "gallery", "has-", "is-", "lang-", "language-", "markdown-alert",
    "size-", "task-list", "wp-",
];

/// Classes that are allowed as a whole.
pub(super) const CLASSES: [&str; 4] = ["contains-task-list", "fn", "screen-reader-text", "sr-only"];

/// The allowed link relations. None of them loads anything or gives the target access to the window.
#[rustfmt::skip]
pub(super) const RELS: [&str; 49] = [
    "acquaintance", "alternate", "attachment", "author", "bookmark", "canonical", "category", "child",
    "co-resident", "co-worker", "colleague", "contact", "copyright", "crush", "date", "directory", "enclosure",
    "external", "first", "friend", "glossary", "help", "home", "index", "kin", "last", "license", "me", "met",
    "muse", "neighbor", "next", "nofollow", "noopener", "noreferrer", "parent", "payment", "prev", "previous",
    "privacy-policy", "search", "sibling", "sponsored", "spouse", "sweetheart", "tag", "terms-of-service", "ugc",
    "up",
];

/// The allowed roles, besides those with the prefix `doc-`. None makes content look like a control.
#[rustfmt::skip]
pub(super) const ROLES: [&str; 19] = [
    "cell", "columnheader", "complementary", "definition", "figure", "group", "img", "list", "listitem", "none",
    "note", "paragraph", "presentation", "region", "row", "rowheader", "separator", "table", "term",
];

/// How an attribute's value is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Text, not validated.
    Text,
    /// A boolean attribute.
    Flag,
    /// One of these words, case-insensitive.
    Words(&'static [&'static str]),
    /// An integer, optionally signed.
    Number,
    /// An integer, in pixels or with `%`.
    Size,
    /// The `size` of a `font`.
    FontSize,
    /// A URL to follow.
    Link,
    /// A URL to load.
    Resource,
    /// URLs to load, by width or density.
    Srcset,
    /// A media query of conditions and lengths.
    Media,
    /// A name that links can target.
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

/// How an HTML element is treated.
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

/// Whether unwrapping the element changes how its content is parsed.
pub(super) fn is_shaping(element: &str) -> bool {
    SHAPING.contains(&element)
}

/// How an attribute of a kept element is validated; `None` if it is removed.
pub(super) fn rule(element: &str, attribute: &str) -> Option<Rule> {
    match element {
        // The sanitiser writes its state. Any attribute that names it could make it imitate a control of the page.
        "input" => matches!(attribute, "class" | "aria-label").then(|| global(attribute))?,
        _ => own(element, attribute).or_else(|| global(attribute)),
    }
}

/// The attributes allowed on every element.
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

/// The attributes allowed on one element.
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

/// Case-sensitive: `a` and `A` differ.
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

    /// Elements whose content a parser does not read as ordinary HTML, or that have behaviour of their own.
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
