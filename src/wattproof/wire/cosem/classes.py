"""Interface classes: their attributes and methods by number and name (IEC 62056-62, clause 4; abb-meters.md 2.7).

Attribute 1 of every class is the logical name; it stands in no row.

>>> REGISTER.attribute("scaler_unit").id, INTERFACE_CLASSES[7, 1].method("capture").id
(3, 2)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from wattproof.errors import UnknownName
from wattproof.wire.cosem.data import Tag

#: Attribute 1, the same in every class.
LOGICAL_NAME = 1


class AttributeRow(NamedTuple):
    """``tag``: the type of the value, ``None`` where the class leaves it open or offers a choice."""

    id: int
    name: str
    tag: Tag | None = None


class MethodRow(NamedTuple):
    """``tag``: the type of the parameter."""

    id: int
    name: str
    tag: Tag | None = None


@dataclass(frozen=True, slots=True)
class InterfaceClass:
    """One class in one version."""

    id: int
    version: int
    name: str
    attributes: tuple[AttributeRow, ...]
    methods: tuple[MethodRow, ...] = ()

    def attribute(self, key: str | int) -> AttributeRow:
        """The attribute of this name or number. Raises ``UnknownName``."""
        return self._row(self.attributes, key, "attribute")  # type: ignore[return-value]

    def method(self, key: str | int) -> MethodRow:
        """The method of this name or number. Raises ``UnknownName``."""
        return self._row(self.methods, key, "method")  # type: ignore[return-value]

    def _row(
        self, rows: tuple[AttributeRow, ...] | tuple[MethodRow, ...], key: str | int, what: str
    ) -> AttributeRow | MethodRow:
        for row in rows:
            if key in (row.id, row.name):
                return row
        names = ", ".join(row.name for row in rows) or "none"
        raise UnknownName(f"class {self.id} ({self.name}) has no {what} {key!r}; it has {names}")


_A, _M = AttributeRow, MethodRow
_RESET = _M(1, "reset", Tag.INTEGER)
_TIME = Tag.OCTET_STRING

DATA = InterfaceClass(1, 0, "Data", (_A(2, "value"),))
REGISTER = InterfaceClass(3, 0, "Register", (_A(2, "value"), _A(3, "scaler_unit", Tag.STRUCTURE)), (_RESET,))
EXTENDED_REGISTER = InterfaceClass(
    4, 0, "Extended register",
    (_A(2, "value"), _A(3, "scaler_unit", Tag.STRUCTURE), _A(4, "status"), _A(5, "capture_time", _TIME)),
    (_RESET,),
)  # fmt: skip
DEMAND_REGISTER = InterfaceClass(
    5, 0, "Demand register",
    (
        _A(2, "current_average_value"), _A(3, "last_average_value"), _A(4, "scaler_unit", Tag.STRUCTURE),
        _A(5, "status"), _A(6, "capture_time", _TIME), _A(7, "start_time_current", _TIME),
        _A(8, "period", Tag.DOUBLE_LONG_UNSIGNED), _A(9, "number_of_periods", Tag.LONG_UNSIGNED),
    ),
    (_RESET, _M(2, "next_period", Tag.INTEGER)),
)  # fmt: skip
PROFILE_GENERIC = InterfaceClass(
    7, 1, "Profile generic",
    (
        _A(2, "buffer", Tag.ARRAY), _A(3, "capture_objects", Tag.ARRAY),
        _A(4, "capture_period", Tag.DOUBLE_LONG_UNSIGNED), _A(5, "sort_method", Tag.ENUM),
        _A(6, "sort_object", Tag.STRUCTURE), _A(7, "entries_in_use", Tag.DOUBLE_LONG_UNSIGNED),
        _A(8, "profile_entries", Tag.DOUBLE_LONG_UNSIGNED),
    ),
    (_RESET, _M(2, "capture", Tag.INTEGER)),
)  # fmt: skip
CLOCK = InterfaceClass(
    8, 0, "Clock",
    (
        _A(2, "time", _TIME), _A(3, "time_zone", Tag.LONG), _A(4, "status", Tag.UNSIGNED),
        _A(5, "daylight_savings_begin", _TIME), _A(6, "daylight_savings_end", _TIME),
        _A(7, "daylight_savings_deviation", Tag.INTEGER), _A(8, "daylight_savings_enabled", Tag.BOOLEAN),
        _A(9, "clock_base", Tag.ENUM),
    ),
    (
        _M(1, "adjust_to_quarter", Tag.INTEGER), _M(2, "adjust_to_measuring_period", Tag.INTEGER),
        _M(3, "adjust_to_minute", Tag.INTEGER), _M(4, "adjust_to_preset_time", Tag.INTEGER),
        _M(5, "preset_adjusting_time", Tag.STRUCTURE), _M(6, "shift_time", Tag.LONG),
    ),
)  # fmt: skip
SCRIPT_TABLE = InterfaceClass(
    9, 0, "Script table", (_A(2, "scripts", Tag.ARRAY),), (_M(1, "execute", Tag.LONG_UNSIGNED),)
)
SPECIAL_DAYS = InterfaceClass(
    11, 0, "Special days table", (_A(2, "entries", Tag.ARRAY),),
    (_M(1, "insert", Tag.STRUCTURE), _M(2, "delete", Tag.LONG_UNSIGNED)),
)  # fmt: skip
ASSOCIATION_LN = InterfaceClass(
    15, 1, "Association LN",
    (
        _A(2, "object_list", Tag.ARRAY), _A(3, "associated_partners_id", Tag.STRUCTURE),
        _A(4, "application_context_name"), _A(5, "xdlms_context_info", Tag.STRUCTURE),
        _A(6, "authentication_mechanism_name"), _A(7, "secret", Tag.OCTET_STRING),
        _A(8, "association_status", Tag.ENUM), _A(9, "security_setup_reference", Tag.OCTET_STRING),
    ),
    (
        _M(1, "reply_to_hls_authentication", Tag.OCTET_STRING), _M(2, "change_hls_secret", Tag.OCTET_STRING),
        _M(3, "add_object", Tag.STRUCTURE), _M(4, "remove_object", Tag.STRUCTURE),
    ),
)  # fmt: skip
SAP_ASSIGNMENT = InterfaceClass(
    17, 0, "SAP assignment", (_A(2, "sap_assignment_list", Tag.ARRAY),),
    (_M(1, "connect_logical_device", Tag.STRUCTURE),),
)  # fmt: skip
IMAGE_TRANSFER = InterfaceClass(
    18, 0, "Image transfer",
    (
        _A(2, "image_block_size", Tag.DOUBLE_LONG_UNSIGNED), _A(3, "image_transferred_blocks_status", Tag.BIT_STRING),
        _A(4, "image_first_not_transferred_block_number", Tag.DOUBLE_LONG_UNSIGNED),
        _A(5, "image_transfer_enabled", Tag.BOOLEAN), _A(6, "image_transfer_status", Tag.ENUM),
        _A(7, "image_to_activate_info", Tag.ARRAY),
    ),
    (
        _M(1, "image_transfer_initiate", Tag.STRUCTURE), _M(2, "image_block_transfer", Tag.STRUCTURE),
        _M(3, "image_verify", Tag.INTEGER), _M(4, "image_activate", Tag.INTEGER),
    ),
)  # fmt: skip
ACTIVITY_CALENDAR = InterfaceClass(
    20, 0, "Activity calendar",
    (
        _A(2, "calendar_name_active", Tag.OCTET_STRING), _A(3, "season_profile_active", Tag.ARRAY),
        _A(4, "week_profile_table_active", Tag.ARRAY), _A(5, "day_profile_table_active", Tag.ARRAY),
        _A(6, "calendar_name_passive", Tag.OCTET_STRING), _A(7, "season_profile_passive", Tag.ARRAY),
        _A(8, "week_profile_table_passive", Tag.ARRAY), _A(9, "day_profile_table_passive", Tag.ARRAY),
        _A(10, "activate_passive_calendar_time", _TIME),
    ),
    (_M(1, "activate_passive_calendar", Tag.INTEGER),),
)  # fmt: skip
REGISTER_MONITOR = InterfaceClass(
    21, 0, "Register monitor",
    (_A(2, "thresholds", Tag.ARRAY), _A(3, "monitored_value", Tag.STRUCTURE), _A(4, "actions", Tag.ARRAY)),
)  # fmt: skip

#: Every class above by its id and version.
INTERFACE_CLASSES = {(row.id, row.version): row for row in list(globals().values()) if isinstance(row, InterfaceClass)}


def interface_class(class_id: int, version: int | None = None) -> InterfaceClass | None:
    """The class of this id, in this version or, if that is not known, in the one that is; ``None`` for others."""
    if version is not None and (row := INTERFACE_CLASSES.get((class_id, version))):
        return row
    return next((row for (known, _), row in INTERFACE_CLASSES.items() if known == class_id), None)
