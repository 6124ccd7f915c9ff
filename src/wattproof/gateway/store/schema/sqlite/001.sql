-- Times are UTC milliseconds since 1970; "local" is civil seconds since 2000 as the meter or gateway showed them.
-- Columns that hold lists or documents are JSON.

CREATE TABLE settings ("name" TEXT PRIMARY KEY, "value" TEXT NOT NULL) STRICT;

CREATE TABLE users (
  "name" TEXT PRIMARY KEY, "hash" TEXT NOT NULL, "generation" INTEGER NOT NULL, "admin" INTEGER NOT NULL,
  "due" INTEGER NOT NULL
) STRICT;

CREATE TABLE bindings (
  "user" TEXT NOT NULL, "serial" TEXT NOT NULL, "access" TEXT NOT NULL, PRIMARY KEY ("user", "serial")
) STRICT;

CREATE TABLE failures (
  "key" TEXT PRIMARY KEY, "times" TEXT NOT NULL, "locks" INTEGER NOT NULL, "until" INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
  "id" TEXT PRIMARY KEY, "user" TEXT NOT NULL, "hash" TEXT NOT NULL, "name" TEXT NOT NULL, "scopes" TEXT NOT NULL,
  "created" INTEGER NOT NULL, "expires" INTEGER
) STRICT;

CREATE TABLE meters (
  "serial" TEXT PRIMARY KEY, "family" TEXT NOT NULL, "protocol" INTEGER NOT NULL, "address" TEXT NOT NULL,
  "bus" TEXT NOT NULL, "place" TEXT NOT NULL, "alias" TEXT NOT NULL, "location" TEXT NOT NULL, "origin" TEXT NOT NULL,
  "label" TEXT NOT NULL, "engines" TEXT NOT NULL, "provides" TEXT NOT NULL, "traits" TEXT NOT NULL, "status" INTEGER NOT NULL,
  "registered" INTEGER NOT NULL, "active" INTEGER NOT NULL
) STRICT;

-- The numbers that stand for serials in the two large tables; a number once given is never another meter's.
CREATE TABLE devices ("number" INTEGER PRIMARY KEY, "serial" TEXT NOT NULL UNIQUE) STRICT;

-- What the numbers in readings."values" are: ids of quantities and their exponents, in the same order.
CREATE TABLE layouts (
  "id" INTEGER PRIMARY KEY, "quantities" TEXT NOT NULL, "exponents" TEXT NOT NULL, UNIQUE ("quantities", "exponents")
) STRICT;

-- One poll of one group (0 live, 1 energy, 2 static). Qualities: one letter a value, NULL when all are good.
CREATE TABLE readings (
  "meter" INTEGER NOT NULL, "grp" INTEGER NOT NULL, "time" INTEGER NOT NULL, "layout" INTEGER NOT NULL,
  "values" TEXT NOT NULL, "qualities" TEXT, PRIMARY KEY ("meter", "grp", "time")
) STRICT, WITHOUT ROWID;

-- When a meter's group last used a layout that it then gave up: where the newest value of a quantity may be.
CREATE TABLE last_uses (
  "meter" INTEGER NOT NULL, "grp" INTEGER NOT NULL, "layout" INTEGER NOT NULL, "time" INTEGER NOT NULL,
  PRIMARY KEY ("meter", "grp", "layout")
) STRICT, WITHOUT ROWID;

-- How far the readings of a meter's group have been thinned out, to one an interval (ms).
CREATE TABLE thinned (
  "meter" INTEGER NOT NULL, "grp" INTEGER NOT NULL, "until" INTEGER NOT NULL, "interval" INTEGER NOT NULL,
  PRIMARY KEY ("meter", "grp")
) STRICT, WITHOUT ROWID;

-- Closed rows of series (kind 0 profile, 1 previous values, 2 demand). "era": how often the series had been cleared;
-- only rows of the present era are served. A row of one number has it in "value", others have a list in "values".
CREATE TABLE rows (
  "meter" INTEGER NOT NULL, "kind" INTEGER NOT NULL, "channel" INTEGER NOT NULL, "era" INTEGER NOT NULL,
  "time" INTEGER NOT NULL, "local" INTEGER NOT NULL, "status" INTEGER NOT NULL, "value" INTEGER, "values" TEXT,
  "statuses" TEXT, "estimated" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("meter", "kind", "channel", "era", "time")
) STRICT, WITHOUT ROWID;

