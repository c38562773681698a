//! Every edge of WXR, on small files.

use crate::files::{nodes, places, post, split, wordpress, wxr};
use rustok_import::{NodeItem, NodeKind, NodeStatus, RowError, Taxonomy, WordpressItem, WordpressReader};

/// The one node of an export with this item.
fn one(more: &str) -> Result<NodeItem, RowError> {
    let (items, mut errors) = wordpress(wxr(&post(1, more)));
    match (nodes(items).pop(), errors.pop()) {
        (Some(node), None) => Ok(node),
        (None, Some(error)) => Err(error),
        other => panic!("expected one node or one error: {other:?}"),
    }
}

/// A post with this status and these dates.
fn dated(status: &str, dates: &str) -> Result<NodeItem, RowError> {
    let item = format!(
        "<item><wp:post_id>1</wp:post_id><wp:post_type>page</wp:post_type><wp:status>{status}</wp:status>{dates}</item>"
    );
    let (items, mut errors) = wordpress(wxr(&item));
    nodes(items).pop().ok_or_else(|| errors.pop().unwrap())
}

#[test]
fn a_full_item_is_read_field_by_field() {
    let node = one("<dc:creator><![CDATA[jane]]></dc:creator><guid>g</guid>\
         <content:encoded><![CDATA[<p>a ]]]]><![CDATA[> b</p>]]></content:encoded>\
         <excerpt:encoded>&lt;i&gt;x&lt;/i&gt;</excerpt:encoded><wp:post_name>caf%C3%A9</wp:post_name>\
         <wp:post_parent>7</wp:post_parent><wp:menu_order>-2</wp:menu_order><wp:is_sticky>1</wp:is_sticky>\
         <wp:post_password></wp:post_password>\
         <category domain=\"category\" nicename=\"new&#45;s\"><![CDATA[News &amp; more]]></category>\
         <category domain=\"post_tag\" nicename=\"%d0%b6\">ж</category>\
         <category domain=\"post_tag\" nicename=\"%d0%b6\">ж</category>\
         <category domain=\"post_format\" nicename=\"post-format-aside\"/>")
    .unwrap();
    assert_eq!((node.kind, node.status), (NodeKind::Post, NodeStatus::Published));
    assert_eq!((node.external_id.as_str(), node.title.as_str()), ("1", "Post 1"));
    assert_eq!(node.body, "<p>a ]]> b</p>");
    assert_eq!(node.excerpt, "<i>x</i>");
    assert_eq!(node.slug.as_deref(), Some("café"));
    assert_eq!(node.author_login.as_deref(), Some("jane"));
    assert_eq!(node.parent_external_id.as_deref(), Some("7"));
    assert_eq!(
        (node.menu_order, node.sticky, node.password_protected),
        (-2, true, false)
    );
    assert_eq!((node.line, node.column), (3, 1));
    assert_eq!(node.published_at.unwrap().to_string(), "2020-01-02T03:04:05Z");
    let terms: Vec<_> = node
        .terms
        .iter()
        .map(|term| (&term.taxonomy, term.slug.as_str(), term.name.as_str()))
        .collect();
    let format = Taxonomy::Other("post_format".to_owned());
    assert_eq!(
        terms,
        [
            (&Taxonomy::Category, "new-s", "News & more"),
            (&Taxonomy::Tag, "ж", "ж"),
            (&format, "post-format-aside", "post-format-aside")
        ]
    );
}

