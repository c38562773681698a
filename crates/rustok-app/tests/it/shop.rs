//! A tenant on a database of its own, with a clock that the test moves.

use rustok_app::orders::{CancelOrder, PayOrder};
use rustok_app::{Ctx, IdempotencyKey, PlatformCtx, Services, catalog, orders, tenants};
use rustok_auth::Actor;
use rustok_commerce::AnyOrder;
use rustok_commerce::ids::{OrderId, VariantId};
use rustok_commerce::order::{LineInput, OrderInput};
use rustok_commerce::price::MoneyInput;
use rustok_commerce::product::ProductInput;
use rustok_commerce::variant::VariantInput;
use rustok_core::clock::{ManualClock, Timestamp};
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_storage::{DatabaseUrl, Opener, StoreConfig};
use rustok_tenancy::{NewTenantInput, Tenant, TenantIdentifierValidator, TenantSettings};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Shop {
    pub(crate) services: Arc<Services>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: Arc<Tenant>,
}

/// Services as a process has them; a second process opens the same file as a command does.
pub(crate) async fn services(url: &str, opener: Opener, clock: &Arc<ManualClock>) -> Arc<Services> {
    let store = rustok_storage::open(StoreConfig::new(DatabaseUrl::parse(url).unwrap()), opener)
        .await
        .unwrap();
    Arc::new(Services::new(
        store,
        clock.clone(),
        TenantIdentifierValidator::new("localhost").unwrap(),
    ))
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

impl Shop {
    /// The tenant `shop1`, whose pending orders are called off after 60 minutes.
    pub(crate) async fn open(url: &str) -> Self {
        let clock = Arc::new(ManualClock::new(
            "2026-01-02T03:04:05.678901Z".parse::<Timestamp>().unwrap(),
        ));
        let services = services(url, Opener::Server, &clock).await;
        let tenant = add_tenant(&services, "shop1").await;
        Self {
            services,
            clock,
            tenant,
        }
    }

    pub(crate) fn ctx(&self) -> Ctx {
        Ctx::system(self.services.clone(), self.tenant.clone(), "test", soon())
    }

    /// A visitor of the storefront.
    pub(crate) fn visitor(&self) -> Ctx {
        Ctx {
            actor: Actor::Anonymous,
            ..self.ctx()
        }
    }

    pub(crate) fn platform(&self) -> PlatformCtx {
        PlatformCtx::system(self.services.clone(), "order-expiry", soon())
    }

    /// A product whose variants have these SKUs and stocks, at 5.00 USD each.
    pub(crate) async fn product(&self, stock: &[(&str, Option<i64>)]) -> Vec<VariantId> {
        let mut names = stock.iter();
        let variants = names.by_ref().map(|(sku, available)| VariantInput {
            sku: Some((*sku).to_owned()),
            options: vec![(*sku).to_owned()],
            price: Some(MoneyInput {
                amount: "5.00".into(),
                currency: "USD".into(),
            }),
            available: *available,
            ..VariantInput::default()
        });
        let input = ProductInput {
            title: "Tea".into(),
            status: Some("active".into()),
            options: vec!["Kind".into()],
            variants: variants.collect(),
            ..ProductInput::default()
        };
        let created = catalog::create(&self.ctx(), input, IdempotencyKey::none()).await;
        let product = created.unwrap().made().unwrap().product;
        product.variants.iter().map(|variant| variant.id).collect()
    }

    /// What is left of a variant.
    pub(crate) async fn available(&self, variant: VariantId) -> Option<i64> {
        let (_, variant) = catalog::get_variant(&self.ctx(), variant).await.unwrap();
        variant.available
    }

    pub(crate) async fn place(&self, lines: &[(VariantId, i64)]) -> Result<OrderId, RichError> {
        place(&self.visitor(), "jane@example.com", lines).await
    }

    pub(crate) async fn place_and_confirm(&self, variant: VariantId, quantity: i64) -> OrderId {
        let id = self.place(&[(variant, quantity)]).await.unwrap();
        self.confirm(id).await.unwrap();
        id
    }

    pub(crate) async fn confirm(&self, id: OrderId) -> Result<AnyOrder, RichError> {
        orders::confirm(&self.ctx(), id.into(), IdempotencyKey::none())
            .await?
            .made()
    }

    pub(crate) async fn cancel(&self, id: OrderId, reason: &str) -> Result<AnyOrder, RichError> {
        let cancel = CancelOrder {
            order: id.into(),
            reason: reason.to_owned(),
            refund_id: None,
        };
        orders::cancel(&self.ctx(), cancel, IdempotencyKey::none())
            .await?
            .made()
    }

    pub(crate) async fn pay(&self, id: OrderId) -> Result<AnyOrder, RichError> {
        let pay = PayOrder {
            order: id.into(),
            payment_id: "pay_1".to_owned(),
            method: "card".to_owned(),
        };
        orders::pay(&self.ctx(), pay, IdempotencyKey::none())
            .await?
            .made()
    }

    pub(crate) async fn order(&self, id: OrderId) -> AnyOrder {
        orders::get(&self.ctx(), id).await.unwrap()
    }
}

pub(crate) async fn place(ctx: &Ctx, email: &str, lines: &[(VariantId, i64)]) -> Result<OrderId, RichError> {
    let line = |(variant, quantity): &(VariantId, i64)| LineInput {
        variant_id: Some(variant.to_string()),
        sku: None,
        quantity: *quantity,
    };
    let input = OrderInput {
        expected_total: None,
        email: email.into(),
        currency: "USD".into(),
        lines: lines.iter().map(line).collect(),
    };
    let placed = orders::place(ctx, input, IdempotencyKey::none()).await?.made()?;
    Ok(placed.order.id())
}

pub(crate) async fn add_tenant(services: &Arc<Services>, slug: &str) -> Arc<Tenant> {
    let ctx = PlatformCtx::system(services.clone(), "test", soon());
    let settings = TenantSettings::default();
    let input = NewTenantInput {
        slug: slug.into(),
        name: slug.into(),
        hosts: Vec::new(),
        settings,
    };
    let created = tenants::create(&ctx, input, IdempotencyKey::none()).await;
    Arc::new(created.unwrap().made().unwrap())
}
