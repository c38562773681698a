//! Products of the store as they stand in JSON: a version of one is put into JSON once, with gaps for what is left of its
//! variants.
//!
//! A version never changes but for its stock, so nothing here can be out of date: the database says for each request
//! which versions are shown, and how much is left.

use super::StoreProductView;
use crate::kept::{Kept, Ready};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use rustok_app::catalog::{ProductVersion, ShownPrice, Stock, StorefrontSnapshot, Uncached};
use rustok_app::{Ctx, Saved};
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::product::Product;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use rustok_core::page::{ListKey, Page, fitting};
use rustok_http::reply;
use std::io::Write as _;
use std::sync::Arc;

/// What stands in the JSON of a variant that is not counted. No text of a product can look like it: within a text the
/// quotes are escaped.
const NOT_COUNTED: &str = "\"available\":null";
/// The part of it that is replaced.
const NULL: &str = "null";

/// A product as JSON, but for its stock.
#[derive(Clone)]
struct Rendered {
    /// As if nothing were counted.
    json: Bytes,
    /// Where the number of pieces belongs, of each variant.
    gaps: Arc<[(usize, VariantId)]>,
}

impl Ready for Rendered {
    fn bytes(&self) -> usize {
        self.json.len() + size_of_val(&*self.gaps)
    }
}

impl Rendered {
    fn of(product: &Product, shown: ShownPrice) -> Result<Self, RichError> {
        let json = String::from_utf8(reply::json(&StoreProductView::without_stock(product, shown)))
            .unwrap_or_default();
        let gaps: Arc<[_]> = json
            .match_indices(NOT_COUNTED)
            .zip(&product.variants)
            .map(|((start, found), variant)| (start + found.len() - NULL.len(), variant.id))
            .collect();
        if gaps.len() != product.variants.len() {
            return Err(RichError::new(
                ErrorKind::Internal,
                "a product's JSON has not a gap for each variant",
            ));
        }
        Ok(Self {
            json: json.into(),
            gaps,
        })
    }

    fn append(&self, json: &mut Vec<u8>, stock: &Stock) {
        let mut done = 0;
        for (gap, variant) in self.gaps.iter() {
            let Some(available) = stock.get(variant) else {
                continue;
            };
            json.extend_from_slice(self.json.get(done..*gap).unwrap_or_default());
            // Writing to memory does not fail.
            let _ = write!(json, "{available}");
            done = gap + NULL.len();
        }
        json.extend_from_slice(self.json.get(done..).unwrap_or_default());
    }
}

/// The products that were shown lately, in memory that has a bound.
pub struct RenderedProducts(Kept<(TenantId, ShownPrice, ProductVersion), Rendered>);

impl RenderedProducts {
    /// Products of at most so many bytes in all.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self(Kept::new(max_bytes, |_| 0))
    }

    /// A page of products; it ends where it would become too heavy.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn page(
        &self,
        ctx: &Ctx,
        (mut page, snapshot): (Page<ProductVersion>, StorefrontSnapshot),
        shown: ShownPrice,
    ) -> Result<Response, RichError> {
        let (products, stock) = self.of(ctx, &page.items, snapshot, shown).await?;
        let count = fitting(products.iter().map(|product| product.json.len()));
        page.shorten(count, |last| ListKey::Id(last.id));
        let products = products.get(..count).unwrap_or_default();
        let mut json = Vec::with_capacity(products.iter().map(size).sum::<usize>() + 128);
        json.extend_from_slice(b"{\"items\":[");
        for (place, product) in products.iter().enumerate() {
            if place > 0 {
                json.push(b',');
            }
            product.append(&mut json, &stock);
        }
        json.extend_from_slice(b"],\"next_cursor\":");
        json.extend_from_slice(&reply::json(&page.next_cursor));
        json.push(b'}');
        Ok(reply::json_bytes(json.into()))
    }

    /// One product, or 304 when the client has it already.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn one(
        &self,
        ctx: &Ctx,
        request: &HeaderMap,
        (version, snapshot): (ProductVersion, StorefrontSnapshot),
        shown: ShownPrice,
    ) -> Result<Response, RichError> {
        let (products, stock) = self.of(ctx, &[version], snapshot, shown).await?;
        let mut json = Vec::with_capacity(products.iter().map(size).sum());
        for product in &products {
            product.append(&mut json, &stock);
        }
        let tag = reply::etag(Saved::of(version.version, version.updated_at), &json);
        Ok(reply::tagged(request, json, tag))
    }

    /// These in their sequence, and their stock. Those that were not shown lately are read together; of many large ones
    /// those at the end may be missing, but never all.
    async fn of(
        &self,
        ctx: &Ctx,
        versions: &[ProductVersion],
        snapshot: StorefrontSnapshot,
        shown: ShownPrice,
    ) -> Result<(Vec<Rendered>, Stock), RichError> {
        let key = |version: &ProductVersion| (ctx.tenant.id, shown, *version);
        let known: Vec<Option<Rendered>> = versions.iter().map(|version| self.0.get(&key(version))).collect();
        let (mut kept, mut missing): (Vec<ProductId>, Vec<ProductId>) = Default::default();
        for (version, known) in versions.iter().zip(&known) {
            let list = if known.is_some() { &mut kept } else { &mut missing };
            list.push(version.id);
        }
        let Uncached { mut stock, products } = snapshot.uncached(&kept, &missing).await?;
        let mut read = products.iter();
        let mut all = Vec::with_capacity(versions.len());
        for (version, known) in versions.iter().zip(known) {
            match (known, read.as_slice().first()) {
                (Some(known), _) => all.push(known),
                (None, Some(product)) if product.id == version.id => {
                    read.next();
                    let rendered = Rendered::of(product, shown)?;
                    self.0.insert(key(version), &rendered);
                    let counted = product.variants.iter();
                    stock.extend(counted.filter_map(|variant| Some((variant.id, variant.available?))));
                    all.push(rendered);
                }
                // To the first one that did not fit.
                (None, _) => break,
            }
        }
        if all.is_empty() && !versions.is_empty() {
            return Err(RichError::new(
                ErrorKind::Internal,
                "an active product without its row",
            ));
        }
        Ok((all, stock))
    }
}

