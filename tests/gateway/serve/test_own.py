"""What this process answers alone: the gateway itself, its users, its lists of meters (13.2)."""

from __future__ import annotations

import asyncio
import hashlib
import re
import zlib
from typing import Any

import pytest

from tests.gateway.serve.requests import prepare
from tests.gateway.serve.rig import OTHER, SERIAL, Answered, Rig, meter
from wattproof.g13.parameters import STORABLE
from wattproof.gateway.events import Id, event
from wattproof.gateway.identity import new_identity
from wattproof.gateway.images import UPDATE
from wattproof.gateway.local import CommandFailed, Failing, Notice
from wattproof.gateway.records import Access, Setting
from wattproof.gateway.serve.handlers import gateway
from wattproof.gateway.serve.handlers.meters import MAPPING

SUCCESS = {"status": "success"}
IP = {
    "dhcp": False, "dns": False, "ip": "192.168.1.12", "gateway": "192.168.1.1", "subnet": "255.255.255.0",
    "pdns": "0.0.0.0", "sdns": "0.0.0.0",
}  # fmt: skip


async def get(rig: Rig, path: str, user: str = "gina") -> Any:
    answer = await rig.ask("GET", path, user=user)
    assert answer.status == 200
    return answer.json


async def done(rig: Rig, method: str, path: str, body: Any = None, user: str = "gina") -> None:
    answer = await rig.ask(method, path, body, user=user)
    assert answer.json == SUCCESS and answer.status == 200


async def refused(rig: Rig, method: str, path: str, body: Any = None, *, user: str = "gina") -> tuple[int, str]:
    """Status and text of an error that must have changed nothing."""
    await rig.ask("GET", "/about", user=user)
    before = [name for name in rig.asked if name not in ("values",)]
    answer = await rig.ask(method, path, body, user=user)
    assert answer.status >= 400 and rig.asked == before
    return answer.status, answer.text


def ids(events: Any) -> list[int]:
    return [event["id"] for event in events["events"]]


