-- Made from schema/0010_variant_hs_code.sql by `cargo run -p xtask -- schema`: change that file.

-- hs_code: the code of the Harmonized System, for customs. Nothing is left of it without its digits.
ALTER TABLE variants ADD COLUMN hs_code text CONSTRAINT variants_hs_code_is_digits CHECK (length(hs_code) BETWEEN 6 AND 10 AND ltrim(hs_code, '0123456789') = '');
