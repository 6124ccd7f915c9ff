"""A valid request for each of the 91, and the documents that the other process then has."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tests.g13 import examples
from tests.gateway.serve.rig import OTHER, SERIAL, Rig
from wattproof.g13.resources import BY_NUMBER, Resource
from wattproof.g13.routing import target
from wattproof.gateway.records import Setting, Value
from wattproof.gateway.serve.handlers.values import table_of
from wattproof.gateway.serve.values import ids

TIME = "2026-01-01T00:00:00"
ARGUMENTS: dict[str, Any] = {
    "serial": SERIAL, "user": "target", "token": 1342530975, "type": "active", "mode": "co2", "datetime": TIME, "id": 0,
}  # fmt: skip
#: Bodies that differ from the printed ones, since they name what the rig has.
BODIES: dict[int, Any] = {
    10: {"alias": "Gateway", "location": "All Location"},
    16: {"devices": [SERIAL], "obis": "1.0.32.7.0.255", "classid": 3, "attributes": {"value": 2, "unit": 3}},
    18: {"name": "target", "key": "other-secret-1"},
    19: {"name": "target", "key": "target-secret"},
    22: {"name": "nina", "serial": OTHER, "access": "Configure"},
    23: {"name": "nina", "serial": OTHER, "access": "No Access"},
    27: {"meters": [SERIAL]},
    32: {"alias": "ABB_8", "location": "location1", "serial": SERIAL},
    33: {"alias": "ABB_8", "location": "location1", "serial": "ABB_10"},
}
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\nimage\r\n--b--\r\n"
)
PULSE = {"length": 100, "frequency": 10000, "energytype": "active_import"}


class Sample(NamedTuple):
    """A request. ``headers``: beside those that every request has."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


def sample(resource: Resource, **changed: Any) -> Sample:
    """A valid request; ``changed``: other arguments of the path."""
    names = [name for name in ARGUMENTS if f"/{{{name}}}" in resource.path.partition("[")[0]]
    path = target(resource, {name: changed.get(name, ARGUMENTS[name]) for name in names})
    printed = {example.number: json.loads(example.text) for example in examples.REQUESTS}
    if resource.number == 25:
        return Sample(resource.method, path, FORM, {"content-type": "multipart/form-data; boundary=b"})
    return Sample(resource.method, path, BODIES.get(resource.number, printed.get(resource.number)), {})


def lay_out(rig: Rig) -> None:
    """Give the desk an answer for every command."""
    printed = {example.number: json.loads(example.text) for example in examples.ANSWERS}
    rig.desk.documents = {number: printed[number] for number in printed if number >= 41} | {
        30: {"associationobjects": [1] * 241, "role": "View Only", "serial": SERIAL},
        65: {"pulse": [{"id": 1, "port": 1, **PULSE}, {"id": 2, "port": 255, **PULSE}]},
    }
    for number in (69, 73, 77):
        document = dict(printed[number])
        items = document.pop("items")
        rig.desk.streams[number] = [document, items[:1], items[1:]]
    rig.desk.results = {
        "execute": [{"serial": SERIAL, "values": [{"value": "230.1", "unit": "V"}]}],
        "scanned": printed[35],
        "forget_scanned": printed[37]["deleted"],
        "firmware_status": printed[24],
    }
    now = rig.clock.time() // 10**6
    shown = {id for number in (54, 55, 56, 58, 59, 60) for id in ids(table_of(number, ARGUMENTS))}
    rig.desk.values[SERIAL] = {id: Value(1000 + id, -2, now) for id in shown}


async def prepare(rig: Rig) -> None:
    """Whatever the requests need beside the rig's own furniture."""
    lay_out(rig)
    await rig.desk.commit([Setting("image", {"name": "a", "sha256": "0" * 64, "kind": "gateway"})], {})
    assert BY_NUMBER[26].method == "PUT"
