"""The pure engines: energy, profiles, demand, tariffs, alarms, local time. They know no meter and no bus."""
