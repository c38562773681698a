//! Nothing is in a file that is neither yielded nor counted nor an error at its place: random exports with random subsets
//! of columns and elements, encodings, separators, and ends at any byte.
//!
//! The generator writes a mark into each cell or element and remembers where it stands. Afterwards each mark must be in
//! what the reader yielded, else an error must stand on a line of its row or item, else a count with the name of its
//! column or element must be left for it.

use rustok_import::{ShopifyReader, Skipped, WordpressReader};
use std::collections::BTreeMap;
use std::fmt::Debug;

const FILES: u64 = 10_000;

/// A small generator of numbers (xorshift), so that a seed gives the same file everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Where a mark stands.
#[derive(Debug)]
struct Mark {
    text: String,
    /// The column or element.
    name: String,
    /// Lines of its row or item, from 1.
    lines: (u64, u64),
    /// The handle of its product.
    group: String,
    /// The offset behind it, in characters.
    end: usize,
}

/// A file as text, with its marks.
#[derive(Debug, Default)]
struct File {
    text: String,
    chars: usize,
    line: u64,
    marks: Vec<Mark>,
}

impl File {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.chars += text.chars().count();
        self.line += u64::try_from(text.matches('\n').count()).unwrap();
    }

    fn mark(&mut self, name: &str, text: String) {
        self.marks.push(Mark {
            text,
            name: name.to_owned(),
            lines: (self.line, self.line),
            group: String::new(),
            end: self.chars,
        });
    }
}

/// The file in an encoding, cut or not; and how many characters of it are there.
fn encoded(random: &mut Random, text: &str, latin: bool) -> (Vec<u8>, usize) {
    let chars = text.chars().count();
    let kept = if random.one_in(3) {
        random.below(chars + 1)
    } else {
        chars
    };
    let text: String = text.chars().take(kept).collect();
    let utf16 = |big: bool| -> Vec<u8> {
        let units = Some(0xFEFF_u16).into_iter().chain(text.encode_utf16());
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    };
    let bytes = match random.below(5) {
        0 => utf16(true),
        1 => utf16(false),
        2 => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        3 if latin => text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect(),
        _ => text.into_bytes(),
    };
    (bytes, kept)
}

/// Checks each mark that is in the file.
fn check<T: Debug>(
    file: &File,
    kept: usize,
    yielded: &[T],
    errors: &[(u64, String)],
    skipped: &Skipped,
    reasons: impl Fn(&Mark) -> Vec<String>,
) {
    let all = format!("{yielded:?}");
    let mut left: BTreeMap<String, u64> = skipped
        .iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect();
    let mut rows: BTreeMap<u64, bool> = BTreeMap::new();
    let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
    for mark in file.marks.iter().filter(|mark| mark.end <= kept) {
        let has_error = errors
            .iter()
            .any(|(line, _)| (mark.lines.0..=mark.lines.1).contains(line));
        if all.contains(&mark.text) || has_error {
            continue;
        }
        // The first row of its product has the error; the others are counted.
        if !mark.group.is_empty() && !all.contains(&mark.group) {
            refused.insert(&mark.group, mark.lines.0);
            continue;
        }
        let mut counted = reasons(mark)
            .into_iter()
            .any(|reason| match left.get_mut(&reason) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    true
                }
                _ => false,
            });
        // A row that is counted as a whole.
        counted = counted
            || *rows.entry(mark.lines.0).or_insert_with(|| {
                match left.get_mut("row without variant or image") {
                    Some(count) if *count > 0 => {
                        *count -= 1;
                        true
                    }
                    _ => false,
                }
            });
        assert!(
            counted,
            "{mark:?} is lost\n{}\nyielded {all}\nerrors {errors:?}\nskipped {skipped:?}",
            file.text.chars().take(kept).collect::<String>()
        );
    }
    let counted = skipped.count("row of a refused product");
    for (group, line) in refused {
        let first = file
            .marks
            .iter()
            .filter(|mark| mark.group == group)
            .map(|mark| mark.lines.0)
            .min();
        let is_reported = errors
            .iter()
            .any(|(at, _)| first.is_some_and(|first| (first..=line).contains(at)));
        assert!(
            is_reported && counted > 0,
            "{group} is lost\n{}\n{errors:?}",
            file.text
        );
    }
}

