"""Settings of ABB meters as they stand in COSEM objects: one declaration writes and reads each (abb-meters.md 2.8).

>>> from wattproof.metering.tariffs import WeekProfile
>>> from wattproof.meters.abb.shapes.calendar import WEEKS
>>> week = WeekProfile(b"work", (1, 1, 1, 1, 1, 2, 2))
>>> WEEKS.read(WEEKS.write((week,))) == (week,)
True
"""
