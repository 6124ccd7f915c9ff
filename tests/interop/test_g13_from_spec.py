"""The gateway, asked by a client written from the specification alone: 91 resources, two modes, five meters."""

from __future__ import annotations

import re
import ssl
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.interop.g13_access import cells
from tests.interop.g13_client import G13, Refused, compact, dechunk, meters_of, parse
from tests.interop.g13_limits import (
    ALARM,
    NETWORK,
    PV,
    USUAL,
    Row,
    binding_rows,
    error_rows,
    fleet_rows,
    gateway_rows,
    meter_rows,
    user_rows,
)
from tests.interop.g13_meters import KINDS, reads
from tests.interop.g13_rig import Rig, rig
from tests.interop.g13_shapes import EXTENDED, GATEWAY, check
from tests.interop.g13_texts import (
    DENIED,
    FORBIDDEN,
    FORBIDDEN_HTML,
    UNAUTHORIZED,
    check_error_head,
    check_good_head,
    expected,
)
from wattproof import VirtualMeter


class Every:
    """Collects what fails in a row of checks, so that one deviation does not hide the next."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    @contextmanager
    def __call__(self, what: object) -> Iterator[None]:
        try:
            yield
        except (AssertionError, LookupError, TypeError, AttributeError, ValueError, Refused) as error:
            self.failed.append(f"{what}: {type(error).__name__} {_said(error)}")

    def done(self) -> None:
        assert not self.failed, "\n" + "\n".join(self.failed)


def _said(error: Exception) -> str:
    """Line and message of an assertion, without what pytest adds to it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = 0 if trace is None else trace.tb_lineno
    return f"line {line}: " + str(error).partition("\nassert")[0][:300]


@pytest.fixture
def every() -> Iterator[Every]:
    made = Every()
    yield made
    made.done()


@pytest.fixture(scope="module", params=("none", "g13"))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp(request.param), request.param) as rigged:
        yield rigged


def fails(made: Rig, resource: int, answer: Any, status: int, des: str) -> None:
    """The answer is this error, as this mode shows it."""
    status, des = expected(made.g13, resource, status, des.partition(" at ")[0] if made.g13 else des)
    assert (answer.status, answer.des) == (status, des), answer
    if status != 200:
        check_error_head(answer, made.g13)


@pytest.mark.proves("G-302", "G-303", "G-307")
def test_before_the_first_password(made: Rig, every: Every) -> None:
    for name in ("meters", "unknown", "other", "wrong"):
        with every(name):
            assert (made.first[name].status, made.first[name].body) == (403, FORBIDDEN)
            check_error_head(made.first[name], made.g13)
    with every("about"):
        check(made.first["about"].document, GATEWAY["/about"])


@pytest.mark.proves("G-001", "G-002")
def test_the_gateway_itself(made: Rig, every: Every) -> None:
    """Shape, order, head and compactness of #1, #4, #9, #11, #13, #21, #24, #29, #31, #35, #38, #91."""
    for path, shape in GATEWAY.items():
        with every(path):
            answer = made.admin.ask("GET", path)
            check_good_head(answer, made.g13)
            assert compact(answer.body)
            check(answer.document, shape if made.g13 else EXTENDED.get(path, shape), path)
            assert answer.error_id == 0 or made.g13


@pytest.mark.proves("G-101")
def test_about(made: Rig) -> None:
    about = made.admin.get("/about")
    assert about["jsonapiversion"] == ("0.9" if made.g13 else "1.0")
    assert about["model"] == ("" if made.g13 else "wattproof")
    assert about["logicaldevicename"][:3] == ("ABB" if made.g13 else "WTP")
    assert len(about["logicaldevicename"]) == 16 and about["logicaldevicename"][3:].isdigit()
    serial = made.admin.get("/gateway")["serial"]
    assert serial == made.admin.get("/meters")["serial"]
    assert serial == ("ABB" + about["serial"].zfill(13) if made.g13 else about["serial"])


@pytest.mark.proves("G-003")
def test_bodies_of_errors_have_their_lengths(made: Rig, every: Every) -> None:
    anonymous = made.admin.as_("", "")
    for method, path in (("GET", "/about"), ("GET", "/nowhere"), ("POST", "/login"), ("POST", "/logout"),
                         ("HEAD", "/about"), ("POST", "/configuration/ip")):  # fmt: skip
        with every((method, path)):
            answer = anonymous.ask(method, path)
            assert answer.status == 401
            if method != "HEAD":
                assert (len(answer.body), answer.body) == (162, UNAUTHORIZED)
                check_error_head(answer, made.g13, "text/html")
    anonymous.close()
    assert (len(FORBIDDEN_HTML), len(FORBIDDEN)) == (36, 51)
    with every("403"):
        answer = made.user("viewer").ask("POST", "/gateway/reboot")
        assert (answer.status, answer.body) == (403, FORBIDDEN)


