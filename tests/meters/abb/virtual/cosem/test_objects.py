"""Which objects a meter has, what is in them, and who may do what with them (abb-meters.md 1.12, 2.8, 3.1)."""

from __future__ import annotations

import pytest

from tests.meters.abb.virtual.cosem.bench import Bench
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.variants import variant
from wattproof.meters.abb.virtual.cosem.device import device_of
from wattproof.wire.cosem.data import Data, Tag
from wattproof.wire.cosem.object_list import ObjectList
from wattproof.wire.cosem.reading import read_objects

TAGS = {
    "u8": Tag.UNSIGNED, "u16": Tag.LONG_UNSIGNED, "u32": Tag.DOUBLE_LONG_UNSIGNED, "u64": Tag.LONG64_UNSIGNED,
    "i16": Tag.LONG, "i32": Tag.DOUBLE_LONG, "i64": Tag.LONG64, "bool": Tag.BOOLEAN, "enum": Tag.ENUM,
    "text": Tag.VISIBLE_STRING, "u16[16]": Tag.ARRAY, "u8[4]": Tag.ARRAY, "date-time": Tag.OCTET_STRING,
}  # fmt: skip
#: Beside the table of quantities (2.8): class, logical name, attributes that client 1 may write, methods that it may
#: execute, the level from which on a meter has it.
FURTHER = (
    (1, "0-0:42.0.0", "", "", 0), (1, "0-0:96.1.0", "", "", 0), (17, "0-0:41.0.0", "", "", 0),
    (15, "0-0:40.0.0", "7", "", 0), (15, "0-0:40.0.1", "", "", 0), (15, "0-0:40.0.2", "7", "", 0),
    (8, "0-0:1.0.0", "2 3 5 6 7 8", "1 3 6", 4), (1, "0-0:97.97.0", "", "", 0), (1, "0-0:97.98.0", "", "", 4),
    *((1, f"0-{n}:96.3.1", "", "", 3) for n in (3, 4)),
    *((1, f"0-{n}:96.3.2", "2", "", 3) for n in (1, 2)),
    *((1, f"0-{n}:96.3.130", "2", "", 3) for n in range(1, 5)),
    *((1, f"0-{n}:96.3.{e}", "2", "", 1) for n in range(1, 5) for e in (131, 132, 133, 134)),
    (9, "0-0:10.0.100", "", "1", 4), (20, "0-0:13.0.0", "6 7 8 9 10", "1", 4), (11, "0-0:11.0.0", "2", "1 2", 4),
    *((1, f"0-0:128.1.{k}", "2", "", 4) for k in range(1, 26)),
    *((21, f"0-0:16.1.{k}", "", "", 4) for k in range(1, 26)),
    *((7, f"1-0:99.1.{c}", "3 4 8", "1", 5) for c in range(1, 9)),
    *((1, f"0-{c}:96.10.1", "", "", 5) for c in range(1, 9)),
    (7, "1-0:98.1.0", "3", "1", 4), (1, "0-0:128.2.0", "2", "", 4),
    (7, "1-0:98.2.0", "", "1 2", 4), (1, "0-0:128.3.0", "2", "", 4),
    *((7, f"0-0:99.98.{e}", "", "1", 4) for e in range(3)),
    (1, "0-0:128.5.0", "", "", 0), (18, "0-0:44.0.0", "", "1 2 3 4", 1),
)  # fmt: skip
#: Quantities that client 1 may write, and whose registers it may reset.
WRITABLE = {*range(45, 51), *range(55, 59), 83, 84, 140, 141, 142, 143, 144, 151, 152, 153, 154, 189, 190}
RESETTABLE = {*range(51, 55), *range(171, 175)}

Rights = tuple[int, frozenset[int], frozenset[int]]


def numbers(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split()))


