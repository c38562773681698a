-- incomplete: a file that was not read to its end. options: what an import may overwrite, and the name of its source.
ALTER TABLE imports DROP CONSTRAINT imports_status_known;
ALTER TABLE imports ADD CONSTRAINT imports_status_known
    CHECK (status IN ('queued', 'running', 'succeeded', 'incomplete', 'failed'));
ALTER TABLE imports DROP CONSTRAINT imports_finished_has_date;
ALTER TABLE imports ADD CONSTRAINT imports_finished_has_date
    CHECK ((status IN ('succeeded', 'incomplete', 'failed')) = (finished_at IS NOT NULL));
ALTER TABLE imports DROP CONSTRAINT imports_failed_has_failure;
ALTER TABLE imports ADD CONSTRAINT imports_failed_has_failure
    CHECK ((status IN ('incomplete', 'failed')) = (failure IS NOT NULL));
ALTER TABLE imports DROP CONSTRAINT imports_succeeded_has_report;
ALTER TABLE imports ADD CONSTRAINT imports_succeeded_has_report
    CHECK (status NOT IN ('succeeded', 'incomplete') OR report IS NOT NULL);
ALTER TABLE imports ADD COLUMN options json;

-- fields: hashes of what imports wrote, by field. changed_at: when the source says that it changed the item last.
-- address: where the item was.
ALTER TABLE import_references ADD COLUMN fields bytes;
ALTER TABLE import_references ADD COLUMN changed_at time;
ALTER TABLE import_references ADD COLUMN address text;
