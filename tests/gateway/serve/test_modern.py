"""The modern interface in memory: every answer has the shape of its row, and says what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.serve.rig import PASSWORDS, SERIAL, TRAITS, Answered, Rig, meter
from wattproof.gateway.local import CommandFailed, Failing, Notice
from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import (
    Access,
    Audit,
    Binding,
    Correction,
    Group,
    Kind,
    PublicKey,
    Readings,
    Row,
    Series,
    Session,
    SignedRecord,
    Value,
)
from wattproof.gateway.serve.modern import metrics, shapes
from wattproof.gateway.serve.modern.area import functions
from wattproof.gateway.serve.modern.face import shown as shown_time
from wattproof.gateway.serve.modern.gateway import leds
from wattproof.gateway.serve.modern.openapi import document
from wattproof.gateway.serve.modern.rows import BY_NAME, END_POINTS
from wattproof.metering.dates import seconds_of

HOUR = 3_600_000
NIGHT = 1_792_885_500_000  # 2026-10-24T23:45:00Z
NOON = 1_795_003_200_000  # 2026-11-18T12:00:00Z


def shaped(answer: Answered, name: str, status: int = 200) -> Any:
    """The answer, which must be exactly of the shape of its row."""
    assert answer.status == status, answer.body
    return msgspec.json.decode(answer.body, type=BY_NAME[name].answer)


async def measured(rig: Rig, hours: int = 5) -> None:
    """A counter and a voltage once an hour."""
    layout = await rig.store.layout({1: 0, 69: -1})
    await rig.store.commit(
        *[Readings(SERIAL, Group.LIVE, NOON + n * HOUR, layout, (1000 * n, 2301 + n)) for n in range(hours)]
    )


def test_every_end_point_has_a_function_and_a_place_in_the_document() -> None:
    assert set(functions()) == {row.name for row in END_POINTS}
    paths = document()["paths"]
    assert {(row.path, row.method.lower()) for row in END_POINTS} == {
        (path, method) for path, methods in paths.items() for method in methods
    }
    text = json.dumps(document())
    for name in json.loads(text)["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, f"{name} is used nowhere"


def test_answers_are_closed_and_whole() -> None:
    for name, schema in document()["components"]["schemas"].items():
        kind = getattr(shapes, name)
        if issubclass(kind, shapes.Out):
            assert schema["additionalProperties"] is False, name
            assert schema["required"] == list(schema["properties"]), name


async def test_who(rig: Rig) -> None:
    login = {"user": "carl", "password": PASSWORDS["carl"]}
    answer = await rig.ask("POST", "/api/v1/login", login, user=None)
    assert shaped(answer, "login") == shapes.Account(user="carl", admin=False, due=False)
    cookie = answer.header("set-cookie") or ""
    assert "HttpOnly" in cookie and "Secure" in cookie
    rig.cookies["carl"] = cookie.partition("=")[2].partition(";")[0]
    me = shaped(await rig.ask("GET", "/api/v1/me", cookie=True), "me")
    assert (me.user, me.access[SERIAL]) == ("carl", "Configure")
    assert (await rig.ask("POST", "/api/v1/login", login | {"password": "wrong"}, user=None)).status == 401
    assert (await rig.ask("POST", "/api/v1/login", {"user": "carl"}, user=None)).status == 400
    assert (await rig.ask("POST", "/api/v1/logout", cookie=True)).status == 200
    assert (await rig.ask("GET", "/api/v1/me", cookie=True)).status == 401
    assert shaped(await rig.ask("GET", "/api/v1/health", user=None), "health") == shapes.Health()
    assert (await rig.ask("GET", "/api/v1/me", user=None)).status == 401


async def test_a_token_reads_until_it_is_revoked(rig: Rig) -> None:
    made = shaped(await rig.ask("POST", "/api/v1/tokens", {"name": "poller", "scopes": ["read"]}), "make_token", 201)
    header = {"authorization": f"Bearer {made.token}"}
    assert (await rig.ask("GET", f"/api/v1/meters/{SERIAL}/latest", user=None, headers=header)).status == 200
    path = f"/api/v1/meters/{SERIAL}/sessions"
    assert (await rig.ask("POST", path, {}, user=None, headers=header)).status == 403
    listed = shaped(await rig.ask("GET", "/api/v1/tokens"), "tokens")
    assert [one.name for one in listed.tokens] == ["poller"]
    assert made.token not in (await rig.ask("GET", "/api/v1/tokens")).body.decode()
    assert (await rig.ask("DELETE", f"/api/v1/tokens/{made.id}")).status == 200
    assert (await rig.ask("GET", "/api/v1/me", user=None, headers=header)).status == 401
    assert (await rig.ask("DELETE", f"/api/v1/tokens/{made.id}")).status == 404


async def test_a_password_is_changed(rig: Rig) -> None:
    change = {"oldkey": PASSWORDS["carl"], "key": "another-secret"}
    assert (await rig.ask("POST", "/api/v1/users/carl/password", change)).status == 200
    assert (await rig.ask("GET", "/api/v1/me")).status == 401
    assert (await rig.ask("GET", "/api/v1/me", password="another-secret")).status == 200
    assert (await rig.ask("POST", "/api/v1/users/vera/password", change, password="another-secret")).status == 403


async def test_meters_are_those_that_the_user_may_see(rig: Rig) -> None:
    listed = shaped(await rig.ask("GET", "/api/v1/meters"), "meters")
    assert [one.serial for one in listed.meters] == [SERIAL]
    (one,) = listed.meters
    assert "voltage_l1" in one.quantities and 60 in one.resources
    assert shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}"), "meter") == one
    assert one.signs
    await rig.store.commit(meter(traits=tuple(trait for trait in TRAITS if trait != "signs")))
    assert not shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}"), "meter").signs
    assert [one.serial for one in shaped(await rig.ask("GET", "/api/v1/meters", user="gina"), "meters").meters] == [
        "ABB_8",
        "ABB_9",
    ]
    assert shaped(await rig.ask("GET", "/api/v1/meters", user="nina"), "meters").meters == []
    for path in ("", "/latest", "/readings", "/profiles/1", "/corrections", "/keys", "/sessions"):
        assert (await rig.ask("GET", f"/api/v1/meters/{SERIAL}{path}", user="nina")).status == 403, path
        assert (await rig.ask("GET", f"/api/v1/meters/{SERIAL}{path}", user=None)).status == 401, path


async def test_who_may_see_all_meters_hears_that_there_is_none(rig: Rig) -> None:
    for path in ("", "/latest", "/readings", "/profiles/1", "/corrections", "/keys", "/sessions"):
        answer = await rig.ask("GET", f"/api/v1/meters/ABB_0{path}", user="gina")
        assert (answer.status, answer.text) == (404, "meter not found"), path
        assert (await rig.ask("GET", f"/api/v1/meters/ABB_0{path}", user="carl")).status == 403, path
    assert (await rig.ask("POST", "/api/v1/meters/ABB_0/sessions", {}, user="gina")).status == 404


async def test_a_path_has_an_end(rig: Rig) -> None:
    assert (await rig.ask("GET", f"/api/v1/meters/{'0' * 2048}", user="gina")).status == 414


async def test_readings_come_in_pages_with_quality_and_obis_code(rig: Rig) -> None:
    await measured(rig)
    latest = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/latest"), "latest")
    assert latest.values["voltage_l1"] == shapes.Value(
        value="230.5", unit="V", obis="1-0:32.7.0*255", quality="good", time="2026-11-18T16:00:00.000Z"
    )
    path = f"/api/v1/meters/{SERIAL}/readings?quantity=voltage_l1&from=2026-11-18T13:00:00Z&limit=2"
    page = shaped(await rig.ask("GET", path), "readings")
    assert [one.values["voltage_l1"].value for one in page.items] == ["230.2", "230.3"]
    assert page.next is not None
    rest = shaped(await rig.ask("GET", f"{path}&cursor={page.next}"), "readings")
    assert [one.values["voltage_l1"].value for one in rest.items] == ["230.4", "230.5"]
    assert rest.next is None
    until = "from=2026-11-18T13:00:00%2B01:00&to=2026-11-18T13:00:00Z"
    inside = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/readings?{until}"), "readings")
    assert [one.time for one in inside.items] == ["2026-11-18T12:00:00.000Z", "2026-11-18T13:00:00.000Z"]
    before = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/readings?to=1960-01-01T00:00:00Z"), "readings")
    assert before == shapes.History(items=[], next=None)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("quantity=colour", "unknown quantity colour"),
        ("from=2026-11-18T13:00:00", "from needs a time zone"),
        ("to=yesterday", "invalid to"),
        ("limit=0", "`int` >= 1"),
        ("limit=10001", "`int` <= 10000"),
        ("limit=2&limit=3", "limit is given twice"),
        ("cursor=-1", "invalid cursor"),
        ("colour=red", "unknown field `colour`"),
        ("from=2026-11-18T13:00:00Z&to=2026-11-18T12:59:59Z", "from is later than to"),
        ("from=2026-11-18T13:00:00+01:00", "write the + of the time zone as %2B in an address"),
    ],
)
async def test_wrong_queries_are_told(rig: Rig, query: str, text: str) -> None:
    for path in ("readings", "profiles/1"):
        answer = await rig.ask("GET", f"/api/v1/meters/{SERIAL}/{path}?{query}")
        assert answer.status == 400
        assert text in answer.text or (path, query) == ("profiles/1", "quantity=colour")


async def test_a_profile_has_its_status_bits(rig: Rig) -> None:
    local = seconds_of(2026, 11, 18, 13)
    await rig.store.commit(
        meter(family="bsm", protocol=5),
        Series(SERIAL, Kind.PROFILE, 1, NOON, ((1, 0),), 900, 35040),
        *[
            Row(SERIAL, Kind.PROFILE, 1, NOON + n * 900_000, local + n * 900, 1 | (0x20 if n == 2 else 0), (n,))
            for n in range(4)
        ],
    )
    path = f"/api/v1/meters/{SERIAL}/profiles/1?limit=3"
    page = shaped(await rig.ask("GET", path), "profile")
    assert (page.quantity, page.unit, page.interval) == ("active_energy_import_total", "Wh", 900)
    assert [(one.local, one.status, one.value) for one in page.items] == [
        ("2026-11-18T13:00:00", 1, "0"),
        ("2026-11-18T13:15:00", 1, "1"),
        ("2026-11-18T13:30:00", 0x21, "2"),
    ]
    rest = shaped(await rig.ask("GET", f"{path}&cursor={page.next}"), "profile")
    assert [one.value for one in rest.items] == ["3"]
    assert (await rig.ask("GET", f"/api/v1/meters/{SERIAL}/profiles/9")).text == "invalid channel"


async def test_a_profile_that_the_meter_keeps_is_read_from_it(rig: Rig) -> None:
    """As #73 reads it, here in the night in which an hour is passed twice."""
    shown = "01:45 02:00 02:15 02:30 02:45 02:00 02:15 02:30 02:45 03:00".split()
    items = [{"status": 1, "timestamp": f"2026-10-25T{time}:00", "value": str(n)} for n, time in enumerate(shown)]
    items[4] |= {"status": 0x21, "value": None}
    head = {"mapping": ["active_energy_import_total", "Wh"], "interval": 900}
    rig.desk.streams[73] = [head, items[:3], items[3:]]
    path = f"/api/v1/meters/{SERIAL}/profiles/2"
    seen: list[Any] = []
    query = "?limit=3"
    while query:
        page = shaped(await rig.ask("GET", path + query), "profile")
        assert (page.channel, page.quantity, page.unit, page.interval) == (2, "active_energy_import_total", "Wh", 900)
        seen += page.items
        query = f"?limit=3&cursor={page.next}" if page.next else ""
    assert [one.time for one in seen] == [shown_time(NIGHT + n * 900_000) for n in range(10)]
    assert [(one.local[11:16], one.value) for one in seen] == [
        (time, None if n == 4 else str(n)) for n, time in enumerate(shown)]  # fmt: skip
    assert (seen[4].status, seen[4].estimated) == (0x21, False)
    arguments = [asked["arguments"] for command, asked in rig.line.asked if command == "rows"]
    assert arguments[0] == {"channel": 2}
    assert arguments[1] == {"channel": 2, "from": "2026-10-25T01:30:00", "to": "2099-12-30T01:00:00"}
    part = shaped(await rig.ask("GET", f"{path}?from=2026-10-25T02:30:00%2B02:00&to=2026-10-25T01:00:00Z"), "profile")
    assert [one.value for one in part.items] == ["3", None, "5"] and part.next is None
    assert [asked for command, asked in rig.line.asked if command == "rows"][-1]["arguments"] == {
        "channel": 2, "from": "2026-10-25T01:30:00", "to": "2026-10-25T03:00:00"}  # fmt: skip
    far = shaped(await rig.ask("GET", f"{path}?cursor=9999999999999999"), "profile")
    assert far.items == []