@pytest.mark.proves("G-101", "G-004")
async def test_about(rig: Rig, original: Rig) -> None:
    body = await get(rig, "/about", "nina")
    assert list(body) == [
        "cosemversion", "firmwareversion", "hardwareversion", "model", "jsonapiversion", "logicaldevicename",
        "releasedate", "serial",
    ]  # fmt: skip
    assert all(isinstance(value, str) for value in body.values())
    assert re.fullmatch(r"G\d+\.\d+\.\d+\.\d+", body["firmwareversion"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body["releasedate"])
    assert body | {"firmwareversion": "", "releasedate": ""} == {
        "cosemversion": "6", "firmwareversion": "", "hardwareversion": "", "model": "wattproof",
        "jsonapiversion": "1.0", "logicaldevicename": "WTP0000123456789", "releasedate": "", "serial": "0123456789",
    }  # fmt: skip
    there = await get(original, "/about", "nina")
    assert there == body | {"model": "", "jsonapiversion": "0.9", "logicaldevicename": "ABB0000123456789"}


@pytest.mark.proves("G-104", "G-105", "G-331")
async def test_network_settings_are_stored_and_shown(rig: Rig) -> None:
    body = await get(rig, "/configuration", "nina")
    assert list(body) == ["ip", "eqbus", "mbus-wired", "mbus-ir"]
    assert list(body["ip"]) == ["dhcp", "dns", "gateway", "ip", "mac", "pdns", "sdns", "subnet"]
    assert body["ip"]["ip"] == "127.0.0.1" and body["ip"]["mac"] == "0.0.0.0.0.7"
    assert body["eqbus"] == gateway.EQBUS and body["mbus-ir"] == gateway.MBUS
    await done(rig, "POST", "/configuration/ip", IP)
    assert (await get(rig, "/configuration"))["ip"] == IP | {"mac": "0.0.0.0.0.7"}
    assert ids(await get(rig, "/gateway/events"))[0] == Id.IP_ADDRESS_CHANGED
    for name in IP:
        less = {member: value for member, value in IP.items() if member != name}
        assert await refused(rig, "POST", "/configuration/ip", less) == (400, f"missing {name} in JSON")
    for change, text in (
        ({"ip": "192.168.1.256"}, "invalid ip"),
        ({"subnet": "255.0.255.0"}, "invalid subnet"),
        ({"gateway": "192.168.2.1"}, "invalid gateway"),
        ({"dns": True}, "static ip needs static dns"),
    ):
        assert await refused(rig, "POST", "/configuration/ip", IP | change) == (400, text)
    await done(rig, "POST", "/configuration/ip", IP | {"ip": "192.168.1.255"})


@pytest.mark.proves("G-106", "G-107", "G-108")
async def test_settings_of_buses_are_handed_on(rig: Rig) -> None:
    for path, kind, body in (
        ("/configuration/eqbus", "eqbus", {"baudrate": 9600, "interoctettimeout": 20}),
        ("/configuration/mbus/wired", "mbus-wired", gateway.MBUS | {"meter_contact": 10, "response_timeout": 300}),
        ("/configuration/mbus-ir", "mbus-ir", gateway.MBUS | {"meter_contact": 25000, "response_timeout": 15000}),
    ):
        await done(rig, "POST", path, body)
        name, asked = rig.line.asked[-1]
        assert (name, asked["kind"], asked["body"]) == ("configure_bus", kind, body)
        assert asked["who"] == {"user": "gina", "address": "192.0.2.9"}
        await rig.desk.commit([Setting(kind, body)], {})
        assert (await get(rig, "/configuration"))[kind] == body
    rig.desk.failing = CommandFailed(Failing.INVALID, "baudrate not supported by this port")
    answer = await rig.ask("POST", "/configuration/eqbus", {"baudrate": 9600, "interoctettimeout": 20}, user="gina")
    assert (answer.status, answer.text) == (400, "baudrate not supported by this port")


@pytest.mark.proves("G-109", "G-110", "G-008")
async def test_alias_and_location(rig: Rig, original: Rig) -> None:
    assert await get(rig, "/gateway", "nina") == {
        "serial": "0123456789", "alias": "Gateway", "location": "All Location",
    }  # fmt: skip
    await done(rig, "POST", "/gateway", {"alias": "ä" * 20, "location": "x" * 50, "serial": "0123456789"})
    assert await get(rig, "/gateway") == {"serial": "0123456789", "alias": "ä" * 20, "location": "x" * 50}
    assert ids(await get(rig, "/gateway/events"))[0] == Id.ALIAS_CHANGED
    await done(rig, "POST", "/gateway", {"alias": "ä" * 20, "location": "y"})
    assert ids(await get(rig, "/gateway/events")).count(Id.ALIAS_CHANGED) == 1
    for body, text in (
        ({"alias": "ä" * 21, "location": "x"}, "invalid alias"),
        ({"alias": "a", "location": "x" * 51}, "invalid location"),
        ({"alias": "a"}, "missing location in JSON"),
        ({"location": "a"}, "missing alias in JSON"),
        ({"alias": "a", "location": "x", "serial": "other"}, "serial mismatch"),
    ):
        assert await refused(rig, "POST", "/gateway", body) == (400, text)
    there = await get(original, "/gateway")
    assert there["serial"] == "ABB0000123456789"
    answer = await original.ask("POST", "/gateway", {"alias": "a"}, user="gina")
    assert (answer.status, answer.text) == (400, "missing datetime tag in JSON")


@pytest.mark.proves("G-111", "G-112", "G-333")
async def test_the_gateways_time(rig: Rig, original: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for known, status in ((False, "not set"), (True, "set")):
        monkeypatch.setattr(gateway, "synchronised", lambda known=known: known)
        assert await get(rig, "/gateway/datetime") == {"datetime": "2024-01-01T01:00:00", "status": status}
    monkeypatch.setattr(gateway, "synchronised", lambda: False)
    await done(rig, "POST", "/gateway/datetime", {"datetime": "2026-07-01T12:00:00"})
    name, asked = rig.line.asked[-1]
    assert name == "set_clock_offset"
    await rig.desk.commit([Setting("clock", {"offset_ms": asked["offset_ms"]})], {})
    assert await get(rig, "/gateway/datetime") == {"datetime": "2026-07-01T12:00:00", "status": "set"}
    await rig.desk.commit([event(Id.STARTED, rig.clock.time() // 10**6)], {})
    assert (await get(rig, "/gateway/events"))["events"][0]["timestamp"] == "2026-07-01T12:00:00"
    path = "/gateway/datetime"
    for value, text in (
        ("1999-12-31T23:59:59", "invalid datetime"), ("2100-01-01T00:00:00", "invalid datetime"),
        ("2026-01-01T00:00:00Z", "invalid datetime"), ("2026-03-29T02:30:00", "no such local time"),
    ):  # fmt: skip
        assert await refused(rig, "POST", path, {"datetime": value}) == (400, text)
    for served in (rig, original):
        assert await refused(served, "POST", path, {}) == (400, "missing datetime tag in JSON")
    assert await refused(original, "POST", path, {"datetime": "x"}) == (400, "missing datetime tag in JSON")


@pytest.mark.proves("G-113", "G-114")
async def test_the_event_log(rig: Rig) -> None:
    now = rig.clock.time() // 10**6
    await rig.desk.commit([event(Id.METER_NOT_CONNECTED, now), event(Id.METER_CONNECTED, now + 3_600_000)], {})
    body = await get(rig, "/gateway/events", "nina")
    assert body["events"][:2] == [
        {"category": 8, "index": len(body["events"]), "id": 5, "timestamp": "2024-01-01T02:00:00", "type": 2},
        {"category": 4, "index": len(body["events"]) - 1, "id": 9, "timestamp": "2024-01-01T01:00:00", "type": 2},
    ]
    assert body["events"][-1]["index"] == 1
    await done(rig, "DELETE", "/gateway/events")
    assert ids(await get(rig, "/gateway/events")) == [Id.EVENTS_RESET]


@pytest.mark.proves("G-115", "G-334")
async def test_a_reboot_is_answered_before_it_happens(rig: Rig) -> None:
    answer = await rig.ask("POST", "/gateway/reboot", user="gina")
    assert (answer.status, answer.body, answer.header("connection")) == (200, b'{"status":"Rebooting"}', "close")
    assert rig.asked[-1] == "reboot"


@pytest.mark.proves("G-102", "G-103", "G-319")
async def test_login_and_logout(rig: Rig, original: Rig) -> None:
    first = await rig.ask("POST", "/login", user="vera")
    assert (first.status, first.body) == (200, b"")
    assert re.fullmatch(
        r"wattproof=[0-9a-f]{32}; Secure; HttpOnly; SameSite=Strict; Path=/", first.header("set-cookie") or ""
    )
    await rig.login("vera")
    assert (await rig.ask("GET", "/meters", user="vera", cookie=True)).status == 200
    for _ in range(2):
        assert (await rig.ask("POST", "/logout", user="vera")).status == 200
    assert (await rig.ask("GET", "/meters", user="vera", cookie=True)).status == 401
    again = await original.ask("POST", "/logout", user="vera")
    assert (again.status, len(again.body), again.header("x-pad")) == (403, 36, "avoid browser bug")
    wrong = await rig.ask("POST", "/login", user="vera", password="wrong")
    assert (wrong.status, len(wrong.body)) == (401, 162)


async def _sessions(rig: Rig) -> list[int]:
    statuses = []
    for number in range(65):
        name = f"user{number // 5}"
        if number % 5 == 0:
            await rig.ask("PUT", "/users", {"name": name, "key": f"{name}-secret"}, user="gina")
        statuses.append((await rig.ask("POST", "/login", user=name, password=f"{name}-secret")).status)
    return statuses


@pytest.mark.proves("G-102")
async def test_the_sixty_fifth_session_is_refused_with_a_page(rig: Rig) -> None:
    assert await _sessions(rig) == [200] * 64 + [403]
    answer = await rig.ask("POST", "/login", user="gina")
    assert (answer.status, len(answer.body)) == (403, 36)


@pytest.mark.proves("G-117", "G-118", "G-119", "G-120", "G-121", "G-122", "G-123", "G-320", "G-324")
async def test_a_users_life(rig: Rig) -> None:
    await done(rig, "PUT", "/users", {"name": "maria", "key": "maria-secret"})
    users = (await get(rig, "/users"))["users"]
    assert {"name": "maria", "gatewayadmin": False} in users and {"name": "gina", "gatewayadmin": True} in users
    both = [{"serial": serial, "access": "View Only"} for serial in (SERIAL, OTHER)]
    assert (await get(rig, "/users/maria/bindings"))["bindings"] == both
    binding = {"name": "maria", "serial": SERIAL, "access": "Configure"}
    await done(rig, "PUT", "/users/vera/bindings", binding)
    assert (await rig.store.bindings("maria"))[SERIAL] is Access.CONFIGURE
    await done(rig, "DELETE", "/users/maria/bindings", {"name": "maria", "serial": SERIAL})
    assert (await get(rig, "/users/maria/bindings"))["bindings"][0]["access"] == "No Access"
    own = {"name": "maria", "oldkey": "maria-secret", "key": "maria-changed"}
    assert (await rig.ask("POST", "/users/somebody", own, user="maria", password="maria-secret")).status == 200
    assert (await rig.ask("GET", "/about", user="maria", password="maria-secret")).status == 401
    assert (await rig.ask("GET", "/about", user="maria", password="maria-changed")).status == 200
    await done(rig, "POST", "/users/maria", {"name": "maria", "key": "maria-again-1", "gatewayadmin": True})
    assert (await rig.ask("GET", "/users", user="maria", password="maria-again-1")).status == 200
    await done(rig, "DELETE", "/users/maria", {"name": "ignored"})
    assert (await rig.ask("GET", "/about", user="maria", password="maria-again-1")).status == 401
    found = ids(await get(rig, "/gateway/events"))
    assert {Id.PASSWORD_CHANGED, Id.USER_CHANGED} <= set(found)
    entries = [entry async for entry in rig.store.audit()]
    assert entries and "secret" not in str(entries) and "again" not in str(entries)


@pytest.mark.proves("G-118", "G-119", "G-120", "G-121", "G-122", "G-123", "G-306", "G-307", "G-322", "G-004")
async def test_what_is_refused_about_users(rig: Rig, original: Rig) -> None:
    key = {"key": "target-secret"}
    cases: list[tuple[str, str, Any, int, str]] = [
        ("PUT", "/users", {"name": "a" * 21, **key}, 400, "invalid user name"),
        ("PUT", "/users", {"name": "Maria", **key}, 400, "invalid user name"),
        ("PUT", "/users", {"name": "vera", **key}, 400, "user exists"),
        ("PUT", "/users", {"name": "maria"}, 400, "missing name and key tag in JSON"),
        ("PUT", "/users", {"name": "maria", "key": "1234567"}, 400, "invalid key length"),
        ("PUT", "/users", {"name": "maria", "key": "1" * 65}, 400, "invalid key length"),
        ("PUT", "/users", {"name": "mariamaria", "key": "mariamaria"}, 400, "key equals name"),
        ("POST", "/users/x", {"name": "nobody", **key}, 404, "user not found"),
        ("POST", "/users/x", {"name": "gina", "key": "gina-changed"}, 400, "missing oldkey in JSON"),
        ("POST", "/users/x", {"name": "gina", "oldkey": "gina-secret", "key": "gina-secret"}, 400,
         "new key equals old key"),
        ("DELETE", "/users/admin", None, 400, "admin cannot be deleted"),
        ("DELETE", "/users/nobody", None, 404, "user not found"),
        ("GET", "/users/nobody/bindings", None, 404, "user not found"),
        ("PUT", "/users/x/bindings", {"name": "vera", "serial": SERIAL, "access": "configure"}, 400, "invalid access"),
        ("PUT", "/users/x/bindings", {"name": "vera", "access": "Configure"}, 400, "missing serial in JSON"),
        ("PUT", "/users/x/bindings", {"name": "vera", "serial": "NONE", "access": "Configure"}, 404,
         "meter not found"),
        ("DELETE", "/users/x/bindings", {"name": "nobody", "serial": SERIAL}, 404, "user not found"),
    ]  # fmt: skip
    for method, path, body, status, text in cases:
        assert (path, body, await refused(rig, method, path, body)) == (path, body, (status, text))
    printed = "missing name and key tag in JSON"
    assert await refused(original, "PUT", "/users", {"name": "vera", "key": "12345678"}) == (400, printed)
    assert await refused(original, "PUT", "/users", {"name": "maria", "key": "1" * 17}) == (400, printed)
    await done(original, "PUT", "/users", {"name": "Maria", "key": "1"})
    assert await rig.store.user("maria") is not None
    wrong = {"name": "gina", "oldkey": "wrong-secret", "key": "gina-changed"}
    assert (await rig.ask("POST", "/users/gina", wrong, user="gina")).status == 403
    await done(rig, "DELETE", "/users/gina", user="admin")
    demote = {"name": "admin", "oldkey": "admin-secret", "key": "admin-changed", "gatewayadmin": False}
    assert await refused(rig, "POST", "/users/admin", demote, user="admin") == (400, "last gateway admin")


@pytest.mark.proves("G-118")
async def test_the_right_is_judged_before_a_body_that_cannot_be_read(rig: Rig) -> None:
    assert (await refused(rig, "POST", "/users/vera", b"{", user="nina"))[0] == 403
    assert await refused(rig, "POST", "/users/nina", b"{", user="nina") == (400, "JSON parse error")
    assert await refused(rig, "POST", "/users/vera", b"{") == (400, "JSON parse error")


@pytest.mark.proves("G-128", "G-129")
async def test_names_of_quantities(rig: Rig, original: Rig) -> None:
    for served in (rig, original):
        mapping = await get(served, "/parametermapping", "nina")
        assert mapping["34"] == "APPARENT_ENERGY_EXPORT_TOTAL" and mapping["69"] == "VOLTAGE_L1"
        assert mapping["241"] == "CLOCK_DST" and list(map(int, mapping)) == sorted(map(int, mapping))
        assert all(re.fullmatch(r"[A-Z0-9_]+", name) for name in mapping.values())
        assert not {"116", "167", "199", "229"} & mapping.keys()
        storable = await get(served, "/storablequantities", "nina")
        assert list(storable) == ["pv", "lp", "dm", "ac"] and storable["lp"] == list(STORABLE["lp"])
        assert {str(id) for found in storable.values() for id in found} <= MAPPING.keys()


@pytest.mark.proves("G-131", "G-352", "G-004")
async def test_the_list_of_meters(rig: Rig, original: Rig) -> None:
    await rig.store.commit(
        meter("BSM1", family="bsm", protocol=5, address="10.0.0.1:502/42", location="Level2", status=-1, alias=""),
        meter("W", protocol=4, address="00:11:22", location="Level0", status=0),
    )
    body = await get(rig, "/meters")
    assert [location["location"] for location in body["locations"]] == ["Level0", "Level1", "Level2"]
    assert body["locations"][2] == {
        "location": "Level2",
        "serial": "",
        "meters": [
            {"alias": "BSM1", "serial": "BSM1", "protocol": 5, "address": "10.0.0.1:502/42", "status": -1},
        ],
    }
    assert body["locations"][1]["meters"][0] == {
        "alias": SERIAL, "serial": SERIAL, "protocol": 3, "address": 17, "status": 1,
    }  # fmt: skip
    assert (await get(rig, "/meters", "nina"))["locations"] == []
    assert (await get(original, "/meters"))["serial"] == "ABB0000123456789"


@pytest.mark.proves("G-132", "G-133", "G-134", "G-135", "G-136", "G-137")
async def test_what_is_done_about_meters_is_handed_on(rig: Rig, original: Rig) -> None:
    await prepare(rig)
    who = {"user": "gina", "address": "192.0.2.9"}
    for method, path, body, asked in (
        ("POST", f"/meters/{SERIAL}", {"alias": "a" * 20, "location": "l" * 50},
         ("rename", {"serial": SERIAL, "alias": "a" * 20, "location": "l" * 50, "who": who})),
        ("PUT", "/meters", {"alias": "a", "location": "l", "serial": "NEW"},
         ("register", {"serial": "NEW", "alias": "a", "location": "l", "who": who})),
        ("DELETE", f"/meters/{SERIAL}", None, ("deregister", {"serial": SERIAL, "who": who})),
        ("DELETE", f"/meters/{SERIAL}", {"alias": "a", "location": "l", "serial": SERIAL},
         ("deregister", {"serial": SERIAL, "who": who})),
        ("POST", "/meters/scanned/4294967295", {"eqbus": {"range": [17]}, "token": 5},
         ("scan", {"body": {"eqbus": {"range": [17]}}, "token": 4294967295, "who": who})),
    ):  # fmt: skip
        await done(rig, method, path, body)
        assert rig.line.asked[-1] == asked
    assert (await rig.ask("DELETE", "/meters/scanned", user="gina")).json == {
        "deleted": [{"serial": "ABB_3", "status": 0}]
    }
    assert rig.line.asked[-1] == ("forget_scanned", {"serials": None})
    await rig.ask("DELETE", "/meters/scanned", {"scanned": [{"serial": "ABB_3"}]}, user="gina")
    assert rig.line.asked[-1] == ("forget_scanned", {"serials": ["ABB_3"]})
    scanned = await get(rig, "/meters/scanned")
    assert scanned["scanresult"][0] == {"token": 1337581086, "serial": "ABB_3", "protocol": "3", "address": "17"}
    long = {"scanned": [{"serial": f"M{number}"} for number in range(16)]}
    for method, path, body, text in (
        ("POST", f"/meters/{SERIAL}", {"alias": "a" * 21, "location": "l"}, "invalid alias"),
        ("POST", f"/meters/{SERIAL}", {"location": "l"}, "missing alias in JSON"),
        ("POST", f"/meters/{SERIAL}", b"{", "JSON parse error"),
        ("POST", f"/meters/{SERIAL}", {"alias": "a", "location": "l", "serial": OTHER}, "serial mismatch"),
        ("POST", "/meters/scanned/4294967296", {"eqbus": {"range": [17]}}, "invalid token"),
        ("DELETE", "/meters/scanned", long, "too many meters"),
    ):  # fmt: skip
        assert await refused(rig, method, path, body) == (400, text)
        assert await refused(original, method, path, body) == (400, "JSON parse error")
    await rig.store.commit(meter(origin="file"))
    rig.service.take(Notice("changed"))
    assert await refused(rig, "DELETE", f"/meters/{SERIAL}") == (400, "configured by file")
    for kind, text, status in (
        (Failing.CONFLICT, "scan in progress", 400),
        (Failing.INVALID, "url not allowed", 400),
        (Failing.INVALID, "meter not scanned", 400),
    ):
        rig.desk.failing = CommandFailed(kind, text)
        answer = await rig.ask("POST", "/meters/scanned/1", {"eqbus": {"range": [17]}}, user="gina")
        assert (answer.status, answer.text) == (status, text)


@pytest.mark.proves("G-004")
async def test_a_second_scan_is_forbidden_by_the_original(original: Rig) -> None:
    original.desk.failing = CommandFailed(Failing.CONFLICT, "scan in progress")
    answer = await original.ask("POST", "/meters/scanned/1", {"eqbus": {"range": [17]}}, user="gina")
    assert (answer.status, answer.json["status"]) == (403, "error")


@pytest.mark.proves("G-138", "G-139", "G-140")
async def test_permitted_meters(rig: Rig) -> None:
    path = "/permittedmeters"
    await done(rig, "PUT", path, {"meters": ["A" * 16, "B"]})
    await done(rig, "PUT", path, {"meters": "C"})
    await done(rig, "PUT", path, {"meters": ["B", *(f"M{number}" for number in range(22))]})
    assert len((await get(rig, path))["meters"]) == 25
    assert await refused(rig, "PUT", path, {"meters": ["Z"]}) == (400, "too many meters")
    assert await refused(rig, "PUT", path, {"meters": ["Z" * 17]}) == (400, "invalid serial")
    assert await refused(rig, "DELETE", path, {}) == (400, "missing meters in JSON")
    await done(rig, "DELETE", path, {"meters": ["B", "unknown", *(f"M{number}" for number in range(22))]})
    assert await get(rig, path) == {"meters": ["A" * 16, "C"]}


@pytest.mark.proves("G-191", "G-380", "G-004")
async def test_reasons_of_broken_answers(rig: Rig, original: Rig) -> None:
    for served in (rig, original):
        assert await get(served, "/lasterror/0", "nina") == SUCCESS
        errors = served.service.serving.errors
        running = await errors.begin("nina", "/meters/A/demand", "A")
        assert await get(served, f"/lasterror/{running}", "nina") == {"id": running, "status": "success"}
        errors.fail(running, "received invalid response from COSEM.", "no answer")
        told = {"id": running, "status": "error", "des": "received invalid response from COSEM."}
        if served is rig:
            told |= {"serial": "A", "resource": "/meters/A/demand", "detail": "no answer"}
        for user in ("nina", "gina"):
            assert await get(served, f"/lasterror/{running}", user) == told
        unknown = (404, "unknown error id") if served is rig else (400, "Invalid Request")
        assert await refused(served, "GET", f"/lasterror/{running}", user="vera") == unknown
        assert await refused(served, "GET", "/lasterror/99999", user="gina") == unknown
        assert (await refused(served, "GET", "/lasterror/abc"))[0] == 400
        served.clock.advance(86400)
        assert await refused(served, "GET", f"/lasterror/{running}", user="nina") == unknown


FORM = {"content-type": "multipart/form-data; boundary=b"}


async def upload(rig: Rig, data: bytes, *, type: str = "application/octet-stream", **more: Any) -> Answered:
    head = f'--b\r\nContent-Disposition: form-data; name="image"; filename="a.bin"\r\nContent-Type: {type}\r\n\r\n'
    body = head.encode() + data + b"\r\n--b--\r\n"
    chunks = [body[start : start + 65536] for start in range(0, len(body), 65536)]
    return await rig.ask("POST", "/firmware", user="gina", headers=FORM, chunks=chunks, **more)


@pytest.mark.proves("G-125", "G-126", "G-335", "G-004")
async def test_an_image_is_kept(rig: Rig, original: Rig) -> None:
    assert await refused(rig, "PUT", "/firmware") == (400, "no gateway image")
    answer = await upload(rig, b"first")
    assert (answer.status, answer.body, answer.header("content-type")) == (
        200, b'{"status":"success"}', "application/json",
    )  # fmt: skip
    first = await rig.store.setting("image")
    folder = rig.config.data / "image"
    assert (folder / first["sha256"]).read_bytes() == b"first"
    assert {name: first[name] for name in ("name", "size", "kind", "user")} == {
        "name": "a.bin", "size": 5, "kind": "gateway", "user": "gina",
    }  # fmt: skip
    assert ids(await get(rig, "/gateway/events"))[0] == Id.UPLOAD_COMPLETE
    assert await refused(rig, "PUT", "/firmware") == (400, "firmware installation is not configured")
    assert (await upload(rig, b"", type="image/jpeg")).status == 400
    large = await upload(rig, b"x" * (16 * 1024 * 1024 + 1))
    assert (large.status, large.text) == (413, "image too large")
    told = await upload(rig, b"x", type="x/y")
    assert (told.status, told.text) == (400, "unsupported image type")
    broken = await upload(rig, b"x" * 100_000, gone=True)
    assert broken.status == 0
    wrong = await rig.ask("POST", "/firmware", b"{}", user="gina")
    assert (wrong.status, wrong.text) == (415, "unsupported media type")
    assert await rig.store.setting("image") == first and len(list(folder.iterdir())) == 1
    printed = await upload(original, b"DSCF5183", type="image/jpeg")
    assert printed.headers == [
        (b"Content-Type", b"text/html; charset=utf-8"), (b"Content-Length", b"20"), (b"Connection", b"Keep-Alive"),
    ]  # fmt: skip
    second = await rig.store.setting("image")
    assert [path.name for path in folder.iterdir()] == [second["sha256"]] != [first["sha256"]]


@pytest.mark.proves("G-335")
async def test_of_images_that_come_at_once_one_is_left(rig: Rig) -> None:
    answers = await asyncio.gather(*(upload(rig, b"image %d" % number) for number in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    kept = await rig.store.setting("image")
    (path,) = (rig.config.data / "image").iterdir()
    assert path.name == kept["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.proves("G-335")
async def test_left_over_images_are_removed_at_the_start(rig: Rig) -> None:
    await upload(rig, b"first")
    folder = rig.config.data / "image"
    first = await rig.store.setting("image")
    (folder / ".abc.part").touch()
    (folder / ("0" * 64)).write_bytes(b"whole, and a kill -9 before the setting named it")
    await rig.service.tidy()
    assert [path.name for path in folder.iterdir()] == [first["sha256"]]
    await rig.desk.commit([Setting(UPDATE, {"image": first})], {})
    await upload(rig, b"second")
    await rig.service.tidy()
    assert len(list(folder.iterdir())) == 2, "meters are still getting the first one"
    await rig.desk.commit([Setting("image"), Setting(UPDATE)], {})
    await rig.service.tidy()
    assert list(folder.iterdir()) == []


@pytest.mark.proves("G-126")
async def test_the_image_of_a_meter_is_none_of_the_gateway(rig: Rig) -> None:
    data = b"1.2.3".ljust(100, b"\0")
    await upload(rig, data + zlib.crc32(data).to_bytes(4, "little"))
    assert (await rig.store.setting("image"))["kind"] == "meter"
    assert await refused(rig, "PUT", "/firmware") == (400, "no gateway image")


async def test_a_gateway_gets_a_serial_number_for_ever(rig: Rig) -> None:
    serials = {new_identity().value["serial"] for _ in range(20)}
    assert len(serials) == 20 and all(re.fullmatch(r"\d{10}", serial) for serial in serials)
    await rig.desk.commit([new_identity()], {})
    assert (await get(rig, "/about"))["serial"] == (await rig.store.setting("identity"))["serial"]
