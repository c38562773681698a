-- Events that were delivered long ago are forgotten by this index: without it each purge reads the whole outbox.

CREATE INDEX outbox_delivered_idx ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