async def test_a_meter_whose_clock_was_set_back_gives_its_profile_in_pages_that_end(rig: Rig) -> None:
    shown = "10:00 10:15 09:30 09:45 10:00 10:15 10:30 10:45".split()
    items = [{"status": 1, "timestamp": f"2026-11-18T{time}:00", "value": str(n)} for n, time in enumerate(shown)]
    rig.desk.streams[73] = [{"mapping": ["active_energy_import_total", "Wh"], "interval": 900}, items]
    seen: list[str] = []
    query = "?limit=2"
    while query:
        page = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/profiles/1{query}"), "profile")
        seen += [one.value for one in page.items]
        query = f"?limit=2&cursor={page.next}" if page.next else ""
    assert seen == [str(n) for n in range(8)]


async def test_a_profile_that_nobody_keeps_or_that_cannot_be_read(rig: Rig) -> None:
    path = f"/api/v1/meters/{SERIAL}/profiles/3"
    rig.desk.streams[73] = [{"interval": 0}]
    unused = shaped(await rig.ask("GET", path), "profile")
    assert (unused.quantity, unused.interval, unused.items) == (None, None, [])
    rig.desk.streams[73] = [{"interval": 900}, CommandFailed(Failing.METER, "received invalid response from COSEM.")]
    assert (await rig.ask("GET", path)).status == 500
    await rig.store.commit(meter(family="bsm", protocol=5, engines="off"))
    answer = await rig.ask("GET", path)
    assert (answer.status, answer.text) == (409, "not supported by this meter: load profile")


