"""The meter families. Add a meter here."""