#[test]
fn authors_and_terms_come_before_the_items() {
    let (items, errors) = wordpress(wxr(
        "<wp:author><wp:author_login> jane </wp:author_login><wp:author_email>j@x.test</wp:author_email>\
         <wp:author_display_name><![CDATA[Jane &amp; Co]]></wp:author_display_name></wp:author>\
         <wp:author><wp:author_login>bob</wp:author_login></wp:author>\
         <wp:author><wp:author_email>x</wp:author_email></wp:author>\n\
         <wp:category><wp:category_nicename>sub</wp:category_nicename><wp:category_parent>top</wp:category_parent>\
         <wp:cat_name>Sub</wp:cat_name><wp:category_description>d</wp:category_description></wp:category>\
         <wp:category><wp:category_nicename>self</wp:category_nicename><wp:category_parent>self</wp:category_parent>\
         </wp:category>\
         <wp:category><wp:cat_name>Only Name</wp:cat_name></wp:category><wp:category/>\n\
         <wp:tag><wp:tag_slug>t</wp:tag_slug><wp:tag_name>T</wp:tag_name></wp:tag>\
         <wp:term><wp:term_taxonomy>category</wp:term_taxonomy><wp:term_slug>c</wp:term_slug></wp:term>\
         <wp:term><wp:term_taxonomy>nav_menu</wp:term_taxonomy><wp:term_slug>m</wp:term_slug></wp:term>",
    ));
    let reported: Vec<_> = items
        .iter()
        .map(|item| match item {
            WordpressItem::Author(author) => {
                format!(
                    "author {} {} {:?}",
                    author.login, author.display_name, author.email
                )
            }
            WordpressItem::Category(term) => {
                format!(
                    "category {} {} {:?} {:?}",
                    term.slug, term.name, term.parent_slug, term.description
                )
            }
            WordpressItem::Tag(term) => format!("tag {} {}", term.slug, term.name),
            WordpressItem::Node(_) => "node".to_owned(),
        })
        .collect();
    assert_eq!(
        reported,
        [
            "author jane Jane & Co Some(\"j@x.test\")",
            "author bob bob None",
            "category sub Sub Some(\"top\") Some(\"d\")",
            "category self self None None",
            "category only-name Only Name None None",
            "tag t T",
            "category c c None None",
        ]
    );
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn versions_and_spellings_of_namespaces_are_one_family() {
    let item = |wp: &str, content: &str, excerpt: &str| {
        format!(
            "<item><title>T</title><{wp}:post_id>1</{wp}:post_id><{wp}:post_type>post</{wp}:post_type>\
             <{wp}:status>publish</{wp}:status><{wp}:post_date_gmt>2020-01-02 03:04:05</{wp}:post_date_gmt>\
             <{content}:encoded>body</{content}:encoded><{excerpt}:encoded>short</{excerpt}:encoded></item>"
        )
    };
    let file = |namespaces: &str, version: &str, wp: &str, content: &str, excerpt: &str| {
        format!(
            "<rss {namespaces}><channel><{wp}:wxr_version> {version} </{wp}:wxr_version>{}</channel></rss>",
            item(wp, content, excerpt)
        )
    };
    let content = "=\"http://purl.org/rss/1.0/modules/content/\"";
    let files = [
        file("", "1.0", "wp", "content", "excerpt"),
        file(
            "xmlns:wp=\"http://wordpress.org/export/1.0/\"",
            "1.0",
            "wp",
            "content",
            "excerpt",
        ),
        file(
            &format!(
                "xmlns:a=\"https://wordpress.org/export/1.1/\" xmlns:b{content} \
                 xmlns:c=\"https://wordpress.org/export/1.1/excerpt/\""
            ),
            "1.1",
            "a",
            "b",
            "c",
        ),
        file(
            "xmlns=\"http://example.org/default\"",
            "1.2",
            "wp",
            "content",
            "excerpt",
        ),
    ];
    let hashes: Vec<_> = files
        .iter()
        .map(|file| {
            let (items, errors) = wordpress(file);
            assert_eq!(errors, [], "{file}");
            let node = nodes(items).pop().unwrap();
            assert_eq!(
                (node.body.as_str(), node.excerpt.as_str()),
                ("body", "short"),
                "{file}"
            );
            node.source_hash
        })
        .collect();
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]));

    // Bound to something else, the usual prefix means something else.
    let foreign = file("xmlns:wp=\"urn:other\"", "1.2", "wp", "content", "excerpt");
    let (items, errors) = wordpress(foreign);
    assert_eq!(items, []);
    assert!(errors[0].reason.contains("wxr_version"));
}

