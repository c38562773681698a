//! The fields of the editor: how what is stored becomes text in a form, and back.

use crate::form::{FieldError, Fields, Form};
use crate::view::View;
use rustok_app::Ctx;
use rustok_app::content::{AuthorRef, FiledTerm, NodeDetail, NodeEdit, TermRef};
use rustok_content::{Taxonomy, Translation, TranslationInput};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_text::Locale;
use rustok_text::body::BodyFormat;
use rustok_text::plain::folded;

/// The fields of a node that does not exist yet.
pub(super) fn of_new(kind: &str, locale: Locale) -> Fields {
    Fields::of([
        ("kind", kind.to_owned()),
        ("locale", locale.to_string()),
        ("format", BodyFormat::Markdown.to_string()),
    ])
}

/// The fields of a text that does not exist yet, of a node that does.
pub(super) fn of_new_translation(locale: Locale) -> Fields {
    Fields::of([
        ("locale", locale.to_string()),
        ("format", BodyFormat::Markdown.to_string()),
        ("fresh", "1".to_owned()),
    ])
}

/// The fields of a node and one of its texts.
pub(super) fn of_detail(ctx: &Ctx, view: &View, detail: &NodeDetail) -> Fields {
    let node = detail.node.any();
    let text = &detail.shown.translation;
    let scheduled = node
        .published_at()
        .filter(|_| node.published_revision().is_some());
    // Without a login the author is the one of the member, whose login says nothing to people.
    let login = Some(detail.author.login.as_str()).filter(|login| *login != ctx.actor.to_string());
    let login = login.unwrap_or_default();
    let (date, time) = scheduled
        .map(|at| view.formats.date_and_time(at))
        .unwrap_or_default();
    Fields::of([
        ("kind", node.kind().as_str().to_owned()),
        ("locale", detail.shown.locale.to_string()),
        ("format", text.format.to_string()),
        ("title", text.title.clone()),
        ("slug", detail.slug().to_string()),
        ("excerpt", unix_lines(&text.excerpt)),
        ("body", unix_lines(&text.body)),
        ("author", login.to_owned()),
        ("categories", names_of(&detail.terms, Taxonomy::Category)),
        ("tags", names_of(&detail.terms, Taxonomy::Tag)),
        ("date", date),
        ("time", time),
    ])
}

/// The text that was typed. What differs from the stored text only by its line ends is that text: browsers have their own.
pub(super) fn text(fields: &Fields, stored: Option<&Translation>) -> TranslationInput {
    let typed = |name: &str, stored: Option<&str>| {
        let typed = fields.text(name);
        let same = stored.filter(|stored| unix_lines(stored) == typed);
        same.unwrap_or(typed).to_owned()
    };
    TranslationInput {
        // The field of the title has several lines only to show a long one.
        title: typed("title", stored.map(|text| text.title.as_str())).replace('\n', " "),
        slug: fields.filled("slug").map(str::to_owned),
        excerpt: typed("excerpt", stored.map(|text| text.excerpt.as_str())),
        body: typed("body", stored.map(|text| text.body.as_str())),
        format: format(fields),
    }
}

/// The format of the body.
pub(super) fn format(fields: &Fields) -> BodyFormat {
    fields.text("format").parse().unwrap_or(BodyFormat::Markdown)
}

/// What the node is to become.
pub(super) fn edit(fields: &Fields, detail: &NodeDetail) -> NodeEdit {
    NodeEdit {
        kind: fields.text("kind").to_owned(),
        author: author(fields),
        terms: terms(fields, &detail.terms),
        text: text(fields, Some(&detail.shown.translation)),
    }
}

/// The author that was named.
pub(super) fn author(fields: &Fields) -> Option<AuthorRef> {
    fields.filled("author").map(|login| AuthorRef {
        login: login.to_owned(),
        name: None,
    })
}

/// The terms that were named. A name of a term that the node has already means that term, wherever it stands.
pub(super) fn terms(fields: &Fields, filed: &[FiledTerm]) -> Vec<TermRef> {
    let of = |taxonomy, field: &str| {
        let mut own: Vec<_> = filed
            .iter()
            .map(|filed| &filed.term)
            .filter(|term| term.taxonomy == taxonomy)
            .collect();
        let names = split_names(fields.text(field)).into_iter();
        let refs = names.map(move |name| {
            let same = own.iter().position(|term| folded(&term.name) == folded(&name));
            let slug = same.map(|at| own.remove(at).slug.to_string());
            TermRef {
                taxonomy,
                name: slug.is_none().then_some(name),
                slug,
                parent: None,
            }
        });
        refs.collect::<Vec<_>>()
    };
    [of(Taxonomy::Category, "categories"), of(Taxonomy::Tag, "tags")].concat()
}

/// The time of publication that was chosen, in the time zone of the shop; `None` for now.
///
/// # Errors
/// The field that is missing or cannot be read.
pub(super) fn publish_at(view: &View, fields: &Fields) -> Result<Option<Timestamp>, FieldError> {
    let wrong = |name: &str, key: &str| FieldError {
        id: format!("f-{name}"),
        message: view.t(key).into_owned(),
    };
    match (fields.filled("date"), fields.filled("time")) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(wrong("date", "content-date-missing")),
        (Some(_), None) => Err(wrong("time", "content-time-missing")),
        (Some(date), Some(time)) => match view.formats.read(date, time) {
            Some(at) => Ok(Some(at)),
            None => Err(wrong("date", "content-date-wrong")),
        },
    }
}

