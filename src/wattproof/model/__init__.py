"""The vocabulary, pure: units, OBIS codes, quantities, values, readings, clocks."""
