-- A level may be changed by a number of pieces; the ledger keeps the reason that was given for it in words. SQLite
-- cannot change a CHECK, so the table is built anew.

CREATE TABLE stock_movements_2 (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    order_id BLOB,
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('set', 'reserved', 'released', 'imported', 'adjusted')),
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    note TEXT CHECK (length(note) BETWEEN 1 AND 255),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_id, variant_id, reason),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CHECK ((reason = 'adjusted') = (note IS NOT NULL))
) STRICT;
INSERT INTO stock_movements_2 (tenant_id, id, variant_id, order_id, delta, reason, actor, at)
    SELECT tenant_id, id, variant_id, order_id, delta, reason, actor, at FROM stock_movements;
DROP TABLE stock_movements;
ALTER TABLE stock_movements_2 RENAME TO stock_movements;
CREATE INDEX stock_movements_variant_idx ON stock_movements (tenant_id, variant_id, id);
