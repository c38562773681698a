//! Attacks on readers and on the parsers of their browsers. None may pass, and what was removed is reported.

use super::allowed::{self, ELEMENTS};
use super::fragments::table;
use super::{BodyFormat, MAX_REMOVALS, render_html, sanitise_html};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// What no output may contain, in lower case. Text is escaped, so only markup could contain it.
#[rustfmt::skip]
const EVIL: [&str; 37] = [
    "<script", "javascript:", "vbscript:", "data:", "onerror", "onload", "onplay", "onfocus", "ontoggle", "onbegin",
    "<iframe", "<object", "<embed", "<form", "<button", "<select", "<option", "<style", "url(", "expression",
    "position", "<link", "<meta", "<base", "<svg", "<math", "<!--", "<template", "<textarea", "<noscript", "<title",
    "<xmp", "<map", "<area", "usemap", "opener\" href", "srcdoc",
];

/// An attack, and an item that is reported as removed; empty if the parser itself drops it.
const ATTACKS: [(&str, &str); 62] = [
    ("<script>alert(1)</script>", "element script with its content"),
    ("<SCRIPT SRC=//evil></SCRIPT>", "element script with its content"),
    ("<img src=x onerror=alert(1)>", "attribute onerror on img"),
    ("<img/src='x'/onerror=alert(1)>", "attribute onerror on img"),
    (
        "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>x</a></svg>",
        "element svg with its content",
    ),
    (
        "<math><mi xlink:href=\"javascript:alert(1)\">x",
        "element math with its content",
    ),
    (
        "<a href=\"javascript:alert(1)\">x</a>",
        "url javascript: on a[href]",
    ),
    (
        "<a href=\" java\nscript:alert(1)\">x</a>",
        "url javascript: on a[href]",
    ),
    (
        "<a href=\"&#1;&#x6A;avascript&colon;alert(1)\">x</a>",
        "url javascript: on a[href]",
    ),
    (
        "<a href=\"java&Tab;script&NewLine;:alert(1)\">x</a>",
        "url javascript: on a[href]",
    ),
    (
        "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
        "url data: on a[href]",
    ),
    ("<a href=vbscript:alert(1)>x</a>", "url vbscript: on a[href]"),
    ("<a href=/x ping=//evil>x</a>", "attribute ping on a"),
    ("<a href=//evil target=_blank rel=opener>x</a>", "rel opener on a"),
    (
        "<a href=/x rel=\"dns-prefetch modulepreload\">x</a>",
        "rel modulepreload on a",
    ),
    ("<iframe src=//evil></iframe>", "element iframe with its content"),
    (
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "element iframe with its content",
    ),
    (
        "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
        "element embed",
    ),
    (
        "<form action=javascript:alert(1)><input onfocus=alert(1) autofocus></form>",
        "element form",
    ),
    ("<button formaction=javascript:alert(1)>x", "element button"),
    ("<input type=image src=x onerror=alert(1)>", "element input"),
    ("<input type=hidden name=csrf value=x>", "element input"),
    (
        "<input type=checkbox onfocus=alert(1) autofocus>",
        "attribute onfocus on input",
    ),
    (
        "<style>body{background:url(javascript:alert(1))}</style>",
        "element style with its content",
    ),
    (
        "<p style=\"background:url(javascript:alert(1))\">x</p>",
        "style background on p",
    ),
    (
        "<p style=\"background:u\\72l(//evil)\">x</p>",
        "style background on p",
    ),
    (
        "<p style=\"width:expression(alert(1))\">x</p>",
        "style width on p",
    ),
    (
        "<p style=\"text-align:left;position:fixed\">x</p>",
        "style position on p",
    ),
    (
        "<p style=\"color:red;/*;*/position:fixed\">x</p>",
        "style */position on p",
    ),
    (
        "<p style=\"color:red}body{position:fixed\">x</p>",
        "style color on p",
    ),
    ("<link rel=stylesheet href=//evil>", "element link"),
    (
        "<meta http-equiv=refresh content=0;url=javascript:alert(1)>",
        "element meta",
    ),
    ("<base href=//evil>", "element base"),
    (
        "<video src=javascript:alert(1) poster=javascript:alert(1) onplay=alert(1)>",
        "url javascript: on video[poster]",
    ),
    (
        "<video><track src=javascript:alert(1)><source src=data:x onerror=alert(1)>",
        "url javascript: on track[src]",
    ),
    ("<audio src=data:audio/x,y autoplay>", "url data: on audio[src]"),
    (
        "<img srcset=\"javascript:alert(1) 1x, data:x 2x\">",
        "url data: on img[srcset]",
    ),
    (
        "<img srcset=\"java&Tab;script:alert(1)\">",
        "attribute srcset on img",
    ),
    (
        "<picture><source srcset=\"javascript:alert(1) 100w\"></picture>",
        "url javascript: on source[srcset]",
    ),
    (
        "<img src=x usemap=#m><map name=m><area href=javascript:alert(1)></map>",
        "attribute usemap on img",
    ),
    (
        "<img src=x longdesc=javascript:alert(1)>",
        "url javascript: on img[longdesc]",
    ),
    (
        "<blockquote cite=javascript:alert(1)>x",
        "url javascript: on blockquote[cite]",
    ),
    (
        "<table background=javascript:alert(1)><tr><td background=x>",
        "attribute background on table",
    ),
    (
        "<details open ontoggle=alert(1)>x",
        "attribute ontoggle on details",
    ),
    (
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
        "element noscript with its content",
    ),
    (
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "element math with its content",
    ),
    (
        "<svg><p><style><g title=\"</style><img src=x onerror=alert(1)>\">",
        "element style with its content",
    ),
    (
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "element math with its content",
    ),
    (
        "<svg><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
        "element svg with its content",
    ),
    (
        "<svg><animate onbegin=alert(1) attributeName=x>",
        "element svg with its content",
    ),
    (
        "<svg></p><title><a id=\"</title><img src=x onerror=alert(1)>\">",
        "element title with its content",
    ),
    (
        "<select><noembed></select><script>alert(1)</script>",
        "element select with its content",
    ),
    (
        "<xmp><p title=\"</xmp><img src=x onerror=alert(1)>\"></xmp>",
        "element xmp with its content",
    ),
    ("<plaintext><img src=x onerror=alert(1)>", "element plaintext"),
    (
        "<listing>&lt;img onerror=alert(1)&gt;</listing>",
        "element listing",
    ),
    (
        "<p title='\"><script>alert(1)</script>'>x<script>1</script></p>",
        "element script with its content",
    ),
    (
        "<img alt=\"`onerror=alert(1)\" onload=x>",
        "attribute onload on img",
    ),
    (
        "<div class=\"fixed modal overlay\">x</div>",
        "class overlay on div",
    ),
    ("<!--[if IE]><script>alert(1)</script><![endif]-->", ""),
    (
        "<?xml-stylesheet href=\"javascript:alert(1)\"?><!DOCTYPE x [<!ENTITY y \"z\">]>",
        "",
    ),
    (
        "<template><script>alert(1)</script></template>",
        "element template with its content",
    ),
    (
        "<textarea><script>alert(1)</script>",
        "element textarea with its content",
    ),
];