async def _engine_values(serials: list[str]) -> dict[str, Any]:
    values = {9: Value(4_000_500, -3, NOON), 113: Value(2, 0, NOON), 171: Value(4_000_500, -3, NOON)}
    return {serial: values for serial in serials if serial == SERIAL}


async def test_what_engines_compute_is_among_the_newest_values(rig: Rig) -> None:
    await measured(rig)
    await rig.store.commit(meter(place={"measured": [1, 69]}, provides=(1, 9, 69, 113, 171)))
    one = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}"), "meter")
    assert one.computed == [
        "active_energy_import_tar1", NUMBERS[113].name.lower(), "rstreg_act_energy_imp"]  # fmt: skip
    rig.line.table = {**rig.line.table, "state": _state, "engine_values": _engine_values}
    values = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/latest"), "latest").values
    assert set(values) == set(one.quantities)
    assert (values["active_energy_import_tar1"].value, values["voltage_l1"].value) == ("4000.500", "230.5")
    text = (await rig.ask("GET", "/metrics")).body.decode()
    families = {found.name: found for found in text_string_to_metric_families(text)}
    assert families["wattproof_active_energy_import_tar1_watt_hours"].samples[0].value == 4000.5
    rig.line.table = {name: command for name, command in rig.line.table.items() if name != "engine_values"}
    values = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/latest"), "latest").values
    assert set(values) == {"active_energy_import_total", "voltage_l1"}
    refused = await rig.ask("GET", f"/api/v1/meters/{SERIAL}/readings?quantity=voltage_l1,rstreg_act_energy_imp")
    assert refused.status == 400 and "not stored as readings" in refused.text


