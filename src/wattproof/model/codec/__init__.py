"""Check sums and digit codes that several protocols share."""
