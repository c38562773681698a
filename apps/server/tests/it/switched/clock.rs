//! A machine whose clock is not the database's.

use super::*;
use rustok_core::clock::{Clock as _, SystemClock, Timestamp};

/// PostgreSQL's clock two hours behind this machine's, for everybody who asks it without naming the schema.
const BEHIND: &str = "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS \
     $$ SELECT pg_catalog.clock_timestamp() - interval '2 hours' $$; \
     DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$";
const TWO_HOURS: i64 = 7_200;

fn seconds_ago(at: &Value) -> i64 {
    let at: Timestamp = at.as_str().unwrap().parse().unwrap();
    SystemClock.now().as_second() - at.as_second()
}

#[tokio::test]
async fn what_falls_due_does_so_by_the_databases_clock() {
    let db = TestDatabase::postgres().await;
    db.superuser_run(BEHIND).await;
    let shop = Shop::start(rustok(db.url())).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    let order = ok(place(&shop, &order_of(&tea, 1)), 201).await;
    let ago = seconds_ago(&order["created_at"]);
    assert!((TWO_HOURS - 60..TWO_HOURS + 300).contains(&ago), "{ago} s ago");

    when(&shop, |seen| {
        (seen.value("rustok_clock_ahead_seconds", &[]) - 7_200.0).abs() < 60.0
    })
    .await;
    assert!(
        shop.server
            .stderr()
            .contains("this machine's clock is not the database's")
    );
    // Long over by this machine's clock; a look at what is due comes every five seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let kept = all_orders(&shop).await;
    assert_eq!(kept[0]["status"], "pending", "{kept:?}");
}
