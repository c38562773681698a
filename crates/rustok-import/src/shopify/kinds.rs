//! Which export a CSV is, by its header: a product or inventory CSV of Shopify, or one that other programs or other
//! pages of Shopify write, which is named instead of misread.

/// A kind of file that is not imported.
#[derive(Debug)]
pub(super) struct Foreign {
    /// What it is, after `this is`.
    pub(super) name: &'static str,
    /// What to do instead.
    pub(super) advice: &'static str,
    /// All of these columns are in it, in the normal form of [`normal`].
    all: &'static [&'static str],
    /// And one of these, if there are any.
    any: &'static [&'static str],
}

/// See the module documentation.
#[derive(Debug)]
pub(super) enum Kind {
    /// A product CSV, or nothing that is known.
    Products,
    Inventory,
    Foreign(&'static Foreign),
}

const PRODUCTS: &str = "export the products in Shopify (Products, Export, Plain CSV file) and send that file";
const AS_SHOPIFY: &str =
    "its columns are not Shopify's: write them as a Shopify product CSV (Handle, Title, Variant Price, ...)";

/// The first that fits counts.
const FOREIGN: &[Foreign] = &[
    Foreign {
        name: "a Matrixify export",
        advice: "export the products in Shopify itself, as a CSV",
        all: &["handle", "command"],
        any: &[
            "top row",
            "row #",
            "variant command",
            "tags command",
            "title",
            "id",
        ],
    },
    Foreign {
        name: "Shopify's export of orders",
        advice: PRODUCTS,
        all: &["name", "financial status"],
        any: &[],
    },
    Foreign {
        name: "Shopify's export of orders",
        advice: PRODUCTS,
        all: &["lineitem name"],
        any: &[],
    },
    Foreign {
        name: "Shopify's export of customers",
        advice: PRODUCTS,
        all: &["first name", "last name", "email"],
        any: &[],
    },
    Foreign {
        name: "Shopify's export of gift cards",
        advice: PRODUCTS,
        all: &["initial balance"],
        any: &["current balance", "last characters", "code"],
    },
    Foreign {
        name: "Shopify's export of discounts",
        advice: PRODUCTS,
        all: &["discount class"],
        any: &[],
    },
    Foreign {
        name: "Shopify's export of redirects",
        advice: PRODUCTS,
        all: &["redirect from", "redirect to"],
        any: &[],
    },
    Foreign {
        name: "a WooCommerce product export",
        advice: AS_SHOPIFY,
        all: &["regular price"],
        any: &[
            "sku",
            "id",
            "type",
            "categories",
            "in stock?",
            "visibility in catalog",
        ],
    },
    Foreign {
        name: "a BigCommerce product export",
        advice: AS_SHOPIFY,
        all: &[],
        any: &[
            "product code/sku",
            "product type/sku",
            "item type",
            "calculated price",
            "product upc/ean",
        ],
    },
    Foreign {
        name: "a Magento product export",
        advice: AS_SHOPIFY,
        all: &["sku", "attribute_set_code"],
        any: &[],
    },
    Foreign {
        name: "a PrestaShop product export",
        advice: AS_SHOPIFY,
        all: &["product id", "price (tax incl.)"],
        any: &[],
    },
    Foreign {
        name: "a Squarespace product export",
        advice: AS_SHOPIFY,
        all: &["product id [non editable]"],
        any: &[],
    },
    Foreign {
        name: "a Wix product export",
        advice: AS_SHOPIFY,
        all: &["handleid", "fieldtype"],
        any: &[],
    },
    Foreign {
        name: "an Etsy listing export",
        advice: AS_SHOPIFY,
        all: &["title", "price", "currency_code"],
        any: &[],
    },
    Foreign {
        name: "a Medusa product export",
        advice: AS_SHOPIFY,
        all: &["product handle", "product title"],
        any: &[],
    },
    Foreign {
        name: "a Vendure product export",
        advice: AS_SHOPIFY,
        all: &["name", "slug", "optiongroups"],
        any: &[],
    },
    Foreign {
        name: "a Google Merchant Center feed",
        advice: AS_SHOPIFY,
        all: &["id", "title", "price", "availability"],
        any: &[],
    },
];

/// Columns that only a product CSV has.
const OF_PRODUCTS: [&str; 10] = [
    "variant price",
    "price",
    "body (html)",
    "description",
    "variant sku",
    "status",
    "image src",
    "vendor",
    "tags",
    "variant inventory qty",
];

/// A header name for comparison: lower case, single spaces.
pub(super) fn normal(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

pub(super) fn of(names: &[String]) -> Kind {
    let has = |wanted: &&str| names.iter().any(|name| name == wanted);
    let fits =
        |kind: &&Foreign| kind.all.iter().all(&has) && (kind.any.is_empty() || kind.any.iter().any(&has));
    if let Some(foreign) = FOREIGN.iter().find(fits) {
        return Kind::Foreign(foreign);
    }
    let counted = [
        "available",
        "on hand",
        "available (not editable)",
        "on hand (current)",
    ];
    if has(&"handle") && counted.iter().any(&has) && !OF_PRODUCTS.iter().any(has) {
        return Kind::Inventory;
    }
    Kind::Products
}

/// What a file is that does not begin with a header, and what to do.
pub(super) fn of_beginning(head: &[u8]) -> Option<&'static str> {
    let start = head
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(0);
    let head = head.get(start..).unwrap_or_default();
    let begins = |word: &str| {
        head.get(..word.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
    };
    if begins("<!doctype html") || begins("<html") {
        Some(
            "this is a web page, not an export: the download was an error or login page; sign in and export again",
        )
    } else if begins("<?xml") || begins("<rss") {
        Some("this is XML, not CSV: a WordPress export is imported with the source wordpress")
    } else if begins("{") || begins("[{") {
        Some("this is JSON, not CSV: export the products in Shopify as a CSV")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(header: &str) -> String {
        let names: Vec<String> = header.split(',').map(normal).collect();
        match of(&names) {
            Kind::Products => "products".to_owned(),
            Kind::Inventory => "inventory".to_owned(),
            Kind::Foreign(foreign) => foreign.name.to_owned(),
        }
    }

    #[test]
    fn each_kind_is_known_by_its_header() {
        for (header, word) in [
            ("Handle,Title,Variant Price", "products"),
            ("Title,URL handle,Description,Price,Available", "products"),
            (
                "Handle,Title,Option1 Name,SKU,Location,Available,On hand",
                "inventory",
            ),
            ("Handle,Location,On hand (current),On hand (new)", "inventory"),
            ("Customer ID,First Name,Last Name,Email,Total Spent", "customers"),
            ("Name,Email,Financial Status,Lineitem name", "orders"),
            (
                "ID,Type,SKU,Name,Published,Regular price,Categories",
                "WooCommerce",
            ),
            ("ID,Handle,Command,Title,Body HTML,Variant Price", "Matrixify"),
            (
                "Product ID,Product Type,Product Code/SKU,Product Name",
                "BigCommerce",
            ),
            ("sku,attribute_set_code,product_type", "Magento"),
            ("handleId,fieldType,name", "Wix"),
            ("Product Id,Product Handle,Product Title", "Medusa"),
            ("name,slug,description,optionGroups", "Vendure"),
        ] {
            assert!(name(header).contains(word), "{header}: {}", name(header));
        }
    }
}
