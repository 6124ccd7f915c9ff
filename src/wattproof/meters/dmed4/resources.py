"""The REST resources of the DMED4 as rows: server, driver, documentation and the OpenAPI document come from them.

A row says which methods a path takes, what stands in its JSON, in the order of the manual's listing, and which register
a value is the same as. Source: communication manual, REST chapter; specification, sections 6.5 and 7; DEC-35 to DEC-39.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wattproof.meters.dmed4.enums import (
    BOARD_1_FLAGS,
    BOARD_2_FLAGS,
    FATAL_ERRORS,
    FATAL_MEANINGS,
    OFF_ON,
    OFFSETS,
    PAGES,
    SIGNATURE_FORMATS,
    STATUS_NAMES,
    Command,
)
from wattproof.meters.dmed4.parameters import PARAMETERS

PREFIX = "v1"
WORD, LONG = range(1 << 16), range(1 << 32)


class Shape(StrEnum):
    """What a value is in JSON."""

    NUMBER = "number"
    STRING = "string"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a JSON object.

    ``point``: name of the register that holds the same quantity (``points.MAP``), and ``step`` how many raw units of
    that register one unit of this value is (DEC-36). ``unit`` is the unit as the manual writes it. ``methods`` are
    those that know the key; ``allowed`` is what may be set.
    """

    key: str
    shape: Shape
    description: str
    unit: str = ""
    point: str = ""
    step: int = 1
    methods: tuple[str, ...] = ("GET",)
    allowed: range | tuple[str, ...] | None = None
    symbols: Mapping[int, str] | None = None
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """One path below ``v1/``. ``login``: the methods that need the advanced password first. ``query``: what GET takes
    in its query. ``reply``: keys of the answer to a POST that repeats nothing."""

    path: str
    methods: tuple[str, ...]
    description: str
    source: str
    fields: tuple[Field, ...]
    login: tuple[str, ...] = ()
    query: tuple[Field, ...] = ()
    by_key: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", {row.key: row for row in self.fields})

    def of(self, method: str) -> tuple[Field, ...]:
        """The keys that this method knows."""
        return tuple(row for row in self.fields if method in row.methods)

    def settable(self, key: str) -> Field | None:
        """The row of a key that PUT and POST set."""
        found = self.by_key.get(key)
        return found if found is not None and found.methods != ("GET",) else None


_N, _S, _O = Shape.NUMBER, Shape.STRING, Shape.OBJECT
_SET = ("PUT", "POST")
_ALL = ("GET", *_SET)

MEASURE = Resource(
    "measure",
    ("GET",),
    "Measured values, refreshed every second",
    "7.1",
    (
        Field("voltage", _N, "voltage", "V/10", "voltage", 10),
        Field("current", _N, "current", "A/10", "current", 1000),
        Field("power", _N, "power, negative = export", "kW/10", "power", 100),
        Field("energy", _N, "last charge cycle energy", "Wh", "energy_cycle"),
        Field("energy_neg", _N, "last cycle exported energy", "Wh", "energy_cycle_export"),
        Field("temperature_i1", _N, "I1 temperature", "°C/10", "temp_i1_c"),
        Field("temperature_i1_fahrenheit", _N, "I1 temperature", "°F/10", "temp_i1_f"),
        Field("temperature_i2", _N, "I2 temperature", "°C/10", "temp_i2_c"),
        Field("temperature_i2_fahrenheit", _N, "I2 temperature", "°F/10", "temp_i2_f"),
        Field("energyPos", _N, "total imported energy", "Wh", "energy_import_total"),
        Field("energyNeg", _N, "total exported energy", "Wh", "energy_export_total"),
    ),
)
CHARGE_SETTINGS = Resource(
    "charge_settings",
    _ALL,
    "Settings of the charge cycle, and its commands",
    "7.2",
    (
        Field("sync_timeout", _N, "date/time synchronisation timeout", "minutes", "sync_timeout"),
        Field("signature_format", _N, "encoding of SD", "", "signature_format", symbols=SIGNATURE_FORMATS),
        Field("public_key", _S, "X and Y as 128 hexadecimal digits", "", "public_key"),
        Field("res_cable", _N, "cable resistance compensation", methods=_ALL, allowed=WORD),
        Field("datetime_offset", _N, "UTC + DST offset", "minutes", "datetime_offset", methods=_ALL, allowed=OFFSETS),
        Field("datetime", _N, "Unix time UTC", "seconds", "datetime", methods=_ALL, allowed=range(1, 1 << 32)),
        Field("tariff", _N, "tariff code", methods=_ALL, allowed=WORD),
        Field("command", _S, "command letter", methods=_SET, allowed=tuple(command.value for command in Command)),
    ),
)
CHARGE_STATUS = Resource(
    "charge_status",
    ("GET",),
    "State of the charge cycle",
    "7.3",
    (
        Field("measurement_status", _N, "measurement status", "", "measurement_status", symbols=STATUS_NAMES),
        Field("signature_status", _N, "digital signature status, bits", "", "signature_status"),
        Field("error_status_1", _N, "error dword 1, bits", "", "error_1"),
        Field("error_status_2", _N, "error dword 2, bits", "", "error_2"),
    ),
)
OCMF = Resource(
    "ocmf",
    ("GET", "POST"),
    "The last signed record; POST: the fixed fields of the next one",
    "7.4, 9.3",
    (Field("OCMF_BUFF", _S, "OCMF|payload|signature, empty without a record", methods=("GET", "POST")),),
)
LOG_INFO = Resource(
    "logbook/info",
    ("GET",),
    "How much the logs hold",
    "7.5",
    (
        Field("ocmf_max_number", _N, "largest number of OCMF records", "", "ocmf_max"),
        Field("ocmf_total_number", _N, "stored OCMF records", "", "ocmf_count"),
        Field("ocmf_last_internal_progressive", _N, "progressive number of the newest record"),
        Field("ocmf_first_internal_progressive", _N, "progressive number of the oldest record still stored"),
        Field("events_max_number", _N, "largest number of event records", "", "events_max"),
        Field("events_total_number", _N, "stored event records", "", "events_count"),
        Field("log_search_status", _N, "0 none, 1 running, 2 found, 3 nothing found (DEC-64)"),
        Field("log_search_position", _N, "position from the oldest of the last record searched"),
    ),
)
INDEX_TYPES = ("POS", "PROGR", "TRANS_ID")
INDEX_REFERENCES = ("LAST", "LAST_BUT", "FIRST", "FIRST_BUT")
_REFERENCE = Field("index_reference", _S, "from which end positions count", allowed=INDEX_REFERENCES)
_VALUE = Field("index_value", _S, "number of records from that end, progressive number or transaction id")
LOG_OCMF = Resource(
    "logbook/OCMF",
    ("GET",),
    "One stored record",
    "7.6, 10",
    (Field("OCMF_LOG", _S, "OCMF|payload|signature"),),
    query=(Field("index_type", _S, "what index_value means", allowed=INDEX_TYPES), _REFERENCE, _VALUE),
)
LOG_EVENTS = Resource(
    "logbook/events",
    ("GET",),
    "One stored metrological event",
    "7.7, 10.5",
    (Field("EVENT_LOG", _S, "EVENT|{date, time, event_code, arguments}"),),
    query=(Field("index_type", _S, "by position only", allowed=("POS",)), _REFERENCE, _VALUE),
)