async def test_what_the_gateway_did(rig: Rig) -> None:
    await rig.ask("POST", "/gateway", {"alias": "A", "location": "B", "serial": "0123456789"}, user="gina")
    found = shaped(await rig.ask("GET", "/api/v1/events"), "events")
    assert [one.name for one in found.items] == ["GW_ALIAS_CHANGED"]
    log = shaped(await rig.ask("GET", "/api/v1/audit?limit=1", user="gina"), "audit")
    assert (log.items[0].user, log.items[0].address) == ("gina", "192.0.2.9")
    assert len(log.items[0].hash) == 64
    assert (await rig.ask("GET", "/api/v1/audit")).status == 403


async def test_the_audit_log_in_pages_and_whether_it_is_what_was_written(rig: Rig) -> None:
    begun = await rig.store.last_audit()
    await rig.store.commit(*[Audit(NOON, "carl", "::1", f"step {n}", SERIAL) for n in range(5)])
    last = begun + 5

    async def page(query: str) -> Any:
        return shaped(await rig.ask("GET", f"/api/v1/audit?{query}", user="gina"), "audit")

    newest = await page("order=newest&limit=2")
    assert [one.number for one in newest.items] == [last, last - 1] and newest.broken is None
    older = await page(f"order=newest&limit=2&cursor={newest.next}")
    assert [one.action for one in older.items] == ["step 2", "step 1"]
    rest = await page(f"order=newest&limit=1000&cursor={older.next}")
    assert ([one.number for one in rest.items], rest.next) == ([*range(last - 4, 0, -1)], None)
    oldest = await page("limit=3")
    assert ([one.number for one in oldest.items], oldest.next) == ([1, 2, 3], "3" if last > 3 else None)
    assert (await page(f"cursor={last - 1}")).next is None
    assert (await page(f"cursor={last}")).items == (await page("order=newest&cursor=1")).items == []
    with contextlib.closing(sqlite3.connect(rig.store.path, isolation_level=None)) as database:
        database.execute('UPDATE audit SET "user" = ? WHERE "number" = ?', ("eve", last - 1))
        assert (await page("order=newest&limit=2")).broken == (await page("")).broken == last - 1
        assert (await page(f"order=newest&cursor={last - 1}")).broken is None
        database.execute('DELETE FROM audit WHERE "number" = ?', (last - 1,))
        assert (await page("order=newest&limit=1")).broken == last, "the entry before it is missing"
    assert (await rig.ask("GET", "/api/v1/audit?order=colour", user="gina")).status == 400