/// The form that was refused, with each error at the field that it was typed in.
pub(super) fn refused(view: &View, fields: Fields, refusal: &RichError) -> Form {
    let categories = split_names(fields.text("categories")).len();
    let mut form = Form::refused(view.words, fields, refusal);
    for error in &mut form.errors {
        if let Some(place) = field_of(&error.id, categories) {
            error.id = format!("f-{place}");
        }
    }
    form
}

/// The field that an error about a part of the node belongs to.
fn field_of(id: &str, categories: usize) -> Option<&'static str> {
    let name = id.strip_prefix("f-")?;
    match name.split('-').next()? {
        "author" => Some("author"),
        "published_at" => Some("date"),
        "terms" => {
            let at = name.split('-').nth(1).and_then(|at| at.parse().ok());
            Some(match at.is_some_and(|at: usize| at < categories) {
                true => "categories",
                false => "tags",
            })
        }
        _ => None,
    }
}

fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn names_of(filed: &[FiledTerm], taxonomy: Taxonomy) -> String {
    let names = filed
        .iter()
        .filter(|filed| filed.term.taxonomy == taxonomy)
        .map(|filed| match filed.term.name.contains([',', '"']) {
            true => format!("\"{}\"", filed.term.name.replace('"', "\"\"")),
            false => filed.term.name.clone(),
        });
    names.collect::<Vec<_>>().join(", ")
}

/// The names between commas. A name in quotation marks may have commas; two marks in it are one.
fn split_names(text: &str) -> Vec<String> {
    let (mut names, mut name, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                name.push('"');
            }
            '"' if is_quoted || name.trim().is_empty() => is_quoted = !is_quoted,
            ',' | '\n' if !is_quoted => names.push(std::mem::take(&mut name)),
            c => name.push(c),
        }
    }
    names.push(name);
    let names = names.iter().map(|name| name.trim());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_content::Term;
    use rustok_content::ids::TermId;
    use uuid::Uuid;

    fn filed(taxonomy: Taxonomy, name: &str, slug: &str) -> FiledTerm {
        let id = TermId::from_uuid(Uuid::nil());
        FiledTerm {
            term: Term::new_strict(id, taxonomy, name, Some(slug), None).unwrap(),
            parent_slug: None,
        }
    }

    #[test]
    fn names_survive_the_way_through_the_field() {
        let terms: Vec<_> = ["Food, drinks", "Say \"hi\"", "12\" records", "plain"]
            .iter()
            .enumerate()
            .map(|(at, name)| filed(Taxonomy::Tag, name, &format!("t{at}")))
            .collect();
        let shown = names_of(&terms, Taxonomy::Tag);
        let fields = Fields::of([("tags", shown)]);
        let slugs: Vec<_> = super::terms(&fields, &terms)
            .into_iter()
            .map(|term| term.slug)
            .collect();
        let expected: Vec<_> = (0..4).map(|at| Some(format!("t{at}"))).collect();
        assert_eq!(slugs, expected);
        assert_eq!(split_names(" a, ,b\nc d , \"e"), ["a", "b", "c d", "e"]);
    }

    #[test]
    fn a_name_that_the_node_has_means_its_own_term() {
        let own = [
            filed(Taxonomy::Category, "Shirts", "men-shirts"),
            filed(Taxonomy::Category, "Shirts", "women-shirts"),
        ];
        let fields = Fields::of([
            ("categories", "shirts, Shirts, Shirts".to_owned()),
            ("tags", "Shirts".to_owned()),
        ]);
        let found: Vec<_> = super::terms(&fields, &own)
            .into_iter()
            .map(|term| term.slug.or(term.name).unwrap())
            .collect();
        assert_eq!(found, ["men-shirts", "women-shirts", "Shirts", "Shirts"]);
    }

    #[test]
    fn line_ends_of_the_browser_change_no_text() {
        let stored = Translation {
            title: "A".into(),
            slug: "a".parse().unwrap(),
            excerpt: String::new(),
            body: "one\r\ntwo".into(),
            format: BodyFormat::Html,
            body_html: String::new(),
        };
        let typed = |body: &str| Fields::of([("title", "A\nB".to_owned()), ("body", body.to_owned())]);
        assert_eq!(text(&typed("one\ntwo"), Some(&stored)).body, "one\r\ntwo");
        assert_eq!(text(&typed("one\ntwo!"), Some(&stored)).body, "one\ntwo!");
        assert_eq!(text(&typed(""), None).title, "A B");
    }

    #[test]
    fn an_error_of_a_term_stands_at_its_field() {
        for (id, field) in [
            ("f-terms-1-name", Some("categories")),
            ("f-terms-2", Some("tags")),
            ("f-terms", Some("tags")),
            ("f-author-login", Some("author")),
            ("f-published_at", Some("date")),
            ("f-title", None),
        ] {
            assert_eq!(field_of(id, 2), field, "{id}");
        }
    }
}
