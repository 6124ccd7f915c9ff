-- The key register: a key of a meter (serial '' : of any), and all that happened to it.
CREATE TABLE key_register (
  "serial" text NOT NULL, "key" bytea NOT NULL, "history" json NOT NULL, PRIMARY KEY ("serial", "key")
);
