CREATE TABLE accounts (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT "accounts(id)" PRIMARY KEY (id),
    CONSTRAINT "accounts(name)" UNIQUE (name)
) STRICT;

CREATE TABLE counter (
    id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    CONSTRAINT "counter(id)" PRIMARY KEY (id)
) STRICT;
INSERT INTO counter (id, number) VALUES (1, 1);
