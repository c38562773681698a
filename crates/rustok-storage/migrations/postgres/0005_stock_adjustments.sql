-- A level may be changed by a number of pieces; the ledger keeps the reason that was given for it in words.

ALTER TABLE stock_movements ADD COLUMN note text CHECK (length(note) BETWEEN 1 AND 255);
ALTER TABLE stock_movements DROP CONSTRAINT stock_movements_reason_check;
ALTER TABLE stock_movements ADD CONSTRAINT stock_movements_reason_check
    CHECK (reason IN ('set', 'reserved', 'released', 'imported', 'adjusted'));
ALTER TABLE stock_movements ADD CONSTRAINT stock_movements_note_reason_check
    CHECK ((reason = 'adjusted') = (note IS NOT NULL));
