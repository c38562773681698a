//! Serialises a fragment anew from the parser's tree, with only what the lists in [`super::allowed`] permit, and
//! records what was removed.
//!
//! Nothing is copied from the source: every tag is generated, every attribute is quoted, all text is escaped. No
//! element is kept that is not HTML or whose content is not parsed as ordinary HTML, so a browser parses exactly what
//! was checked here.

use super::allowed::{CLASS_BEGINNINGS, CLASSES, Fate, RELS, ROLES, Rule, fate, is_shaping, is_void, rule};
use super::removed::{Removed, What};
use super::tree::{Data, Id, MAX_DEPTH, Tree};
use super::url::{self, Use};
use super::{names, style};
use html5ever::{Attribute, QualName, ns};

/// The result of one pass over a fragment.
pub(super) struct Pass {
    pub(super) html: String,
    /// Whether a parser may read `html` differently than intended: the source was misnested, or an element that
    /// changes the parsing of others was removed.
    pub(super) is_unsettled: bool,
}

/// Sanitises `source` once; `None` if its elements are nested too deeply.
pub(super) fn pass(source: &str, removed: &mut Removed) -> Option<Pass> {
    let tree = Tree::parse(source)?;
    let mut writer = Writer {
        html: String::with_capacity(source.len() + source.len() / 8),
        removed,
        is_unsettled: tree.was_repaired,
        is_at_start_of_pre: false,
    };
    let mut open: Vec<Id> = Vec::new();
    let mut next = tree.top().and_then(|top| tree.first(top));
    loop {
        if let Some(id) = next {
            next = match tree.data(id).is_some_and(|data| writer.enter(data)) {
                true if open.len() == MAX_DEPTH => return None,
                true => {
                    open.push(id);
                    tree.first(id)
                }
                false => tree.next(id),
            };
        } else if let Some(id) = open.pop() {
            if let Some(Data::Element(name, _)) = tree.data(id) {
                writer.leave(&name.local);
            }
            next = tree.next(id);
        } else {
            break;
        }
    }
    Some(Pass {
        html: writer.html,
        is_unsettled: writer.is_unsettled,
    })
}

struct Writer<'a> {
    html: String,
    removed: &'a mut Removed,
    is_unsettled: bool,
    is_at_start_of_pre: bool,
}

