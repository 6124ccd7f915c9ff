"""gurux-dlms as a client of a virtual ABB meter: reads every attribute of every object, selects rows of a profile,
writes clock, tariff and calendar; prints what it heard as one JSON object.

A program of its own, as ``gurux_client.py``, whose connection it takes.

    python gurux_abb.py '{"port": 4059, "interface": "HDLC", "client": 16, "server": 17, "password": null, "pdu": 1200}'
"""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any

from gurux_client import Meter, plain, refusal
from gurux_dlms import GXDateTime, GXDLMSException, GXTime
from gurux_dlms.enums import DataType, ObjectType
from gurux_dlms.objects import (
    GXDLMSDayProfile,
    GXDLMSDayProfileAction,
    GXDLMSSeasonProfile,
    GXDLMSWeekProfile,
)

TARIFF, SOURCE, FREQUENCY = "0.0.96.14.0.255", "0.0.96.14.128.255", "1.0.14.7.0.255"
PROFILE, CLOCK, CALENDAR, SCRIPTS = "1.0.99.1.1.255", "0.0.1.0.0.255", "0.0.13.0.0.255", "0.0.10.0.100.255"


def reading(meter: Meter, objects: Any) -> dict[str, Any]:
    """Every readable attribute of every object, and what it could not make of one."""
    read, refused, failed = 0, [], []
    for item in objects:
        attributes = range(1, item.getAttributeCount() + 1)
        if item.objectType == ObjectType.PROFILE_GENERIC:  # that library needs the columns before the buffer
            attributes = [1, 3, 2, *range(4, 9)]
        for attribute in attributes:
            if int(item.getAccess(attribute)) & 1 == 0:
                continue
            try:
                meter.read(item, attribute)
                read += 1
            except GXDLMSException as error:
                refused.append([item.logicalName, attribute, int(error.errorCode)])
            except Exception as error:
                failed.append([item.logicalName, attribute, repr(error)])
    return {"read": read, "refused": refused, "failed": failed}


def values(objects: Any) -> dict[str, Any]:
    frequency = objects.findByLN(ObjectType.REGISTER, FREQUENCY)
    clock = objects.findByLN(ObjectType.CLOCK, CLOCK)
    profile = objects.findByLN(ObjectType.PROFILE_GENERIC, PROFILE)
    scripts = objects.findByLN(ObjectType.SCRIPT_TABLE, SCRIPTS)
    return {
        "frequency": [frequency.value, int(frequency.unit)],
        "clock": plain(clock.time),
        "columns": [[item.logicalName, at.attributeIndex] for item, at in profile.captureObjects],
        "rows": len(profile.buffer),
        "entries": [profile.entriesInUse, profile.profileEntries, profile.capturePeriod],
        "scripts": [script.id for script in scripts.scripts],
    }


def selecting(meter: Meter, objects: Any, begin: list[int], end: list[int]) -> dict[str, Any]:
    profile = objects.findByLN(ObjectType.PROFILE_GENERIC, PROFILE)
    moments = (GXDateTime(datetime.datetime(*moment)) for moment in (begin, end))  # noqa: DTZ001
    reply = meter.exchange(meter.dlms.readRowsByRange(profile, *moments))
    meter.dlms.updateValue(profile, 2, reply.value)
    found: dict[str, Any] = {"range": plain(profile.buffer)}
    reply = meter.exchange(meter.dlms.readRowsByEntry(profile, 2, 3))
    meter.dlms.updateValue(profile, 2, reply.value)
    return found | {"by entry": plain(profile.buffer)}


def writing(meter: Meter, objects: Any) -> dict[str, Any]:
    dlms = meter.dlms
    tariff = objects.findByLN(ObjectType.DATA, TARIFF)
    tariff.setDataType(2, DataType.UINT8)
    tariff.value = 3
    found: dict[str, Any] = {"set": refusal(lambda: meter.exchange(dlms.write(tariff, 2)))}
    found["tariff"] = meter.read(tariff, 2)
    scripts = objects.findByLN(ObjectType.SCRIPT_TABLE, SCRIPTS)
    found["script"] = refusal(lambda: meter.exchange(dlms.method(scripts, 1, 4, DataType.UINT16)))
    found["after script"] = meter.read(tariff, 2)
    clock = objects.findByLN(ObjectType.CLOCK, CLOCK)
    clock.time = GXDateTime(datetime.datetime(2027, 5, 6, 7, 8, 9))  # noqa: DTZ001
    found["set clock"] = refusal(lambda: meter.exchange(dlms.write(clock, 2)))
    meter.read(clock, 2)
    return found | {"new clock": plain(clock.time)} | calendar(meter, objects)


def calendar(meter: Meter, objects: Any) -> dict[str, Any]:
    """A calendar as that library writes it: tariff 2 from midnight on, every day of every season."""
    dlms, table = meter.dlms, objects.findByLN(ObjectType.ACTIVITY_CALENDAR, CALENDAR)
    action, midnight = GXDLMSDayProfileAction(), datetime.datetime(2000, 1, 1)  # noqa: DTZ001
    action.startTime, action.scriptLogicalName, action.scriptSelector = GXTime(midnight), SCRIPTS, 2
    day = GXDLMSDayProfile()
    day.dayId, day.daySchedules = 1, [action]
    table.dayProfileTablePassive = [day]
    week, season = GXDLMSWeekProfile(), GXDLMSSeasonProfile()
    week.name = season.weekName = b"Week"
    for name in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"):
        setattr(week, name, 1)
    season.name, season.start = b"Year", GXDateTime(midnight)
    table.weekProfileTablePassive, table.seasonProfilePassive = [week], [season]
    found: dict[str, Any] = {
        "set calendar": [refusal(lambda at=at: meter.exchange(dlms.write(table, at))) for at in (7, 8, 9)],
        "activate": refusal(lambda: meter.exchange(dlms.method(table, 1, 0, DataType.INT8))),
    }
    source = objects.findByLN(ObjectType.DATA, SOURCE)
    source.setDataType(2, DataType.ENUM)
    source.value = 0
    found["set source"] = refusal(lambda: meter.exchange(dlms.write(source, 2)))
    return found | {"by calendar": meter.read(objects.findByLN(ObjectType.DATA, TARIFF), 2)}


def main() -> None:
    options = json.loads(sys.argv[1])
    begin, end = options.pop("begin"), options.pop("end")
    meter = Meter(**options)
    meter.open()
    objects = meter.dlms.parseObjects(meter.exchange(meter.dlms.getObjectsRequest()).data, True)
    found = {"objects": len(objects)} | reading(meter, objects) | values(objects)
    found |= selecting(meter, objects, begin, end)
    if options["client"] == 1:
        found |= writing(meter, objects)
    meter.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