#[test]
fn a_file_that_is_no_export_says_so_and_ends() {
    for (text, place, word) in [
        ("", (1, 1), "no channel"),
        ("\n<!-- -->", (1, 1), "no channel"),
        ("<html></html>", (1, 1), "\"html\""),
        ("<rss></rss>", (1, 6), "no channel"),
        ("<rss><channel></channel></rss>", (1, 31), "wxr_version"),
        (
            "<rss><channel>\n <item/></channel></rss>",
            (2, 2),
            "before the first item",
        ),
        (
            "<rss><channel><wp:wxr_version>2.0</wp:wxr_version></channel></rss>",
            (1, 15),
            "\"2.0\"",
        ),
        ("<rss><channel><wp:wxr_version/></channel></rss>", (1, 15), "\"\""),
        ("Warning: PHP\n<rss/>", (1, 1), "before the start"),
        ("\u{1f}\u{8b}", (1, 1), "before the start"),
        (
            "<?xml version=\"1.0\" encoding=\"EBCDIC-1\"?><rss/>",
            (1, 1),
            "EBCDIC-1",
        ),
    ] {
        let mut reader = WordpressReader::new(text.as_bytes(), "site.xml");
        let (items, errors) = split(reader.by_ref());
        assert_eq!(items, []);
        assert_eq!(places(&errors), [place], "{text}: {errors:?}");
        assert!(errors[0].reason.contains(word), "{text}: {}", errors[0]);
        assert!(reader.stopped_early() && reader.next().is_none());
    }
    assert!(wordpress(b"%PDF-1.7").1[0].reason.contains("PDF"));
}

#[test]
fn blank_lines_and_a_byte_order_mark_before_the_declaration_do_no_harm() {
    for start in ["\u{feff}", "\n\n  "] {
        let (items, errors) = wordpress(format!("{start}{}", wxr(&post(1, ""))));
        assert_eq!((items.len(), errors), (1, vec![]));
    }
}

#[test]
fn what_is_not_certainly_public_is_a_draft() {
    for (status, more, expected) in [
        ("publish", "", Some((NodeStatus::Published, true))),
        ("future", "", Some((NodeStatus::Published, false))),
        ("draft", "", Some((NodeStatus::Draft, true))),
        ("pending", "", Some((NodeStatus::Draft, true))),
        ("auto-draft", "", Some((NodeStatus::Draft, true))),
        ("private", "", Some((NodeStatus::Draft, true))),
        ("wc-hidden", "", Some((NodeStatus::Draft, true))),
        ("", "", Some((NodeStatus::Draft, true))),
        (
            "publish",
            "<wp:post_password>x</wp:post_password>",
            Some((NodeStatus::Draft, true)),
        ),
        (
            "publish",
            "<wp:post_password>\n </wp:post_password>",
            Some((NodeStatus::Published, true)),
        ),
    ] {
        let node = dated(
            status,
            &format!("<wp:post_date_gmt>2031-01-01 00:00:00</wp:post_date_gmt>{more}"),
        );
        let node = node.unwrap();
        assert_eq!(
            Some((node.status, node.created_at.is_some())),
            expected,
            "{status} {more}"
        );
        assert_eq!(node.published_at.is_some(), node.status == NodeStatus::Published);
        assert_eq!(node.source_status, status);
    }
    assert_eq!(dated("future", "").unwrap().status, NodeStatus::Draft);
}