impl Writer<'_> {
    /// Writes the start of a node; returns whether to visit its content.
    fn enter(&mut self, data: &Data) -> bool {
        match data {
            Data::Root | Data::Unseen => false,
            Data::Text(text) => {
                self.text(text);
                false
            }
            Data::Element(name, attributes) => self.element(name, attributes),
        }
    }

    fn leave(&mut self, element: &str) {
        if fate(element) == Fate::Keep {
            self.html.push_str("</");
            self.html.push_str(element);
            self.html.push('>');
            self.is_at_start_of_pre = false;
        }
    }

    fn text(&mut self, text: &str) {
        // At the very start this character is a byte order mark, which parsers drop.
        let text = match self.html.is_empty() {
            true => text.trim_start_matches(|c| c == '\u{feff}' || is_left_out(c)),
            false => text,
        };
        let Some(first) = text.chars().find(|c| !is_left_out(*c)) else {
            return;
        };
        // A parser drops a line break directly after `<pre>`.
        if std::mem::take(&mut self.is_at_start_of_pre) && matches!(first, '\n' | '\r') {
            self.html.push('\n');
        }
        escape(&mut self.html, text, false);
    }

    fn element(&mut self, name: &QualName, attributes: &[Attribute]) -> bool {
        let element = &*name.local;
        let fate = match name.ns {
            ns!(html) => fate(element),
            _ => Fate::Drop,
        };
        match fate {
            Fate::Drop => {
                self.removed.note(What::ElementWithContent, element, None);
                false
            }
            Fate::Unwrap => {
                self.unwrapped(element);
                true
            }
            Fate::Keep if element == "input" => self.input(attributes),
            Fate::Keep => {
                self.start(element, attributes);
                self.html.push('>');
                self.is_at_start_of_pre = element == "pre";
                !is_void(element)
            }
        }
    }

    fn unwrapped(&mut self, element: &str) {
        self.removed.note(What::Element, element, None);
        self.is_unsettled |= is_shaping(element);
    }

    /// Writes a disabled checkbox, as in a task list.
    fn input(&mut self, attributes: &[Attribute]) -> bool {
        let find = |name: &str| attributes.iter().find(|attribute| *attribute.name.local == *name);
        if !find("type").is_some_and(|kind| kind.value.eq_ignore_ascii_case("checkbox")) {
            self.unwrapped("input");
            return false;
        }
        let own = |name: &str| matches!(name, "type" | "checked" | "disabled");
        let others = attributes.iter().filter(|attribute| !own(&attribute.name.local));
        self.start("input", others);
        self.html.push_str(" type=\"checkbox\" disabled=\"\"");
        if find("checked").is_some() {
            self.html.push_str(" checked=\"\"");
        }
        self.html.push('>');
        self.is_at_start_of_pre = false;
        false
    }

    /// Writes a start tag up to its `>`.
    fn start<'t>(&mut self, element: &str, attributes: impl IntoIterator<Item = &'t Attribute>) {
        self.html.push('<');
        self.html.push_str(element);
        let mut opens_window = false;
        let mut rel = None;
        for attribute in attributes {
            let name = &*attribute.name.local;
            let Some(rule) = rule(element, name) else {
                self.removed.note(What::Attribute, name, Some((element, None)));
                continue;
            };
            if rule == Rule::Rel {
                rel = Some(self.rel(element, &attribute.value));
            } else if let Some(value) = self.value(element, name, rule, &attribute.value) {
                opens_window |= element == "a" && name == "target" && value == "_blank";
                self.attribute(name, &value);
            }
        }
        let mut rel = rel.unwrap_or_default();
        if opens_window && !rel.iter().any(|word| word == "noopener") {
            rel.push("noopener".to_owned());
        }
        if !rel.is_empty() {
            self.attribute("rel", &rel.join(" "));
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.html.push(' ');
        self.html.push_str(name);
        self.html.push_str("=\"");
        escape(&mut self.html, value, true);
        self.html.push('"');
    }

    /// The allowed words, without duplicates.
    fn rel(&mut self, element: &str, value: &str) -> Vec<String> {
        let mut kept: Vec<String> = Vec::new();
        for word in value.split_ascii_whitespace() {
            let word = word.to_ascii_lowercase();
            let picture = word.strip_prefix("wp-att-").unwrap_or_default();
            let is_picture = !picture.is_empty() && picture.bytes().all(|b| b.is_ascii_digit());
            if !is_picture && RELS.binary_search(&word.as_str()).is_err() {
                self.removed.note(What::Rel, &word, Some((element, None)));
            } else if kept.len() < RELS.len() && !kept.contains(&word) {
                kept.push(word);
            }
        }
        kept
    }

    /// The value to write; `None` if the attribute is removed, which is recorded.
    fn value(&mut self, element: &str, name: &str, rule: Rule, value: &str) -> Option<String> {
        let on = Some((element, None));
        match rule {
            Rule::Link | Rule::Resource => return self.address(element, name, rule, value),
            Rule::Class => return self.classes(element, value),
            Rule::Style => return non_empty(style::declarations(value, element, self.removed)),
            Rule::Srcset => return non_empty(url::srcset(value, element, self.removed)),
            Rule::Name => {
                let name = names::name(value);
                if name.is_none() {
                    self.removed.note(What::Id, "", on);
                }
                return name.map(Into::into);
            }
            _ => {}
        }
        let judged = plain_value(rule, value);
        if judged.is_none() {
            self.removed.note(What::Attribute, name, on);
        }
        judged
    }

    fn address(&mut self, element: &str, name: &str, rule: Rule, value: &str) -> Option<String> {
        let judged = match rule {
            Rule::Link => url::judge(value, Use::Link).map(names::linked),
            _ => url::judge(value, Use::Resource),
        };
        judged
            .map_err(|scheme| self.removed.note(What::Url, &scheme, Some((element, Some(name)))))
            .ok()
    }

    fn classes(&mut self, element: &str, value: &str) -> Option<String> {
        let mut kept = String::with_capacity(value.len());
        for class in value.split_ascii_whitespace() {
            let is_known =
                CLASSES.contains(&class) || CLASS_BEGINNINGS.iter().any(|known| class.starts_with(known));
            if !is_known {
                self.removed.note(What::Class, class, Some((element, None)));
                continue;
            }
            if !kept.is_empty() {
                kept.push(' ');
            }
            kept.push_str(class);
        }
        non_empty(kept)
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Validates a value that depends on nothing else.
fn plain_value(rule: Rule, value: &str) -> Option<String> {
    let trimmed = value.trim();
    let is_number = |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let keep = |fits: bool| fits.then(|| trimmed.to_owned());
    match rule {
        Rule::Text => Some(value.to_owned()),
        Rule::Flag => Some(String::new()),
        Rule::Words(words) => words
            .iter()
            .find(|word| **word == trimmed)
            .or_else(|| words.iter().find(|word| trimmed.eq_ignore_ascii_case(word)))
            .map(|word| (*word).to_owned()),
        Rule::Number => keep(is_number(trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed))),
        Rule::Size => {
            let number = trimmed.strip_suffix('%').or_else(|| trimmed.strip_suffix("px"));
            let (whole, fraction) = number
                .unwrap_or(trimmed)
                .split_once('.')
                .unwrap_or((number.unwrap_or(trimmed), "0"));
            keep(is_number(whole) && is_number(fraction))
        }
        Rule::FontSize => {
            let size = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
            keep(size.len() == 1 && is_number(size))
        }
        Rule::Color => style::color(value),
        Rule::Media => {
            let fits =
                |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "()-,.:/%+*<>=".contains(c);
            keep(trimmed.chars().all(fits))
        }
        Rule::References => names::references(value),
        Rule::Role => {
            let role = trimmed.to_ascii_lowercase();
            let is_of_documents = role
                .strip_prefix("doc-")
                .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase()));
            (is_of_documents || ROLES.contains(&role.as_str())).then_some(role)
        }
        Rule::Link | Rule::Resource | Rule::Srcset | Rule::Name | Rule::Class | Rule::Style | Rule::Rel => {
            None
        }
    }
}

/// Control characters, which a source can contain only as character references.
fn is_left_out(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

/// Escapes text, or an attribute's value, so that a parser reads the same text.
fn escape(html: &mut String, text: &str, is_value: bool) {
    let mut from = 0;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\u{a0}' => "&nbsp;",
            '"' if is_value => "&quot;",
            '\r' => "\n",
            c if is_left_out(c) => "",
            _ => continue,
        };
        html.push_str(text.get(from..at).unwrap_or_default());
        html.push_str(escaped);
        from = at + c.len_utf8();
    }
    html.push_str(text.get(from..).unwrap_or_default());
}
