CREATE TABLE accounts (
    id uuid NOT NULL,
    name text NOT NULL,
    CONSTRAINT "accounts(id)" PRIMARY KEY (id),
    CONSTRAINT "accounts(name)" UNIQUE (name)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO rustok_platform;
GRANT SELECT ON accounts TO rustok_backup;

CREATE TABLE counter (
    id bigint NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT "counter(id)" PRIMARY KEY (id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON counter TO rustok_platform;
GRANT SELECT ON counter TO rustok_backup;
INSERT INTO counter (id, number) VALUES (1, 1);
