//! What a shop's people look at first.

use crate::context::Ctx;
use rustok_auth::Action;
use rustok_core::clock::{Date, day_in, day_number, day_of};
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::money::{Currency, Money};
use rustok_core::page::{Limit, Page};
use rustok_storage::home;
use rustok_storage::orders::sales::{SalesDay, list_sales};

pub use rustok_storage::counted::Counted;
pub use rustok_storage::home::{Activity, LowStock, LowStockPlace, ToHandle};

/// The days whose sales are shown, and as many before them for comparison.
pub const DAYS: usize = 30;
/// The most recent things that are shown.
const ACTIVITIES: i64 = 10;

/// The sales of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySales {
    /// The day, in the tenant's time zone.
    pub day: Date,
    /// Orders placed on it, without cancelled ones.
    pub orders: i64,
    /// Their sum.
    pub total: Money,
}

/// Sales in the tenant's default currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sales {
    /// The last [`DAYS`] days, the oldest first, today included.
    pub days: Vec<DaySales>,
    /// As many days before, the oldest first.
    pub days_before: Vec<DaySales>,
    /// The orders of the last days.
    pub orders: i64,
    /// Their sum.
    pub total: Money,
    /// The orders of as many days before.
    pub orders_before: i64,
    /// Their sum.
    pub total_before: Money,
}

/// What a shop's people look at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The orders that wait for a person.
    pub to_handle: ToHandle,
    /// The sales of the last days.
    pub sales: Sales,
    /// The variants of which the fewest pieces are left.
    pub low_stock: Vec<LowStock>,
    /// What was done lately, the newest first.
    pub activity: Vec<Activity>,
}

/// Reads all of it, in four statements.
///
/// # Errors
/// Authorization and database errors.
pub async fn overview(ctx: &Ctx) -> Result<Overview, RichError> {
    // All that it shows: a token may be limited to some of it.
    for action in [
        Action::ReadOrders,
        Action::ReadCatalog,
        Action::ReadContent,
        Action::ReadHistory,
    ] {
        ctx.authorize(action)?;
    }
    let settings = &ctx.tenant.settings;
    let currency = settings.currency().map_err(|error| {
        RichError::new(ErrorKind::Internal, "the tenant's currency is not one").with_source(error)
    })?;
    let today = day_number(day_in(&settings.time_zone, ctx.now()));
    let first = today - number_of(2 * DAYS) + 1;
    let mut tx = ctx.read().await?;
    let to_handle = home::count_to_handle(&mut tx).await?;
    let days = list_sales(&mut tx, currency, first, today).await?;
    let few = Limit::new(5).unwrap_or_default();
    let low_stock = home::list_low_stock(&mut tx, settings.low_stock_threshold, None, few).await?;
    let activity = home::list_activity(tx.last(), ACTIVITIES).await?;
    Ok(Overview {
        to_handle,
        sales: sales(today, currency, &days),
        low_stock: low_stock.items,
        activity,
    })
}

/// The sales up to today, from the rows of the days that have any.
fn sales(today: i64, currency: Currency, found: &[SalesDay]) -> Sales {
    let money = |minor: i64| Money::from_minor(minor, currency);
    let (mut days, mut days_before) = (Vec::with_capacity(DAYS), Vec::with_capacity(DAYS));
    let (mut now, mut before) = (SalesSum::default(), SalesSum::default());
    let middle = today - number_of(DAYS);
    for number in today - number_of(2 * DAYS) + 1..=today {
        let of_day = found.iter().find(|found| found.day == number);
        let (orders, minor) = of_day.map_or((0, 0), |found| (found.orders, found.total_minor));
        let (sum, part) = match number <= middle {
            true => (&mut before, &mut days_before),
            false => (&mut now, &mut days),
        };
        sum.add(orders, minor);
        part.push(DaySales {
            day: day_of(number),
            orders,
            total: money(minor),
        });
    }
    Sales {
        days,
        days_before,
        orders: now.orders,
        total: money(now.minor),
        orders_before: before.orders,
        total_before: money(before.minor),
    }
}

fn number_of(days: usize) -> i64 {
    i64::try_from(days).unwrap_or_default()
}

#[derive(Default)]
struct SalesSum {
    orders: i64,
    minor: i64,
}

impl SalesSum {
    const fn add(&mut self, orders: i64, minor: i64) {
        self.orders = self.orders.saturating_add(orders);
        self.minor = self.minor.saturating_add(minor);
    }
}

/// A page of variants whose stock is low by the tenant's threshold, the fewest pieces first. A page may be shorter than
/// `limit` and have a next one.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_low_stock(
    ctx: &Ctx,
    after: Option<LowStockPlace>,
    limit: Limit,
) -> Result<Page<LowStock>, RichError> {
    ctx.authorize(Action::ReadCatalog)?;
    let threshold = ctx.tenant.settings.low_stock_threshold;
    Ok(home::list_low_stock(ctx.read().await?.last(), threshold, after, limit).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_days_are_told_apart_and_the_one_before_them_is_not_counted() {
        let today = 20_000;
        let found: Vec<_> = [0, 29, 30, 59, 60]
            .map(|ago| SalesDay {
                day: today - ago,
                orders: 1,
                total_minor: 100 + ago,
            })
            .into();
        let sales = sales(today, Currency::parse("USD").unwrap(), &found);
        assert_eq!((sales.days.len(), sales.orders, sales.orders_before), (30, 2, 2));
        assert_eq!((sales.total.minor(), sales.total_before.minor()), (229, 289));
        let shown = |day: &DaySales| (day.day.to_string(), day.total.minor());
        let ends = [&sales.days[0], &sales.days[29]].map(shown);
        assert_eq!(
            ends,
            [("2024-09-05".to_owned(), 129), ("2024-10-04".to_owned(), 100)]
        );
        let ends_before = [&sales.days_before[0], &sales.days_before[29]].map(shown);
        assert_eq!(sales.days_before.len(), 30);
        assert_eq!(
            ends_before,
            [("2024-08-06".to_owned(), 159), ("2024-09-04".to_owned(), 130)]
        );
    }
}