#[test]
fn nothing_that_acts_passes_and_it_is_named() {
    for (attack, named) in ATTACKS {
        let clean = render_html(BodyFormat::Html, attack).unwrap();
        let markup = markup_of(&clean.html);
        for evil in EVIL {
            assert!(!markup.contains(evil), "{evil} in {} from {attack}", clean.html);
        }
        let reported: Vec<String> = clean.removed.entries().iter().map(ToString::to_string).collect();
        match named {
            "" => assert_eq!(reported, [""; 0], "{attack}"),
            named => assert!(
                reported.iter().any(|reported| reported == named),
                "{named} not in {reported:?} from {attack}"
            ),
        }
    }
}

/// The tags of an HTML text in lower case, without the values of `title` and `alt` attributes.
fn markup_of(html: &str) -> String {
    let mut markup = String::new();
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap().to_lowercase();
        let is_text = |part: &&str| !part.ends_with("title=\"") && !part.ends_with("alt=\"");
        markup.push('<');
        let mut parts = tag.split_inclusive('"');
        while let Some(part) = parts.next() {
            markup.push_str(part);
            if !is_text(&part) {
                parts.next();
            }
        }
    }
    markup
}

#[test]
fn markdown_is_sanitised_too() {
    for (attack, named) in ATTACKS {
        // A line break in a tag may end a paragraph, which turns the tag into text.
        let attack = attack.replace('\n', " ");
        let clean = render_html(BodyFormat::Markdown, &format!("x {attack}")).unwrap();
        let markup = markup_of(&clean.html);
        for evil in EVIL {
            assert!(
                !markup.contains(evil),
                "{evil} in {} from {attack}: {named}",
                clean.html
            );
        }
    }
}