#[test]
fn dates_come_from_the_best_source() {
    let gmt = "<wp:post_date_gmt>2020-01-02 03:04:05</wp:post_date_gmt>";
    let zero = "<wp:post_date_gmt>0000-00-00 00:00:00</wp:post_date_gmt>";
    let rss = "<pubDate>Fri, 03 Jan 2020 03:04:05 +0300</pubDate>";
    let no_rss = "<pubDate>Mon, 30 Nov -0001 00:00:00 +0000</pubDate>";
    let local = "<wp:post_date>2020-01-04 03:04:05</wp:post_date>";
    let at = |dates: &[&str]| {
        dated("publish", &dates.concat())
            .unwrap()
            .published_at
            .map(|date| date.to_string())
            .unwrap_or_default()
    };
    assert_eq!(at(&[local, rss, gmt]), "2020-01-02T03:04:05Z");
    assert_eq!(at(&[local, rss, zero]), "2020-01-04T03:04:05Z");
    assert_eq!(at(&[rss, zero]), "2020-01-03T00:04:05Z");
    let made_up = "<pubDate>Thu, 01 Jan 1970 00:00:00 +0000</pubDate>";
    assert_eq!(at(&[made_up, zero]), "");
    let made_up = "<pubDate>Tue, 30 Nov 1999 00:00:00 +0000</pubDate>";
    assert_eq!(at(&[made_up, zero]), "");
    assert_eq!(at(&[local, no_rss, zero]), "2020-01-04T03:04:05Z");
    assert_eq!(at(&[no_rss, zero]), "");
    assert_eq!(at(&[]), "");
    // A date that is none costs only itself.
    let bad = "<item><title>T</title><wp:post_id>1</wp:post_id><wp:post_type>post</wp:post_type>\
               <wp:status>publish</wp:status>\n<wp:post_date>soon</wp:post_date></item>";
    let (items, errors) = wordpress(wxr(bad));
    assert_eq!(places(&errors), [(4, 1)]);
    assert!(errors[0].reason.contains("soon"));
    assert_eq!(nodes(items)[0].published_at, None);
}

#[test]
fn local_dates_have_the_offset_of_the_items_with_both() {
    let both = "<wp:post_date>2020-01-02 05:04:05</wp:post_date>";
    let item = "<item><wp:post_id>2</wp:post_id><wp:post_type>post</wp:post_type><wp:status>draft</wp:status>\
                <wp:post_date>2012-03-14 10:35:03</wp:post_date>\
                <wp:post_date_gmt>0000-00-00 00:00:00</wp:post_date_gmt></item>";
    let (items, errors) = wordpress(wxr(&format!("{}{item}", post(1, both))));
    assert_eq!(errors, []);
    let created = nodes(items)[1].created_at.unwrap();
    assert_eq!(created.to_string(), "2012-03-14T08:35:03Z");
}

#[test]
fn broken_xml_costs_what_stands_before_the_next_item() {
    let broken = post(
        2,
        "<wp:postmeta><wp:meta_key>x</wp:meta_key><wp:meta_value><<<</wp:meta_value></wp:postmeta>",
    );
    let text = wxr(&format!("{}\n{broken}\n{}", post(1, ""), post(3, "\n")));
    let mut reader = WordpressReader::new(text.as_bytes(), "site.xml");
    let (items, errors) = split(reader.by_ref());
    let ids: Vec<_> = nodes(items)
        .into_iter()
        .map(|node| (node.external_id, node.line))
        .collect();
    assert_eq!(ids, [("1".to_owned(), 3), ("3".to_owned(), 5)]);
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].line == 4 && errors[0].reason.contains("line 5"),
        "{}",
        errors[0]
    );
    assert!(reader.stopped_early());

    let cut = format!(
        "{}<item><title>x</titl<br />\n<b>Fatal error</b>: time",
        wxr(&post(1, "")).split("\n</channel>").next().unwrap()
    );
    let mut reader = WordpressReader::new(cut.as_bytes(), "site.xml");
    let (items, errors) = split(reader.by_ref());
    assert_eq!(
        (nodes(items).len(), errors.len(), reader.stopped_early()),
        (1, 1, true)
    );
}

