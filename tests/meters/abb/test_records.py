"""The rows that both buses give, as the gateway's JSON shows them (g13-api.md 51, 61, 63, 69, 73, 77)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from wattproof.errors import ProtocolError, ResponseTimeout, UnknownName
from wattproof.meters.abb.driver import Cause, MeterRefused, cause_of
from wattproof.meters.abb.records import (
    Category,
    ClockReading,
    Column,
    Demand,
    DemandRow,
    DemandValue,
    LoadProfile,
    Log,
    LogEntry,
    PeriodStatus,
    Port,
    PreviousRow,
    PreviousValues,
    ProfileRow,
    ProfileStatus,
    Rights,
    Spectrum,
    StoredValue,
    category_of,
    log_of,
    logs_dict,
)
from wattproof.meters.abb.statusword import BITS, BY_CODE, StatusFlags

ENERGY = Column.named("active_energy_import_total")
TIME = datetime.fromisoformat("2014-08-16T00:15:00")


def test_a_load_profile_as_json() -> None:
    row = ProfileRow(TIME, Decimal("1230"), ProfileStatus.EXISTS | ProfileStatus.LONG)
    assert LoadProfile(ENERGY, 900, (row, ProfileRow(TIME, None, ProfileStatus.BAD_VALUE))).as_dict() == {
        "mapping": ["active_energy_import_total", "Wh"],
        "interval": 900,
        "items": [
            {"status": 5, "timestamp": "2014-08-16T00:15:00", "value": "1230"},
            {"status": 32, "timestamp": "2014-08-16T00:15:00", "value": None},
        ],
    }


def test_demand_as_json_and_its_code() -> None:
    best = DemandValue(ENERGY.as_power, Decimal("131.58"), TIME, 1)
    none = DemandValue(ENERGY.as_power, None, TIME, 3, maximum=False, sliding=True, status=PeriodStatus(0))
    assert (best.code, none.code) == (5, 11)
    assert Demand(900, 60, (DemandRow(TIME, (best, none)),)).as_dict() == {
        "mapping": [["active_energy_import_total", "W"]] * 2,
        "items": [
            {
                "values": [[1, "131.58", "2014-08-16T00:15:00", 1], [0, 4294967295, "2014-08-16T00:15:00", 3]],
                "time": "2014-08-16T00:15:00",
            }
        ],
    }
    assert Demand(900, 60, ()).as_dict() == {"mapping": [], "items": []}


def test_previous_values_as_json() -> None:
    row = PreviousRow(TIME, (StoredValue(ENERGY, Decimal("5170")),))
    told = {
        "mapping": [["active_energy_import_total", "Wh"]],
        "items": [{"values": [[1, "5170"]], "time": "2014-08-16T00:15:00"}],
    }
    assert PreviousValues((row,)).as_dict() == told
    assert PreviousValues((row,), "daily").as_dict() == told | {"interval": "daily"}


def test_logs_as_json() -> None:
    entry = LogEntry(TIME, category_of(1008), 1008, 999)
    assert logs_dict({Log.EVENT: [entry]}) == {
        "system": [],
        "quality": [],
        "event": [{"datetime": "2014-08-16T00:15:00", "duration": 999, "category": 4, "logid": 1008}],
    }


@pytest.mark.parametrize(("code", "category"), [(42, 2), (1000, 4), (2054, 8), (3000, 1)])
def test_a_code_says_its_category(code: int, category: int) -> None:
    assert category_of(code) is Category(category)


def test_the_rest_as_json() -> None:
    spectrum = Spectrum("L1", Decimal("2.5"), (Decimal("100.0"), Decimal("0.5"), None))
    assert spectrum.as_dict() == {"harmonics": [100, 0.5, None], "thd": 2.5}
    assert Port(1, False, True).as_dict() == {"port": 1, "currentstate": 1}
    assert Port(3, True, False, True, 7).as_dict() == {"port": 3, "currentstate": 0, "storedstate": 1, "counter": 7}
    assert ClockReading(TIME).as_dict() == {"datetime": "2014-08-16T00:15:00", "dayofweek": 6, "status": "set"}
    assert ClockReading(None).as_dict()["status"] == "not set"
    rights = Rights("Configure", (True, False))
    assert 1 in rights and 2 not in rights and 3 not in rights and rights.as_dict()["objects"] == [1, 0]


def test_status_flags_are_named() -> None:
    flags = StatusFlags(1 << 1 | 1 << 7 | 1 << 13 | 1 << 37 | 1 << 42 | 1 << 55 | 1 << 60)
    assert flags.as_dict() == {
        "errors": ["Persistent Storage"],
        "warnings": ["U2 Missing", "Neg Tot Pow"],
        "informationflags": ["Alarm1 Active", "Alarm25 Active", "Powerfail"],
    }
    assert (flags.alarms, flags.unknown) == ((1, 25), (60,))
    assert BY_CODE[1008].name == "Frequency" and BY_CODE[2014].name == "Alarm2 Active" and BY_CODE[40] is BITS[40]
    assert len(BY_CODE) == len(BITS) == 12 + 25 + 11 + 2


def test_every_error_has_its_text() -> None:
    refused = MeterRefused(Cause.READ_WRITE_DENIED, "CLOCK kept its value", ["TARIFF_ACTIVE"])
    assert str(refused) == "received READ_WRITE_DENIED response from COSEM: CLOCK kept its value"
    assert (cause_of(refused), refused.http_status, refused.done) == (Cause.READ_WRITE_DENIED, 403, ("TARIFF_ACTIVE",))
    assert cause_of(ResponseTimeout("no answer")) is cause_of(ProtocolError("?")) is Cause.INVALID_RESPONSE
    assert cause_of(UnknownName("x")) is Cause.OTHER_REASON


@pytest.mark.parametrize("log", [Log.EVENT, 1, "event", " Event "])
def test_a_log_goes_by_its_name_or_number(log: object) -> None:
    assert log_of(log) is Log.EVENT  # type: ignore[arg-type]


@pytest.mark.parametrize("log", ["x", 3, "", "0"])
def test_a_log_that_there_is_not(log: object) -> None:
    with pytest.raises(UnknownName, match="system, event, quality"):
        log_of(log)  # type: ignore[arg-type]