def _flags(names: tuple[str, ...], meanings: Mapping[str, str] = FATAL_MEANINGS) -> tuple[Field, ...]:
    return tuple(Field(name, _N, meanings.get(name, name.replace("_", " "))) for name in names)


SYSTEM_STATUS = Resource(
    "system_status",
    _ALL,
    "Identity and health; PUT, POST: commission the meter",
    "7.8, 7.9",
    (
        Field("meas_fw_rev", _S, "measurement board firmware revision"),
        Field("meas_fw_cks", _S, "measurement firmware checksum, 8 hexadecimal digits", "", "fw_checksum"),
        Field("pow_fw_rev", _S, "communication board firmware revision"),
        Field("pow_fw_cks", _S, "communication firmware checksum, 8 hexadecimal digits"),
        Field("serial_number", _N, "serial number"),
        Field("model_code", _N, "model, table 1.2"),
        Field("operative_status", _S, "Ready, Charging or Operating", methods=_ALL, allowed=("operating",)),
        Field("cable_res_locked", _N, "1 = cable resistance locked"),
        Field("system_status", _N, "0 OK, 1 measurement board, 10 communication board, 11 both, 22 hardware test"),
        Field("board_1_status", _N, "communication board, bits in the order of the flags"),
        Field("board_1_status_bits", _O, "communication board, flags", fields=_flags(BOARD_1_FLAGS)),
        Field("board_2_status", _N, "measurement board, bits in the order of the flags"),
        Field(
            "board_2_status_bits",
            _O,
            "measurement board, flags",
            fields=(
                *_flags(BOARD_2_FLAGS),
                Field("fatal_err_bits", _O, "fatal errors", fields=_flags(FATAL_ERRORS)),
            ),
        ),
        Field("logged", _N, "1 = logged in"),
    ),
    login=_SET,
)
LOGIN = Resource(
    "login",
    ("PUT",),
    "Log in with the advanced password; three wrong ones lock for 15 minutes",
    "7.10",
    (
        Field("password", _S, "advanced password", methods=("PUT",)),
        Field("logged", _N, "1 = logged in"),
    ),
)
SYSTEM_PARAMETERS = Resource(
    "system_parameters",
    ("GET", "POST"),
    "All parameters; POST takes the complete block and reboots",
    "7.11, 7.12",
    tuple(
        Field(row.id, _N, row.meaning, methods=("GET", "POST"), allowed=row.allowed, symbols=row.symbols)
        for row in PARAMETERS
    ),
    login=("GET", "POST"),
)
FORCE_DISPLAY = Resource(
    "force_display",
    _SET,
    "Switch the display or turn its page",
    "7.13",
    (
        Field(
            "display_on_off", _N, "0 off, 1 on", "", "display_on_off", methods=_SET, allowed=range(2), symbols=OFF_ON
        ),
        Field("set_page", _N, "page", "", "display_page", methods=_SET, allowed=range(1, 14), symbols=PAGES),
    ),
)
RESOURCES = (
    MEASURE,
    CHARGE_SETTINGS,
    CHARGE_STATUS,
    OCMF,
    LOG_INFO,
    LOG_OCMF,
    LOG_EVENTS,
    SYSTEM_STATUS,
    LOGIN,
    SYSTEM_PARAMETERS,
    FORCE_DISPLAY,
)
BY_PATH = {resource.path: resource for resource in RESOURCES}


def target(resource: Resource, channel: int | None = None) -> str:
    """The path of a resource, behind a display with its channel: ``/v1/measure``, ``/v1/2/measure`` (11.2)."""
    middle = "" if channel is None else f"{channel}/"
    return f"/{PREFIX}/{middle}{resource.path}"


def tenth(raw: int, step: int) -> int:
    """A register's raw value in the coarser steps of REST, rounded to nearest, halves away from zero (DEC-36).

    >>> tenth(40053, 10), tenth(50066, 100), tenth(-150, 100)
    (4005, 501, -2)
    """
    if step == 1:
        return raw
    sign = -1 if raw < 0 else 1
    return sign * ((2 * abs(raw) + step) // (2 * step))
