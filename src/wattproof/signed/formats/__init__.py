"""One file a record format; the registry says which bytes belong to which."""
