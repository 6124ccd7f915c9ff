"""Pure engines over readings: integration, profiles, demand, tariffs."""