async def test_a_session_and_whether_it_is_true(rig: Rig) -> None:
    verdict = {"records": [{"signature": "valid"}, {"signature": "valid"}], "sessions": [{"verdict": "ok"}]}
    options = {"identification": "T", "family": "bsm", "measured_wh": "1230", "failure": None, "notes": []}
    await rig.store.commit(
        Session("s1", SERIAL, "ended", NOON, "carl", options, NOON + HOUR, verdict),
        Session("s2", SERIAL, "failed", NOON, "carl", options, NOON + HOUR, verdict | {"sessions": []}),
        Session("s3", "ABB_9", "running", NOON, "gina", {}),
        SignedRecord("s1", SERIAL, "begin", NOON, "OCMF", b"OCMF|{}|{}", "valid", "green"),
        PublicKey(SERIAL, b"\x01\x02", NOON),
    )
    one = shaped(await rig.ask("GET", "/api/v1/sessions/s1"), "session")
    assert (one.true, one.energy_wh, one.public_key, one.options) == (True, "1230", "0102", {"identification": "T"})
    assert [(record.role, record.data) for record in one.records] == [("begin", "OCMF|{}|{}")]
    assert shaped(await rig.ask("GET", "/api/v1/sessions/s2"), "session").true is False
    listed = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/sessions"), "sessions")
    assert sorted((one.id, one.records) for one in listed.sessions) == [("s1", None), ("s2", None)]
    for path in ("/api/v1/sessions/s3", "/api/v1/sessions/none"):
        assert (await rig.ask("GET", path)).text == "unknown session", "who may not see it does not learn of it"
    assert (await rig.ask("POST", "/api/v1/sessions/s1/end", user="vera")).status == 403
    refused = await rig.ask("POST", "/api/v1/sessions/s1/end", {"reason": "rain"})
    assert (refused.status, refused.text) == (400, "this request has no body")


