"""Who a virtual ABB meter is on M-Bus, and how it says that it is (abb-meters.md 1.7, 1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.meters.abb.virtual import watch
from wattproof.wire.mbus import abb
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.telegrams import Identification

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.body import Body
    from wattproof.meters.abb.virtual.meter import AbbMeter

#: Version byte of real A41 and B23 frames (AD-05), medium electricity.
VERSION, ELECTRICITY = 0x20, 0x02
#: Bits of the status byte.
PERMANENT_ERROR, TEMPORARY_ERROR, ALARM_OR_WARNING = 0x08, 0x10, 0x20
_NOT_SET = watch.DATE_NOT_SET | watch.TIME_NOT_SET
_OTHERS = watch.ALARM_BITS | watch.WARNING_BITS & ~_NOT_SET


def secondary_address(serial: str) -> SecondaryAddress:
    """The last eight digits of the serial number, ABB, version, medium."""
    return SecondaryAddress(serial[-8:], abb.CODE, VERSION, ELECTRICITY)


def status_byte(body: Body) -> int:
    """From the status word: any error, a clock that is not set, any alarm or other warning."""
    word = body.status_word
    return (
        bool(word & watch.ERROR_BITS) * PERMANENT_ERROR
        | bool(word & _NOT_SET) * TEMPORARY_ERROR
        | bool(word & _OTHERS) * ALARM_OR_WARNING
    )


def identification(meter: AbbMeter, access: int) -> Identification:
    """The header of a telegram sent now."""
    return Identification(secondary_address(meter.serial), access, status_byte(meter.body))
