//! Converts products of a Shopify CSV to the input of `catalog`, and knows what such a file does not state.

use super::engine::{Fault, Key, Source, Written};
use crate::catalog;
use crate::catalog::import::{ImportedProduct, ImportedStock, Upserted, upsert};
use crate::context::Ctx;
use rustok_commerce::price::MoneyInput;
use rustok_commerce::product::{Handle, ImageInput, ProductInput};
use rustok_commerce::variant::{VariantFacts, VariantInput};
use rustok_core::error::{FieldViolation, RichError};
use rustok_core::ids::ProductId;
use rustok_core::money::Currency;
use rustok_import::{ProductItem, ProductStatus, VariantItem};
use rustok_storage::TenantTx;
use rustok_storage::import_references::Imported;
use uuid::Uuid;

pub(super) struct Products {
    pub(super) currency: Currency,
}

impl Source for Products {
    type Item = ProductItem;
    type Checked = ImportedProduct;
    const IMPORTED: Imported = Imported::ShopifyProduct;

    fn key(&self, item: &ProductItem) -> Option<Key> {
        Some(Key::new(
            &item.external_id,
            item.source_hash,
            self.currency.code(),
        ))
    }

    fn place(&self, item: &ProductItem) -> (u64, u64) {
        (item.line, item.column)
    }

    fn check(&self, item: ProductItem) -> Result<ImportedProduct, Vec<Fault>> {
        let whole = (item.line, item.column);
        let places: Vec<(u64, u64)> = item
            .variants
            .iter()
            .map(|variant| (variant.line, variant.column))
            .collect();
        let stock = item.variants.iter().map(stock).collect();
        let keep_missing = item.incomplete;
        match catalog::check(self.input(item)) {
            Ok(checked) => Ok(ImportedProduct {
                checked,
                stock,
                keep_missing,
            }),
            Err(violations) => Err(violations
                .into_iter()
                .map(|found| fault(&found, whole, &places))
                .collect()),
        }
    }

    async fn write(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        known: Option<Uuid>,
        item: ImportedProduct,
    ) -> Result<Written, RichError> {
        let known = known.map(ProductId::from_uuid);
        Ok(match upsert(tx, ctx, known, item, keep_unstated).await? {
            Upserted::Created(id) => Written::Created(id.as_uuid()),
            Upserted::Updated(id) => Written::Updated(id.as_uuid()),
            Upserted::Unchanged(id) => Written::Unchanged(id.as_uuid()),
        })
    }
}

impl Products {
    fn input(&self, item: ProductItem) -> ProductInput {
        // A Shopify handle may have characters that are not allowed here; it is then replaced by the nearest valid
        // handle.
        let handle = match Handle::parse(&item.handle) {
            Some(_) => Some(item.handle),
            None => Handle::from_title(&item.handle).map(|handle| handle.as_str().to_owned()),
        };
        let status = match item.status {
            ProductStatus::Draft => "draft",
            ProductStatus::Active => "active",
            ProductStatus::Archived => "archived",
        };
        let images = item.images.into_iter();
        ProductInput {
            title: item.title,
            handle,
            status: Some(status.to_owned()),
            description_html: item.description_html,
            vendor: Some(item.vendor),
            product_type: Some(item.product_type),
            tags: item.tags,
            options: item.options,
            images: images
                .map(|image| ImageInput {
                    id: None,
                    url: image.url,
                    alt: image.alt,
                })
                .collect(),
            variants: item
                .variants
                .into_iter()
                .map(|variant| self.variant(variant))
                .collect(),
        }
    }

    fn variant(&self, item: VariantItem) -> VariantInput {
        let money = |amount: rust_decimal::Decimal| MoneyInput {
            amount: amount.to_string(),
            currency: self.currency.code().to_owned(),
        };
        VariantInput {
            id: None,
            sku: item.sku,
            options: item.option_values,
            price: item.price.map(money),
            compare_at_price: item.compare_at.map(money),
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

/// A file that is imported again takes away no fact that it has no column for.
fn keep_unstated(imported: &mut VariantFacts, stored: &VariantFacts) {
    let VariantFacts {
        barcode: _,
        weight_grams: _,
        hs_code,
    } = imported;
    hs_code.clone_from(&stored.hs_code);
}

fn stock(variant: &VariantItem) -> ImportedStock {
    ImportedStock {
        tracked: variant.tracked,
        quantity: variant.quantity,
        allow_backorder: variant.allow_backorder,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_import::ShopifyReader;

    fn check(csv: &str) -> Vec<Result<ImportedProduct, Vec<Fault>>> {
        let products = Products {
            currency: Currency::parse("USD").unwrap(),
        };
        ShopifyReader::new(csv.as_bytes(), "a.csv", 2)
            .map(|item| products.check(item.unwrap()))
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
            product.stock[0],
            ImportedStock {
                tracked: true,
                quantity: Some(7),
                allow_backorder: false
            }
        );
        assert_eq!(
            product.stock[1],
            ImportedStock {
                tracked: false,
                quantity: None,
                allow_backorder: true
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
            }
            .key(&item)
            .unwrap()
        };
        assert_eq!(key("USD").hash, key("USD").hash);
        assert_ne!(key("USD").hash, key("EUR").hash);
    }
}