#[test]
fn sites_have_identifiers_of_their_own() {
    let id = |address: &str| {
        let channel = format!("<wp:base_blog_url>{address}</wp:base_blog_url>{}", post(5, ""));
        nodes(wordpress(wxr(&channel)).0).remove(0).external_id
    };
    assert_eq!(id("https://site.example"), "site.example#5");
    assert_eq!(id("http://Site.example/ "), id("https://site.example"));
    assert_ne!(id("https://site.example/blog"), id("https://site.example"));
}

#[test]
fn titles_are_decoded_once() {
    for (title, expected) in [
        ("<![CDATA[Vec&lt;String&gt; in Rust]]>", "Vec<String> in Rust"),
        (
            "<![CDATA[The &lt;b&gt; element &amp;amp; friends]]>",
            "The <b> element &amp; friends",
        ),
        ("How to use the &lt;video&gt; tag", "How to use the <video> tag"),
        (
            "<![CDATA[A &#8211; B &eacute; &hellip; &euro; 5 &hearts;]]>",
            "A – B é … € 5 ♥",
        ),
        ("<![CDATA[5 < 6 & 7 > 3]]>", "5 < 6 & 7 > 3"),
        ("<![CDATA[Really <em>new</em>]]>", "Really new"),
    ] {
        let item = format!(
            "<item><title>{title}</title><wp:post_id>1</wp:post_id><wp:post_type>post</wp:post_type></item>"
        );
        assert_eq!(nodes(wordpress(wxr(&item)).0)[0].title, expected, "{title}");
    }
}

#[test]
fn what_has_no_place_is_counted_by_name() {
    let more = "<wp:comment_status>open</wp:comment_status><wp:ping_status/><wp:post_parent>3</wp:post_parent>\
                <wp:menu_order>2</wp:menu_order><wp:is_sticky>1</wp:is_sticky><category domain=\"genre\" nicename=\"a\">A</category>\
                <wp:postmeta><wp:meta_key><![CDATA[_thumbnail_id]]></wp:meta_key><wp:meta_value>7</wp:meta_value></wp:postmeta>";
    let text = wxr(&format!("<generator>x</generator>{}", post(1, more)));
    let mut reader = WordpressReader::new(text.as_bytes(), "site.xml");
    assert_eq!(split(reader.by_ref()).1, []);
    let skipped: Vec<_> = reader.skipped().iter().collect();
    assert_eq!(
        skipped,
        [
            ("element comment_status", 1),
            ("element of the channel generator", 1),
            ("genre of a post", 1),
            ("meta _thumbnail_id", 1),
            ("order of a page among its siblings (menu_order)", 1),
            ("parent of a page", 1),
            ("sticky post", 1),
        ]
    );
}

#[test]
fn what_is_left_out_is_counted_and_its_faults_do_not_matter() {
    let typed = |kind: &str, more: &str| {
        format!("<item><wp:post_id>9</wp:post_id><wp:post_type>{kind}</wp:post_type>{more}</item>")
    };
    let channel = [
        typed("attachment", "<title>&nope;</title>"),
        typed("revision", ""),
        typed(
            "product",
            "<wp:comment><wp:comment_content>&nope;</wp:comment_content></wp:comment>",
        ),
        typed("post", "<wp:status>trash</wp:status>"),
        typed("page", "<wp:status>inherit</wp:status>"),
        post(
            1,
            "<wp:comment/><wp:comment><wp:deep><wp:comment/></wp:deep>&nope;</wp:comment>",
        ),
    ]
    .concat();
    let text = wxr(&channel);
    let mut reader = WordpressReader::new(text.as_bytes(), "site.xml");
    let (items, errors) = split(reader.by_ref());
    assert_eq!((items.len(), errors), (1, vec![]));
    let skipped: Vec<_> = reader.skipped().iter().collect();
    assert_eq!(
        skipped,
        [
            ("attachment", 1),
            ("comment", 3),
            ("product", 1),
            ("revision", 1),
            ("status inherit", 1),
            ("status trash", 1)
        ]
    );
}