const COLUMNS: [&str; 22] = [
    "Title",
    "Body (HTML)",
    "Vendor",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Barcode",
    "Image Src",
    "Image Alt Text",
    "Variant Image",
    "SEO Title",
    "Colour (product.metafields.custom.colour)",
];

/// A value of this column with a mark, and the mark.
fn cell(random: &mut Random, column: &str, number: u64) -> (String, Option<String>) {
    let mark = format!("{}", 1_000_000 + number);
    let text = format!("é{mark}ü");
    let with = |value: String| (value, Some(mark.clone()));
    match column {
        _ if random.one_in(3) => (String::new(), None),
        "Variant Price" | "Variant Compare At Price" => match random.below(6) {
            0 => with(format!("€{mark}.50")),
            1 => with(format!("{mark},5")),
            2 => with(format!("x{mark}y")),
            _ => with(mark.clone()),
        },
        "Variant Grams" | "Variant Inventory Qty" => match random.below(5) {
            0 => with(format!("{mark}.0")),
            1 => with(format!("{mark} g")),
            _ => with(mark.clone()),
        },
        "Published" => (random.pick(&["true", "FALSE", "wahr"]).to_owned(), None),
        "Variant Inventory Tracker" => ("shopify".to_owned(), None),
        "Option1 Name" | "Option2 Name" => with(format!("Name {mark}")),
        "Image Src" | "Variant Image" => with(format!("https://x.test/{mark}.jpg")),
        "Body (HTML)" => with(format!("<p>{text}</p>\n\"quoted\"")),
        _ => with(text),
    }
}

fn quoted(random: &mut Random, cell: &str, separator: char) -> String {
    let must = cell.contains([separator, '"', '\n', '\r']);
    if must || random.one_in(4) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn products(random: &mut Random) -> File {
    let separator = random.pick(&[',', ',', ';', '\t']);
    let end = random.pick(&["\n", "\r\n"]);
    let mut columns: Vec<&str> = COLUMNS.into_iter().filter(|_| !random.one_in(3)).collect();
    columns.insert(random.below(columns.len() + 1), "Handle");
    let mut file = File {
        line: 1,
        ..File::default()
    };
    let header: Vec<String> = columns
        .iter()
        .map(|name| quoted(random, name, separator))
        .collect();
    file.push(&header.join(&separator.to_string()));
    file.push(end);
    let (mut handle, mut number) = (0, 0);
    for _ in 0..random.below(9) {
        handle += usize::from(random.one_in(2));
        let (first, line) = (file.marks.len(), file.line);
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                file.push(&separator.to_string());
            }
            number += 1;
            let (text, mark) = match *column {
                "Handle" => (format!("h{handle}"), None),
                other => cell(random, other, number),
            };
            let text = quoted(random, &text, separator);
            file.push(&text);
            if let Some(mark) = mark {
                file.mark(column, mark);
            }
        }
        for mark in file.marks.iter_mut().skip(first) {
            mark.lines = (line, file.line);
            mark.group = format!("\"h{handle}\"");
        }
        file.push(end);
    }
    file
}

#[test]
fn no_cell_of_a_product_csv_is_lost() {
    let mut incomplete = 0;
    for seed in 1..=FILES {
        let random = &mut Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let file = products(random);
        let (bytes, kept) = encoded(random, &file.text, !file.text.contains('€'));
        let mut reader = ShopifyReader::new(bytes.as_slice(), "a.csv", 2);
        let (mut items, mut errors) = (Vec::new(), Vec::new());
        for item in reader.by_ref() {
            match item {
                Ok(item) => items.push(item),
                Err(error) => errors.push((error.line, error.reason)),
            }
        }
        incomplete += usize::from(reader.stopped_early());
        assert!(
            !reader.stopped_early() || !errors.is_empty(),
            "an end that is not reported, seed {seed}"
        );
        // A header that is none is one error for the whole file.
        if items.is_empty() && reader.stopped_early() && errors.first().is_some_and(|(line, _)| *line <= 1) {
            continue;
        }
        let reasons = |mark: &Mark| {
            let name = &mark.name;
            vec![
                format!("column {name:?}"),
                format!("{name} on a further row of its product"),
                format!("{name} on a row without a variant"),
                format!("{name} without an image"),
                if name == "Variant Inventory Qty" {
                    "quantity of a variant that is not tracked".to_owned()
                } else {
                    String::new()
                },
            ]
        };
        check(&file, kept, &items, &errors, reader.skipped(), reasons);
    }
    assert!(incomplete > 500, "{incomplete}");
}

