"""Being an ABB A or B meter: one body, seen through M-Bus and COSEM."""