#[test]
fn a_bad_item_is_told_with_its_place_and_the_rest_is_read() {
    for (bad, place, word) in [
        (
            post(2, "\n<content:encoded>&nope;</content:encoded>"),
            (5, 18),
            "nope",
        ),
        (post(2, "\n<dc:creator>AT&T</dc:creator>"), (5, 15), "&amp;"),
        (
            post(2, "<content:encoded>\n <p>x</p></content:encoded>"),
            (5, 2),
            "element",
        ),
        (
            post(2, "\n<category domain=\"a\" domain=\"b\">x</category>"),
            (5, 1),
            "attribute",
        ),
        (
            post(2, "\n<category nicename=\"&nope;\">x</category>"),
            (5, 1),
            "nope",
        ),
        (
            post(2, "\n<dc:creator>&#x110000;</dc:creator>"),
            (5, 13),
            "character reference",
        ),
        (
            post(2, &"<category>x</category>".repeat(1_001)),
            (4, 0),
            "1000 terms",
        ),
        (
            post(
                2,
                &format!(
                    "\n<content:encoded>{}</content:encoded>",
                    "e".repeat(2 * 1024 * 1024 + 1)
                ),
            ),
            (5, 1),
            "2048 KiB",
        ),
        (
            post(
                2,
                &format!("\n<wp:post_name>{}</wp:post_name>", "e".repeat(4_097)),
            ),
            (5, 1),
            "4 KiB",
        ),
        (
            "<item><wp:post_id>2</wp:post_id></item>".to_owned(),
            (4, 1),
            "post_type",
        ),
        (
            "<item><wp:post_type>post</wp:post_type></item>".to_owned(),
            (4, 1),
            "post_id",
        ),
        (post(1, ""), (4, 1), "line 3"),
    ] {
        let text = wxr(&format!("{}\n{bad}\n{}", post(1, ""), post(3, "")));
        let (items, errors) = wordpress(&text);
        assert_eq!(errors.len(), 1, "{word}");
        assert_eq!(errors[0].line, place.0, "{}", errors[0]);
        assert!(place.1 == 0 || errors[0].column == place.1, "{}", errors[0]);
        assert!(errors[0].reason.contains(word), "{}", errors[0]);
        let ids: Vec<_> = nodes(items).into_iter().map(|node| node.external_id).collect();
        // An author that cannot be read costs no more than the author.
        let expected: &[_] = if bad.contains("creator") {
            &["1", "2", "3"]
        } else {
            &["1", "3"]
        };
        assert_eq!(ids, expected, "{word}");
    }
}

#[test]
fn a_body_may_be_two_mebibytes_in_any_number_of_pieces() {
    let half = "b".repeat(1024 * 1024);
    let body = format!("<content:encoded><![CDATA[{half}]]>{half}</content:encoded>");
    assert_eq!(one(&body).unwrap().body.len(), 2 * 1024 * 1024);
    let more = format!("<content:encoded><![CDATA[{half}]]>{half}&lt;</content:encoded>");
    assert!(one(&more).unwrap_err().reason.contains("2048 KiB"));
}

#[test]
fn text_that_is_not_utf8_refuses_its_item() {
    let mut text = wxr(&format!(
        "{}\n{}",
        post(1, "<content:encoded>@@жжж</content:encoded>"),
        post(2, "")
    ))
    .into_bytes();
    let place = text.windows(2).position(|pair| pair == b"@@").unwrap();
    text[place..place + 2].copy_from_slice(b"\xE9\xE8");
    let (items, errors) = wordpress(&text);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].line, 3);
    assert!(errors[0].reason.contains("UTF-8"));
    assert_eq!(nodes(items)[0].external_id, "2");
}

#[test]
fn terms_of_version_1_0_are_named_twice_and_kept_once() {
    let node = one("<category><![CDATA[News]]></category>\
         <category domain=\"category\" nicename=\"news\"><![CDATA[News]]></category>\
         <category domain=\"tag\"><![CDATA[Big Cats]]></category>\
         <category domain=\"tag\" nicename=\"big-cats-2\"><![CDATA[Big Cats]]></category>\
         <category>Only Here</category><category>!!</category>")
    .unwrap();
    let terms: Vec<_> = node
        .terms
        .iter()
        .map(|term| (&term.taxonomy, term.slug.as_str()))
        .collect();
    assert_eq!(
        terms,
        [
            (&Taxonomy::Category, "news"),
            (&Taxonomy::Tag, "big-cats-2"),
            (&Taxonomy::Category, "only-here")
        ]
    );
}

