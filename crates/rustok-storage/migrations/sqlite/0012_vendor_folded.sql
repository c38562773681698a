-- Made from schema/0012_vendor_folded.sql by `cargo run -p xtask -- schema`: change that file.

-- vendor_folded: the vendor as names are compared (rustok-text's `folded`); NULL without one. It is the second line of
-- search_text, the part after its last line feed.
ALTER TABLE products ADD COLUMN vendor_folded TEXT;

UPDATE products SET vendor_folded =
    substr(search_text, length(rtrim(search_text, replace(search_text, '
', ''))) + 1) WHERE vendor IS NOT NULL;

DROP INDEX products_vendor_idx;
CREATE INDEX products_vendor_idx ON products (tenant_id, vendor_folded, id) WHERE deleted_at IS NULL;
