"""What the gateway adds to meters that lack it: load profiles, previous values, demand, tariffs, alarms, logs,
resettable registers, CO2 and currency (g13-api.md 10.3, column E)."""
