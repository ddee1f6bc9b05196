-- A file as version 1 made it. It never changes.
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
BEGIN;
PRAGMA application_id = 0x49507638;
CREATE TABLE value4 (
    serial INTEGER PRIMARY KEY,
    key BLOB NOT NULL CHECK (length(key) = 20),
    id BLOB NOT NULL CHECK (length(id) = 20),
    value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 170),
    version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 0xffffffff),
    max_age INTEGER NOT NULL CHECK (max_age >= 0),
    expires INTEGER NOT NULL CHECK (expires >= 0),
    source BLOB NOT NULL CHECK (length(source) IN (0, 4, 16))
);
CREATE TABLE value6 (
    serial INTEGER PRIMARY KEY,
    key BLOB NOT NULL CHECK (length(key) = 20),
    id BLOB NOT NULL CHECK (length(id) = 20),
    value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 170),
    version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 0xffffffff),
    max_age INTEGER NOT NULL CHECK (max_age >= 0),
    expires INTEGER NOT NULL CHECK (expires >= 0),
    source BLOB NOT NULL CHECK (length(source) IN (0, 4, 16))
);
CREATE TABLE publication (
    serial INTEGER PRIMARY KEY,
    key BLOB NOT NULL CHECK (length(key) = 20),
    value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 170),
    due INTEGER NOT NULL CHECK (due >= 0)
);
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)
INSERT INTO value4 SELECT n, CAST(printf('%020d', n) AS BLOB), CAST(printf('%020d', n) AS BLOB),
    CAST(printf('%0100d', n) AS BLOB), 0, 3600000000000, 9000000000000000000, x'0a000001' FROM n;
INSERT INTO publication VALUES (1, zeroblob(20), x'0001', 1790000000000000000);
PRAGMA user_version = 1;
COMMIT;