def expected(label: str, client: int) -> dict[str, Rights]:
    """Class, writable attributes and executable methods by logical name, as 1.12, 2.8 and 3.1 say."""
    kind = variant(label)
    found: dict[str, Rights] = {}
    for row in kind.rows():
        attributes = frozenset({2} if row.id in WRITABLE else ())
        found[row.logical_name] = row.class_id, attributes, frozenset({1} if row.id in RESETTABLE else ())
    for class_id, name, writable, executable, level in FURTHER:
        if kind.level >= level:
            found[name] = class_id, numbers(writable), numbers(executable)
    if client == 1:
        return found
    return {name: (class_id, frozenset(), frozenset()) for name, (class_id, _, _) in found.items()}


def rights(objects: ObjectList) -> dict[str, Rights]:
    return {
        str(entry).rpartition(" ")[2].removesuffix("*255"): (
            entry.class_id,
            frozenset(key for key, access in entry.attributes.items() if access.mode.writable),
            frozenset(key for key, allowed in entry.methods.items() if allowed),
        )
        for entry in objects
    }


@pytest.mark.proves("A-141", "A-198", "A-199")
@pytest.mark.parametrize("client", [1, 16])
@pytest.mark.parametrize(
    "label",
    ["A44", "A41", "A43-012-100", "A43-112-100", "B23-212-100", "B23-312-100", "A42-452-100", "B21-012-100"],
)
def test_the_object_list_is_that_of_the_variant_and_the_client(label: str, client: int) -> None:
    asking = Bench(label).client(client)
    found = rights(asking.run(read_objects(asking.client)))
    assert found == expected(label, client)


@pytest.mark.proves("A-140")
def test_every_quantity_is_there_in_its_class_type_scaler_and_unit() -> None:
    bench = Bench("A44")
    asking = bench.client()
    for port in (1, 2):
        bench.body.set_port(port, 0)
    bench.wait(60)
    objects = asking.run(read_objects(asking.client))
    assert len({entry.name for entry in objects}) == len(objects)
    for row in ROWS.values():
        entry = objects[row.logical_name]
        assert (entry.class_id, entry.attributes[row.attribute].mode.readable) == (row.class_id, True), row.name
        value = asking.data(row.class_id, row.logical_name, row.attribute)
        assert isinstance(value, Data), (row.name, value)
        if row.type in TAGS:
            assert value.tag is TAGS[row.type], row.name
        if row.class_id == 3:
            assert asking.get(3, row.logical_name, 3) == [row.scale, row.unit.dlms], row.name
    assert asking.get(1, "1-0:32.7.128")[0] == 1000


@pytest.mark.proves("A-143")
@pytest.mark.parametrize("label", ["A44", "A41", "B23-312-100"])
def test_values_are_those_of_the_body(label: str) -> None:
    bench = Bench(label, load="curve:pv")
    bench.control("harmonics", "u1:3=50,i2:5=120")
    bench.step(3 * 3600)
    asking = bench.client(16)
    seen = 0
    for row in variant(label).rows():
        shown = asking.get(row.class_id, row.logical_name, row.attribute)
        if row.type in TAGS and row.type != "date-time" and shown != 4:
            value = bench.body.value(row.id)
            assert shown == (list(value) if isinstance(value, tuple) else value), row.name
            seen += 1
    assert seen > 60


def test_who_the_meter_is() -> None:
    asking = Bench("A43", serial="217819").client(16)
    assert asking.get(1, "0-0:42.0.0") == b"ABB0000000217819"
    assert asking.get(17, "0-0:41.0.0") == [[1, b"ABB0000000217819"]]
    assert asking.get(1, "0-0:96.1.0") == b"00217819"
    assert asking.get(1, "0-0:96.1.1") == "A43 512-100"
    assert asking.get(1, "0-0:97.97.0") == 0
    assert asking.get(1, "0-0:128.5.0") == 3


def test_all_meters_of_a_variant_share_their_objects() -> None:
    assert device_of(variant("A44")) is device_of(variant("a44-552-100"))