#[test]
fn no_name_clobbers_the_document() {
    for name in [
        "attributes",
        "body",
        "cookie",
        "createElement",
        "currentScript",
        "defaultView",
        "forms",
        "getElementById",
        "head",
        "parentNode",
        "submit",
        "__proto__",
        "constructor",
        "rk-app",
    ] {
        let html = format!(
            "<img id=\"{name}\" name=\"{name}\"><a name=\"{name}\" id=\"{name}\" href=\"#{name}\">x</a><input type=checkbox id=\"{name}\">"
        );
        let clean = sanitise_html(&html).unwrap().html;
        assert!(
            !clean.contains(&format!("\"{name}\"")) && !clean.contains(&format!("\"#{name}\"")),
            "{clean}"
        );
        assert!(clean.contains(&format!("id=\"content-{name}\"")), "{clean}");
        assert!(clean.contains(&format!("href=\"#content-{name}\"")), "{clean}");
    }
}

#[test]
fn the_report_is_bounded() {
    let many: String = (0..500).map(|at| format!("<x{at} on{at}=y></x{at}>")).collect();
    let many = format!(
        "{many}<p {}>",
        (0..500).map(|at| format!("on{at}=y ")).collect::<String>()
    );
    let removed = sanitise_html(&many).unwrap().removed;
    assert_eq!(removed.entries().len(), MAX_REMOVALS + 1);
    assert_eq!(removed.total(), 1_000);
}

/// Checks that another sanitiser, configured with the same elements and attributes, does not change `html`.
fn is_clean_for_ammonia(html: &str) -> Result<(), String> {
    let attributes = |element: &&'static str| {
        #[rustfmt::skip]
        const ALL: [&str; 75] = [
            "abbr", "align", "alt", "aria-describedby", "aria-details", "aria-hidden", "aria-label",
            "aria-labelledby", "aria-level", "axis", "bgcolor", "border", "cellpadding", "cellspacing", "char",
            "charoff", "cite", "class", "clear", "color", "colspan", "controls", "datetime", "decoding", "default",
            "dir", "download", "fetchpriority", "headers", "height", "href", "hreflang", "hspace", "id", "kind",
            "label", "lang", "loading", "longdesc", "loop", "media", "muted", "name", "nowrap", "open",
            "playsinline", "poster", "preload", "rel", "reversed", "role", "rowspan", "scope", "size", "sizes",
            "span", "src", "srclang", "srcset", "start", "style", "summary", "target", "title", "translate", "type",
            "valign", "value", "vspace", "width", "x", "y", "z", "disabled", "checked",
        ];
        let own = ALL.iter().copied().filter(|attribute| {
            let is_box = *element == "input" && matches!(*attribute, "type" | "disabled" | "checked");
            is_box || allowed::rule(element, attribute).is_some()
        });
        (*element, own.collect::<HashSet<_>>())
    };
    let mut other = ammonia::Builder::empty();
    other
        .tags(HashSet::from(ELEMENTS))
        .tag_attributes(ELEMENTS.iter().map(attributes).collect::<HashMap<_, _>>())
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "sms"]))
        .link_rel(None);
    let cleaned = other.clean(html).to_string();
    if cleaned == html {
        Ok(())
    } else {
        Err(format!("{html}\nbecame\n{cleaned}"))
    }
}

/// The other sanitiser's serialiser drops a line break at the start of a `pre`.
fn has_line_end_in_pre(html: &str) -> bool {
    let mut starts = html.split("<pre").skip(1).filter_map(|rest| rest.split_once('>'));
    starts.any(|(_, content)| content.starts_with('\n'))
}