-- By how much, at least and at most, civil times of rows are ahead of UTC (ms): where rows of a civil time can be.
CREATE TABLE skews (
  "id" INTEGER PRIMARY KEY, "low" INTEGER NOT NULL, "high" INTEGER NOT NULL
) STRICT;

-- When a series was cleared; channel -1: all channels of the kind.
CREATE TABLE clearings (
  "meter" INTEGER NOT NULL, "kind" INTEGER NOT NULL, "channel" INTEGER NOT NULL, "number" INTEGER NOT NULL,
  "time" INTEGER NOT NULL, PRIMARY KEY ("meter", "kind", "channel", "number")
) STRICT, WITHOUT ROWID;

CREATE TABLE series (
  "serial" TEXT NOT NULL, "kind" TEXT NOT NULL, "channel" INTEGER NOT NULL, "time" INTEGER NOT NULL,
  "columns" TEXT NOT NULL, "interval" TEXT NOT NULL, "capacity" INTEGER NOT NULL,
  PRIMARY KEY ("serial", "kind", "channel", "time")
) STRICT;

CREATE TABLE events (
  "number" INTEGER PRIMARY KEY, "id" INTEGER NOT NULL, "category" INTEGER NOT NULL, "time" INTEGER NOT NULL,
  "detail" TEXT NOT NULL
) STRICT;

-- The event log was emptied: events up to "number" are shown no more.
CREATE TABLE event_clearings ("number" INTEGER PRIMARY KEY, "time" INTEGER NOT NULL) STRICT;

CREATE TABLE meter_events (
  "serial" TEXT NOT NULL, "log" TEXT NOT NULL, "number" INTEGER NOT NULL, "time" INTEGER NOT NULL,
  "local" INTEGER NOT NULL, "duration" INTEGER NOT NULL, "category" INTEGER NOT NULL, "logid" INTEGER NOT NULL,
  PRIMARY KEY ("serial", "log", "number")
) STRICT;

CREATE TABLE engine_states (
  "serial" TEXT NOT NULL, "name" TEXT NOT NULL, "state" TEXT NOT NULL, PRIMARY KEY ("serial", "name")
) STRICT;

CREATE TABLE corrections (
  "serial" TEXT NOT NULL, "quantity" INTEGER NOT NULL, "time" INTEGER NOT NULL, "verdict" TEXT NOT NULL,
  "before" INTEGER, "after" INTEGER NOT NULL, "booked" INTEGER NOT NULL,
  PRIMARY KEY ("serial", "time", "quantity", "verdict")
) STRICT;

CREATE TABLE public_keys (
  "serial" TEXT NOT NULL, "key" BLOB NOT NULL, "seen" INTEGER NOT NULL, PRIMARY KEY ("serial", "key")
) STRICT;

CREATE TABLE sessions (
  "id" TEXT PRIMARY KEY, "serial" TEXT NOT NULL, "state" TEXT NOT NULL, "begun" INTEGER NOT NULL,
  "user" TEXT NOT NULL, "options" TEXT NOT NULL, "ended" INTEGER, "verdict" TEXT
) STRICT;
CREATE INDEX sessions_by_meter ON sessions ("serial", "begun");
CREATE INDEX sessions_by_time ON sessions ("begun");

-- "digest": SHA-256 of "data" (hexadecimal); the same record of a session is stored once.
CREATE TABLE signed_records (
  "number" INTEGER PRIMARY KEY, "session" TEXT NOT NULL, "serial" TEXT NOT NULL, "role" TEXT NOT NULL,
  "time" INTEGER NOT NULL, "format" TEXT NOT NULL, "data" BLOB NOT NULL, "signature" TEXT NOT NULL,
  "overall" TEXT NOT NULL, "digest" TEXT NOT NULL, UNIQUE ("session", "role", "digest")
) STRICT;

-- "hash": SHA-256 (hexadecimal) of the previous entry's hash and this entry.
CREATE TABLE audit (
  "number" INTEGER PRIMARY KEY, "time" INTEGER NOT NULL, "user" TEXT NOT NULL, "address" TEXT NOT NULL,
  "action" TEXT NOT NULL, "subject" TEXT NOT NULL, "detail" TEXT NOT NULL, "hash" TEXT NOT NULL
) STRICT;

-- For people and their tools.
CREATE VIEW profile AS
SELECT d."serial", r."channel", r."time", datetime(r."time" / 1000, 'unixepoch') AS "utc",
  datetime(r."local" + 946684800, 'unixepoch') AS "civil", r."status", r."value", r."estimated", r."era"
FROM rows r JOIN devices d ON d."number" = r."meter" WHERE r."kind" = 0;