#[test]
fn document_types_are_refused_before_anything_is_expanded() {
    let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE rss [\n <!ENTITY a \"ha\">\n <!ENTITY b \"&a;&a;&a;&a;&a;&a;\">\n\
                <!ENTITY x SYSTEM \"file:///etc/passwd\">\n]>\n<rss><channel>&b;&x;</channel></rss>";
    let (items, errors) = wordpress(bomb);
    assert_eq!(items, []);
    assert_eq!(places(&errors), [(2, 1)]);
    assert!(errors[0].reason.contains("DOCTYPE"));
    // In the middle of the file as well.
    let (items, errors) = wordpress(wxr(&format!(
        "{}\n<!DOCTYPE x SYSTEM \"http://x.test/x.dtd\">",
        post(1, "")
    )));
    assert_eq!((items.len(), places(&errors)), (1, vec![(4, 1)]));
}

#[test]
fn broken_xml_ends_with_its_place_after_what_was_valid() {
    for (tail, place) in [
        ("<item><title>x</item>".to_owned(), (4, 15)),
        ("</item>".to_owned(), (4, 1)),
        (format!("<item>{}", "<a>".repeat(70)), (4, 7 + 3 * 61)),
        (
            "<item><title>x</title>\n\n<![CDATA[ never closed".to_owned(),
            (6, 1),
        ),
        ("<item><title a=\"never closed>".to_owned(), (4, 7)),
        (format!("<item a=\"{}\"/>", "x".repeat(70_000)), (4, 1)),
    ] {
        let (items, errors) = wordpress(wxr(&format!("{}\n{tail}", post(1, ""))));
        assert_eq!(items.len(), 1);
        assert_eq!(places(&errors), [place], "{errors:?}");
    }
    let (items, errors) = wordpress(format!("{}<rss/>", wxr(&post(1, ""))));
    assert_eq!((items.len(), errors.len()), (1, 1));
    assert!(errors[0].reason.contains("after the end"));
}

#[test]
fn a_piece_beyond_all_limits_ends_the_file_with_flat_memory() {
    let huge = format!("{}\n<!-- {}", post(1, ""), "c".repeat(9 * 1024 * 1024));
    let (items, errors) = wordpress(wxr(&huge));
    assert_eq!((items.len(), places(&errors)), (1, vec![(4, 1)]));
    assert!(errors[0].reason.contains("8 MiB"));
}

#[test]
fn hashes_follow_the_meaning_and_nothing_else() {
    let hash = |text: &str| one(text).unwrap().source_hash;
    let base = hash("<content:encoded>a&amp;b</content:encoded>");
    assert_eq!(
        base,
        hash("\r\n<!-- x --><unknown/>\t<content:encoded><![CDATA[a&b]]></content:encoded>")
    );
    for other in [
        "<content:encoded>a&amp;b </content:encoded>",
        "<excerpt:encoded>a&amp;b</excerpt:encoded>",
        "<content:encoded>a&amp;b</content:encoded><wp:is_sticky>1</wp:is_sticky>",
        "<content:encoded>a&amp;b</content:encoded><wp:post_name>x</wp:post_name>",
        "<content:encoded>a&amp;b</content:encoded><wp:post_password>x</wp:post_password>",
        "<content:encoded>a&amp;b</content:encoded><category domain=\"post_tag\" nicename=\"x\"/>",
        "<content:encoded>a&amp;b</content:encoded><category domain=\"category\" nicename=\"x\"/>",
    ] {
        assert_ne!(base, hash(other), "{other}");
    }
}
