//! What an import keeps and tells: files of partial updates, stock, other sites, edits made here, and texts of WordPress.
//! Each file has the shape of one that went wrong.

use crate::shop::Shop;
use rustok_app::IdempotencyKey;
use rustok_app::catalog::{self, ProductFilter, UpdateProduct};
use rustok_app::content::{self, ArchiveNode, ListedText, NodeDetail, NodeFilter};
use rustok_app::import::{self, ImportFile, ImportOptions, ImportReport, Mode};
use rustok_commerce::product::{Product, ProductInput};
use rustok_core::money::Currency;
use rustok_core::page::Limit;
use rustok_storage::nodes::texts::Part;
use rustok_test_support::both_databases;
use std::ops::ControlFlow;

const FULL: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,\
    Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,\
    Variant Barcode,Image Src,Image Position,Image Alt Text,Status\n\
    jug,Jug,<p>Thrown.</p>,Kiln,Jugs,\"red, big\",true,Size,Small,J-S,310,shopify,7,deny,18.00,24.00,111,\
    https://img.example/1.jpg,1,Front,active\n\
    jug,,,,,,,,Large,J-L,420,shopify,3,continue,22.00,,222,https://img.example/2.jpg,2,Back,\n";

async fn run(shop: &Shop, options: ImportOptions, csv: impl AsRef<[u8]>) -> ImportReport {
    let file = ImportFile {
        content: csv.as_ref(),
        name: "a.csv",
    };
    let source = import::shopify_source(&shop.ctx(), None).unwrap();
    import::run(&shop.ctx(), source, &options, file, Mode::Commit, &mut |_| {
        ControlFlow::Continue(())
    })
    .await
}

async fn csv(shop: &Shop, csv: impl AsRef<[u8]>) -> ImportReport {
    run(shop, ImportOptions::default(), csv).await
}

async fn wordpress(shop: &Shop, options: ImportOptions, xml: &str) -> ImportReport {
    let file = ImportFile {
        content: xml.as_bytes(),
        name: "a.xml",
    };
    let source = import::wordpress_source(&shop.ctx(), None).unwrap();
    import::run(&shop.ctx(), source, &options, file, Mode::Commit, &mut |_| {
        ControlFlow::Continue(())
    })
    .await
}

async fn products(shop: &Shop) -> Vec<Product> {
    let page = catalog::list(&shop.ctx(), &ProductFilter::default(), None, Limit::default())
        .await
        .unwrap();
    let mut products = page.items;
    products.sort_by(|one, two| one.handle.as_str().cmp(two.handle.as_str()));
    products
}

async fn product(shop: &Shop, handle: &str) -> Product {
    products(shop)
        .await
        .into_iter()
        .find(|product| product.handle.as_str() == handle)
        .unwrap()
}

/// All of a product but its version and time.
fn facts(product: &Product) -> Product {
    Product {
        version: 0,
        updated_at: product.created_at,
        ..product.clone()
    }
}

fn amounts(product: &Product) -> Vec<String> {
    let prices = product
        .variants
        .iter()
        .flat_map(|variant| variant.prices.as_slice());
    prices.map(|price| price.amount.amount().to_string()).collect()
}

fn stock(product: &Product) -> Vec<Option<i64>> {
    product.variants.iter().map(|variant| variant.available).collect()
}

async fn nodes(shop: &Shop) -> Vec<NodeDetail<ListedText>> {
    let filter = NodeFilter::default();
    let page = content::list(&shop.ctx(), &filter, None, Part::Whole, None, Limit::default()).await;
    page.unwrap().items
}

async fn titles(shop: &Shop) -> Vec<String> {
    let mut titles: Vec<String> = nodes(shop)
        .await
        .into_iter()
        .map(|node| node.shown.title)
        .collect();
    titles.sort();
    titles
}

/// The HTML of the node with this title.
async fn html_of(shop: &Shop, title: &str) -> String {
    let all = nodes(shop).await;
    let node = all.into_iter().find(|node| node.shown.title == title).unwrap();
    node.shown.body.unwrap().html
}

/// A published post in the form of WordPress' exports.
fn item(id: u32, title: &str, body: &str, more: &str) -> String {
    format!(
        "<item><title><![CDATA[{title}]]></title><content:encoded><![CDATA[{body}]]></content:encoded>\
         <wp:post_id>{id}</wp:post_id><wp:post_type>post</wp:post_type><wp:status>publish</wp:status>\
         <wp:post_date_gmt>2020-05-01 10:00:00</wp:post_date_gmt>{more}</item>\n"
    )
}

