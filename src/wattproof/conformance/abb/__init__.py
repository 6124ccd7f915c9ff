"""The statements of ABB meters that can be seen from outside, in the order in which they are checked.

=====================================  ================================================================
`link`, `addressing`                   M-Bus frames, frame count bit, delays; addresses and selection
`readout`, `special`, `commands`       telegrams; what is recorded; what a master may tell the meter
`hdlc`, `association`, `services`      HDLC, associations, xDLMS services
`wrapped`                              the wrapper over TCP and UDP
`objects`, `profiles`                  the object model; load profile, previous values, demand, logs
`settings`, `tariffs`                  clock, alarms, ports; calendar and scripts
`values`, `variants`, `both`           values against each other, type labels, one bus against another
`restart`                              power failures
=====================================  ================================================================

Statements about vectors are held against the meter where it sends the like (A-033 to A-044, A-057 to A-067). Left out
on purpose:

- the driver: A-005, A-014, A-015, A-017, A-024 to A-028, A-109, A-180, A-182 to A-184, A-195;
- codecs, and frames of one captured meter: A-030 to A-032, A-039, A-041, A-045, A-050 to A-056, A-058, A-059, A-061,
  A-064, A-070, A-100, A-120, A-125, A-131;
- peers that are programs of their own: A-132, A-133, A-196;
- the inside of the virtual meter, its faults, its sources, its speed: A-158, A-175, A-200 to A-214;
- what takes a year, or hours: A-153, A-189;
- what could not be put back: other transformer ratios would count energy wrongly (A-174), a firmware image stays
  (A-160), as do resets and what is cleared (parts of A-074, A-146 to A-148, A-157, A-159).
"""

from __future__ import annotations

from wattproof.conformance.abb import (
    addressing,
    association,
    both,
    commands,
    hdlc,
    link,
    objects,
    profiles,
    readout,
    restart,
    services,
    settings,
    special,
    tariffs,
    values,
    variants,
    wrapped,
)
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Statement

STATEMENTS: tuple[Statement[Abb], ...] = (
    *link.ROWS,
    *addressing.ROWS,
    *readout.ROWS,
    *special.ROWS,
    *commands.ROWS,
    *hdlc.ROWS,
    *association.ROWS,
    *services.ROWS,
    *wrapped.ROWS,
    *objects.ROWS,
    *profiles.ROWS,
    *settings.ROWS,
    *tariffs.ROWS,
    *values.ROWS,
    *variants.ROWS,
    *both.ROWS,
    *restart.ROWS,
)

__all__ = ["STATEMENTS", "Abb"]
