//! The sample shop: created once, in an empty default database, through the regular use cases.

use rustok_app::content::{NewContent, PublishNode, PutTranslation, TermRef};
use rustok_app::tenants::{self, IssuedToken};
use rustok_app::{Ctx, IdempotencyKey, PlatformCtx, Services, catalog, content, people};
use rustok_auth::{Role, TokenSecret};
use rustok_commerce::price::MoneyInput;
use rustok_commerce::product::ProductInput;
use rustok_commerce::variant::VariantInput;
use rustok_content::ids::NodeId;
use rustok_content::{Taxonomy, TranslationInput};
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::Limit;
use rustok_tenancy::{NewTenantInput, Tenant, TenantSettings};
use rustok_text::{BodyFormat, Locale};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The slug of the sample shop.
pub const SLUG: &str = "demo";
/// The address of its owner, who has no password: `rustok user link` signs them in.
const OWNER: &str = "owner@demo.localhost";
const SAMPLE: &str = include_str!("sample.json");
/// The timeout for creating it.
const LIMIT: Duration = Duration::from_secs(30);

/// The secrets that are shown once, at the first start.
#[derive(Debug)]
pub struct FirstStart {
    /// A platform token.
    pub platform: IssuedToken,
    /// An admin token of the sample shop.
    pub admin: IssuedToken,
    /// The secret of a link that signs its owner in once.
    pub link: TokenSecret,
}

#[derive(Deserialize)]
struct Sample {
    products: Vec<SampleProduct>,
    nodes: Vec<SampleNode>,
}

#[derive(Deserialize)]
struct SampleProduct {
    handle: String,
    title: String,
    description: String,
    vendor: String,
    product_type: String,
    tags: Vec<String>,
    options: Vec<String>,
    variants: Vec<SampleVariant>,
}

#[derive(Deserialize)]
struct SampleVariant {
    sku: String,
    options: Vec<String>,
    price: String,
    compare_at: Option<String>,
    available: Option<i64>,
}

#[derive(Deserialize)]
struct SampleNode {
    kind: String,
    #[serde(default)]
    draft: bool,
    terms: Vec<SampleTerm>,
    translations: BTreeMap<String, SampleTranslation>,
}

/// A taxonomy and a term's name.
#[derive(Deserialize)]
struct SampleTerm(String, String);

#[derive(Deserialize)]
struct SampleTranslation {
    title: String,
    slug: String,
    excerpt: String,
    body: String,
}

/// Creates the sample shop, unless a tenant exists already.
///
/// # Errors
/// Those of the use cases.
pub async fn create(services: &Arc<Services>) -> Result<Option<FirstStart>, RichError> {
    let deadline = Deadline::after(LIMIT);
    let platform = PlatformCtx::system(Arc::clone(services), "sample-data", deadline);
    if !tenants::list(&platform, None, Limit::default())
        .await?
        .items
        .is_empty()
    {
        return Ok(None);
    }
    let sample: Sample = serde_json::from_str(SAMPLE)
        .map_err(|error| RichError::new(ErrorKind::Internal, "sample data").with_source(error))?;
    let tenant = tenants::create(&platform, shop(), IdempotencyKey::none())
        .await?
        .made()?;
    let ctx = Ctx::system(Arc::clone(services), Arc::new(tenant), "sample-data", deadline);
    for product in sample.products {
        catalog::create(&ctx, product.into(), IdempotencyKey::none())
            .await?
            .made()?;
    }
    for node in sample.nodes {
        create_node(&ctx, node).await?;
    }
    let owner = people::create_account(&platform, OWNER, "Demo Owner", None).await?;
    people::grant(&ctx, &owner, Role::Owner).await?;
    let admin = tenants::issue_token(&ctx, "first start", Role::Admin).await?;
    let platform = tenants::issue_platform_token(&platform, "first start").await?;
    let link = people::issue_link(&ctx, owner.id).await?;
    Ok(Some(FirstStart {
        platform,
        admin,
        link,
    }))
}

/// Whether the sample shop also serves `localhost`, a host that names no tenant.
#[must_use]
pub fn is_default_shop(tenant: &Tenant) -> bool {
    tenant.slug == SLUG && tenant.hosts.iter().any(|host| host == "localhost")
}

fn shop() -> NewTenantInput {
    let settings = TenantSettings {
        locales: vec!["en".to_owned(), "ru".to_owned()],
        ..TenantSettings::default()
    };
    NewTenantInput {
        slug: SLUG.to_owned(),
        name: "Demo Shop".to_owned(),
        hosts: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        settings,
    }
}

impl From<SampleProduct> for ProductInput {
    fn from(sample: SampleProduct) -> Self {
        let usd = |amount: String| MoneyInput {
            amount,
            currency: "USD".to_owned(),
        };
        let variant = |sample: SampleVariant| VariantInput {
            sku: Some(sample.sku),
            options: sample.options,
            price: Some(usd(sample.price)),
            compare_at_price: sample.compare_at.map(usd),
            available: sample.available,
            ..VariantInput::default()
        };
        Self {
            title: sample.title,
            handle: Some(sample.handle),
            status: Some("active".to_owned()),
            description_html: sample.description,
            vendor: Some(sample.vendor),
            product_type: Some(sample.product_type),
            tags: sample.tags,
            options: sample.options,
            variants: sample.variants.into_iter().map(variant).collect(),
            ..Self::default()
        }
    }
}

impl From<SampleTranslation> for TranslationInput {
    fn from(sample: SampleTranslation) -> Self {
        Self {
            title: sample.title,
            slug: Some(sample.slug),
            excerpt: sample.excerpt,
            body: sample.body,
            format: BodyFormat::Markdown,
        }
    }
}

impl From<&SampleTerm> for TermRef {
    fn from(SampleTerm(taxonomy, name): &SampleTerm) -> Self {
        let taxonomy = if taxonomy == Taxonomy::Category.as_str() {
            Taxonomy::Category
        } else {
            Taxonomy::Tag
        };
        Self {
            taxonomy,
            slug: None,
            name: Some(name.clone()),
            parent: None,
        }
    }
}

async fn create_node(ctx: &Ctx, node: SampleNode) -> Result<(), RichError> {
    let mut made: Option<NodeId> = None;
    for (locale, text) in node.translations {
        let Some(id) = made else {
            let new = NewContent {
                kind: node.kind.clone(),
                locale: Some(locale),
                text: text.into(),
                author: None,
                terms: node.terms.iter().map(TermRef::from).collect(),
            };
            let created = content::create(ctx, new, IdempotencyKey::none()).await?.made()?;
            made = Some(created.detail.node.any().id());
            continue;
        };
        let locale = Locale::parse(&locale)
            .map_err(|error| RichError::new(ErrorKind::Internal, "sample data").with_source(error))?;
        let put = PutTranslation {
            node: id.into(),
            locale,
            text: text.into(),
        };
        content::put_translation(ctx, put).await?;
    }
    if let Some(id) = made.filter(|_| !node.draft) {
        let publish = PublishNode {
            node: id.into(),
            published_at: None,
        };
        content::publish(ctx, publish, IdempotencyKey::none())
            .await?
            .made()?;
    }
    Ok(())
}
