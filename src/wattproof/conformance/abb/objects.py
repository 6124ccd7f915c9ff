"""The object model: objects, their types and rights (abb-meters.md 1.12, 2.7, 2.8, 2.13, 2.16).

No public description of ABB's objects exists: all of this is inferred.
"""

from __future__ import annotations

from collections import Counter

from wattproof.conformance.abb.common import INFERRED, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import OBJECTS, CosemSide
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Need
from wattproof.meters.abb.quantities import ROWS as QUANTITIES
from wattproof.meters.abb.rights import WRITINGS
from wattproof.meters.abb.rows import Row
from wattproof.wire.cosem.data import Data, Tag
from wattproof.wire.cosem.descriptors import Attribute, written
from wattproof.wire.cosem.object_list import ObjectEntry, ObjectList
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.units import read_scaler_unit
from wattproof.wire.hdlc.addresses import PUBLIC

#: Types of values by their names in 1.12.
TYPES = {
    "u8": Tag.UNSIGNED, "u16": Tag.LONG_UNSIGNED, "u32": Tag.DOUBLE_LONG_UNSIGNED, "u64": Tag.LONG64_UNSIGNED,
    "i16": Tag.LONG, "i32": Tag.DOUBLE_LONG, "i64": Tag.LONG64, "bool": Tag.BOOLEAN, "enum": Tag.ENUM,
    "text": Tag.VISIBLE_STRING, "u16[16]": Tag.ARRAY, "u8[4]": Tag.ARRAY,
}  # fmt: skip
REGISTER = 3
#: What a value may be instead, for a while.
NOT_NOW = frozenset((Result.TEMPORARY_FAILURE, Result.OBJECT_UNAVAILABLE))
#: Counters and stored states of inputs, which are not served while their port is an output (3.5).
OF_INPUTS = frozenset(range(51, 59))
#: Objects of 2.8 whose value client 1 may write, where the meter has them.
WRITABLE = (
    "0-0:1.0.0", "1-0:0.4.2", "1-0:0.4.5", "1-0:0.4.3", "1-0:0.4.6", "0-0:96.3.2",
    *(f"0-{n}:96.3.{e}" for n in range(1, 5) for e in (129, 130, 131, 132, 133, 134)),
    "0-0:96.14.0", "0-0:96.14.128", "0-0:96.14.129", *(f"0-0:128.1.{k}" for k in range(1, 26)),
    "0-0:128.2.0", "0-0:128.3.0",
)  # fmt: skip
#: Objects that nobody writes.
READ_ONLY = ("0-0:42.0.0", "0-0:96.1.0", "0-0:96.1.1", "1-0:0.2.0", "0-0:97.97.0", "0-0:97.98.0", "0-0:128.5.0",
             "0-0:96.14.130", "0-0:96.14.131", "1-0:1.8.0", "1-0:1.8.128")  # fmt: skip
#: Objects with a method that client 1 may execute.
EXECUTABLE = ("0-0:10.0.100", "0-0:13.0.0", "0-0:11.0.0", "1-0:98.1.0", "1-0:98.2.0", "0-0:99.98.0", "0-0:99.98.1",
              "0-0:99.98.2", "1-0:82.8.0", "1-0:1.8.128", *(f"1-0:99.1.{c}" for c in range(1, 9)))  # fmt: skip
#: Script table, and the two scripts that 2.16 prints.
SCRIPTS = Attribute.of(9, "0-0:10.0.100")
SCRIPT_1 = bytes.fromhex("020212000101010205160112000109060000600E00FF0F021101")
SCRIPT_5 = bytes.fromhex("020212000501010205160112000109060001600302FF0F020301")
SCRIPTS_LENGTH = 314


async def model(meter: Abb) -> str:
    """Every row of 1.12 that the meter has: class, type of the value, scaler and unit."""
    side = meter.cosem
    objects = await side.objects()
    told = Counter(entry.name for entry in objects)
    twice = [written(name) for name, count in told.items() if count > 1]
    expect(not twice, f"objects that stand twice in the list: {', '.join(twice)}")
    here = [found for found in QUANTITIES.values() if objects.find(found.ln) is not None]
    expect(here, "no row of 1.12 is an object of the meter")
    for found in here:
        entry = objects[found.ln]
        expect(entry.class_id == found.class_id, f"{entry} is not of class {found.class_id}")
    plain = [found for found in here if found.type in TYPES]
    await _values(side, plain)
    await _scales(side, [found for found in plain if found.class_id == REGISTER])
    return f"{len(here)} rows"


async def _values(side: CosemSide, rows: list[Row]) -> None:
    session = await side.session()
    values = await session.get_list([Attribute(one.class_id, one.ln, one.attribute) for one in rows])
    for one, value in zip(rows, values, strict=True):
        if isinstance(value, Result):
            unserved = one.id in OF_INPUTS and value is Result.OBJECT_UNDEFINED
            expect(value in NOT_NOW or unserved, f"{one.name} gets {value.text}")
        else:
            wanted = TYPES[one.type]
            expect(value.tag is wanted, f"{one.name} is a {value.tag.name}, not a {wanted.name}")


