//! Turns a validated draft into a product to store: ids, positions, prices in other currencies. Pure except for new
//! ids.

use super::read::ShownPrice;
use rustok_commerce::ids::VariantId;
use rustok_commerce::price::PriceList;
use rustok_commerce::product::{Image, ImageDraft, Product, ProductDraft};
use rustok_commerce::variant::{Variant, VariantDraft};
use rustok_core::clock::Timestamp;
use rustok_core::ids::Ids;
use rustok_core::money::Currency;

/// Builds products.
pub(super) struct Assembler<'a> {
    pub(super) ids: &'a Ids,
    pub(super) now: Timestamp,
    /// The currency in which a missing price removes the old one.
    pub(super) currency: Currency,
}

impl Assembler<'_> {
    /// The product of `draft`, as the next version of `before` if there is one.
    pub(super) fn product(&self, draft: ProductDraft, before: Option<&Product>) -> Product {
        let old_images = before.map_or(&[][..], |before| &before.images);
        let images = self.images(draft.images, old_images);
        let old_variants = before.map_or(&[][..], |before| &before.variants);
        let variant = |draft: VariantDraft| {
            let old = old_variants.iter().find(|old| Some(old.id) == draft.id);
            self.variant(draft, old)
        };
        Product {
            id: before.map_or_else(|| self.ids.next(), |before| before.id),
            handle: draft.handle,
            status: draft.status,
            title: draft.title,
            description_html: draft.description_html,
            vendor: draft.vendor,
            product_type: draft.product_type,
            tags: draft.tags,
            options: draft.options,
            images,
            variants: draft.variants.into_iter().map(variant).collect(),
            version: before.map_or(1, |before| before.version + 1),
            created_at: before.map_or(self.now, |before| before.created_at),
            updated_at: self.now,
            deleted_at: None,
        }
    }

    /// An image without an id gets the id of the stored image with the same URL, unless another image uses that id.
    fn images(&self, drafts: Vec<ImageDraft>, old: &[Image]) -> Vec<Image> {
        let mut taken: Vec<_> = drafts.iter().filter_map(|draft| draft.id).collect();
        let mut images = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let id = draft.id.unwrap_or_else(|| {
                let same = old
                    .iter()
                    .find(|old| old.url == draft.url && !taken.contains(&old.id));
                let id = same.map_or_else(|| self.ids.next(), |same| same.id);
                taken.push(id);
                id
            });
            images.push(Image {
                id,
                url: draft.url,
                alt: draft.alt,
                position: draft.position,
            });
        }
        images
    }

    fn variant(&self, draft: VariantDraft, old: Option<&Variant>) -> Variant {
        // A product update cannot change the stock of an existing variant, only whether backorders are allowed.
        let available = old.map_or(draft.available, |old| old.available);
        Variant {
            id: old.map_or_else(|| self.ids.next::<VariantId>(), |old| old.id),
            sku: draft.sku,
            title: draft.title,
            options: draft.options,
            prices: self.prices(&draft.prices, old),
            facts: draft.facts,
            available,
            allow_backorder: available.is_some() && draft.allow_backorder,
            position: draft.position,
        }
    }

    /// The given price and the old ones in other currencies; without a given price, all old ones except the shown
    /// one.
    fn prices(&self, given: &PriceList, old: Option<&Variant>) -> PriceList {
        let mut prices = old.map_or_else(PriceList::default, |old| old.prices.clone());
        let [] = given.as_slice() else {
            given.as_slice().iter().for_each(|price| prices.set(*price));
            return prices;
        };
        let shown = old.and_then(|old| ShownPrice::Preferably(self.currency).of(&old.prices));
        prices
            .as_slice()
            .iter()
            .filter(|price| Some(**price) != shown)
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_commerce::price::MoneyInput;
    use rustok_commerce::product::{ImageInput, ProductInput};
    use rustok_commerce::variant::VariantInput;
    use rustok_core::clock::ManualClock;
    use std::sync::Arc;

    fn usd() -> Currency {
        Currency::parse("USD").unwrap()
    }

    fn price(amount: &str, currency: &str) -> Option<MoneyInput> {
        Some(MoneyInput {
            amount: amount.to_owned(),
            currency: currency.to_owned(),
        })
    }

    fn input(variants: Vec<VariantInput>) -> ProductInput {
        let image = |url: &str| ImageInput {
            id: None,
            url: url.to_owned(),
            alt: None,
        };
        ProductInput {
            title: "Tea".to_owned(),
            images: vec![image("https://x.example/1"), image("https://x.example/2")],
            variants,
            ..ProductInput::default()
        }
    }

    fn assemble(input: ProductInput, before: Option<&Product>) -> Product {
        let ids = Ids::seeded(Arc::new(ManualClock::default()), before.map_or(1, |_| 2));
        let assembler = Assembler {
            ids: &ids,
            now: Timestamp::UNIX_EPOCH,
            currency: usd(),
        };
        assembler.product(input.validate().unwrap(), before)
    }

    fn amounts(product: &Product) -> Vec<String> {
        let prices = product
            .variants
            .iter()
            .flat_map(|variant| variant.prices.as_slice());
        prices.map(|price| price.amount.to_string()).collect()
    }

    fn first() -> Product {
        let variant = VariantInput {
            price: price("1", "USD"),
            available: Some(5),
            ..VariantInput::default()
        };
        assemble(input(vec![variant]), None)
    }

    #[test]
    fn a_price_in_another_currency_stands_beside() {
        let before = first();
        let variant = VariantInput {
            price: price("2", "EUR"),
            ..VariantInput::from_variant(&before.variants[0], usd())
        };
        let after = assemble(input(vec![variant]), Some(&before));
        assert_eq!(amounts(&after), ["2.00 EUR", "1.00 USD"]);
        let variant = VariantInput {
            price: None,
            ..VariantInput::from_variant(&after.variants[0], usd())
        };
        assert_eq!(
            amounts(&assemble(input(vec![variant]), Some(&after))),
            ["2.00 EUR"]
        );
    }

    #[test]
    fn what_stays_keeps_its_id_and_its_stock() {
        let before = first();
        let variant = VariantInput {
            available: None,
            allow_backorder: true,
            ..VariantInput::from_variant(&before.variants[0], usd())
        };
        let mut input = input(vec![variant]);
        input.images.swap(0, 1);
        let after = assemble(input, Some(&before));
        assert_eq!((after.id, after.version), (before.id, 2));
        assert_eq!(after.variants[0].id, before.variants[0].id);
        assert_eq!(
            (after.variants[0].available, after.variants[0].allow_backorder),
            (Some(5), true)
        );
        assert_eq!(after.images[0].id, before.images[1].id);
        assert_eq!(after.images[1].id, before.images[0].id);
        assert_eq!((after.images[0].position, after.images[1].position), (0, 1));
    }

    #[test]
    fn two_images_with_one_url_are_two() {
        let mut twice = input(vec![VariantInput {
            price: price("1", "USD"),
            ..VariantInput::default()
        }]);
        twice.images[1].url = twice.images[0].url.clone();
        let before = assemble(twice.clone(), None);
        let after = assemble(twice, Some(&before));
        assert_ne!(after.images[0].id, after.images[1].id);
        assert_eq!(after.images, before.images);
    }
}