@pytest.mark.proves("G-007")
def test_what_is_no_resource(made: Rig, every: Every) -> None:
    rows: tuple[tuple[str, str, int], ...] = (
        ("GET", "/nowhere", 404), ("GET", "/meters/x/y/z/1/2", 404), ("PUT", "/about", 405), ("HEAD", "/about", 405),
        ("OPTIONS", "/about", 405), ("DELETE", "/gateway", 405), ("PATCH", "/gateway", 405), ("GET", "/About", 404),
        ("GET", "/about//", 404), ("POST", "/meters", 405), ("TRACE", "/about", 405),
    )  # fmt: skip
    for method, path, status in rows:
        with every((method, path)):
            answer = made.admin.ask(method, path)
            assert answer.status == (400 if made.g13 else status), answer
            assert not [name for name in answer.names if name.lower().startswith("access-control")]
            if method != "HEAD":
                assert answer.des == "Invalid Request" if made.g13 else answer.des
                check_error_head(answer, made.g13)
            assert ("Allow" in answer.names) == (status == 405 and not made.g13)
    with every("slash"):
        assert made.admin.get("/about/") == made.admin.get("/about")
    with every("encoded"):
        assert made.admin.get("/%61bout") == made.admin.get("/about")
        assert made.admin.ask("GET", "/gateway%2Fdatetime").status in (404, 400)


@pytest.mark.proves("G-352")
def test_list_of_meters(made: Rig) -> None:
    listed = {meter["serial"]: meter for meter in meters_of(made.admin.get("/meters"))}
    assert set(listed) == set(made.serials.values())
    ports = {kind: meter.urls[0].partition("://")[2] for kind, meter in made.virtual.items()}
    rows = (("eq", 3, 17, "Hall"), ("mbus", 1, 1, "Hall"), ("bsm", 5, f"{ports['bsm']}/42", "Unknown"),
            ("dmed", 5, f"{ports['dmed']}/1", "Unknown"), ("map", 5, f"{ports['map']}/42", "Unknown"))  # fmt: skip
    for kind, protocol, address, place in rows:
        meter = listed[made.serials[kind]]
        assert (meter["protocol"], meter["address"], meter["location"]) == (protocol, address, place)
    assert made.user("nobody").get("/meters")["locations"] == []
    assert len(list(meters_of(made.user("viewer").get("/meters")))) == 5
    assert len(list(meters_of(made.user("boss").get("/meters")))) == 5


def test_users(made: Rig) -> None:
    users = made.admin.get("/users")["users"]
    assert [user["name"] for user in users] == ["admin", "boss", "fitter", "nobody", "viewer"]
    assert [set(user) for user in users] == [{"name"} if made.g13 else {"name", "gatewayadmin"}] * 5
    if not made.g13:
        assert [user["name"] for user in users if user["gatewayadmin"]] == ["admin", "boss"]


UNSUPPORTED = "not supported by this meter: "


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.proves("G-351", "G-001", "G-002", "G-006")
def test_reads_of_a_meter(made: Rig, every: Every, kind: str) -> None:
    """Every read of 10.3 for this kind of meter: shape, or 400 with its reason."""
    for (number, path), wanted in reads(made.g13).items():
        with every((number, path)):
            answer = made.admin.ask("GET", f"/meters/{made.serials[kind]}/{path}")
            if isinstance(wanted[kind], str):
                fails(made, number, answer, 400, UNSUPPORTED + wanted[kind])
                continue
            check_good_head(answer, made.g13)
            assert compact(answer.body)
            check(answer.document, wanted[kind], path)


def judge(made: Rig, every: Every, row: Row, below: str = "", reason: str | None = None) -> None:
    """Ask one row of limits as ``admin``; ``reason``: this meter refuses the resource altogether."""
    number, method, path, body, wanted = row
    with every((number, path, str(body)[:100])):
        began = time.monotonic()
        answer = made.admin.ask(method, below + path, body)
        if time.monotonic() - began > 1:
            print("slow", round(time.monotonic() - began, 1), method, below + path, body, answer.status)
        if reason is not None and (
            wanted is None
            or (answer.status == 400 and answer.des == ("Invalid Request" if made.g13 else UNSUPPORTED + reason))
        ):
            fails(made, number, answer, 400, UNSUPPORTED + reason)
        elif wanted is None:
            check_good_head(answer, made.g13)
            if method != "GET":
                assert answer.document == {"status": "success"}
            else:
                assert compact(answer.body) and isinstance(answer.document, dict)
        else:
            status, des = (400, wanted) if isinstance(wanted, str) else wanted
            if number >= 52 and des == "unknown member":
                if made.g13:  # GD-50
                    assert answer.status == 200, answer
                    return
                des = "Invalid Request"
            fails(made, number, answer, status, answer.des if des == "..." and not made.g13 else des)


def test_limits_of_the_gateway(made: Rig, every: Every) -> None:
    admin = made.admin
    for row in gateway_rows(admin.get("/gateway")["serial"]):
        judge(made, every, row)
    with every("read back"):
        shown = admin.get("/configuration")
        assert {name: shown["ip"][name] for name in NETWORK} == NETWORK
        assert shown["mbus-wired"] == shown["mbus-ir"] == USUAL
        assert shown["eqbus"] == {"baudrate": 9600, "interoctettimeout": 40}
    with every("connections"):  # new settings of a bus leave none behind
        assert connections(made.virtual["eq"].urls[0]) <= 1
    with every("permitted"):
        permitted = admin.get("/permittedmeters")["meters"]
        assert sorted(permitted) == ["ABB0000000000000", "ABB0000000000001", "Single.one-1"]
    for row in error_rows():
        judge(made, every, row)


