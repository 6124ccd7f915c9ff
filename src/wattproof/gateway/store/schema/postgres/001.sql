-- Times are UTC milliseconds since 1970; "local" is civil seconds since 2000 as the meter or gateway showed them.
-- Columns that hold lists or documents are JSON.

CREATE TABLE settings ("name" text PRIMARY KEY, "value" json NOT NULL);

CREATE TABLE users (
  "name" text PRIMARY KEY, "hash" text NOT NULL, "generation" bigint NOT NULL, "admin" boolean NOT NULL,
  "due" boolean NOT NULL
);

CREATE TABLE bindings (
  "user" text NOT NULL, "serial" text NOT NULL, "access" text NOT NULL, PRIMARY KEY ("user", "serial")
);

CREATE TABLE failures (
  "key" text PRIMARY KEY, "times" json NOT NULL, "locks" bigint NOT NULL, "until" bigint NOT NULL
);

CREATE TABLE tokens (
  "id" text PRIMARY KEY, "user" text NOT NULL, "hash" text NOT NULL, "name" text NOT NULL, "scopes" json NOT NULL,
  "created" bigint NOT NULL, "expires" bigint
);

CREATE TABLE meters (
  "serial" text PRIMARY KEY, "family" text NOT NULL, "protocol" bigint NOT NULL, "address" json NOT NULL,
  "bus" text NOT NULL, "place" json NOT NULL, "alias" text NOT NULL, "location" text NOT NULL, "origin" text NOT NULL,
  "label" text NOT NULL, "engines" text NOT NULL, "provides" json NOT NULL, "traits" json NOT NULL, "status" bigint NOT NULL,
  "registered" bigint NOT NULL, "active" boolean NOT NULL
);

-- The numbers that stand for serials in the two large tables; a number once given is never another meter's.
CREATE TABLE devices ("number" bigint PRIMARY KEY, "serial" text NOT NULL UNIQUE);

-- What the numbers in readings."values" are: ids of quantities and their exponents, in the same order.
CREATE TABLE layouts (
  "id" bigint PRIMARY KEY, "quantities" text NOT NULL, "exponents" text NOT NULL, UNIQUE ("quantities", "exponents")
);

-- One poll of one group (0 live, 1 energy, 2 static). Qualities: one letter a value, NULL when all are good.
CREATE TABLE readings (
  "time" bigint NOT NULL, "meter" integer NOT NULL, "layout" integer NOT NULL, "grp" smallint NOT NULL,
  "values" bigint[] NOT NULL, "qualities" text, PRIMARY KEY ("meter", "grp", "time")
) PARTITION BY RANGE ("time");
-- Partitions of a month are named readings_YYYYMM and made when they are needed, one ahead. Years 2000 to 2099:
CREATE TABLE readings_before PARTITION OF readings FOR VALUES FROM (MINVALUE) TO (946684800000);
CREATE TABLE readings_after PARTITION OF readings FOR VALUES FROM (4102444800000) TO (MAXVALUE);

-- When a meter's group last used a layout that it then gave up: where the newest value of a quantity may be.
CREATE TABLE last_uses (
  "meter" bigint NOT NULL, "grp" bigint NOT NULL, "layout" bigint NOT NULL, "time" bigint NOT NULL,
  PRIMARY KEY ("meter", "grp", "layout")
);

-- How far the readings of a meter's group have been thinned out, to one an interval (ms).
CREATE TABLE thinned (
  "meter" bigint NOT NULL, "grp" bigint NOT NULL, "until" bigint NOT NULL, "interval" bigint NOT NULL,
  PRIMARY KEY ("meter", "grp")
);

-- Closed rows of series (kind 0 profile, 1 previous values, 2 demand). "era": how often the series had been cleared;
-- only rows of the present era are served. A row of one number has it in "value", others have a list in "values".
CREATE TABLE rows (
  "time" bigint NOT NULL, "local" bigint NOT NULL, "value" bigint, "meter" integer NOT NULL,
  "status" integer NOT NULL, "kind" smallint NOT NULL, "channel" smallint NOT NULL, "era" smallint NOT NULL,
  "estimated" boolean NOT NULL DEFAULT false, "values" json, "statuses" json,
  PRIMARY KEY ("meter", "kind", "channel", "era", "time")
) PARTITION BY RANGE ("time");
CREATE TABLE rows_before PARTITION OF rows FOR VALUES FROM (MINVALUE) TO (946684800000);
CREATE TABLE rows_after PARTITION OF rows FOR VALUES FROM (4102444800000) TO (MAXVALUE);