async def test_a_session_that_waits_for_its_meter_says_why(rig: Rig) -> None:
    options = {"family": "bsm", "waiting": "the meter is offline"}
    await rig.store.commit(Session("s1", SERIAL, "ending", NOON, "carl", options))
    one = shaped(await rig.ask("GET", "/api/v1/sessions/s1"), "session")
    assert (one.state, one.failure, one.options, one.true) == ("ending", "the meter is offline", {}, None)


@pytest.mark.parametrize(("severity", "true"), [("info", True), ("warning", False)])
async def test_a_session_with_a_published_key_is_true_only_where_that_is_allowed(
    rig: Rig, severity: str, true: bool
) -> None:
    finding = {"code": "F-TEST-KEY", "severity": severity}
    verdict = {"records": [{"signature": "valid", "findings": [finding]}], "sessions": [{"verdict": "ok"}]}
    await rig.store.commit(Session("s1", SERIAL, "ended", NOON, "carl", {}, NOON + HOUR, verdict))
    assert shaped(await rig.ask("GET", "/api/v1/sessions/s1"), "session").true is true


async def test_corrections_and_keys(rig: Rig) -> None:
    await rig.store.commit(Correction(SERIAL, 1, NOON, "glitch", 5000, 0), PublicKey(SERIAL, b"\x01", NOON))
    (one,) = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/corrections"), "corrections").items
    assert (one.verdict, one.before, one.after, one.booked) == ("glitch", 5000, 0, 0)
    assert (one.quantity, one.unit, one.exponent) == ("active_energy_import_total", "Wh", -3)
    (key,) = shaped(await rig.ask("GET", f"/api/v1/meters/{SERIAL}/keys"), "keys").keys
    assert key.key == "01"


async def test_prometheus_reads_the_figures(rig: Rig) -> None:
    await measured(rig)
    rig.line.table = {**rig.line.table, "state": _state}
    answer = await rig.ask("GET", "/metrics")
    assert (answer.status, answer.header("content-type")) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {one.name: one for one in text_string_to_metric_families(answer.body.decode())}
    (voltage,) = families["wattproof_voltage_l1_volts"].samples
    assert (voltage.labels, voltage.value) == ({"serial": SERIAL, "alias": SERIAL, "location": "Level1"}, 230.5)
    energy = families["wattproof_active_energy_import_total_watt_hours"]
    assert (energy.type, energy.samples[0].value) == ("counter", 4000.0)
    assert families["wattproof_bus_queue"].samples[0].labels == {"bus": "eq"}
    storage = [families[f"wattproof_storage_{name}"].samples[0].value for name in
               ("failing", "waiting_polls", "lost_readings")]  # fmt: skip
    assert storage == [1, 7, 2]
    assert [sample.value for sample in families["wattproof_meter_status"].samples] == [1.0]
    assert (families["wattproof_bus_polls"].type, families["wattproof_bus_polls"].samples[0].value) == ("counter", 9)
    assert families["wattproof_bus_late_seconds"].type == "gauge"