def connections(url: str) -> int:
    """How many clients a virtual meter has (proc(5), net/tcp); 0 on other systems."""
    table, port = Path("/proc/net/tcp"), int(url.rpartition(":")[2])
    rows = [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_limits_of_users(made: Rig, every: Every) -> None:
    for row in user_rows(made.g13):
        judge(made, every, row)
    for row in binding_rows(made.serials["eq"]):
        judge(made, every, row)
    with every("bindings"):
        bindings = made.admin.get("/users/newone/bindings")["bindings"]
        assert {row["serial"]: row["access"] for row in bindings} == dict.fromkeys(made.serials.values(), "View Only")
    with every("own bindings"):
        assert len(made.user("viewer").get("/users/viewer/bindings")["bindings"]) == 5
    with every("delete"):
        made.admin.do("DELETE", "/users/newone")
        if made.g13:
            made.admin.do("DELETE", "/users/capital")


def test_limits_of_the_fleet(made: Rig, every: Every) -> None:
    for row in fleet_rows(made.serials["eq"]):
        judge(made, every, row)


#: Which writes a meter refuses altogether, and why (10.3); of M-Bus section 1.15 of the ABB specification.
REFUSED: dict[str, dict[int, str]] = {
    "eq": {},
    "mbus": {53: "alarms", 65: "pulse outputs", 67: "input and output configuration", 68: "pulse outputs",
             71: "previous values configuration", 75: "load profile configuration", 79: "demand configuration",
             84: "day profiles", 86: "week profiles", 88: "season profiles", 90: "special days"},
    "bsm": {48: "transformer ratio", 67: "input and output configuration", 68: "pulse outputs"},
    "dmed": {48: "transformer ratio", 66: "inputs and outputs", 67: "input and output configuration",
             68: "pulse outputs"},
    "map": {42: "clock", 48: "transformer ratio", 66: "inputs and outputs", 67: "input and output configuration",
            68: "pulse outputs"},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_limits_of_a_meter(made: Rig, every: Every, kind: str) -> None:
    serial = made.serials[kind]
    now = made.admin.get("/gateway/datetime")["datetime"]
    for row in meter_rows(kind, serial, now):
        if kind == "bsm" and row[0] == 66:
            continue
        judge(made, every, row, f"/meters/{serial}/", REFUSED[kind].get(row[0]))


ROLES = {"N": "nobody", "V": "viewer", "C": "fitter", "G": "boss"}


@pytest.mark.proves("G-007")
def test_who_is_turned_away(made: Rig, every: Every) -> None:
    """Each 403 of the matrix, for a request that is in order; each read of those who may; nobody anonymous."""
    anonymous = made.admin.as_("", "")
    before = made.admin.ask("GET", "/configuration").body, made.admin.ask("GET", "/users").body
    for cell in cells(made.serials["map"]):
        with every(("A", cell[:3])):
            # 9.4: after a burst of 30 the rest is turned away sooner
            assert anonymous.ask(cell.method, cell.path, cell.body).status in (401, 401 if made.g13 else 429)
        for role, name in ROLES.items():
            with every((role, cell[:3])):
                if role in cell.refused:
                    answer = made.user(name).ask(cell.method, cell.path, cell.body)
                    assert (answer.status, answer.body) == (403, FORBIDDEN)
                    check_error_head(answer, made.g13)
                elif cell.method == "GET":
                    answer = made.user(name).ask(cell.method, cell.path)
                    supported = answer.status == 200
                    assert supported or answer.des in ("Invalid Request", *_reasons("map")), answer
    with every("nothing changed"):
        assert before == (made.admin.ask("GET", "/configuration").body, made.admin.ask("GET", "/users").body)
    anonymous.close()


def _reasons(kind: str) -> Iterator[str]:
    return (UNSUPPORTED + row[kind] for row in reads(False).values() if isinstance(row[kind], str))


@pytest.mark.proves("G-004")
def test_order_of_checks(made: Rig, every: Every) -> None:
    """GD-40: 401, unknown path, other verb, right, size, type, members, meter known."""
    stranger = made.admin.as_("", "")
    while stranger.ask("GET", "/about").status == 429:  # 9.4: other tests have used up the burst of this address
        time.sleep(0.2)
    admin, viewer, big = made.admin, made.user("viewer"), b"[" + b" " * 65536 + b"]"
    denied, when = "Forbidden: Access Denied", {"datetime": "2026-01-01T00:00:00"}
    refusals: tuple[tuple[str, Any, int, int, str], ...] = (
        ("401 before 404", stranger.ask("GET", "/nowhere"), 0, 401, ""),
        ("404 before right", viewer.ask("POST", "/nowhere", raw=big), 0, 404, "unknown path"),
        ("405 before right", viewer.ask("PUT", "/gateway", raw=big), 0, 405, "method not allowed"),
        ("right before size", viewer.ask("POST", "/gateway", raw=big, kind="text/plain"), 10, 403, denied),
        ("size before type", admin.ask("POST", "/gateway", raw=big, kind="text/plain"), 0, 413, "body too large"),
        ("type before members", admin.ask("POST", "/gateway", raw=b"{", kind="text/plain"), 0, 415, "..."),
        ("members before meter", admin.ask("POST", "/meters/NOSUCH/datetime", {}), 42, 400, "missing datetime in JSON"),
        ("meter", admin.ask("POST", "/meters/NOSUCH/datetime", when), 42, 404, "meter not found"),
        ("meter for a reader", admin.ask("GET", "/meters/NOSUCH/power"), 59, 404, "meter not found"),
        ("meter for boss", made.user("boss").ask("GET", "/meters/NOSUCH/power"), 59, 404, "meter not found"),
        ("right before meter", viewer.ask("GET", "/meters/NOSUCH/power"), 59, 403, denied),
    )  # fmt: skip
    stranger.close()
    for name, answer, number, status, des in refusals:
        with every(name):
            if status == 401:
                assert answer.body == UNAUTHORIZED
                continue
            if des in ("meter not found", "Forbidden: Access Denied", "missing datetime in JSON"):
                fails(made, number, answer, status, des)
            else:  # the specification has no text for these
                assert answer.status == (400 if made.g13 else status), answer
                assert not made.g13 or answer.des == "Invalid Request"


@pytest.mark.proves("G-011")
def test_bodies_that_are_no_json(made: Rig, every: Every) -> None:
    """GD-49 and 9.4: what a body may be."""
    good = '{"baudrate":9600,"interoctettimeout":40}'
    deep = '{"baudrate":9600,"interoctettimeout":40,"x":' + "[" * 7 + "]" * 7 + "}"
    for text in (
        "{", good + "x", good[:-1] + ',"baudrate":1200}', '{"baudrate":NaN}', '{"baudrate":Infinity}', "'x'",
        "[" * 9 + "]" * 9, "[" * 60000, good.replace("9600", "09600"), good.replace("9600", "+9600"), good[:-1] + ",}",
        '{"a":1e999999999999}' + "{", "null" + "null", '{"\\ud800":1', "\ufeff" + good,
    ):  # fmt: skip
        with every(text[:60]):
            answer = made.admin.ask("POST", "/configuration/eqbus", raw=text.encode("utf-8", "surrogatepass"))
            fails(made, 6, answer, 400, "JSON parse error")
    for raw in (good.encode("utf-16"), good.encode()[:-1] + b',"x":"\xff"}', b"\xff\xfe"):
        with every(raw[:30]):
            fails(made, 6, made.admin.ask("POST", "/configuration/eqbus", raw=raw), 400, "JSON parse error")
    for text in ("null", "5", '"x"', "[]", '["baudrate"]'):
        with every(text):
            answer = made.admin.ask("POST", "/configuration/eqbus", raw=text.encode())
            assert answer.status == 400
            assert not made.g13 or answer.des == "missing baudrate in JSON"
    for text in (good, f" \r\n\t{good}\n", deep, good.replace("9600", "9600.0"), good.replace("40", "4e1"),
                 good + " " * (65536 - len(good))):  # fmt: skip
        with every(text[:60]):
            assert made.admin.ask("POST", "/configuration/eqbus", raw=text.encode()).status == 200
    for kind in ("application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"'):
        with every(kind):
            assert made.admin.ask("POST", "/configuration/eqbus", raw=good.encode(), kind=kind).status == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"):
        with every(kind):
            answer = made.admin.ask("POST", "/configuration/eqbus", raw=good.encode(), kind=kind)
            assert answer.status == (400 if made.g13 else 415)


@pytest.mark.proves("G-318")
def test_sizes(made: Rig, every: Every) -> None:
    rows: tuple[tuple[str, str, dict[str, str], int | None], ...] = (
        ("path below", "/lasterror/" + "0" * 2000, {}, None), ("path above", "/lasterror/" + "0" * 2100, {}, 414),
        ("header above", "/about", {"X-Long": "x" * 17000}, 431),
        ("headers above", "/about", {f"X-{n}": "y" * 999 for n in range(17)}, 431),
        ("header below", "/about", {"X-Long": "x" * 15000}, 200),
    )  # fmt: skip
    for name, path, headers, status in rows:
        with every(name):
            answer = made.admin.ask("GET", path, headers=headers)
            wanted = {None: (200, 400, 404), 200: (200,)}.get(status, (400 if made.g13 else status,))
            assert answer.status in wanted, answer
            assert answer.status == 200 or answer.des


def without_extensions(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.proves("G-372")
def test_what_was_written_reads_back(made: Rig, every: Every, kind: str) -> None:
    """Every write of a meter, and what the read beside it then says."""
    serial = made.serials[kind]
    alarm = {"id": 3} | ALARM | {"quantity": 69, "onthreshold": 250, "offthreshold": 240.5, "log": False}
    day = {"actions": [[2, "12:00"], [1, "00:00"]], "profile": 15}
    week = {"dayid": [15, 15, 15, 15, 15, 15, 15], "profile": "Wörk"}
    season = {"day": 254, "month": 10, "profile": "Winter", "weekprofile": "Wörk"}
    special = {"date": {"day": 24, "month": 12, "week": 255, "year": 65535}, "dayprofile": 15, "profile": 7}
    demand = {"dmc": [[1, 5], [1, 9]], "interval": [900, 300], "period": "weekly", "weekday": 7}
    pulses = [{"id": 1, "port": 4, "length": 10, "frequency": 10000, "energytype": 2}]
    rows: tuple[tuple[int, str, Any, str, Any], ...] = (
        (45, "conversionfactor", {"conversionfactor": {"co2": "0.4", "currency": 12.5}}, "conversionfactor",
         lambda it: it["conversionfactor"] == {"co2": ["0.400", "kg/kWh"], "currency": ["12.500", "curr/kWh"]}),
        (48, "transformersettings", {"serial": serial, "ctnum": 20, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}, "info",
         lambda it: it["ratio"] == {"ctdenum": 1, "ctnum": 20, "vtdenum": 1, "vtnum": 1}),
        (48, "transformersettings", {"serial": serial, "ctnum": 1, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}, "info",
         lambda it: it["ratio"]["ctnum"] == 1),
        (53, "alarms/configuration", {"alarmconfig": [alarm]}, "alarms/configuration",
         lambda it: it["alarmconfig"][2] == alarm and it["alarmconfig"][4] == {"id": 5}),
        (57, "energy/resettable", {"resettableenergy": {"activeimport": True}}, "energy/resetcounter",
         lambda it: int(it["resetcounter"]["activeimport"][0]) >= 1),
        (66, "io", {"iostatus": [{"port": 2, "currentstate": 1}]}, "io",
         lambda it: it["iostatus"][1]["currentstate"] == 1),
        (67, "io/configuration", {"ioconfig": [3, "always_on", 255]}, "io/configuration",
         lambda it: it["ioconfig"][:2] == ["pulse_out", "always_on"]),
        (68, "io/pulse", {"pulse": pulses}, "io/pulse",
         lambda it: without_extensions(it["pulse"], "id")[0] == {
             "length": 10, "frequency": 10000, "energytype": "reactive_import", "port": 3 if made.g13 else 4}),
        (71, "previousvalues/configuration", {"interval": "weekly", "weekday": 3, "pvconfig": [1]},
         "previousvalues/configuration", {"interval": "weekly", "weekday": 3, "pvconfig": [1]}),
        (75, "loadprofiles/configuration", {"lpconfig": [[900, 1, 300], [60, 1, 9]]}, "loadprofiles/configuration",
         {"lpconfig": [[900, 1, 300], [60, 1, 9]] + [[0, 0, 0]] * 6}),
        (79, "demand/configuration", demand, "demand/configuration", demand),
        (82, "tariff", {"source": 1, "tariff": 3}, "tariff", lambda it: it["tariff"] == 3),
        (82, "tariff", {"source": 1, "tariff": 1}, "tariff", lambda it: it["tariff"] == 1),
        (84, "tariff/dayprofiles", day, "tariff/dayprofiles",
         lambda it: {"actions": [[1, "00:00"], [2, "12:00"]], "profile": 15} in it["dayprofiles"]),
        (86, "tariff/weekprofiles", {"weekprofiles": [week]}, "tariff/weekprofiles",
         lambda it: week in it["weekprofiles"]),
        (88, "tariff/seasonprofiles", {"seasonprofiles": [season]}, "tariff/seasons",
         lambda it: season in it["seasonprofiles"]),
        (90, "tariff/specialdayprofiles", {"specialdayprofiles": [special]}, "tariff/specialdayprofiles",
         lambda it: special in it["specialdayprofiles"]),
    )  # fmt: skip
    for number, path, body, shown, right in rows:
        if number in REFUSED[kind] or (kind, number) == ("bsm", 66):
            continue
        with every((number, path)):
            assert made.admin.meter(serial, path, "POST", body) == {"status": "success"}
            found = made.admin.meter(serial, shown)
            assert right(found) if callable(right) else found == right, found


@pytest.mark.proves("G-116")
def test_execute(made: Rig, every: Every) -> None:
    serials = [made.serials[kind] for kind in KINDS]
    whole = {"devices": serials, "obis": "1.0.1.8.0.255", "classid": 3, "attributes": {"value": 2, "unit": 3}}
    value = {"value": re.compile(r"-?\d+(\.\d+)?"), "unit": {"kWh", "Wh"}}
    for change in (
        {}, {"obis": [1, 0, 1, 8, 0, 255]}, {"obis": "1-0:1.8.0*255"}, {"obis": "001.000.001.008.000.255"},
        {"obis": "1-0-1-8-0-255"}, {"attributes": [{"value": 2, "unit": 3}]},
        {"attributes": {"value": "2", "unit": "3"}}, {"classid": "3"},
    ):  # fmt: skip
        with every(change):
            answer = made.admin.ask("POST", "/gateway/execute", whole | change)
            check_good_head(answer, made.g13)
            check(answer.document, {"devices": [{"serial": set(serials), "values": [value]}]})
            assert [device["serial"] for device in answer.document["devices"]] == serials
            assert [len(device["values"]) for device in answer.document["devices"]] == [1] * 5
    with every("unknown object"):
        answer = made.admin.do("POST", "/gateway/execute", whole | {"obis": "1.0.99.99.99.255", "devices": serials[2:]})
        assert [(row["values"], row["error"]) for row in answer["devices"]] == [([], "OBJECT_UNDEFINED")] * 3
    for change in ({"devices": []}, {"devices": [serials[0]] * 33}, {"obis": "1.0.1.8"}, {"obis": [1, 0, 1, 8, 0, 256]},
                   {"classid": "x"}, {"attributes": {}}, {"attributes": 2}):  # fmt: skip
        with every(change):
            assert made.admin.ask("POST", "/gateway/execute", whole | change).status == 400
    for name in whole:
        with every(name):
            rest = {key: given for key, given in whole.items() if key != name}
            fails(made, 16, made.admin.ask("POST", "/gateway/execute", rest), 400, f"missing {name} in JSON")
    with every("not visible"):
        assert made.user("nobody").ask("POST", "/gateway/execute", whole).body == FORBIDDEN
        assert made.user("viewer").ask("POST", "/gateway/execute", whole).status == 200


@pytest.mark.proves("G-102", "G-103", "G-319")
def test_sessions(made: Rig, every: Every) -> None:
    login = made.user("viewer").ask("POST", "/login")
    with every("login"):
        assert (login.status, login.body) == (200, b"")
        cookie = login.header("Set-Cookie")
        assert cookie is not None
        name, *attributes = cookie.split("; ")
        assert re.fullmatch(r"wattproof=[A-Za-z0-9_-]{22,}", name)
        assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]
        by_cookie = G13(made.gateway.url, "", "", cookie=name)
        assert by_cookie.get("/gateway")["alias"] == "Gateway"
        foreign = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        binding = {"conversionfactor": {"co2": 1}}
        assert by_cookie.ask("POST", "/logout", headers=foreign).status == 403
        assert by_cookie.ask("POST", "/meters/x/conversionfactor", binding, headers=foreign).body == FORBIDDEN
        assert by_cookie.ask("POST", "/logout").status == 200
        assert by_cookie.ask("GET", "/gateway").status == 401
        by_cookie.close()
    with every("logout"):
        again = made.user("viewer").ask("POST", "/logout")
        if made.g13:
            assert (again.status, again.body, again.header("X-Pad")) == (403, FORBIDDEN_HTML, "avoid browser bug")
            assert again.names == ["Server", "Accept-Ranges", "Content-Length", "Content-Type", "X-Pad"]
        else:
            assert (again.status, again.body) == (200, b"")


@pytest.mark.proves("G-117", "G-320")
def test_codes_and_names(made: Rig, every: Every) -> None:
    names = made.admin.get("/parametermapping")
    with every("names"):
        assert all(re.fullmatch(r"[1-9]\d*", number) for number in names)
        assert (names["1"], names["69"], names["170"], names["34"]) == (
            "ACTIVE_ENERGY_IMPORT_TOTAL", "VOLTAGE_L1", "FREQUENCY", "APPARENT_ENERGY_EXPORT_TOTAL")  # fmt: skip
        assert not set(range(199, 230)) & {int(number) for number in names}
        assert not {number for number in (*range(116, 122), *range(123, 138), 145, 156, 157, 167, 168)
                    if str(number) in names}  # fmt: skip
    with every("lists"):
        lists = made.admin.get("/storablequantities")
        assert lists["pv"] == PV
        assert (lists["ac"][0], lists["ac"][-1], len(lists["ac"])) == (59, 104, 36)
        assert set(lists["dm"]) >= {51, 104} and set(lists["lp"]) >= {1, 122, 188}


@pytest.mark.proves("G-124", "G-125", "G-126", "G-127")
def test_firmware(made: Rig, every: Every) -> None:
    """#24 to #27 as far as nothing is installed anywhere."""
    admin, meters = made.admin, {"meters": [made.serials["eq"]]}
    with every("status"):
        assert admin.get("/meters/firmwareupdatestatus") == {"devices": [], "firmwareupdatecomplete": 0}
    with every("no image"):
        fails(made, 26, admin.ask("PUT", "/firmware"), 400, "no gateway image")
        fails(made, 27, admin.ask("PUT", "/meters/firmware", meters), 400, "no meter image")
    for name, parts, status, des in (
        ("no part", [], 400, "missing image in form"),
        ("empty", [("image", "x", None, b"")], 400, "missing image in form"),
        ("other name", [("file", "x", None, b"x")], 400, "missing image in form"),
        ("two", [("image", "x", None, b"x"), ("image", "y", None, b"y")], 400, "missing image in form"),
        ("too large", [("image", "x", None, b"x" * ((1 << 20) + 1))], 413, "image too large"),
    ):  # fmt: skip
        with every(name):
            fails(made, 25, admin.upload(parts), status, des)
    with every("picture"):
        picture = admin.upload([("image", "DSCF5183.JPG", "image/jpeg", b"x")])
        if made.g13:
            assert picture.status == 200
        else:
            fails(made, 25, picture, 400, "unsupported image type")
    for size in (1, 1 << 20):
        with every(size):
            good = admin.upload([("image", "../../g13 \u00fc.bin", "application/octet-stream", b"x" * size)])
            assert (good.status, good.body) == (200, b'{"status":"success"}')
            if made.g13:
                assert good.header("Content-Type") == "text/html; charset=utf-8"
                assert (good.header("Content-Length"), good.header("Connection")) == ("20", "Keep-Alive")
            else:
                check_good_head(good, False)
    with every("not configured"):
        fails(made, 26, admin.ask("PUT", "/firmware"), 400, "firmware installation is not configured")
        fails(made, 27, admin.ask("PUT", "/meters/firmware", meters), 400, "no meter image")
    image = b"B1.00.0\0\0\0\0\0\0\0\0\0" + b"y" * 100
    with every("meter image"):
        image += zlib.crc32(image).to_bytes(4, "big")
        assert admin.upload([("image", "meter.bin", None, image)]).status == 200
    for name, serials, status, des in (
        ("eleven", [f"A{n}" for n in range(11)], 400, "too many meters"),
        ("twice", [made.serials["eq"]] * 2, 400, "duplicate serial"),
        ("M-Bus", [made.serials["mbus"]], 400, f"firmware update not supported: {made.serials['mbus']}"),
        ("BSM", [made.serials["bsm"]], 400, "firmware update"), ("unknown", ["NOSUCH"], 404, "meter not found"),
    ):  # fmt: skip
        with every(name):
            answer = admin.ask("PUT", "/meters/firmware", {"meters": serials})
            if name == "BSM":
                assert answer.status == 400 and (made.g13 or "firmware update" in answer.des), answer
            else:
                fails(made, 27, answer, status, des)


@pytest.mark.proves("G-133", "G-134", "G-136", "G-354")
def test_scan_register_rename_delete(made: Rig, every: Every) -> None:
    admin = made.admin
    spare = VirtualMeter("bsm", listen="tcp://127.0.0.1:0", serial="001BZR1521070009", answer_delay=0)
    rest = VirtualMeter("dmed4", listen="http://127.0.0.1:0", serial="19120999")
    with spare, rest:
        body = {"modbus": {"urls": [spare.urls[0]], "range": [41, 42]}, "rest": {"urls": [rest.urls[0]]},
                "eqbus": {"range": [17, 18]}}  # fmt: skip
        with every("scan"):
            found = admin.scan(4294967295, body)
            shape = EXTENDED["/meters/scanned"]["scanresult"]
            check(found, [{name.rstrip("?"): it for name, it in shape[0].items() if not (made.g13 and "?" in name)}])
            port = spare.urls[0].partition("://")[2]
            by_serial = {row["serial"]: (row["protocol"], row["address"]) for row in found}
            assert by_serial["001BZR1521070009"] == ("5", f"{port}/42")
            assert by_serial["19120999"] == ("7", rest.urls[0].partition("://")[2])
            assert by_serial[made.serials["eq"]] == ("3", "17")
        new = {"alias": "Spare", "location": "Cellar", "serial": "001BZR1521070009"}
        with every("busy"):
            slow = {"modbus": {"urls": ["tcp://127.0.0.1:9"], "start": 1, "end": 247}}
            assert admin.ask("POST", "/meters/scanned/5", slow | {"token": 6}).status == 200
            second = admin.ask("POST", "/meters/scanned/7", slow)
            if second.status != 200:  # the first may have ended already: nobody listens there
                assert (second.status, second.des) == ((403, "Forbidden: Access Denied") if made.g13 else
                                                       (400, "scan in progress"))  # fmt: skip
        with every("register"):
            assert made.user("boss").do("PUT", "/meters", new) == {"status": "success"}
            assert made.user("boss").do("PUT", "/meters", new | {"location": "Attic"}) == {"status": "success"}
            listed = {meter["serial"]: meter for meter in meters_of(admin.get("/meters"))}[new["serial"]]
            assert (listed["alias"], listed["location"], listed["protocol"]) == ("Spare", "Attic", 5)
        with every("bindings"):
            for user, access in (("admin", "Configure"), ("boss", "Configure"),
                                 ("viewer", "View Only" if made.g13 else "No Access")):  # fmt: skip
                rows = admin.get(f"/users/{user}/bindings")["bindings"]
                assert {row["serial"]: row["access"] for row in rows}[new["serial"]] == access, user
        with every("read"):
            assert admin.meter(new["serial"], "status")["serial"] == new["serial"]
            assert admin.meter(new["serial"], "instrument")["l1"]["voltage"] == ["230.0", "V"]
        with every("forget"):
            answer = admin.do("DELETE", "/meters/scanned", {"scanned": [{"serial": new["serial"]}, {"serial": "X"}]})
            assert answer == {"deleted": [{"serial": new["serial"], "status": 0}, {"serial": "X", "status": 1}]}
            assert admin.do("DELETE", "/meters/scanned")["deleted"] is not None
            assert admin.get("/meters/scanned")["scanresult"] == []
        with every("delete"):
            assert admin.do("DELETE", f"/meters/{new['serial']}", new) == {"status": "success"}
            fails(made, 49, admin.ask("GET", f"/meters/{new['serial']}/status"), 404, "meter not found")
            fails(made, 33, admin.ask("PUT", "/meters", new), 400, "meter not scanned")


@pytest.mark.proves("G-110", "G-111", "G-112", "G-113", "G-114")
def test_time_and_events(made: Rig, every: Every) -> None:
    admin = made.admin
    now = admin.get("/gateway/datetime")["datetime"]
    with every("set"):
        assert admin.do("POST", "/gateway/datetime", {"datetime": now}) == {"status": "success"}
        assert admin.get("/gateway/datetime")["status"] == "set"
    with every("events"):
        events = admin.get("/gateway/events")["events"]
        assert [event["index"] for event in events] == list(range(len(events), 0, -1))
        assert {4, 6, 11} <= {event["id"] for event in events}
        assert all(before["timestamp"] >= after["timestamp"] for before, after in pairwise(events[:-1]))
    with every("reset"):
        assert admin.do("DELETE", "/gateway/events") == {"status": "success"}
        (event,) = admin.get("/gateway/events")["events"]
        assert (event["id"], event["category"], event["index"]) == (12, 8, 1)


@pytest.mark.proves("G-172", "G-176", "G-180")
def test_what_the_meter_itself_denies(made: Rig, every: Every) -> None:
    """GD-08, and 400 only before anything was written."""
    made.virtual["eq"].controls["front-key"] = "closed"
    try:
        for path in ("previousvalues", "loadprofiles/1", "loadprofiles", "demand"):
            with every(path):
                answer = made.admin.ask("DELETE", f"/meters/{made.serials['eq']}/{path}")
                assert (answer.status, answer.body) == (200 if made.g13 else 403, DENIED)
                with pytest.raises(Refused, match="READ_WRITE_DENIED"):
                    made.admin.meter(made.serials["eq"], path, "DELETE")
        with every("ratio"):
            ratio = {"serial": made.serials["eq"], "ctnum": 7, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}
            answer = made.admin.ask("POST", f"/meters/{made.serials['eq']}/transformersettings", ratio)
            suffix = "" if made.g13 else " at ctnum"
            assert (answer.status, answer.des) == (403, f"received READ_WRITE_DENIED response from COSEM{suffix}")
    finally:
        made.virtual["eq"].controls["front-key"] = "open"


@pytest.mark.proves("G-360")
def test_outputs_of_a_bsm(made: Rig) -> None:
    body = {"iostatus": [{"port": 2, "currentstate": 1}]}
    answer = made.admin.ask("POST", f"/meters/{made.serials['bsm']}/io", body)
    assert (answer.status, answer.body) == (403, DENIED)


@pytest.mark.proves("G-156", "G-158", "G-161")
def test_numbers(made: Rig, every: Every) -> None:
    """Values are those of the virtual meters, in the resolution of the meter."""
    admin, serials = made.admin, made.serials
    for kind in ("eq", "mbus"):
        with every(kind):
            power = admin.meter(serials[kind], "power")
            assert power["active"]["total"] == ["3300.00", "W"]
            assert power["reactive"]["l1"] == ["0.00", "W" if made.g13 else "var"]
            assert admin.meter(serials[kind], "instrument")["l1-l2"] == {"voltage": ["398.4", "V"]}
            harmonics = admin.meter(serials[kind], "harmonics/voltage")["l1"]["harmonics"]
            assert [float(number) for number in harmonics] == [100.0] + [0.0] * 15
    for kind in ("bsm", "map"):
        with every(kind):
            assert admin.meter(serials[kind], "power")["active"]["total"] == ["3300", "W"]
            assert admin.meter(serials[kind], "instrument")["l1"]["voltage"] == ["230.0", "V"]
            imported = admin.meter(serials[kind], "energy/active")["importenergy"]
            begun = 12.34 if kind == "bsm" else 5
            assert begun <= float(imported["total"][0]) < begun + 1
            assert {len(value.partition(".")[2]) for value, _ in imported.values()} == {2}, imported
            assert float(imported["t1"][0]) == pytest.approx(float(imported["total"][0]) - begun, abs=0.05)
    with every("dmed"):
        heat = admin.meter(serials["dmed"], "instrument").get("temperature")
        assert heat is None if made.g13 else heat["i1"][1] == "°C"


@pytest.mark.proves("G-379", "G-380", "G-191", "G-375")
def test_a_meter_that_is_pulled_from_the_line(made: Rig, every: Every) -> None:
    """While its profile streams (compat=g13), and how it then answers everything else (11.3)."""
    virtual, serial = made.virtual["eq"], made.serials["eq"]
    virtual.controls["step"] = 3 * 86400  # an earlier test has cleared the profile: there must be rows
    virtual.faults["late"] = 0.2
    head, line = made.admin.open_stream(f"/meters/{serial}/loadprofiles/1") if made.g13 else ("", None)
    virtual.faults["silent"] = True
    if line is not None:
        with every("stream"), line:
            stream = b"".join(iter(lambda: line.recv(65536), b"")) if "close" in head else read_chunks(line)
            content, ended = dechunk(stream)
            assert ended and b"}" not in content[-1:], content[-200:]
            with pytest.raises(ValueError):
                parse(content)
            number = int(head.partition("/lasterror/")[2].split()[0])
            assert number > 0
            reason = made.admin.ask("GET", f"/lasterror/{number}").document
            assert reason == {"id": number, "status": "error", "des": "received invalid response from COSEM."}
            fails(made, 91, made.user("viewer").ask("GET", f"/lasterror/{number}"), 404, "unknown error id")
            assert made.user("boss").ask("GET", f"/lasterror/{number}").document == reason
    for number, path, later in (
        (73, "loadprofiles/1/2020-01-01T00:00:00/5000", True),
        (59, "power", False),
        (41, "datetime", True),
    ):
        with every(path):
            answer = made.admin.ask("GET", f"/meters/{serial}/{path}")
            if later or answer.status != 200:
                fails(made, number, answer, 500, "received invalid response from COSEM.")
    with every("status"):
        made.gateway.until(f"/meters/{serial}/status", lambda it: it["status"] == -1, 2)
        made.gateway.until("/meters", lambda it: {m["serial"]: m for m in meters_of(it)}[serial]["status"] == -1, 2)
    with every("write"):
        answer = made.admin.ask("DELETE", f"/meters/{serial}/previousvalues")
        fails(made, 72, answer, 500, "received invalid response from COSEM.")
    virtual.faults["silent"] = False
    virtual.faults["late"] = 0


def read_chunks(line: ssl.SSLSocket) -> bytes:
    found = b""
    while not found.endswith(b"0\r\n\r\n"):
        piece = line.recv(65536)
        if not piece:
            break
        found += piece
    return found


@pytest.mark.proves("G-115", "G-334")
def test_reboot(made: Rig) -> None:
    answer = made.user("boss").ask("POST", "/gateway/reboot")
    assert (answer.status, answer.body) == (200, b'{"status":"Rebooting"}')
    began = time.monotonic()
    made.gateway.until("/gateway/events", lambda it: {10, 11} <= {event["id"] for event in it["events"][:9]}, 30)
    assert time.monotonic() - began < 25  # 10 s on a machine with nothing else to do
