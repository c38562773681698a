-- Rows in every table of the schema that ends with 0019_second_factor. $1 to $9 are ids, $now is a time, $hash 32 bytes, $net 16.

INSERT INTO tenants (id, slug, name, status, settings, created_at, updated_at, version, directory_version)
    VALUES ($7, 'shop1', 'Shop', 'active', '{}', $now, $now, 1, 1);
INSERT INTO tenant_hosts (host, tenant_id, created_at) VALUES ('shop.example', $7, $now);
INSERT INTO platform_tokens (id, name, hash, created_at, revoked_at) VALUES ($1, 'ops', $hash, $now, NULL);
INSERT INTO api_tokens (tenant_id, id, name, role, hash, created_at, revoked_at, scopes, expires_at, used_at, actor, member_id)
    VALUES ($7, $1, 'shop', 'admin', $hash, $now, NULL, 'read_orders ship_order', $now, $now, 'system:command-line', $1);

INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES ($7, $1, 'jane', 'Jane', $now);
INSERT INTO terms (tenant_id, id, taxonomy, slug, name, name_folded, parent_id, created_at)
    VALUES ($7, $1, 'category', 'tea', 'Tea', 'tea', NULL, $now), ($7, $2, 'category', 'green', 'Green', 'green', $1, $now);
INSERT INTO nodes (tenant_id, id, kind, status, author_id, created_at, updated_at, published_at, scheduled,
    working_revision, published_revision, version)
    VALUES ($7, $1, 'post', 'published', $1, $now, $now, $now, $false, 1, 1, 2);
INSERT INTO node_revisions (tenant_id, node_id, revision, locale, title, slug, excerpt, body, format, body_html, actor,
    created_at) VALUES ($7, $1, 1, 'en', 'Tea', 'tea', '', 'x', 'html', 'x', 'system:x', $now);
INSERT INTO node_translations (tenant_id, node_id, locale, slug, title_search, working_revision, published_slug,
    published_revision, is_original, is_removed) VALUES ($7, $1, 'en', 'tea', 'tea', 1, 'tea', 1, $true, $false);
INSERT INTO node_terms (tenant_id, node_id, term_id, published_at) VALUES ($7, $1, $2, $now);
INSERT INTO node_history (tenant_id, node_id, version, transition, from_status, to_status, actor, reason, at)
    VALUES ($7, $1, 1, 'create', NULL, 'draft', 'system:x', NULL, $now);

INSERT INTO products (tenant_id, id, handle, status, title, description_html, vendor, product_type, tags, options, images,
    search_text, vendor_folded, created_at, updated_at, deleted_at, version)
    VALUES ($7, $1, 'tea', 'active', 'Tea', '', NULL, NULL, '[]', '["Kind"]', '[]', 'tea', NULL, $now, $now, NULL, 1);
INSERT INTO variants (tenant_id, id, product_id, position, sku, barcode, title, option_values, weight_grams, hs_code,
    deleted_at)
    VALUES ($7, $1, $1, 0, 'TEA-1', NULL, 'Green', '["Green"]', 5, '090210', NULL);
INSERT INTO prices (tenant_id, variant_id, currency, amount_minor, compare_at_minor) VALUES ($7, $1, 'USD', 500, NULL);
INSERT INTO stock_levels (tenant_id, variant_id, available, allow_backorder, updated_at)
    VALUES ($7, $1, 3, $false, $now);

INSERT INTO customers (tenant_id, id, email, created_at) VALUES ($7, $1, 'jane@example.com', $now);
INSERT INTO number_series (tenant_id, series, slot, next_number) VALUES ($7, 'order', 0, 1065), ($7, 'order', 1, 1066);
INSERT INTO orders (tenant_id, id, number, source, customer_id, email, status, currency, total_minor, secret_hash,
    placed_from, created_at, updated_at, expires_at, confirmed_at, version) VALUES
    ($7, $1, 1001, 'storefront', $1, 'jane@example.com', 'pending', 'USD', 500, $hash, $net, $now, $now, $now, NULL, 1),
    ($7, $2, 1002, 'storefront', $1, 'jane@example.com', 'confirmed', 'USD', 900, $hash, NULL, $now, $now, NULL, $now, 2),
    ($7, $3, 1003, 'storefront', $1, 'jane@example.com', 'confirmed', 'USD', 500, $hash, NULL, $now, $now, NULL, $now, 2);
INSERT INTO order_lines (tenant_id, order_id, position, variant_id, product_id, title, variant_title, sku, quantity,
    unit_price_minor, stock_taken) VALUES
    ($7, $1, 0, $1, $1, 'Tea', 'Green', 'TEA-1', 1, 500, $true),
    ($7, $2, 0, $1, $1, 'Tea', 'Green', 'TEA-1', 1, 500, $true),
    ($7, $3, 0, $1, $1, 'Tea', 'Green', 'TEA-1', 1, 500, $true);
INSERT INTO order_adjustments (tenant_id, order_id, position, kind, title, amount_minor)
    VALUES ($7, $2, 0, 'shipping', 'Post', 400);
INSERT INTO payments (tenant_id, id, order_id, external_id, method, reference, amount_minor, currency, paid_at) VALUES
    ($7, $4, $2, 'pay_1', 'card', 'card pay_1', 900, 'USD', $now),
    ($7, $5, $3, 'pay_2', 'card', 'card pay_2', 500, 'USD', $now);
