"""The gateway, asked by a client written from the specification alone: 91 resources, two modes, five meters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.interop.g13_client import compact, meters_of
from tests.interop.g13_rig import Rig, rig
from tests.interop.g13_shapes import EXTENDED, GATEWAY, check
from tests.interop.g13_texts import FORBIDDEN, FORBIDDEN_HTML, UNAUTHORIZED, check_error_head, check_good_head, expected

KINDS = ("eq", "mbus", "bsm", "dmed", "map")


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