const ELEMENTS: [&str; 14] = [
    "title",
    "link",
    "dc:creator",
    "content:encoded",
    "excerpt:encoded",
    "wp:post_name",
    "wp:post_parent",
    "wp:menu_order",
    "wp:comment_status",
    "wp:ping_status",
    "guid",
    "wp:postmeta",
    "category",
    "wp:attachment_url",
];

fn posts(random: &mut Random) -> File {
    let mut file = File {
        line: 1,
        ..File::default()
    };
    file.push(
        "<?xml version=\"1.0\"?>\n<rss xmlns:excerpt=\"http://wordpress.org/export/1.2/excerpt/\" \
         xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><wp:wxr_version>1.2</wp:wxr_version>\n",
    );
    let mut number = 0;
    for id in 1..=random.below(6) {
        let (first, line) = (file.marks.len(), file.line);
        file.push(&format!(
            "<item><wp:post_id>{id}</wp:post_id><wp:post_type>post</wp:post_type>"
        ));
        for element in ELEMENTS {
            if random.one_in(3) {
                continue;
            }
            number += 1;
            let mark = format!("{}", 1_000_000 + number);
            let text = match element {
                "link" => format!("https://x.test/{mark}"),
                "wp:post_parent" | "wp:menu_order" => mark.clone(),
                _ if random.one_in(8) => format!("é {mark} & < x"),
                _ => format!("é{mark}"),
            };
            let text = match random.below(8) {
                0 => text,
                1 => format!("<![CDATA[{text}]]>"),
                _ => text.replace('&', "&amp;").replace('<', "&lt;"),
            };
            file.push(&match element {
                "wp:postmeta" => format!(
                    "<wp:postmeta>\n<wp:meta_key>k</wp:meta_key><wp:meta_value>{text}</wp:meta_value></wp:postmeta>"
                ),
                "category" => format!("<category domain=\"post_tag\" nicename=\"{mark}\">{mark}</category>"),
                other => format!("<{other}>{text}</{other}>"),
            });
            file.mark(element, mark);
        }
        file.push("</item>");
        for mark in file.marks.iter_mut().skip(first) {
            mark.lines = (line, file.line);
        }
        file.push("\n");
    }
    file.push("</channel></rss>\n");
    file
}

#[test]
fn no_element_of_an_export_is_lost() {
    let mut resumed = 0;
    for seed in 1..=FILES {
        let random = &mut Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let file = posts(random);
        let (bytes, kept) = encoded(random, &file.text, false);
        let mut reader = WordpressReader::new(bytes.as_slice(), "a.xml");
        let (mut items, mut errors) = (Vec::new(), Vec::new());
        for item in reader.by_ref() {
            match item {
                Ok(item) => items.push(item),
                Err(error) => errors.push((error.line, error.reason)),
            }
        }
        let is_cut = kept + 1 < file.chars;
        assert!(
            !is_cut || reader.stopped_early(),
            "a cut that is not reported, seed {seed}"
        );
        assert!(
            !reader.stopped_early() || !errors.is_empty(),
            "an end that is not reported, seed {seed}"
        );
        resumed += usize::from(errors.iter().any(|(_, reason)| reason.contains("was not read")));
        let reasons = |mark: &Mark| {
            let local = mark.name.rsplit(':').next().unwrap_or_default();
            vec![
                format!("element {local}"),
                format!("meta {}", if local == "postmeta" { "k" } else { "" }),
                if local == "menu_order" {
                    "order of a page among its siblings (menu_order)".to_owned()
                } else {
                    String::new()
                },
                if local == "post_parent" {
                    "parent of a page".to_owned()
                } else {
                    String::new()
                },
            ]
        };
        // What was cut off belongs to the last item, which the last error stands for.
        let end = errors
            .last()
            .filter(|_| reader.stopped_early())
            .map(|(line, _)| *line);
        let covered: Vec<(u64, String)> = match end {
            Some(_) if is_cut => {
                let open = file
                    .marks
                    .iter()
                    .filter(|mark| mark.end <= kept)
                    .map(|mark| mark.lines.0)
                    .max();
                errors
                    .iter()
                    .cloned()
                    .chain(open.map(|line| (line, String::new())))
                    .collect()
            }
            _ => errors.clone(),
        };
        check(&file, kept, &items, &covered, reader.skipped(), reasons);
    }
    assert!(resumed > 500, "{resumed}");
}