fn site(address: &str, items: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:excerpt=\"http://wordpress.org/export/1.2/excerpt/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><wp:wxr_version>1.2</wp:wxr_version>\
         <wp:base_blog_url>{address}</wp:base_blog_url>\n{items}</channel></rss>\n"
    )
}

const OVERWRITE: ImportOptions = ImportOptions {
    overwrite: true,
    zero_when_missing: false,
    source_name: None,
};

both_databases! {
    async fn a_file_changes_only_what_it_has_columns_for(db) {
        let shop = Shop::open(db.url()).await;
        assert_eq!((csv(&shop, FULL).await.created, 1), (1, 1));
        let before = product(&shop, "jug").await;
        let text = "Handle,Title,Option1 Name,Option1 Value,Variant Price\njug,Jug,Size,Small,19.00\njug,,,Large,23.00\n";
        let report = csv(&shop, text).await;
        assert_eq!((report.updated, report.error_count), (1, 0), "{report:?}");
        let after = product(&shop, "jug").await;
        assert_eq!(amounts(&after), ["19.00", "23.00"]);
        // The compare-at price stays too.
        let mut expected = facts(&before);
        for (variant, new) in expected.variants.iter_mut().zip(&after.variants) {
            let compare_at: Vec<_> = variant.prices.as_slice().iter().map(|price| price.compare_at).collect();
            assert_eq!(new.prices.as_slice().iter().map(|price| price.compare_at).collect::<Vec<_>>(), compare_at);
            variant.prices.clone_from(&new.prices);
        }
        assert_eq!(facts(&after), expected);

        // Neither options, SKUs nor titles; then SKUs alone; then one of two variants.
        let report = csv(&shop, "Handle,Variant Price\njug,5\n").await;
        assert_eq!((report.updated, report.error_count), (0, 1), "{report:?}");
        assert_eq!(facts(&product(&shop, "jug").await), expected, "what is not named is not guessed");
        let report = csv(&shop, "Handle,Variant SKU,Variant Price\njug,J-L,5\njug,J-S,6\n").await;
        assert_eq!((report.updated, report.error_count), (1, 0), "{report:?}");
        assert_eq!(amounts(&product(&shop, "jug").await), ["6.00", "5.00"]);
        csv(&shop, "Handle,Option1 Value,Variant Price\njug,Large,7\n").await;
        let last = product(&shop, "jug").await;
        assert_eq!((amounts(&last), stock(&last)), (vec!["6.00".to_owned(), "7.00".to_owned()], vec![Some(7), Some(3)]));
    }

    async fn a_blank_cell_clears_and_a_bad_one_keeps(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let text = "Handle,Title,Vendor,Option1 Name,Option1 Value,Variant Barcode,Variant Price,Status\n\
                    jug,Jug,,Size,Small,,x,sold\njug,,,,Large,333,23,\n";
        let report = csv(&shop, text).await;
        assert_eq!((report.updated, report.error_count), (1, 2), "{report:?}");
        let after = product(&shop, "jug").await;
        assert_eq!((after.vendor.as_deref(), after.product_type.as_deref()), (None, Some("Jugs")));
        assert_eq!((amounts(&after), after.status.as_str()), (vec!["18.00".to_owned(), "23.00".to_owned()], "active"));
        let barcodes: Vec<_> = after.variants.iter().map(|variant| variant.facts.barcode.as_deref()).collect();
        assert_eq!(barcodes, [None, Some("333")]);
    }

    async fn a_bad_cell_of_an_image_costs_no_stored_image(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let before = product(&shop, "jug").await;
        let urls = |product: &Product| product.images.iter().map(|image| image.url.clone()).collect::<Vec<_>>();
        // A bad address; then one that is new beside it; then a bad text and a bad place.
        let bad = FULL.replace("https://img.example/2.jpg", "img/2.jpg");
        assert_eq!(csv(&shop, &bad).await.error_count, 1);
        assert_eq!(facts(&product(&shop, "jug").await), facts(&before));
        csv(&shop, bad.replace("/1.jpg", "/3.jpg")).await;
        let expected = ["https://img.example/3.jpg", "https://img.example/1.jpg", "https://img.example/2.jpg"];
        assert_eq!(urls(&product(&shop, "jug").await), expected);
        let full = FULL.replace("jug,", "mug,");
        csv(&shop, &full).await;
        let text = full.replace("Front", &"x".repeat(5_000)).replace("2.jpg,2", "2.jpg,second");
        assert_eq!(csv(&shop, text).await.error_count, 2);
        assert_eq!(product(&shop, "mug").await.images.len(), 2);
        let alts = |product: &Product| product.images.iter().map(|image| image.alt.clone()).collect::<Vec<_>>();
        assert_eq!(alts(&product(&shop, "mug").await), alts(&before));
    }

    async fn a_bad_first_row_takes_nothing_from_other_rows(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let text = "Handle,Title,Option1 Name,Option1 Value,Variant Barcode\njug,Jüg ü,Size,Small,\u{1}\njug,,,Large,333\n";
        let bytes: Vec<u8> = text.bytes().map(|byte| if byte == 1 { 0xFF } else { byte }).collect();
        let report = csv(&shop, bytes).await;
        assert_eq!(report.error_count, 1, "{report:?}");
        let after = product(&shop, "jug").await;
        let barcodes: Vec<_> = after.variants.iter().map(|variant| variant.facts.barcode.as_deref()).collect();
        assert_eq!(barcodes, [Some("111"), Some("333")]);
    }

    async fn a_file_with_fewer_options_keeps_the_options(db) {
        let shop = Shop::open(db.url()).await;
        let full = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price,Image Src\n\
                    jug,Jug,,Size,S,Colour,Red,A,1,\njug,,,,S,,Blue,B,2,\njug,,,,L,,Red,C,3,\n";
        csv(&shop, full).await;
        let before = product(&shop, "jug").await;
        let options = |product: &Product| -> Vec<Vec<String>> {
            product.variants.iter().map(|variant| variant.options.clone()).collect()
        };
        let refused = csv(&shop, "Handle,Title,Option1 Name,Option1 Value,Variant Price\njug,Jug,Size,S,5\n").await;
        assert_eq!((refused.updated, refused.error_count), (0, 1), "{refused:?}");
        assert_eq!(facts(&product(&shop, "jug").await), facts(&before));
        // SKUs tell which variants are meant.
        let by_sku = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\njug,Jug,Size,S,A,5\njug,,,L,C,6\n";
        let report = csv(&shop, by_sku).await;
        assert_eq!((report.updated, report.error_count), (1, 0), "{report:?}");
        assert!(report.skipped_by_reason.keys().any(|kind| kind.contains("options that the file does not state")));
        let after = product(&shop, "jug").await;
        assert_eq!((options(&after), amounts(&after)), (options(&before), ["5.00", "2.00", "6.00"].map(str::to_owned).to_vec()));
        // Other options for a part of the variants.
        let other = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price\n\
                     jug,Jug,Size,S,Glaze,Matt,A,7\n";
        csv(&shop, other).await;
        let after = product(&shop, "jug").await;
        assert_eq!((after.options.clone(), options(&after)), (before.options.clone(), options(&before)));
    }

    async fn published_alone_activates_nothing(db) {
        let shop = Shop::open(db.url()).await;
        let text = "Handle,Title,Variant Price,Status\na,A,1,draft\nb,B,1,archived\nc,C,1,active\n";
        csv(&shop, text).await;
        let status = async || -> Vec<String> {
            products(&shop).await.iter().map(|product| product.status.to_string()).collect()
        };
        let shown = "Handle,Title,Published\na,A,TRUE\nb,B,TRUE\nc,C,TRUE\nd,D,TRUE\n";
        let report = csv(&shop, shown).await;
        assert_eq!(status().await, ["draft", "archived", "active", "draft"], "{report:?}");
        assert_eq!(report.skipped_by_reason.get("published in the file, but draft or archived here"), Some(&2));
        csv(&shop, shown.replace("TRUE", "FALSE")).await;
        assert_eq!(status().await, ["draft", "archived", "draft", "draft"]);
    }

    async fn a_file_of_tags_changes_products_with_variants(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let before = product(&shop, "jug").await;
        let report = csv(&shop, "Handle,Tags\njug,\"sale, blue\"\n").await;
        assert_eq!((report.updated, report.error_count), (1, 0), "{report:?}");
        let mut expected = facts(&before);
        expected.tags = vec!["sale".to_owned(), "blue".to_owned()];
        assert_eq!(facts(&product(&shop, "jug").await), expected);
    }

    async fn a_compare_at_price_without_a_price_is_counted(db) {
        let shop = Shop::open(db.url()).await;
        let kind = "compare-at price of a variant without a price";
        let text = "Handle,Title,Variant Price,Variant Compare At Price\na,A,,9\nb,B,1,9\n";
        assert_eq!(csv(&shop, text).await.skipped_by_reason.get(kind), Some(&1));
        assert_eq!(csv(&shop, text.replace(",9", ",8")).await.skipped_by_reason.get(kind), Some(&1));
        let report = csv(&shop, "Handle,Variant Compare At Price\na,7\nb,7\n").await;
        assert_eq!(report.skipped_by_reason.get(kind), Some(&1), "{report:?}");
    }

    async fn an_element_that_an_item_lacks_stays(db) {
        let shop = Shop::open(db.url()).await;
        let address = "https://a.example";
        let more = "<dc:creator>jane</dc:creator><excerpt:encoded><![CDATA[Short.]]></excerpt:encoded>\
                    <wp:post_name>first</wp:post_name><category domain=\"post_tag\" nicename=\"red\">Red</category>";
        wordpress(&shop, ImportOptions::default(), &site(address, &item(1, "First &amp; one", "<p>Whole.</p>", more))).await;
        let before = nodes(&shop).await.remove(0);
        assert_eq!((before.author.login.as_str(), before.terms.len(), before.shown.excerpt.as_str()), ("jane", 1, "Short."));
        // Only a body; then an excerpt that is too large beside a new title.
        let body = "<item><content:encoded>new</content:encoded><wp:post_id>1</wp:post_id><wp:post_type>post</wp:post_type></item>";
        let report = wordpress(&shop, ImportOptions::default(), &site(address, body)).await;
        assert_eq!((report.updated, report.error_count), (1, 0), "{report:?}");
        let after = nodes(&shop).await.remove(0);
        assert_eq!(html_of(&shop, "First & one").await, "<p>new</p>\n");
        let facts = |node: &NodeDetail<ListedText>| {
            let text = node.shown.clone();
            (text.title, text.slug, text.excerpt, node.author.clone(), node.terms.clone(), node.node.any().status())
        };
        assert_eq!(facts(&after), facts(&before));
        let large = "x".repeat((1 << 20) + 1);
        let title = format!(
            "<item><title>Second</title><excerpt:encoded>{large}</excerpt:encoded><wp:post_id>1</wp:post_id>\
             <wp:post_type>post</wp:post_type></item>"
        );
        assert_eq!(wordpress(&shop, ImportOptions::default(), &site(address, &title)).await.error_count, 1);
        let after = nodes(&shop).await.remove(0);
        assert_eq!((after.shown.title.as_str(), after.shown.excerpt.as_str()), ("Second", "Short."));
        assert_eq!((after.shown.slug.as_str(), html_of(&shop, "Second").await.as_str()), ("first", "<p>new</p>\n"));
    }

    async fn a_dry_run_reports_what_the_run_reports(db) {
        let shop = Shop::open(db.url()).await;
        // Names that clash with those of another batch, and of their own.
        let rows = (1..=240).map(|n| match n % 60 {
            0 => format!("mug™-{},Mug,1\n", n / 120),
            7 => format!("mug-{},Mug,1\n", n / 120),
            _ => format!("cup-{n},Cup,1\n"),
        });
        let mut seen = std::collections::HashSet::new();
        let rows = rows.filter(|row| seen.insert(row.clone())).collect::<String>();
        let file = format!("Handle,Title,Variant Price\n{rows}");
        let items = (1..=240).map(|n| match n % 60 {
            0 | 7 => item(n, "Same", "x", "<wp:post_name>same</wp:post_name>"),
            _ => item(n, &format!("Post {n}"), "x", ""),
        });
        let xml = site("https://a.example", &items.collect::<String>());
        for (content, source) in [
            (file.as_str(), import::shopify_source(&shop.ctx(), None).unwrap()),
            (xml.as_str(), import::wordpress_source(&shop.ctx(), None).unwrap()),
        ] {
            let mut reports = Vec::new();
            for mode in [Mode::DryRun, Mode::Commit] {
                let file = ImportFile { content: content.as_bytes(), name: "a" };
                let options = ImportOptions::default();
                let report = import::run(&shop.ctx(), source, &options, file, mode, &mut |_| ControlFlow::Continue(())).await;
                reports.push((report.created, report.to_csv()));
            }
            assert_eq!(reports[0], reports[1]);
            assert!(reports[0].1.contains(" became "), "{reports:?}");
        }
    }

    async fn authors_and_terms_of_another_site_keep_their_names(db) {
        let shop = Shop::open(db.url()).await;
        let of = |address: &str, author: &str, tag: &str| {
            let aside = format!(
                "<wp:author><wp:author_login>admin</wp:author_login><wp:author_display_name>{author}</wp:author_display_name></wp:author>\
                 <wp:tag><wp:tag_slug>red</wp:tag_slug><wp:tag_name>{tag}</wp:tag_name></wp:tag>"
            );
            let more = "<dc:creator>admin</dc:creator><category domain=\"post_tag\" nicename=\"red\">x</category>";
            site(address, &format!("{aside}{}", item(1, author, "x", more)))
        };
        wordpress(&shop, ImportOptions::default(), &of("https://a.example", "Ann &amp; co", "Red")).await;
        let other = of("https://b.example", "Bob", "Rouge");
        let report = wordpress(&shop, ImportOptions::default(), &other).await;
        assert_eq!((report.created, report.notes.len()), (1, 2), "{report:?}");
        let names = async || -> Vec<(String, String)> {
            let all = nodes(&shop).await;
            all.iter().map(|node| (node.author.display_name.clone(), node.terms[0].term.name.clone())).collect()
        };
        assert_eq!(names().await, vec![("Ann & co".to_owned(), "Red".to_owned()); 2]);
        let again = wordpress(&shop, ImportOptions::default(), &of("https://a.example", "Ann &amp; co", "Red")).await;
        assert_eq!(again.notes, []);
        wordpress(&shop, OVERWRITE, &other).await;
        assert_eq!(names().await, vec![("Bob".to_owned(), "Rouge".to_owned()); 2]);
    }

    async fn tracked_without_a_quantity_is_not_sold_out(db) {
        let shop = Shop::open(db.url()).await;
        let text = "Handle,Title,Variant Inventory Tracker,Variant Inventory Policy,Variant Price,Status\n\
                    hat,Hat,shopify,deny,30.00,active\n";
        let report = csv(&shop, text).await;
        assert_eq!(report.skipped_by_reason.iter().filter(|(kind, _)| kind.contains("without a quantity")).count(), 1);
        assert_eq!(stock(&product(&shop, "hat").await), [None]);
        let zero = ImportOptions { zero_when_missing: true, overwrite: false, source_name: None };
        run(&shop, zero, text).await;
        assert_eq!(stock(&product(&shop, "hat").await), [Some(0)]);
    }

    async fn an_inventory_file_sets_stock_and_nothing_else(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let before = product(&shop, "jug").await;
        let text = "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,Location,Available,On hand\n\
                    jug,Jug,Size,Small,J-S,,One,12,12\njug,Jug,Size,Small,J-S,,Two,3,3\n\
                    jug,Jug,Size,Large,J-L,,One,not stocked,\njug,Jug,Size,Huge,J-H,,One,1,1\nmug,Mug,,,,,One,1,1\n";
        let report = csv(&shop, text).await;
        assert_eq!((report.updated, report.error_count, report.notes.len()), (1, 1, 1), "{report:?}");
        assert!(report.errors[0].reason.contains("import the product CSV first") && report.notes[0].reason.contains("J-H"));
        let after = product(&shop, "jug").await;
        assert_eq!(stock(&after), [Some(15), Some(3)]);
        assert_eq!((after.version, amounts(&after)), (before.version, amounts(&before)));
        assert_eq!(csv(&shop, text).await.unchanged, 1);
        csv(&shop, text.replace("One,12,12", "One,9,9").replace("Two,3,3", "Two,x,3")).await;
        assert_eq!(stock(&product(&shop, "jug").await), [Some(15), Some(3)], "a partial sum is no stock");
    }

    async fn prices_are_read_or_told_and_never_misread(db) {
        let shop = Shop::open(db.url()).await;
        let text = "Handle,Title,Variant Price,Status\na,A,\"1,299.00\",active\nb,B,€15.00,active\nc,C,\"15,00\",active\n\
                    d,D,$15,active\ne,E,15.,active\nf,F,.99,active\ng,G,15.000,active\nh,H,,active\ni,I,0,active\n\
                    j,J,15.999,active\nk,K,\"1 299,00\",active\nl,L,Rs. 500,active\n";
        let report = csv(&shop, text).await;
        let lines: Vec<_> = report.errors.iter().map(|error| error.line).collect();
        assert_eq!((report.created, lines), (12, vec![8, 11]), "{report:?}");
        let all: Vec<_> = products(&shop).await;
        let prices: Vec<String> = all.iter().map(|product| amounts(product).concat()).collect();
        let expected = ["1299.00", "15.00", "15.00", "15.00", "15.00", "0.99", "", "", "0.00", "", "1299.00", "500.00"];
        assert_eq!(prices, expected);
        let drafts: Vec<_> = all.iter().filter(|product| product.status.as_str() == "draft").map(|product| product.handle.as_str()).collect();
        assert_eq!(drafts, ["g", "h", "j"]);
    }

    async fn spreadsheets_and_programs_write_the_same_product(db) {
        let shop = Shop::open(db.url()).await;
        let text = "Handle;Title;Body (HTML);Variant Price;Status\ncreme;Crème brûlée;<p>Süß</p>;4,50;active\n";
        csv(&shop, text).await;
        let before = product(&shop, "creme").await;
        assert_eq!((before.title.as_str(), amounts(&before)), ("Crème brûlée", vec!["4.50".to_owned()]));
        // The same in the code page of Excel.
        let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        assert_eq!(csv(&shop, latin).await.unchanged, 1);
        let floats = "Handle,Title,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n\
                      lamp,Lamp,1001.0,250.0,shopify,5.0,20.0\n";
        csv(&shop, floats).await;
        let lamp = product(&shop, "lamp").await;
        assert_eq!((stock(&lamp), lamp.variants[0].sku.as_deref()), (vec![Some(5)], Some("1001")));
    }

    async fn edits_made_here_stay_unless_the_import_overwrites(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let jug = product(&shop, "jug").await;
        let edit = |_: &Product, mut input: ProductInput| {
            input.title = "Our jug".to_owned();
            Ok(input)
        };
        catalog::update(&shop.ctx(), UpdateProduct { product: jug.id.into(), edit: &edit }).await.unwrap();
        let changed = FULL.replace("jug,Jug,<p>Thrown.</p>", "jug,Jug of clay,<p>Fired.</p>");
        let report = csv(&shop, &changed).await;
        assert_eq!((report.updated, report.notes.len()), (1, 1), "{report:?}");
        assert!(report.notes[0].reason.contains("title") && !report.notes[0].reason.contains("description"), "{report:?}");
        let kept = product(&shop, "jug").await;
        assert_eq!((kept.title.as_str(), kept.description_html.as_str()), ("Our jug", "<p>Fired.</p>"));
        let report = run(&shop, OVERWRITE, &changed).await;
        assert!(report.notes[0].reason.contains("the file's was taken"), "{report:?}");
        assert_eq!(product(&shop, "jug").await.title, "Jug of clay");
        assert_eq!(csv(&shop, &changed).await.unchanged, 1);
    }

    async fn a_variant_and_an_address_made_here_stay(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let jug = product(&shop, "jug").await;
        let edit = |_: &Product, mut input: ProductInput| {
            input.handle = Some("our-jug".to_owned());
            let mut huge = input.variants[0].clone();
            (huge.id, huge.sku, huge.options, huge.available) = (None, None, vec!["Huge".to_owned()], Some(4));
            input.variants.push(huge);
            Ok(input)
        };
        catalog::update(&shop.ctx(), UpdateProduct { product: jug.id.into(), edit: &edit }).await.unwrap();
        let report = csv(&shop, &FULL.replace("<p>Thrown.</p>", "<p>Fired.</p>")).await;
        assert_eq!((report.updated, report.error_count), (1, 0), "{report:?}");
        let kept = product(&shop, "our-jug").await;
        assert_eq!((kept.description_html.as_str(), stock(&kept)), ("<p>Fired.</p>", vec![Some(7), Some(3), Some(4)]));
    }

    async fn a_cut_file_leaves_images(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let before = product(&shop, "jug").await;
        let cut = FULL.replace("<p>Thrown.</p>", "<p>Fired.</p>");
        let report = csv(&shop, cut.split_once("jug,,,").unwrap().0.to_owned() + "jug,,\"").await;
        assert_eq!((report.updated, report.error_count), (1, 1), "{report:?}");
        let after = product(&shop, "jug").await;
        assert_eq!((after.images, after.description_html.as_str()), (before.images, "<p>Fired.</p>"));
    }

    async fn stock_that_a_file_does_not_state_is_not_zero(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let zero = ImportOptions { zero_when_missing: true, ..ImportOptions::default() };
        run(&shop, zero, FULL.replace("shopify,7", "shopify,").replace("shopify,3", "shopify,x")).await;
        assert_eq!(stock(&product(&shop, "jug").await), [Some(7), Some(3)]);
    }

    async fn a_blank_price_leaves_other_currencies(db) {
        let shop = Shop::open(db.url()).await;
        csv(&shop, FULL).await;
        let text = "Handle,Title,Option1 Name,Option1 Value,Variant Price\njug,Jug,Size,Small,\njug,,,Large,\n";
        let file = ImportFile { content: text.as_bytes(), name: "a.csv" };
        let source = import::shopify_source(&shop.ctx(), Some(Currency::parse("EUR").unwrap())).unwrap();
        import::run(&shop.ctx(), source, &OVERWRITE, file, Mode::Commit, &mut |_| ControlFlow::Continue(())).await;
        assert_eq!(amounts(&product(&shop, "jug").await), ["18.00", "22.00"]);
    }

    async fn two_shops_with_names_do_not_overwrite_one_another(db) {
        let shop = Shop::open(db.url()).await;
        let named = |name: &str| ImportOptions { source_name: Some(name.to_owned()), ..ImportOptions::default() };
        run(&shop, named("one"), "Handle,Title,Variant Price\nmug,One,1\n").await;
        let report = run(&shop, named("two"), "Handle,Title,Variant Price\nmug,Two,2\n").await;
        assert_eq!((report.created, report.notes.len()), (1, 1));
        let titles: Vec<_> = products(&shop).await.into_iter().map(|product| product.title).collect();
        assert_eq!(titles, ["One", "Two"]);
    }

    async fn what_a_description_loses_is_counted_and_a_player_is_a_link(db) {
        let shop = Shop::open(db.url()).await;
        let text = "Handle,Title,Body (HTML),Variant Price\n\
                    drill,Drill,\"<p onclick=x>See</p><iframe src=\"\"https://www.youtube.com/embed/abc\"\"></iframe>\",9\n";
        let report = csv(&shop, text).await;
        assert_eq!(report.skipped_by_reason.get("embed that became a link"), Some(&1));
        assert_eq!(report.skipped_by_reason.get("markup taken out: attribute onclick"), Some(&1), "{report:?}");
        let html = product(&shop, "drill").await.description_html;
        assert!(html.contains("href=\"https://www.youtube.com/watch?v=abc\""), "{html}");
    }

    async fn an_exact_handle_comes_before_one_that_is_changed(db) {
        let shop = Shop::open(db.url()).await;
        let report = csv(&shop, "Handle,Title,Variant Price\nacme™-tape,Sign,3\nacme-tape,Plain,2\n").await;
        assert_eq!((report.created, report.notes.len()), (2, 1), "{report:?}");
        assert!(report.notes[0].line == 2 && report.notes[0].reason.contains("acme-tape-2"), "{report:?}");
        assert_eq!(product(&shop, "acme-tape").await.title, "Plain");
    }

    async fn a_file_cut_inside_a_row_is_incomplete(db) {
        let shop = Shop::open(db.url()).await;
        let whole = csv(&shop, "Handle,Title,Variant Price\nmug,Mug,1\n").await;
        let cut = csv(&shop, "Handle,Title,Variant Price\nmug,Mug,1\njug,\"Ju").await;
        assert_eq!((whole.is_incomplete, cut.is_incomplete, cut.error_count), (false, true, 1));
    }

    async fn two_sites_and_older_exports_overwrite_nothing(db) {
        let shop = Shop::open(db.url()).await;
        let site = |address: &str, title: &str, modified: &str| site(address, &item(5, title, "Text.", &format!(
            "<wp:post_modified_gmt>{modified} 00:00:00</wp:post_modified_gmt>"
        )));
        wordpress(&shop, ImportOptions::default(), &site("https://a.example", "Bread", "2020-06-01")).await;
        let report = wordpress(&shop, ImportOptions::default(), &site("https://b.example", "Trains", "2020-06-01")).await;
        assert_eq!((report.created, report.updated), (1, 0), "{report:?}");
        assert_eq!(titles(&shop).await, ["Bread", "Trains"]);
        let older = site("https://a.example", "Bred", "2019-01-01");
        let report = wordpress(&shop, ImportOptions::default(), &older).await;
        assert_eq!((report.updated, report.notes.len()), (0, 1), "{report:?}");
        assert_eq!(titles(&shop).await, ["Bread", "Trains"]);
        assert_eq!(wordpress(&shop, OVERWRITE, &older).await.updated, 1);
        assert_eq!(titles(&shop).await, ["Bred", "Trains"]);
        let newer = site("https://a.example", "Bread!", "2021-01-01");
        assert_eq!(wordpress(&shop, ImportOptions::default(), &newer).await.updated, 1);
    }

    async fn titles_code_tags_and_embeds_stay_what_they_are(db) {
        let shop = Shop::open(db.url()).await;
        let bodies = [
            ("Vec&lt;String&gt; in Rust &eacute;", "[sourcecode language=\"php\"]\n<?php echo 1; ?>\nList<String> a;\n[/sourcecode]"),
            ("Picture", "<p>Before</p>\n<img\n   src=\"https://site.example/a.jpg\"\n   alt=\"A\">\n<p>After</p>"),
            ("Link", "See <a class=\"x\"\nhref=\"https://site.example/b\">this page</a> now."),
            ("Player", "<p>a</p><iframe src=\"https://www.youtube.com/embed/abc\"></iframe>"),
        ];
        let items: String = bodies.iter().zip(1..).map(|((title, body), id)| item(id, title, body, "")).collect();
        let report = wordpress(&shop, ImportOptions::default(), &site("https://a.example", &items)).await;
        assert_eq!((report.created, report.error_count), (4, 0), "{report:?}");
        assert_eq!(report.skipped_by_reason.get("embed that became a link"), Some(&1));
        assert_eq!(titles(&shop).await, ["Link", "Picture", "Player", "Vec<String> in Rust é"]);
        let html = |title: &'static str| html_of(&shop, title);
        let code = html("Vec<String> in Rust é").await;
        assert!(code.contains("&lt;?php echo 1; ?&gt;") && code.contains("List&lt;String&gt; a;"), "{code}");
        let picture = html("Picture").await;
        assert!(picture.contains("src=\"https://site.example/a.jpg\"") && picture.contains("alt=\"A\"") && !picture.contains("<br"), "{picture}");
        let link = html("Link").await;
        assert!(link.contains("href=\"https://site.example/b\"") && !link.contains("<br"), "{link}");
        assert!(html("Player").await.contains("watch?v=abc"));
    }

    async fn a_node_that_was_edited_here_stays(db) {
        let shop = Shop::open(db.url()).await;
        wordpress(&shop, ImportOptions::default(), &site("https://a.example", &item(5, "Bread", "Rye.", ""))).await;
        let id = nodes(&shop).await[0].node.any().id();
        let archive = ArchiveNode { node: id.into(), reason: "old".to_owned() };
        let _ = content::archive(&shop.ctx(), archive, IdempotencyKey::none()).await.unwrap();
        let newer = site("https://a.example", &item(5, "Bread", "Wheat.", ""));
        let report = wordpress(&shop, ImportOptions::default(), &newer).await;
        assert_eq!((report.updated, report.unchanged, report.notes.len()), (0, 1, 1), "{report:?}");
        assert_eq!(wordpress(&shop, OVERWRITE, &newer).await.updated, 1);
    }

    async fn broken_xml_costs_an_item_and_is_incomplete(db) {
        let shop = Shop::open(db.url()).await;
        let broken = item(2, "Two", "Text.", "<wp:postmeta><wp:meta_value><<<</wp:meta_value></wp:postmeta>");
        let text = site("https://a.example", &format!("{}{broken}{}", item(1, "One", "Text.", ""), item(3, "Three", "Text.", "")));
        let report = wordpress(&shop, ImportOptions::default(), &text).await;
        assert!(report.is_incomplete && report.created == 2 && report.error_count == 1, "{report:?}");
        assert_eq!(titles(&shop).await, ["One", "Three"]);
    }
}