async def test_figures_of_a_meter_that_is_offline_are_not_shown_as_new(rig: Rig) -> None:
    await measured(rig)
    (meter,) = [one for one in await rig.store.meters() if one.serial == SERIAL]
    await rig.store.commit(msgspec.structs.replace(meter, status=-1))
    text = (await rig.ask("GET", "/metrics")).body.decode()
    families = {one.name: one for one in text_string_to_metric_families(text)}
    labels = [{sample.labels["serial"] for sample in families[name].samples} for name in (
        "wattproof_meter_status", "wattproof_meter_age_seconds", "wattproof_voltage_l1_volts",
    )]  # fmt: skip
    assert [SERIAL in found for found in labels] == [True, True, False]


def test_what_may_fall_is_no_counter() -> None:
    for id, known in NUMBERS.items():
        family = metrics.family(known, "text")
        assert "_net_" not in family.name or family.type == "gauge", id
        assert not family.name.endswith(("hertzs", "percents", "currencys"))


async def _state() -> dict[str, Any]:
    bus = {"name": "eq", "state": "ok", "meters": 2, "online": 1, "queue": 0, "polls": 9,
           "late_s": 0.5}  # fmt: skip
    return {"buses": [bus], "meters": [{"serial": SERIAL}, {"serial": "ABB_9"}], "uptime_s": 5.0, "memory": 1,
            "busy": ["scan"], "synchronised": True,
            "awaited": [{"bus": "eq", "family": "abb", "address": 19, "why": "no answer"}],
            "storage": {"failure": "/data/store.sqlite3: no space", "waiting": 7, "lost": 2}}  # fmt: skip


async def test_status_and_buses(rig: Rig) -> None:
    rig.line.table = {**rig.line.table, "state": _state}
    status = shaped(await rig.ask("GET", "/api/v1/status"), "status")
    assert (status.leds.a.mode, status.leds.b.mode, status.leds.c.colour) == ("steady", "flash", "green")
    assert (status.listen, status.clock.status, status.uptime_s) == (["https://127.0.0.1:8443"], "set", 5)
    assert not status.allow_network
    assert msgspec.structs.astuple(status.storage) == ("/data/store.sqlite3: no space", 7, 2)
    assert status.awaited == [], "its place is for those to know who configure the gateway"
    status = shaped(await rig.ask("GET", "/api/v1/status", user="gina"), "status")
    assert status.awaited == [shapes.AwaitedMeter(bus="eq", family="abb", address=19, why="no answer")]
    buses = shaped(await rig.ask("GET", "/api/v1/buses"), "buses")
    assert [one["serial"] for one in buses.meters] == [SERIAL]
    rig.line.table = {name: command for name, command in rig.line.table.items() if name != "state"}
    assert shaped(await rig.ask("GET", "/api/v1/status"), "status").leds.a.colour == "red"


@pytest.mark.proves("G-340")
@pytest.mark.parametrize(
    ("state", "meters", "shown"),
    [
        ({}, [], "green steady, off off, off off"),
        ({"busy": ["starting"]}, [], "green flash2, off off, off off"),
        ({"busy": ["image"]}, [], "green flash, off off, off off"),
        ({"gone": True, "busy": ["image"]}, [], "red flash, off off, off off"),
        ({}, [(1, 1), (3, 1), (6, 0)], "green steady, green steady, off off"),
        ({}, [(2, -1), (3, 1)], "green steady, red steady, off off"),
        ({}, [(4, 1), (5, 1), (7, -1)], "green steady, off off, red steady"),
        ({"busy": ["scan"]}, [(1, -1), (5, 1)], "green steady, green flash, green flash"),
    ],
)
def test_lights(state: dict[str, Any], meters: list[tuple[int, int]], shown: str) -> None:
    found = leds(state, meters)
    assert ", ".join(f"{one.colour} {one.mode}" for one in (found.a, found.b, found.c)) == shown


