//! Converts products of a Shopify CSV to the input of `catalog`, and knows what such a file does not state.

use super::embeds::with_links;
use super::engine::{Fault, Key, Name, Notes, Outcome, Source, Written};
use super::{ImportOptions, note_removed};
use crate::catalog;
use crate::catalog::import::{
    ImportedProduct, ImportedStock, ImportedVariant, StatedStock, Upserted, set_stock, upsert,
};
use crate::catalog::merge::{MERGED, WrittenFields};
use crate::context::Ctx;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::price::MoneyInput;
use rustok_commerce::product::{Handle, ImageInput, ProductInput};
use rustok_commerce::variant::{VariantFacts, VariantInput};
use rustok_core::error::{FieldViolation, RichError};
use rustok_core::money::{Currency, Money};
use rustok_import::{Field, InventoryItem, ProductItem, ProductStatus, ShopifyItem, VariantItem};
use rustok_storage::TenantTx;
use rustok_storage::import_references::{ImportReference, Imported, list_references};
use uuid::Uuid;

pub(super) struct Products {
    pub(super) currency: Currency,
    pub(super) options: ImportOptions,
}

/// An item to write.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Product {
        product: Box<ImportedProduct>,
        /// Of the file.
        handle: String,
        notes: Notes,
    },
    Inventory(InventoryItem),
}

impl Source for Products {
    type Item = ShopifyItem;
    type Checked = Part;
    const IMPORTED: Imported = Imported::ShopifyProduct;

    fn key(&self, item: &ShopifyItem) -> Option<Key> {
        match item {
            ShopifyItem::Product(item) => Some(Key::new(
                &self.named(&item.external_id),
                item.source_hash,
                &self.setting(),
            )),
            ShopifyItem::Inventory(_) => None,
        }
    }

    /// A handle with other characters than are allowed here becomes the nearest one, which another product may have.
    fn comes_last(&self, item: &ShopifyItem) -> bool {
        matches!(item, ShopifyItem::Product(item) if Handle::parse(&item.handle).is_none())
    }

    fn place(&self, item: &ShopifyItem) -> (u64, u64) {
        match item {
            ShopifyItem::Product(item) => (item.line, item.column),
            ShopifyItem::Inventory(item) => (item.line, item.column),
        }
    }

    fn check(&self, item: ShopifyItem) -> Result<Part, Vec<Fault>> {
        match item {
            ShopifyItem::Product(item) => self.check_product(*item),
            ShopifyItem::Inventory(item) => Ok(Part::Inventory(item)),
        }
    }

    async fn write(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        known: Option<&ImportReference>,
        part: Part,
    ) -> Result<Outcome, RichError> {
        match part {
            Part::Product {
                mut product,
                handle,
                mut notes,
            } => {
                let id = known.map(|known| ProductId::from_uuid(known.subject_id));
                product.written =
                    WrittenFields::from_bytes(known.map(|known| known.fields.clone()).unwrap_or_default());
                let done = upsert(tx, ctx, id, *product).await?;
                self.note_changed(&mut notes, &done.changed_names());
                notes.count(
                    "compare-at price of a variant without a price",
                    done.lost_compare_at,
                );
                if done.stays_hidden {
                    notes.tell(
                        "published in the file, but draft or archived here",
                        "the product stays a draft or archived: `Published` does not say that it is for sale; \
                         a column `Status` with `active` does",
                    );
                }
                if done.options_kept {
                    notes.tell(
                        "options that the file does not state in full, kept",
                        "the options of the product stay as they are: the file has others for only some variants",
                    );
                }
                Ok(Outcome {
                    written: match done.upserted {
                        Upserted::Created(id) => Written::Created(id.as_uuid()),
                        Upserted::Updated(id) => Written::Updated(id.as_uuid()),
                        Upserted::Unchanged(id) => Written::Unchanged(id.as_uuid()),
                    },
                    fields: done.written.into_bytes(),
                    name: Some(Name {
                        wanted: handle,
                        got: done.handle.as_str().to_owned(),
                    }),
                    notes,
                    ..Written::Aside.into()
                })
            }
            Part::Inventory(item) => self.write_inventory(tx, ctx, item).await,
        }
    }

    fn note_of_name(&self, name: &Name) -> Option<(&'static str, String)> {
        let Name { wanted, got } = name;
        (got != wanted).then(|| {
            (
                "handle that was changed",
                format!("the handle {wanted:?} became {got}"),
            )
        })
    }

