"""The gateway, asked by a client written from the specification alone: 91 resources, two modes, five meters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.interop.g13_client import compact, meters_of
from tests.interop.g13_limits import (
    NETWORK,
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
from tests.interop.g13_texts import FORBIDDEN, FORBIDDEN_HTML, UNAUTHORIZED, check_error_head, check_good_head, expected


class Every:
    """Collects what fails in a row of checks, so that one deviation does not hide the next."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    @contextmanager
    def __call__(self, what: object) -> Iterator[None]:
        try:
            yield
        except (AssertionError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            self.failed.append(f"{what}: {type(error).__name__} {_said(error)}")

    def done(self) -> None:
        assert not self.failed, "\n" + "\n".join(self.failed)


def _said(error: Exception) -> str:
    """The message of an assertion without what pytest adds to it."""
    return str(error).partition("\nassert")[0][:600]


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
    status, des = expected(made.g13, resource, status, des)
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
    assert [user["name"] for user in users] == ["admin", "boss", "nobody", "viewer"]
    extension = {"admin": True, "boss": True, "nobody": False, "viewer": False}
    assert [set(user) for user in users] == [{"name"} if made.g13 else {"name", "gatewayadmin"}] * 4
    if not made.g13:
        assert {user["name"]: user["gatewayadmin"] for user in users} == extension


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
    with every((number, path, str(body)[:160])):
        began = time.monotonic()
        answer = made.admin.ask(method, below + path, body)
        if time.monotonic() - began > 1:
            print("slow", round(time.monotonic() - began, 1), method, below + path, body, answer.status)
        if reason is not None and (
            wanted is None or (answer.status == 400 and answer.des in (UNSUPPORTED + reason, "Invalid Request"))
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
    with every("permitted"):
        permitted = admin.get("/permittedmeters")["meters"]
        assert sorted(permitted) == ["ABB0000000000000", "ABB0000000000001", "Single.one-1"]
    for row in error_rows():
        judge(made, every, row)


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