-- By how much, at least and at most, civil times of rows are ahead of UTC (ms): where rows of a civil time can be.
CREATE TABLE skews (
  "id" bigint PRIMARY KEY, "low" bigint NOT NULL, "high" bigint NOT NULL
);

-- When a series was cleared; channel -1: all channels of the kind.
CREATE TABLE clearings (
  "meter" bigint NOT NULL, "kind" bigint NOT NULL, "channel" bigint NOT NULL, "number" bigint NOT NULL,
  "time" bigint NOT NULL, PRIMARY KEY ("meter", "kind", "channel", "number")
);

CREATE TABLE series (
  "serial" text NOT NULL, "kind" text NOT NULL, "channel" bigint NOT NULL, "time" bigint NOT NULL,
  "columns" json NOT NULL, "interval" json NOT NULL, "capacity" bigint NOT NULL,
  PRIMARY KEY ("serial", "kind", "channel", "time")
);

CREATE TABLE events (
  "number" bigint PRIMARY KEY, "id" bigint NOT NULL, "category" bigint NOT NULL, "time" bigint NOT NULL,
  "detail" text NOT NULL
);

-- The event log was emptied: events up to "number" are shown no more.
CREATE TABLE event_clearings ("number" bigint PRIMARY KEY, "time" bigint NOT NULL);

CREATE TABLE meter_events (
  "serial" text NOT NULL, "log" text NOT NULL, "number" bigint NOT NULL, "time" bigint NOT NULL,
  "local" bigint NOT NULL, "duration" bigint NOT NULL, "category" bigint NOT NULL, "logid" bigint NOT NULL,
  PRIMARY KEY ("serial", "log", "number")
);

CREATE TABLE engine_states (
  "serial" text NOT NULL, "name" text NOT NULL, "state" json NOT NULL, PRIMARY KEY ("serial", "name")
);

CREATE TABLE corrections (
  "serial" text NOT NULL, "quantity" bigint NOT NULL, "time" bigint NOT NULL, "verdict" text NOT NULL,
  "before" bigint, "after" bigint NOT NULL, "booked" bigint NOT NULL,
  PRIMARY KEY ("serial", "time", "quantity", "verdict")
);

CREATE TABLE public_keys (
  "serial" text NOT NULL, "key" bytea NOT NULL, "seen" bigint NOT NULL, PRIMARY KEY ("serial", "key")
);

CREATE TABLE sessions (
  "id" text PRIMARY KEY, "serial" text NOT NULL, "state" text NOT NULL, "begun" bigint NOT NULL,
  "user" text NOT NULL, "options" json NOT NULL, "ended" bigint, "verdict" json
);
CREATE INDEX sessions_by_meter ON sessions ("serial", "begun");
CREATE INDEX sessions_by_time ON sessions ("begun");

-- "digest": SHA-256 of "data" (hexadecimal); the same record of a session is stored once.
CREATE TABLE signed_records (
  "number" bigint PRIMARY KEY, "session" text NOT NULL, "serial" text NOT NULL, "role" text NOT NULL,
  "time" bigint NOT NULL, "format" text NOT NULL, "data" bytea NOT NULL, "signature" text NOT NULL,
  "overall" text NOT NULL, "digest" text NOT NULL, UNIQUE ("session", "role", "digest")
);

-- "hash": SHA-256 (hexadecimal) of the previous entry's hash and this entry.
CREATE TABLE audit (
  "number" bigint PRIMARY KEY, "time" bigint NOT NULL, "user" text NOT NULL, "address" text NOT NULL,
  "action" text NOT NULL, "subject" text NOT NULL, "detail" text NOT NULL, "hash" text NOT NULL
);

-- For people and their tools.
CREATE VIEW profile AS
SELECT d."serial", r."channel", r."time", to_timestamp(r."time" / 1000.0) AS "utc",
  to_timestamp(r."local" + 946684800) AT TIME ZONE 'UTC' AS "civil", r."status", r."value", r."estimated", r."era"
FROM rows r JOIN devices d ON d."number" = r."meter" WHERE r."kind" = 0;
