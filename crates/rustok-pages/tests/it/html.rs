//! Reads the pages as a browser without JavaScript does: their forms, and the texts that people see.

/// A form with the values that a browser would send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// A tag with its attributes, or the text between two.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Tag(String, Vec<(String, String)>),
    Text(String),
}

/// The characters that the entities of our templates stand for.
fn plain(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    entities
        .into_iter()
        .fold(text.to_owned(), |text, (entity, character)| {
            text.replace(entity, character)
        })
}

/// A page in pieces. Pages are what our templates make: quoted attributes, no comments, no scripts inside.
pub(crate) fn pieces(html: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((text, tag)) = rest.split_once('<') {
        if !text.trim().is_empty() {
            found.push(Piece::Text(plain(text.trim())));
        }
        let (name, attributes, after) = tag_of(tag);
        found.push(Piece::Tag(name, attributes));
        rest = after;
    }
    found
}

fn tag_of(tag: &str) -> (String, Vec<(String, String)>, &str) {
    let end = tag
        .find(|c: char| c.is_whitespace() || c == '>')
        .unwrap_or(tag.len());
    let (name, mut rest) = tag.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (name.to_owned(), attributes, "");
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (name.to_owned(), attributes, after);
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '=' || c == '>')
            .unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            Some(after) => {
                let quote = if after.starts_with('\'') { '\'' } else { '"' };
                let quoted = after
                    .strip_prefix(quote)
                    .unwrap_or_else(|| panic!("not quoted: {}", &after[..after.len().min(80)]));
                quoted.split_once(quote).unwrap()
            }
            None => ("", after),
        };
        attributes.push((key.to_owned(), plain(value)));
        rest = after;
    }
}

fn get<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = attributes.iter().filter(|(key, _)| key == name);
    found.next().map(|(_, value)| value.as_str())
}

/// All forms of a page. Buttons with an address of their own are forms too, and so are parts of a page that are asked for
/// with what is typed; of radio buttons and boxes the chosen ones count.
pub(crate) fn forms(html: &str) -> Vec<Form> {
    let mut found: Vec<Form> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    let mut buttons = Vec::new();
    let mut select = None;
    let mut area = None;
    let mut is_inside = false;
    for piece in pieces(html) {
        let Piece::Tag(name, attributes) = piece else {
            if let (Piece::Text(text), Some((at, name))) = (piece, area.take()) {
                let form: &mut Form = &mut found[at];
                form.fields.push((name, text));
            }
            continue;
        };
        let value = || get(&attributes, "value").unwrap_or_default().to_owned();
        let called = get(&attributes, "name").map(str::to_owned);
        // The form that a field belongs to: one that it names, or the one around it.
        let of = match get(&attributes, "form") {
            Some(id) => ids.iter().position(|known| known == id),
            None => is_inside.then(|| found.len() - 1),
        };
        if let (Some(at), Some(action)) = (of, get(&attributes, "hx-post")) {
            let mut part = found[at].clone();
            action.clone_into(&mut part.action);
            buttons.push((at, part));
        }
        match (name.as_str(), of) {
            ("form", _) => {
                is_inside = true;
                ids.push(get(&attributes, "id").unwrap_or_default().to_owned());
                let action = get(&attributes, "action").unwrap_or_default().to_owned();
                found.push(Form {
                    action,
                    fields: Vec::new(),
                });
            }
            ("/form", _) => is_inside = false,
            ("button", Some(at)) => {
                if let Some(action) = get(&attributes, "formaction") {
                    let mut form = found[at].clone();
                    action.clone_into(&mut form.action);
                    form.fields.extend(called.map(|name| (name, value())));
                    buttons.push((at, form));
                }
            }
            ("input", Some(at)) => {
                let kind = get(&attributes, "type").unwrap_or("text");
                let is_sent = !matches!(kind, "checkbox" | "radio") || get(&attributes, "checked").is_some();
                if is_sent && kind != "file" && get(&attributes, "disabled").is_none() {
                    found[at].fields.extend(called.map(|name| (name, value())));
                }
            }
            ("select", of) => select = of.zip(called),
            ("option", _) => {
                if let Some((at, select)) = &select {
                    let form = &mut found[*at];
                    let is_first = form.fields.iter().all(|(name, _)| name != select);
                    if is_first || get(&attributes, "selected").is_some() {
                        form.fields.retain(|(name, _)| name != select);
                        form.fields.push((select.clone(), value()));
                    }
                }
            }
            ("textarea", of) => area = of.zip(called),
            ("/textarea", _) => {
                if let Some((at, name)) = area.take() {
                    found[at].fields.push((name, String::new()));
                }
            }
            _ => {}
        }
    }
    // A button sends the fields that stand behind it too.
    for (of, mut button) in buttons {
        for field in &found[of].fields {
            if !button.fields.contains(field) {
                button.fields.push(field.clone());
            }
        }
        found.push(button);
    }
    found
}

#[test]
fn a_form_is_read_as_a_browser_reads_it() {
    let html = r#"<form id="f" method="post" action="/a"><input name="x" value="&#34;1&#34;"><input type="checkbox" name="no" value="1">
        <input type="checkbox" name="yes" value="1" checked><select name="s"><option value="a">A</option><option value="b" selected>B</option></select>
        <textarea name="t">two &amp; three</textarea><textarea name="u"></textarea><button formaction="/b" name="do" value="it">B</button></form><input name="outside"><input name="far" value="1" form="f">"#;
    let found = forms(html);
    let fields = |form: &Form| {
        let pairs: Vec<_> = form
            .fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    };
    assert_eq!(fields(&found[0]), "x=\"1\"&yes=1&s=b&t=two & three&u=&far=1");
    assert_eq!(
        (
            found[1].action.as_str(),
            found[1].fields.contains(&("do".into(), "it".into()))
        ),
        ("/b", true)
    );
    assert_eq!(found.len(), 2);
}
