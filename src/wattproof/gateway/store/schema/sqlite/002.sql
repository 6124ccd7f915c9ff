-- The key register: a key of a meter (serial '' : of any), and all that happened to it.
CREATE TABLE key_register (
  "serial" TEXT NOT NULL, "key" BLOB NOT NULL, "history" TEXT NOT NULL, PRIMARY KEY ("serial", "key")
) STRICT;