#[test]
fn another_sanitiser_finds_nothing_to_take_out() {
    let attacks = ATTACKS
        .iter()
        .map(|(attack, _)| (BodyFormat::Html, (*attack).to_owned()));
    let rows = table().into_iter().map(|row| (row.format, row.written));
    for (format, source) in attacks.chain(rows) {
        let html = render_html(format, &source).unwrap().html;
        if !has_line_end_in_pre(&html) {
            assert_eq!(is_clean_for_ammonia(&html), Ok(()), "{source}");
        }
    }
}

proptest! {
    #[test]
    fn no_soup_of_tags_lets_one_through(
        soup in "(<(p|b|i|a|table|tr|td|th|caption|div|li|ul|h1|pre|ruby|rt|details|summary|picture|source|track|video|img|input type=checkbox|input|label|button|form|fieldset|marquee|object|applet|nobr|dialog|svg|math|mtext|mi|annotation-xml|foreignObject|style|title|select|option|script|noscript|textarea|xmp|plaintext|listing|template|map|area|iframe|font color=red|x-y)( onclick=x| id=q| id=body| href=#q| href=javascript:x| srcset=\"a 1x,javascript:b\"| style=\"color:red;position:x\"| rel=opener| encoding=text/html)?>|</(p|b|a|i|table|td|tr|div|li|h1|svg|math|style|title|button|form|object|marquee|select|template|pre|x-y)>|x|\n|&lt;|&#13;|<!--|-->|<!\\[CDATA\\[|\\]\\]>){0,24}"
    ) {
        let Ok(clean) = sanitise_html(&soup) else {
            return Err(TestCaseError::fail(format!("refused {soup}")));
        };
        let once = clean.html;
        let twice = sanitise_html(&once).unwrap();
        prop_assert_eq!(&twice.html, &once, "not settled: {}", soup);
        prop_assert!(twice.removed.is_empty(), "{:?} from {}", twice.removed, once);
        let markup = markup_of(&once);
        for evil in [
            "<scr", "<sty", "<sel", "<svg", "<mat", "<mt", "<no", "<te", "<tit", "<!", "<x", "<bu", "<fo>", "<form", "<obj",
            "<app", "<mar", "<map", "<area", "<if", "<dialog", "<pl", "<lis", "<opt", "<fi>", "onclick", "javascript",
            "position", "opener", "id=\"body\"", "encoding",
        ] {
            prop_assert!(!markup.contains(evil), "{} in {}", evil, once);
        }
        let inputs = once.matches("<input").count();
        prop_assert_eq!(inputs, once.matches("type=\"checkbox\" disabled=\"\"").count());
        // The result must also be safe after a browser has parsed and rearranged it (mutation XSS).
        if !has_line_end_in_pre(&once) {
            prop_assert_eq!(is_clean_for_ammonia(&once), Ok(()));
        }
    }

    #[test]
    fn no_soup_of_characters_lets_one_through(soup in "([<>/=\"'& \n\tabps!-]|<a |href=|style=|&#x?[0-9a-f]{1,4};|javascript:){0,60}") {
        let once = sanitise_html(&soup).unwrap().html;
        prop_assert!(!markup_of(&once).contains("=\"javascript:"), "{}", once);
        prop_assert!(!once.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n')));
        prop_assert_eq!(sanitise_html(&once).unwrap().html, once);
    }

    #[test]
    fn no_soup_of_markdown_lets_one_through(soup in "([\\[\\]()*_~`#>|:^!{}. \n-]|\\[\\^1\\]|\\[\\^1\\]: |- \\[x\\] |www[.]a[.]b|https://a[.]b|a@b[.]c|<b>|</b>|<a>|<script>|> \\[!NOTE\\]\n|# |javascript:|x){0,40}") {
        let once = render_html(BodyFormat::Markdown, &soup).unwrap().html;
        prop_assert!(!markup_of(&once).contains("=\"javascript:") && !once.contains("<script"), "{}", once);
        prop_assert_eq!(sanitise_html(&once).unwrap().html, once);
    }
}
