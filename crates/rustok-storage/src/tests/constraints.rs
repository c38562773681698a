//! CHECK constraints: rows that the typed lives cannot make are refused by both databases, those they make are kept.

use super::*;
use rustok_db::{TenantTx, params};
use rustok_test_support::both_databases;

/// A tenant with a node, an order of one line that is pending, and a variant with stock, ready to be bent.
async fn world(db: &TestDatabase) -> (Store, TenantHandle) {
    let store = open(db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let mut tx = store.write(shop, soon()).await.unwrap();
    for sql in [
        "INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES ($1, $2, 'a', '', $3)",
        "INSERT INTO nodes (tenant_id, id, kind, status, author_id, created_at, updated_at, scheduled, working_revision, \
         version) VALUES ($1, $2, 'post', 'draft', $2, $3, $3, '0', 2, 1)",
        "INSERT INTO products (tenant_id, id, handle, status, title, description_html, tags, options, images, search_text, \
         created_at, updated_at, version) VALUES ($1, $2, 'p', 'draft', '', '', '[]', '[]', '[]', '', $3, $3, 1)",
        "INSERT INTO variants (tenant_id, id, product_id, position, title, option_values, weight_grams) \
         VALUES ($1, $2, $2, 1, '', '[]', 0)",
        "INSERT INTO prices (tenant_id, variant_id, currency, amount_minor) VALUES ($1, $2, 'USD', 0)",
        "INSERT INTO stock_levels (tenant_id, variant_id, available, allow_backorder, updated_at) \
         VALUES ($1, $2, 0, '0', $3)",
        "INSERT INTO customers (tenant_id, id, email, created_at) VALUES ($1, $2, 'a@example.org', $3)",
        "INSERT INTO orders (tenant_id, id, number, source, customer_id, email, status, currency, total_minor, secret_hash, \
         created_at, updated_at, expires_at, version) \
         VALUES ($1, $2, 1, 'storefront', $2, '', 'pending', 'USD', 0, $4, $3, $3, $3, 1)",
        "INSERT INTO order_lines (tenant_id, order_id, position, variant_id, product_id, title, variant_title, quantity, \
         unit_price_minor, stock_taken) VALUES ($1, $2, 1, $2, $2, '', '', 1, 0, '1')",
        "INSERT INTO order_adjustments (tenant_id, order_id, position, kind, title, amount_minor) \
         VALUES ($1, $2, 0, 'tax', '', 0)",
        "INSERT INTO payments (tenant_id, id, order_id, external_id, method, reference, amount_minor, currency, paid_at) \
         VALUES ($1, $2, $2, 'pay', 'card', 'pay', 0, 'USD', $3)",
        "INSERT INTO refunds (tenant_id, id, order_id, payment_id, external_id, reference, amount_minor, currency, \
         refunded_at) VALUES ($1, $2, $2, $2, 'ref', 'ref', 0, 'USD', $3)",
        "INSERT INTO fulfilments (tenant_id, id, order_id, tracking, carrier, shipped_at) \
         VALUES ($1, $2, $2, 'tra', '', $3)",
    ] {
        let sql = sql
            .replace("'0'", flag(&tx, false))
            .replace("'1'", flag(&tx, true));
        let count = (1..=4).rev().find(|n| sql.contains(&format!("${n}"))).unwrap();
        let all = params![tx.tenant(), id(1), now(), [0_u8].as_slice()];
        tx.db
            .execute_one("x", &sql, &all[..count])
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    tx.commit().await.unwrap();
    (store, shop)
}

fn flag(tx: &TenantTx, value: bool) -> &'static str {
    match (tx.db.is_postgres(), value) {
        (true, true) => "true",
        (true, false) => "false",
        (false, true) => "1",
        (false, false) => "0",
    }
}

/// Runs `UPDATE table SET assignments` in a transaction that is thrown away. In it `now` is a moment, `mine` is the id of
/// the payment, refund and fulfilment of the order, and `other` the id of none.
async fn bend(
    store: &Store,
    shop: TenantHandle,
    table: &'static str,
    assignments: &str,
) -> Result<u64, StoreError> {
    let mut tx = store.write(shop, soon()).await.unwrap();
    let bool_text = |text: &str| {
        if tx.db.is_postgres() {
            text.to_owned()
        } else {
            text.replace("true", "1").replace("false", "0")
        }
    };
    let at = if tx.db.is_postgres() {
        "timestamptz '2026-01-01Z'"
    } else {
        "1767225600000000"
    };
    let id_text = |number: u128| {
        if tx.db.is_postgres() {
            format!("'{}'::uuid", id(number))
        } else {
            format!("x'{}'", id(number).simple())
        }
    };
    let assignments = bool_text(assignments)
        .replace("now", at)
        .replace("mine", &id_text(1))
        .replace("other", &id_text(2));
    let sql = format!("UPDATE {table} SET {assignments}");
    tx.db.execute(table, &sql, &[]).await
}

async fn assert_kept(store: &Store, shop: TenantHandle, table: &'static str, rows: &[&str]) {
    for assignments in rows {
        let kept = bend(store, shop, table, assignments).await;
        assert!(matches!(kept, Ok(1)), "{table} SET {assignments}: {kept:?}");
    }
}

async fn assert_refused(store: &Store, shop: TenantHandle, table: &'static str, rows: &[&str]) {
    for assignments in rows {
        match bend(store, shop, table, assignments).await {
            // 23514 is check_violation.
            Err(StoreError::Refused { reason, .. })
                if reason.contains("CHECK constraint failed") || reason.contains("23514") => {}
            other => panic!("{table} SET {assignments}: {other:?}"),
        }
    }
}

both_databases! {
    async fn orders_are_what_their_state_says(db) {
        let (store, shop) = world(&db).await;
        let kept = [
            "status = 'pending'",
            "status = 'confirmed', expires_at = NULL, confirmed_at = now",
            "status = 'confirmed', confirmed_at = now",
            "status = 'paid', expires_at = NULL, confirmed_at = now, payment_id = mine",
            "status = 'shipped', expires_at = NULL, confirmed_at = now, payment_id = mine, fulfilment_id = mine",
            "status = 'delivered', expires_at = NULL, confirmed_at = now, payment_id = mine, fulfilment_id = mine, delivered_at = now",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x'",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x', confirmed_at = now",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x', confirmed_at = now, payment_id = mine, \
             refund_id = mine",
        ];
        assert_kept(&store, shop, "orders", &kept).await;
        let refused = [
            "status = 'lost', expires_at = NULL, confirmed_at = now",
            "expires_at = NULL",
            "status = 'paid', confirmed_at = now, payment_id = mine",
            "status = 'cancelled', cancelled_at = now, cancel_reason = 'x'",
            "confirmed_at = now",
            "status = 'confirmed', expires_at = NULL",
            "payment_id = mine",
            "status = 'confirmed', expires_at = NULL, confirmed_at = now, payment_id = mine",
            "status = 'paid', expires_at = NULL, confirmed_at = now",
            "status = 'paid', expires_at = NULL, payment_id = mine",
            "status = 'paid', expires_at = NULL, confirmed_at = now, payment_id = mine, fulfilment_id = mine",
            "status = 'shipped', expires_at = NULL, confirmed_at = now, payment_id = mine",
            "status = 'shipped', expires_at = NULL, confirmed_at = now, fulfilment_id = mine",
            "status = 'shipped', expires_at = NULL, confirmed_at = now, payment_id = mine, fulfilment_id = mine, delivered_at = now",
            "status = 'delivered', expires_at = NULL, confirmed_at = now, payment_id = mine, fulfilment_id = mine",
            "status = 'delivered', expires_at = NULL, confirmed_at = now, payment_id = mine, delivered_at = now",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now",
            "status = 'cancelled', expires_at = NULL, cancel_reason = 'x'",
            "cancelled_at = now, cancel_reason = 'x'",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x', refund_id = mine",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x', confirmed_at = now, payment_id = mine",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x', payment_id = mine, refund_id = mine",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x', confirmed_at = now, payment_id = mine, \
             refund_id = mine, fulfilment_id = mine",
            "status = 'paid', expires_at = NULL, confirmed_at = now, payment_id = mine, refund_id = mine",
            "total_minor = -1",
            "number = 0",
            "source = 'lost'",
            "currency = 'US'",
            "version = 0",
        ];
        assert_refused(&store, shop, "orders", &refused).await;
    }

    async fn orders_point_to_what_they_claim(db) {
        let (store, shop) = world(&db).await;
        for assignments in [
            "status = 'paid', expires_at = NULL, confirmed_at = now, payment_id = other",
            "status = 'shipped', expires_at = NULL, confirmed_at = now, payment_id = mine, fulfilment_id = other",
            "status = 'cancelled', expires_at = NULL, cancelled_at = now, cancel_reason = 'x', confirmed_at = now, payment_id = mine, \
             refund_id = other",
        ] {
            match bend(&store, shop, "orders", assignments).await {
                Err(StoreError::Refused { reason, .. })
                    if reason.contains("FOREIGN KEY constraint failed") || reason.contains("23503") => {}
                other => panic!("{assignments}: {other:?}"),
            }
        }
    }

    async fn nodes_are_what_their_state_says(db) {
        let (store, shop) = world(&db).await;
        let kept = [
            "status = 'draft'",
            "published_at = now",
            "status = 'published', published_at = now, published_revision = 1",
            "status = 'published', published_at = now, published_revision = 2",
            "status = 'archived', published_at = now, archived_at = now, archive_reason = 'x'",
            "deleted_at = now",
        ];
        assert_kept(&store, shop, "nodes", &kept).await;
        let refused = [
            "status = 'lost', published_at = now",
            "status = 'published'",
            "status = 'published', published_at = now",
            "status = 'published', published_revision = 1",
            "status = 'published', published_at = now, published_revision = 3",
            "status = 'published', published_at = now, published_revision = 1, deleted_at = now",
            "status = 'published', published_at = now, published_revision = 1, archived_at = now, archive_reason = 'x'",
            "status = 'archived', archived_at = now, archive_reason = 'x'",
            "status = 'archived', published_at = now, archived_at = now",
            "status = 'archived', published_at = now, archive_reason = 'x'",
            "archived_at = now, archive_reason = 'x'",
            "working_revision = 0",
            "version = 0",
        ];
        assert_refused(&store, shop, "nodes", &refused).await;
    }

    async fn stock_does_not_fall_below_nothing_unless_it_may(db) {
        let (store, shop) = world(&db).await;
        assert_kept(&store, shop, "stock_levels", &["available = 5", "available = -1, allow_backorder = true"]).await;
        assert_refused(&store, shop, "stock_levels", &["available = -1", "available = available - 1"]).await;
    }

    async fn an_adjustment_has_its_reason_in_words(db) {
        let (store, shop) = world(&db).await;
        let long = format!("'{}'", "x".repeat(256));
        for (reason, note, kept) in [
            ("adjusted", "'broken'", true),
            ("set", "NULL", true),
            ("adjusted", "NULL", false),
            ("set", "'broken'", false),
            ("adjusted", "''", false),
            ("adjusted", &long, false),
            ("lost", "'broken'", false),
        ] {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let sql = format!(
                "INSERT INTO stock_movements (tenant_id, id, variant_id, delta, reason, actor, at, note) \
                 VALUES ($1, $2, $2, 1, '{reason}', 'x', $3, {note})"
            );
            let written = tx.db.execute("stock_movements", &sql, params![tx.tenant(), id(1), now()]).await;
            assert_eq!(written.is_ok(), kept, "{reason} {note}: {written:?}");
        }
    }

    async fn amounts_and_words_are_bounded(db) {
        let (store, shop) = world(&db).await;
        assert_refused(&store, shop, "prices", &["amount_minor = -1", "compare_at_minor = -1", "currency = 'DOLLAR'"]).await;
        assert_refused(&store, shop, "variants", &["weight_grams = -1"]).await;
        let codes = ["hs_code = ''", "hs_code = '09021'", "hs_code = '09021000001'", "hs_code = '0902.10'", "hs_code = ' 090210'"];
        assert_refused(&store, shop, "variants", &codes).await;
        assert_kept(&store, shop, "variants", &["hs_code = '090210'", "hs_code = '0902100000'", "hs_code = NULL"]).await;
        // Rows that rustok_app may only insert: an amount below zero, no currency, a refund of a payment of no order.
        let payment = "INSERT INTO payments (tenant_id, id, order_id, external_id, method, reference, amount_minor, currency, \
                       paid_at) VALUES ($1, $2, $3, 'x', 'x', 'x', $4, $5, $6)";
        let refund = "INSERT INTO refunds (tenant_id, id, order_id, payment_id, external_id, reference, amount_minor, currency, \
                      refunded_at) VALUES ($1, $2, $3, $7, 'x', 'x', $4, $5, $6)";
        for (amount, currency, of_payment) in [(-1_i64, "USD", 1), (0, "US", 1), (0, "USD", 9)] {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let params = params![tx.tenant(), id(2), id(1), amount, currency, now(), id(of_payment)];
            let refunded = tx.db.execute("refunds", refund, params).await;
            assert!(matches!(refunded, Err(StoreError::Refused { .. })), "{amount} {currency}: {refunded:?}");
            drop(tx);
            if of_payment == 1 {
                let mut tx = store.write(shop, soon()).await.unwrap();
                let paid = tx.db.execute("payments", payment, &params[..6]).await;
                assert!(matches!(paid, Err(StoreError::Refused { .. })), "{amount} {currency}: {paid:?}");
            }
        }
        let mut tx = store.write(shop, soon()).await.unwrap();
        let series = "INSERT INTO number_series (tenant_id, series, slot, next_number) VALUES ($1, 'x', 0, 0)";
        let zero = tx.db.execute("number_series", series, params![tx.tenant()]).await;
        assert!(matches!(zero, Err(StoreError::Refused { .. })), "{zero:?}");
        drop(tx);
        // Adjustments are only ever inserted: rustok_app may not update them.
        for (kind, amount) in [("lost", 0_i64), ("shipping", -1), ("tax", -1), ("discount", 1)] {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let sql = "INSERT INTO order_adjustments (tenant_id, order_id, position, kind, title, amount_minor) \
                       VALUES ($1, $2, 1, $3, '', $4)";
            let error = tx.db.execute("x", sql, params![tx.tenant(), id(1), kind, amount]).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }), "{kind} {amount}: {error:?}");
        }
        assert_refused(&store, shop, "products", &["status = 'lost'", "version = 0"]).await;
        for table in ["order_lines"] {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let sql = "INSERT INTO order_lines (tenant_id, order_id, position, variant_id, product_id, title, variant_title, \
                       quantity, unit_price_minor, stock_taken) VALUES ($1, $2, 2, $3, $2, '', '', 0, 0, '1')";
            let sql = sql.replace("'1'", flag(&tx, true));
            let error = tx.db.execute(table, &sql, params![tx.tenant(), id(1), id(2)]).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        }
    }

    async fn a_member_has_a_role_and_versions_count_from_one(db) {
        let (store, shop) = world(&db).await;
        let mut tx = store.platform_write(soon()).await.unwrap();
        let user = "INSERT INTO users (id, email, name, created_at, version) VALUES ($1, 'a@example.org', 'A', $2, 1)";
        tx.db.execute_one("users", user, params![id(1), now()]).await.unwrap();
        let zero = tx.db.execute("users", "UPDATE users SET version = 0", &[]).await;
        assert!(matches!(zero, Err(StoreError::Refused { .. })), "{zero:?}");
        drop(tx);
        let mut tx = store.platform_write(soon()).await.unwrap();
        tx.db.execute_one("users", user, params![id(1), now()]).await.unwrap();
        let begun = crate::people::second_factors::begin_second_factor(&mut tx, id(1).into(), &[1], now()).await;
        assert!(begun.unwrap());
        let below = tx.db.execute("second_factors", "UPDATE second_factors SET tries = -1", &[]).await;
        assert!(matches!(below, Err(StoreError::Refused { .. })), "{below:?}");
        drop(tx);
        let mut tx = store.platform_write(soon()).await.unwrap();
        tx.db.execute_one("users", user, params![id(1), now()]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.write(shop, soon()).await.unwrap();
        for sql in [
            "INSERT INTO memberships (tenant_id, user_id, email, name, role, created_at, updated_at, account_version, version) \
             VALUES ($1, $2, '', '', 'owner', $3, $3, 1, 1)",
            "INSERT INTO invitations (tenant_id, id, email, role, hash, actor, created_at, expires_at) \
             VALUES ($1, $2, '', 'admin', $4, '', $3, $3)",
        ] {
            let all = params![tx.tenant(), id(1), now(), [0_u8].as_slice()];
            let count = if sql.contains("$4") { 4 } else { 3 };
            tx.db.execute_one("x", sql, &all[..count]).await.unwrap();
        }
        tx.commit().await.unwrap();
        for role in ["owner", "admin", "manager", "editor", "author", "support", "viewer"] {
            let set = format!("role = '{role}'");
            assert_kept(&store, shop, "memberships", &[&set]).await;
            assert_kept(&store, shop, "invitations", &[&set]).await;
        }
        assert_refused(&store, shop, "memberships", &["role = 'platform'", "version = 0"]).await;
        assert_refused(&store, shop, "invitations", &["role = 'x'"]).await;
    }

    async fn a_mail_has_a_text_while_it_is_needed(db) {
        let (store, shop) = world(&db).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        let sql = "INSERT INTO mails (tenant_id, id, kind, recipient, language, state, sealed_body, created_at) \
                   VALUES ($1, $2, 'invitation', '', 'en', 'waiting', $4, $3)";
        let all = params![tx.tenant(), id(1), now(), [0_u8].as_slice()];
        tx.db.execute_one("mails", sql, all).await.unwrap();
        tx.commit().await.unwrap();
        let ended = "sealed_body = NULL, ended_at = now";
        let (sent, failed) = (format!("state = 'sent', {ended}"), format!("state = 'failed', {ended}"));
        assert_kept(&store, shop, "mails", &["state = 'kept'", &sent, &failed]).await;
        for kind in rustok_events::MailKind::ALL {
            assert_kept(&store, shop, "mails", &[&format!("kind = '{kind}'")]).await;
        }
        let refused = ["state = 'sent'", "state = 'lost'", "kind = 'x'", "sealed_body = NULL", "ended_at = now",
            "state = 'failed', sealed_body = NULL"];
        assert_refused(&store, shop, "mails", &refused).await;
    }

    async fn only_a_code_has_the_hash_of_a_code(db) {
        let (store, shop) = world(&db).await;
        let mut tx = store.platform_write(soon()).await.unwrap();
        let user = "INSERT INTO users (id, email, name, created_at, version) VALUES ($1, 'a@example.org', 'A', $2, 1)";
        tx.db.execute_one("users", user, params![id(1), now()]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.write(shop, soon()).await.unwrap();
        for sql in [
            "INSERT INTO memberships (tenant_id, user_id, email, name, role, created_at, updated_at, account_version, version) \
             VALUES ($1, $2, '', '', 'owner', $3, $3, 1, 1)",
            "INSERT INTO mail_proofs (tenant_id, id, purpose, user_id, hash, created_at, expires_at) \
             VALUES ($1, $2, 'password_reset', $2, $4, $3, $3)",
        ] {
            let all = params![tx.tenant(), id(1), now(), [0_u8].as_slice()];
            let count = if sql.contains("$4") { 4 } else { 3 };
            tx.db.execute_one("x", sql, &all[..count]).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_kept(&store, shop, "mail_proofs", &["purpose = 'sign_in_code', code_hash = hash"]).await;
        assert_refused(&store, shop, "mail_proofs", &["purpose = 'x'", "purpose = 'sign_in_code'", "code_hash = hash"]).await;
    }
}