INSERT INTO fulfilments (tenant_id, id, order_id, tracking, carrier, shipped_at, signature)
    VALUES ($7, $4, $2, 'T1', 'Post', $now, 'Jane');
INSERT INTO refunds (tenant_id, id, order_id, payment_id, external_id, reference, amount_minor, currency, refunded_at)
    VALUES ($7, $5, $3, $5, 're_2', 'card re_2', 500, 'USD', $now);
UPDATE orders SET status = 'delivered', payment_id = $4, fulfilment_id = $4, delivered_at = $now WHERE id = $2;
UPDATE orders SET status = 'cancelled', payment_id = $5, refund_id = $5, cancelled_at = $now, cancel_reason = 'x'
    WHERE id = $3;
INSERT INTO order_history (tenant_id, order_id, version, transition, from_status, to_status, actor, reason, at)
    VALUES ($7, $1, 1, 'place', NULL, 'pending', 'anonymous', NULL, $now);
INSERT INTO stock_movements (tenant_id, id, variant_id, order_id, delta, reason, actor, at, note)
    VALUES ($7, $1, $1, NULL, 3, 'set', 'system:x', $now, NULL);

INSERT INTO outbox (tenant_id, id, topic, subject_id, payload, traceparent, occurred_at, distributed_at)
    VALUES ($7, $1, 'order.placed', $1, '{}', NULL, $now, NULL), ($7, $2, 'order.placed', $2, '{}', NULL, $now, $now);
INSERT INTO deliveries (tenant_id, event_id, consumer, due_at, lease, attempts, last_error, dead_at)
    VALUES ($7, $2, 'log', $now, NULL, 12, 'x', $now);
INSERT INTO jobs (tenant_id, id, kind, subject_id, due_at, lease, attempts, last_error, dead_at)
    VALUES ($7, $1, 'expire_order', $1, $now, NULL, 1, 'x', NULL);
INSERT INTO idempotency_records (tenant_id, actor, route, key_hash, body_hash, status, headers, sealed_body, created_at)
    VALUES ($7, 'anonymous', 'POST /orders', $hash, $hash, 201, '[]', $hash, $now);
INSERT INTO platform_idempotency_records (actor, route, key_hash, body_hash, status, headers, sealed_body, created_at)
    VALUES ('token:x', 'POST /tenants', $hash, $hash, 201, '[]', $hash, $now);

INSERT INTO imports (tenant_id, id, source, setting, dry_run, file, actor, status, bytes_read, bytes_total, report, errors,
    failure, created_at, started_at, finished_at)
    VALUES ($7, $1, 'shopify', 'USD', $false, 'x.csv', 'token:x', 'running', 1, 2, NULL, NULL, NULL, $now, $now, NULL);
INSERT INTO import_references (tenant_id, source, kind, external_id, subject_id, hash, imported_at)
    VALUES ($7, 'shopify', 'product', '1', $1, $hash, $now);
INSERT INTO search_terms (tenant_id, kind, term, subject_id, locale) VALUES ($7, 'product', 'tea', $1, '');

INSERT INTO users (id, email, name, password_hash, created_at, disabled_at, vouched_at, version)
    VALUES ($1, 'jane@example.com', 'Jane', NULL, $now, NULL, $now, 2);
INSERT INTO second_factors (user_id, sealed_seed, recovery_hashes, last_step, tries, tries_since, created_at, confirmed_at)
    VALUES ($1, $hash, $hash, 1, 0, $now, $now, $now);
INSERT INTO memberships (tenant_id, user_id, email, name, role, created_at, updated_at, disabled_at, account_version, version)
    VALUES ($7, $1, 'jane@example.com', 'Jane', 'owner', $now, $now, NULL, 2, 1);
INSERT INTO sessions (tenant_id, id, user_id, hash, host, device, address, created_at, seen_at, expires_at)
    VALUES ($7, $1, $1, $hash, 'shop.example', 'x', NULL, $now, $now, $now);
INSERT INTO sign_in_links (tenant_id, hash, user_id, expires_at) VALUES ($7, $hash, $1, $now);
INSERT INTO invitations (tenant_id, id, email, role, hash, actor, created_at, expires_at)
    VALUES ($7, $1, 'joe@example.com', 'viewer', $hash, 'user:x', $now, $now);
INSERT INTO mails (tenant_id, id, kind, recipient, language, state, sealed_body, created_at, ended_at) VALUES
    ($7, $1, 'invitation', 'joe@example.com', 'en', 'kept', $hash, $now, NULL),
    ($7, $2, 'new_device', 'jane@example.com', 'ru', 'sent', NULL, $now, $now);
INSERT INTO mail_proofs (tenant_id, id, purpose, user_id, hash, code_hash, tries, created_at, expires_at)
    VALUES ($7, $1, 'sign_in_code', $1, $hash, $hash, 1, $now, $now);
INSERT INTO known_devices (tenant_id, user_id, hash, seen_at) VALUES ($7, $1, $hash, $now);
INSERT INTO sales_days (tenant_id, currency, day, slot, orders, total_minor) VALUES ($7, 'USD', 20000, 1, 2, 300);
