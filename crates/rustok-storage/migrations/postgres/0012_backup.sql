-- What `rustok backup` reads with: rustok_backup sees every row of every table, and changes none. The policies ask who
-- reads: a member of the role, as the owner is, sees no more than before until it takes the role.

GRANT SELECT ON schema_migrations, directory_version, platform_idempotency_records, platform_tokens, tenant_hosts, tenants
    TO rustok_backup;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'api_tokens', 'authors', 'customers', 'due_work', 'fulfilments', 'idempotency_records', 'import_references',
        'imports', 'node_history', 'node_revisions', 'node_terms', 'node_translations', 'nodes', 'order_history',
        'order_lines', 'orders', 'outbox', 'payments', 'prices', 'products', 'refunds', 'search_terms', 'stock_levels',
        'stock_movements', 'terms', 'variants'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO rustok_backup', name);
        EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO rustok_backup USING (current_user = %L)', name, 'rustok_backup');
    END LOOP;
END $$;