    async fn numbered_name(
        &self,
        tx: &mut TenantTx,
        name: &Name,
        is_given: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<String, RichError> {
        let Some(base) = Handle::parse(&name.wanted).or_else(|| Handle::from_title(&name.wanted)) else {
            return Ok(name.got.clone());
        };
        let free =
            catalog::handle::free_handle_but(tx, &base, None, &|handle| is_given(handle.as_str())).await?;
        Ok(free.as_str().to_owned())
    }
}

/// The fields that a file with data of variants states.
const OF_VARIANTS: [Field; 9] = [
    Field::Options,
    Field::Sku,
    Field::Price,
    Field::CompareAt,
    Field::Grams,
    Field::Barcode,
    Field::Tracking,
    Field::Quantity,
    Field::Backorder,
];

impl Products {
    /// The options that decide what an item becomes.
    fn setting(&self) -> String {
        let zero = if self.options.zero_when_missing {
            " zero"
        } else {
            ""
        };
        format!("{}{zero}", self.currency.code())
    }

    /// The handle with the name of the shop, if one was given.
    fn named(&self, handle: &str) -> String {
        match &self.options.source_name {
            Some(name) => format!("{name}#{handle}"),
            None => handle.to_owned(),
        }
    }

    fn note_changed(&self, notes: &mut Notes, changed: &[&'static str]) {
        if changed.is_empty() {
            return;
        }
        let (kind, what) = match self.options.overwrite {
            true => ("field changed here, overwritten", "the file's was taken"),
            false => (
                "field changed here, kept",
                "it stays as it is (--overwrite takes the file's)",
            ),
        };
        notes.count(kind, changed.len());
        notes.texts.push(format!(
            "changed here since the last import: {}; {what}",
            changed.join(", ")
        ));
    }

    fn check_product(&self, item: ProductItem) -> Result<Part, Vec<Fault>> {
        let whole = (item.line, item.column);
        let places: Vec<(u64, u64)> = item
            .variants
            .iter()
            .map(|variant| (variant.line, variant.column))
            .collect();
        let mut notes = Notes::default();
        let variants: Vec<ImportedVariant> = item
            .variants
            .iter()
            .map(|variant| self.said(&item, variant))
            .collect();
        let unknown = item
            .variants
            .iter()
            .filter(|variant| variant.tracked && variant.quantity.is_none())
            .count();
        if !self.options.zero_when_missing {
            notes.count(
                "tracked without a quantity: a new variant is not tracked, another keeps its stock",
                unknown,
            );
        }
        let unpriced = item
            .variants
            .iter()
            .filter(|variant| variant.price.is_none())
            .count();
        if item.stated.has(Field::Price) {
            notes.count("variant without a price, which cannot be ordered", unpriced);
        }
        notes.count("image that stays at its address", item.images.len());
        let named = item
            .variants
            .iter()
            .any(|variant| !variant.option_values.is_empty());
        let (stated, incomplete, handle) = (item.stated, item.incomplete, item.handle.clone());
        // A file with fewer fields than an export has may have fewer rows as well.
        let is_export = [Field::Options, Field::Price, Field::Description, Field::Images]
            .iter()
            .all(|field| stated.has(*field));
        let unread_alts = item.images.iter().filter(|image| image.alt_unread);
        let unread_alts: Vec<String> = unread_alts.map(|image| image.url.clone()).collect();
        // Images may stand in the rows that could not be read.
        let keep_images = incomplete || item.images_unread;
        let published_alone = item.published_alone;
        let (input, embeds) = self.input(item);
        notes.count("embed that became a link", embeds);
        match catalog::check(input) {
            Ok(checked) => {
                note_removed(&mut notes, checked.removed());
                let product = ImportedProduct {
                    checked,
                    variants,
                    stated,
                    named,
                    states_variants: named || OF_VARIANTS.iter().any(|field| stated.has(*field)),
                    currency: self.currency,
                    keep_missing: incomplete || !is_export,
                    keep_images,
                    unread_alts,
                    published_alone,
                    overwrite: self.options.overwrite,
                    written: WrittenFields::default(),
                };
                Ok(Part::Product {
                    product: Box::new(product),
                    handle,
                    notes,
                })
            }
            Err(violations) => Err(violations
                .into_iter()
                .map(|found| fault(&found, whole, &places))
                .collect()),
        }
    }

    /// What the file says of a variant besides its draft.
    fn said(&self, item: &ProductItem, variant: &VariantItem) -> ImportedVariant {
        let stated = item.stated.without(variant.unread);
        let zero = variant.tracked && self.options.zero_when_missing && !variant.unread.has(Field::Quantity);
        let money = |amount: rust_decimal::Decimal| Money::parse(&amount.to_string(), self.currency).ok();
        ImportedVariant {
            stock: ImportedStock {
                tracked: variant.tracked,
                quantity: variant.quantity,
                initial: zero.then_some(0),
                allow_backorder: stated.has(Field::Backorder).then_some(variant.allow_backorder),
            },
            unread: variant.unread,
            compare_at: variant.compare_at.and_then(money),
        }
    }

    /// Sets the stock of a product that an earlier import made.
    async fn write_inventory(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        item: InventoryItem,
    ) -> Result<Outcome, RichError> {
        let name = self.named(&item.handle);
        let known = list_references(tx, Imported::ShopifyProduct, &[&name]).await?;
        let id = known.first().map(|known| ProductId::from_uuid(known.subject_id));
        let stated: Vec<StatedStock> = item
            .variants
            .into_iter()
            .filter_map(|variant| {
                Some(StatedStock {
                    available: variant.available?,
                    sku: variant.sku,
                    options: variant.option_values,
                })
            })
            .collect();
        let (upserted, unknown) = set_stock(tx, ctx, id, &item.handle, &stated).await?;
        let mut notes = Notes::default();
        for variant in unknown {
            let name = variant.sku.unwrap_or_else(|| variant.options.join(" / "));
            notes.tell(
                "stock of a variant that the product does not have",
                format!("the product has no variant {name:?}"),
            );
        }
        let written = match upserted {
            Upserted::Created(id) | Upserted::Updated(id) => Written::Updated(id.as_uuid()),
            Upserted::Unchanged(id) => Written::Unchanged(id.as_uuid()),
        };
        Ok(Outcome {
            notes,
            ..written.into()
        })
    }

    /// The product as input, and how many embeds in its description became links.
    fn input(&self, item: ProductItem) -> (ProductInput, usize) {
        // A Shopify handle may have characters that are not allowed here; it is then replaced by the nearest valid
        // handle.
        let handle = match Handle::parse(&item.handle) {
            Some(_) => Some(item.handle.clone()),
            None => Handle::from_title(&item.handle).map(|handle| handle.as_str().to_owned()),
        };
        let status = match item.status {
            ProductStatus::Draft => "draft",
            ProductStatus::Active => "active",
            ProductStatus::Archived => "archived",
        };
        let (description, embeds) = with_links(&item.description_html);
        let description_html = description.into_owned();
        let (options, values) = names(&item);
        let images = item.images.into_iter();
        let variants = item.variants.into_iter().zip(values).enumerate();
        let input = ProductInput {
            // Replaced by the stored one; a new product is refused without.
            title: if item.stated.has(Field::Title) {
                item.title
            } else {
                "Untitled".to_owned()
            },
            handle,
            status: Some(status.to_owned()),
            description_html,
            vendor: Some(item.vendor),
            product_type: Some(item.product_type),
            tags: item.tags,
            options,
            images: images
                .map(|image| ImageInput {
                    id: None,
                    url: image.url,
                    alt: image.alt,
                })
                .collect(),
            variants: variants
                .map(|(at, (variant, values))| self.variant(at, variant, values))
                .collect(),
        };
        (input, embeds)
    }

    fn variant(&self, at: usize, item: VariantItem, options: Vec<String>) -> VariantInput {
        let money = |amount: rust_decimal::Decimal| MoneyInput {
            amount: amount.to_string(),
            currency: self.currency.code().to_owned(),
        };
        let price = item.price.map(money);
        // Only a variant with an id needs no price. Ids are not read from here on.
        let id = VariantId::from_uuid(Uuid::from_u128(u128::try_from(at).unwrap_or(0) + 1));
        VariantInput {
            id: price.is_none().then_some(id),
            sku: item.sku,
            options,
            compare_at_price: item.compare_at.map(money).filter(|_| price.is_some()),
            price,
            facts: VariantFacts {
                barcode: item.barcode,
                weight_grams: item.grams,
                // The file has no column for it.
                hs_code: None,
            },
            available: None,
            allow_backorder: false,
            deleted: false,
        }
    }
}

/// The names of options and the values of each variant. Names that the file does not tell are made up, to tell the
/// variants apart until they are found in the stored product.
fn names(item: &ProductItem) -> (Vec<String>, Vec<Vec<String>>) {
    let values: Vec<Vec<String>> = item
        .variants
        .iter()
        .map(|variant| variant.option_values.clone())
        .collect();
    let most = values.iter().map(Vec::len).max().unwrap_or(0);
    if item.stated.has(Field::Options) || (most == 0 && values.len() == 1) {
        return (item.options.clone(), values);
    }
    if most == 0 {
        let by_sku = item.variants.iter().zip(1..).map(|(variant, number)| {
            let sku = variant.sku.clone();
            vec![sku.unwrap_or_else(|| format!("variant {number}"))]
        });
        return (vec!["SKU".to_owned()], by_sku.collect());
    }
    let options = (1..=most).map(|number| format!("Option {number}")).collect();
    (options, values)
}

/// A violation with the place of its row: `#/variants/2/sku` refers to the row of the third variant.
fn fault(violation: &FieldViolation, whole: (u64, u64), variants: &[(u64, u64)]) -> Fault {
    let path = violation.pointer.trim_start_matches("#/");
    let variant = path
        .strip_prefix("variants/")
        .and_then(|rest| rest.split_once('/'));
    let found = variant.and_then(|(at, member)| Some((*variants.get(at.parse::<usize>().ok()?)?, member)));
    let ((line, column), member) = found.unwrap_or((whole, path));
    Fault {
        line,
        column,
        reason: format!("{member}: {}", violation.detail),
    }
}

impl catalog::import::ImportedAs {
    /// The names of the fields that were changed here.
    fn changed_names(&self) -> Vec<&'static str> {
        let changed = MERGED.iter().filter(|(field, _)| self.changed_here.has(*field));
        changed.map(|(_, name)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_import::ShopifyReader;

    fn check(csv: &str) -> Vec<Result<ImportedProduct, Vec<Fault>>> {
        let products = Products {
            currency: Currency::parse("USD").unwrap(),
            options: ImportOptions::default(),
        };
        ShopifyReader::new(csv.as_bytes(), "a.csv", 2)
            .map(|item| match products.check(item.unwrap())? {
                Part::Product { product, .. } => Ok(*product),
                Part::Inventory(stock) => panic!("no product: {stock:?}"),
            })
            .collect()
    }

    #[test]
    fn a_product_keeps_what_the_file_says() {
        let csv = "Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Grams,\
                   Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,\
                   Variant Compare At Price,Image Src,Status\n\
                   tea,Tea,<b onclick=x>Good</b><script>1</script>,Leaf,Drink,\"a, b\",Size,S,T-1,100,shopify,7,deny,1.5,2,\
                   https://x.example/1.png,archived\n\
                   tea,,,,,,,L,,,,,continue,3,,,\n";
        let product = check(csv).remove(0).unwrap();
        let draft = product.checked.draft();
        assert_eq!(
            (draft.handle.as_str(), draft.status.as_str()),
            ("tea", "archived")
        );
        assert_eq!(draft.description_html, "<b>Good</b>");
        assert_eq!(draft.variants.len(), 2);
        assert_eq!(
            draft.variants[0].prices.as_slice()[0].amount.to_string(),
            "1.50 USD"
        );
        assert_eq!(draft.variants[1].options, ["L"]);
        assert_eq!(
            product.variants[0].stock,
            ImportedStock {
                tracked: true,
                quantity: Some(7),
                initial: None,
                allow_backorder: Some(false)
            }
        );
        assert_eq!(
            product.variants[1].stock,
            ImportedStock {
                tracked: false,
                quantity: None,
                initial: None,
                allow_backorder: Some(true)
            }
        );
        assert!(!product.keep_missing);
    }

    #[test]
    fn a_handle_that_is_none_of_ours_gives_the_nearest() {
        let csv = "Handle,Title,Variant Price\nblue_tea & co,Tea,1\n";
        assert_eq!(
            check(csv).remove(0).unwrap().checked.draft().handle.as_str(),
            "blue_tea-co"
        );
    }

    #[test]
    fn a_broken_rule_is_told_at_its_row() {
        let long = "x".repeat(300);
        let csv = format!(
            "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\n\
             tea,{long},Size,S,1,1\ntea,,,M,{long},1\n"
        );
        let faults = check(&csv).remove(0).unwrap_err();
        let places: Vec<_> = faults
            .iter()
            .map(|fault| (fault.line, &fault.reason[..6]))
            .collect();
        assert_eq!(places, [(2, "title:"), (3, "sku: m")], "{faults:?}");
    }

    #[test]
    fn another_currency_is_another_source() {
        let item = ShopifyReader::new("Handle,Title,Variant Price\na,A,1\n".as_bytes(), "a", 2)
            .next()
            .unwrap()
            .unwrap();
        let key = |code| {
            Products {
                currency: Currency::parse(code).unwrap(),
                options: ImportOptions::default(),
            }
            .key(&item)
            .unwrap()
        };
        assert_eq!(key("USD").hash, key("USD").hash);
        assert_ne!(key("USD").hash, key("EUR").hash);
    }
}