/// About what a product takes in an answer.
fn size(product: &Rendered) -> usize {
    product.json.len() + product.gaps.len() * 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::StoreVariantView;
    use jiff::Timestamp;
    use rustok_commerce::price::Price;
    use rustok_commerce::product::{Handle, ProductStatus};
    use rustok_commerce::variant::{Variant, VariantFacts};
    use rustok_core::money::{Currency, Money};
    use uuid::Uuid;

    const SHOWN: fn() -> ShownPrice = || ShownPrice::Exactly(Currency::parse("USD").unwrap());

    fn variant(number: u128, available: Option<i64>) -> Variant {
        let price = Price {
            amount: Money::from_minor(100, Currency::parse("USD").unwrap()),
            compare_at: None,
        };
        Variant {
            id: VariantId::from_uuid(Uuid::from_u128(number)),
            sku: Some(r#"","available":null"#.to_owned()),
            title: NOT_COUNTED.to_owned(),
            options: vec![format!("\\{NOT_COUNTED}"), number.to_string()],
            prices: [price].into_iter().collect(),
            facts: VariantFacts::default(),
            available,
            allow_backorder: false,
            position: 0,
        }
    }

    fn product(variants: Vec<Variant>) -> Product {
        Product {
            id: ProductId::from_uuid(Uuid::from_u128(1)),
            handle: Handle::parse("tea").unwrap(),
            status: ProductStatus::Active,
            title: r#"\"available":null"#.to_owned(),
            description_html: format!("<p>{NOT_COUNTED}</p>"),
            vendor: None,
            product_type: None,
            tags: vec![NOT_COUNTED.to_owned()],
            options: vec!["available".to_owned(), NOT_COUNTED.to_owned()],
            images: Vec::new(),
            variants,
            version: 3,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            deleted_at: None,
        }
    }

    /// The JSON of a product with its stock, written at once.
    fn at_once(product: &Product) -> Vec<u8> {
        let mut view = StoreProductView::without_stock(product, SHOWN());
        let variants = product.variants.iter();
        view.variants = variants
            .map(|variant| StoreVariantView::new(variant, SHOWN()))
            .collect();
        reply::json(&view)
    }

    #[test]
    fn a_product_with_gaps_filled_is_the_product() {
        let counts = [None, Some(0), Some(-7), Some(i64::MAX), None, Some(12)];
        let all = (0..=counts.len()).map(|count| (1..).zip(counts.into_iter().take(count)));
        for variants in all {
            let variants: Vec<_> = variants
                .map(|(number, available)| variant(number, available))
                .collect();
            let stock: Stock = variants
                .iter()
                .filter_map(|variant| Some((variant.id, variant.available?)))
                .collect();
            let product = product(variants);
            let mut json = b"[".to_vec();
            Rendered::of(&product, SHOWN()).unwrap().append(&mut json, &stock);
            assert_eq!(json.split_off(1), at_once(&product));
        }
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let kept = RenderedProducts::new(100_000);
        let rendered = Rendered::of(
            &product((1..20).map(|number| variant(number, None)).collect()),
            SHOWN(),
        );
        let rendered = rendered.unwrap();
        for version in 0..1_000 {
            let version = ProductVersion {
                id: ProductId::from_uuid(Uuid::from_u128(1)),
                version,
                updated_at: Timestamp::UNIX_EPOCH,
            };
            kept.0
                .insert((TenantId::from_uuid(Uuid::nil()), SHOWN(), version), &rendered);
        }
        let (bytes, count) = kept.0.size();
        assert!(bytes <= 100_000 && count > 5, "{bytes} bytes of {count}");
    }
}
