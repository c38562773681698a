//! The table of all routes.

use reqwest::Method;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TABLE: &str = include_str!("../routes.txt");

/// The roles, in the order of the columns.
pub(crate) const ROLES: [&str; 7] = [
    "owner", "admin", "manager", "editor", "author", "support", "viewer",
];

/// What a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// The same to everyone, without a session too.
    Everyone(u16),
    /// To the members with each of [`ROLES`]; to nobody else.
    Members([u16; 7]),
}

/// A row: a route, or a state in which its page looks another way.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With `{id}`, and perhaps a query.
    pub(crate) path: &'static str,
    /// The kind of thing that the path names.
    pub(crate) thing: Option<&'static str>,
    pub(crate) answers: Answers,
    /// What is typed into the form.
    pub(crate) typed: Vec<(&'static str, String)>,
}

impl Route {
    /// Whether it shows a page, rather than taking a form, giving a file or leading elsewhere.
    pub(crate) fn is_page(&self) -> bool {
        self.is_read() && self.owner_gets() == 200 && !self.path.ends_with(".csv")
    }

    /// Whether a link leads to it.
    pub(crate) fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    /// What it answers to an owner.
    pub(crate) const fn owner_gets(&self) -> u16 {
        match self.answers {
            Answers::Everyone(status) | Answers::Members([status, ..]) => status,
        }
    }

    /// Whether its path names a thing of the tenant that an owner of another tenant does not find.
    pub(crate) fn is_of_tenant(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        path.contains('{') && !self.is_open() && self.kind() != Some("session")
    }

    /// Whether nobody needs a session for it.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.answers, Answers::Everyone(_))
    }

    /// What kind of thing the path names, whatever its state.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        self.thing.and_then(|thing| thing.split('.').next())
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.thing.unwrap_or_default())
    }
}

/// All rows.
pub(crate) fn routes() -> Vec<Route> {
    let lines = TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(route).collect()
}

fn route(line: &'static str) -> Route {
    let words: Vec<_> = line.split_whitespace().collect();
    let [method, path, thing, rest @ ..] = words.as_slice() else {
        panic!("routes.txt: {line}");
    };
    let answers: Vec<u16> = rest.iter().map_while(|word| word.parse().ok()).collect();
    let typed = rest[answers.len()..].iter().map(|word| {
        let (name, value) = word
            .split_once('=')
            .unwrap_or_else(|| panic!("routes.txt: {line}"));
        (name, value.replace('~', " "))
    });
    Route {
        method: method.parse().unwrap(),
        path,
        thing: (*thing != "-").then_some(*thing),
        answers: match answers.as_slice() {
            [everyone] => Answers::Everyone(*everyone),
            members => Answers::Members(
                members
                    .try_into()
                    .unwrap_or_else(|_| panic!("routes.txt: {line}")),
            ),
        },
        typed: typed.collect(),
    }
}

/// The text of a constant of a source.
fn named<'a>(source: &'a str, name: &str) -> &'a str {
    let (_, value) = source.split_once(&format!("const {name}: &str = \"")).unwrap();
    value.split('"').next().unwrap_or_default()
}

/// The routes that the sources of the program declare: a method and a path with `{name}` for each parameter.
fn declared(folder: &Path, into: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            declared(&path, into);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for call in text.split(".route(").skip(1) {
            let (address, handlers) = call.split_once(',').unwrap();
            let address = match address.trim().strip_prefix('"') {
                Some(address) => address.trim_end_matches('"'),
                None => named(&text, address),
            };
            let end = handlers.find(".route(").unwrap_or(handlers.len());
            let end = handlers[..end].find([';', '}']).unwrap_or(end);
            for method in ["get", "post"] {
                if handlers[..end].contains(&format!("{method}(")) {
                    into.insert((method.to_uppercase(), address.to_owned()));
                }
            }
        }
    }
}

/// Whether a row is one of the route with this path.
fn matches(template: &str, row: &str) -> bool {
    let row = row.split('?').next().unwrap_or_default();
    let (template, row) = (template.split('/'), row.split('/'));
    template.clone().count() == row.clone().count()
        && template
            .zip(row)
            .all(|(known, part)| known.starts_with('{') || known == part)
}

#[test]
fn each_route_has_a_row_and_each_row_a_route() {
    let mut known = BTreeSet::new();
    declared(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut known);
    known.retain(|(_, path)| !path.starts_with("/assets/"));
    assert!(known.len() > 10, "{known:?}");
    let rows = routes();
    let has_row = |(method, path): &(String, String)| {
        rows.iter()
            .any(|row| row.method.as_str() == method && matches(path, row.path))
    };
    let missing: Vec<_> = known.iter().filter(|route| !has_row(route)).collect();
    let has_route = |row: &Route| {
        known
            .iter()
            .any(|(method, path)| row.method.as_str() == method && matches(path, row.path))
    };
    let gone: Vec<_> = rows
        .iter()
        .filter(|row| !has_route(row))
        .map(Route::name)
        .collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "crates/rustok-pages/tests/routes.txt has no row for {missing:#?}, and rows without a route: {gone:#?}"
    );
}