async def _scales(side: CosemSide, rows: list[Row]) -> None:
    session = await side.session()
    values = await session.get_list([Attribute(one.class_id, one.ln, 3) for one in rows])
    for one, value in zip(rows, values, strict=True):
        if isinstance(value, Result):
            expect(False, f"scaler_unit of {one.name} gets {value.text}")
            continue
        scaler, unit = read_scaler_unit(value)
        told, wanted = (scaler, unit.dlms), (one.scale, one.unit.dlms)
        expect(told == wanted, f"scaler and unit of {one.name} are {told}, not {wanted}")


async def rights(meter: Abb) -> str:
    """Client 16 reads only; client 1 as 2.8 says; every object of the list is there."""
    side = meter.cosem
    session = await side.fresh(PUBLIC)
    objects = ObjectList.read(await session.get(OBJECTS))
    names = [Attribute(entry.class_id, entry.name, 1) for entry in objects]
    values = await session.get_list(names)
    await session.close()
    for entry, value in zip(objects, values, strict=True):
        named = isinstance(value, Data) and value.value == entry.name
        expect(named, f"{entry} is in the list, and its logical name reads {value}")
        writable = [key for key, access in entry.attributes.items() if access.mode.writable]
        expect(not writable, f"client 16 may write attribute {writable} of {entry}")
        methods = [key for key, allowed in entry.methods.items() if allowed]
        expect(not methods, f"client 16 may execute method {methods} of {entry}")
    if side.is_manager:
        _of_manager(await side.objects(await side.manager()))
    return f"{len(objects)} objects" + ("" if side.is_manager else "; client 1 needs its password")


def _of_manager(objects: ObjectList) -> None:
    for code in WRITABLE:
        entry = objects.find(code)
        expect(entry is None or _writes(entry, 2), f"client 1 may not write {code}")
    for code in READ_ONLY:
        entry = objects.find(code)
        expect(entry is None or not _writes(entry, 2), f"client 1 may write {code}")
    for code in EXECUTABLE:
        entry = objects.find(code)
        expect(entry is None or any(entry.methods.values()), f"client 1 may execute no method of {code}")


def _writes(entry: ObjectEntry, attribute: int) -> bool:
    access = entry.attributes.get(attribute)
    return access is not None and access.mode.writable


async def flags(meter: Abb) -> str:
    """Rights list: rows of 1.12 are readable; 201 to 220 and 221 to 241 may be executed and written by client 1."""
    side = meter.cosem
    session = await side.manager()
    objects = await side.objects(session)
    count = 0
    for found in QUANTITIES.values():
        entry = objects.find(found.ln)
        if entry is not None and entry.class_id == found.class_id and found.id <= 200:
            access = entry.attributes.get(found.attribute)
            expect(access is not None and access.mode.readable, f"flag {found.id}: {found.name} may not be read")
            count += 1
    for wanted in WRITINGS.values():
        entry = objects.find(wanted.logical_name)
        if entry is None:
            continue
        allowed = _writes(entry, wanted.attribute) if wanted.attribute else bool(entry.methods.get(wanted.method))
        what = f"attribute {wanted.attribute}" if wanted.attribute else f"method {wanted.method}"
        expect(allowed, f"flag {wanted.id}: {what} of {wanted.name} is not allowed")
        count += 1
    return f"{count} flags"


async def scripts(meter: Abb) -> None:
    side = meter.cosem
    await side.need(SCRIPTS.name, "script table")
    data = await side.get(SCRIPTS)
    raw = data.encode()
    items = data.value if isinstance(data.value, tuple) else ()
    expect(len(items) == 12, f"the script table has {len(items)} scripts")
    expect(len(raw) == SCRIPTS_LENGTH and raw[:2] == b"\x01\x0c", f"the script table has {len(raw)} bytes")
    for number, wanted in ((1, SCRIPT_1), (5, SCRIPT_5)):
        found = items[number - 1].encode()
        expect(found == wanted, f"script {number} is {found.hex(' ')}")


ROWS = (
    row("A-140", "Objects have the class, type, scaler and unit of 1.12, each name stands once", INFERRED, Need.READ,
        model, NO_DESCRIPTION),
    row("A-141", "The object list is what there is; client 16 reads, client 1 has the rights of 2.8", INFERRED,
        Need.READ, rights, NO_DESCRIPTION),
    row("A-142", "Rights 1 to 241 follow the object list", INFERRED, Need.READ, flags, NO_DESCRIPTION),
    row("A-186", "Twelve scripts in 314 bytes, byte for byte", INFERRED, Need.READ, scripts, NO_DESCRIPTION),
)  # fmt: skip