def test_a_light_while_an_image_comes_in() -> None:
    assert leds({}, [], receiving=True).a.mode == "flash"


@pytest.mark.proves("G-340")
async def test_licences_of_everything_installed(rig: Rig) -> None:
    rig.line.table = {**rig.line.table, "state": _state}
    about = shaped(await rig.ask("GET", "/api/v1/about"), "about")
    names = {one.name.lower() for one in about.licences}
    installed = {one.metadata["Name"].lower() for one in importlib.metadata.distributions() if one.metadata["Name"]}
    assert names == installed
    (own,) = [one for one in about.licences if one.name == "wattproof"]
    assert own.licence == "Apache-2.0" and own.text is not None
    text = await rig.ask("GET", own.text)
    assert b"Apache License" in text.body
    assert (await rig.ask("GET", "/api/v1/about/licences/..%2Fetc")).status == 404
    lines = Path("/proc/self/status").read_text().splitlines()
    (told,) = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")]
    assert about.ram.serve is not None and abs(about.ram.serve - told) < told / 10
    assert about.ram.total is not None and about.ram.available is not None and about.ram.available < about.ram.total


async def test_live_values_end_with_the_right(rig: Rig) -> None:
    waiting = asyncio.Event()

    async def live(serials: list[str]) -> Any:
        yield {"serial": serials[0], "values": {69: (2301, -1, NOON, "good")}}
        await waiting.wait()

    rig.line.table = {**rig.line.table, "live": live}
    asked = asyncio.create_task(_stream(rig, f"/api/v1/live?serial={SERIAL}"))
    got = await asyncio.wait_for(_some(asked, 2), 5)
    assert b'event: values\ndata: {"serial":"ABB_8","values":{"voltage_l1":{"value":"230.1"' in got
    rig.notices.tell(Notice("event", {"id": 5, "category": 8, "time": NOON, "detail": ""}))
    assert b"event: gateway" in await asyncio.wait_for(_some(asked, 3), 5)
    writes = [Binding("carl", SERIAL, Access.NONE)]
    await rig.desk.commit(writes, {})
    await asyncio.wait_for(asked, 5)
    assert (await rig.ask("GET", f"/api/v1/live?serial={SERIAL}")).status == 403


PARTS: dict[asyncio.Task[Any], list[bytes]] = {}


async def _stream(rig: Rig, path: str) -> None:
    """Ask, and keep what is sent piece by piece."""
    task = asyncio.current_task()
    assert task is not None
    parts = PARTS.setdefault(task, [])
    head, _, query = path.partition("?")
    scope = {
        "type": "http", "method": "GET", "path": head, "raw_path": head.encode(), "query_string": query.encode(),
        "headers": [(b"authorization", b"Basic " + _pair("carl"))], "client": ("192.0.2.9", 4), "scheme": "https",
        "server": ("127.0.0.1", 8443),
    }  # fmt: skip
    connected = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await connected.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        parts.append(message.get("body", b""))

    await rig.app(scope, receive, send)


def _pair(user: str) -> bytes:
    import base64

    return base64.b64encode(f"{user}:{PASSWORDS[user]}".encode())


async def _some(task: asyncio.Task[Any], events: int) -> bytes:
    """Everything sent so far, once there are so many pieces with an event."""
    while True:
        data = b"".join(PARTS.get(task, []))
        if data.count(b"event:") + data.count(b"retry:") >= events:
            return data
        assert not task.done(), task
        await asyncio.sleep(0.005)


async def test_paths_and_methods_that_there_are_not(rig: Rig) -> None:
    assert (await rig.ask("GET", "/api/v2/meters")).status == 404
    answer = await rig.ask("PUT", "/api/v1/meters")
    assert (answer.status, answer.header("allow")) == (405, "GET")
    assert (await rig.ask("OPTIONS", "/api/v1/meters")).status == 405
    assert (await rig.ask("GET", "/api/v2/meters", user=None)).status == 401
