from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.bridge.control import ProxyControl
from wattproof.bridge.faults import FAULTS, put_faults, read_faults
from wattproof.bridge.report import statistics
from wattproof.errors import InvalidURL, InvalidValue, UnknownName
from wattproof.io.http import Request
from wattproof.io.url import parse_url
from wattproof.virtual.line import LINE_FAULTS, LineFaults
from wattproof.wire.modbus.pdu import read_request

Make = Callable[..., Any]


class Caller:
    """A client of the control interface of a proxy."""

    def __init__(self, one: Any) -> None:
        self.control = ProxyControl(one.proxy, lambda: statistics(one.proxy), "secret")

    async def __call__(
        self, method: str, path: str, body: object = b"", token: str = "secret", **query: str
    ) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}"}
        response = await self.control.answer(Request(method, path, dict(query), headers, data))
        return response.status, json.loads(response.body)


@pytest.fixture
def call(site: Make) -> tuple[Any, Caller]:
    one = site()
    return one, Caller(one)


async def test_faults_are_set_shown_and_ended(call: tuple[Any, Caller]) -> None:
    one, ask = call
    status, state = await ask("PATCH", "/", {"faults": {"drop": 12.5, "garble": True, "echo": True}})
    assert (status, state["faults"]) == (200, {"drop": 12.5, "garble": 10, "echo": True})
    assert one.proxy.faults.active == {"drop": 12.5, "garble": 10, "echo": True}
    status, state = await ask("PATCH", "/", {"faults": {"drop": False, "garble": None, "late": False}})
    assert (status, state["faults"]) == (200, {"echo": True})
    status, journal = await ask("GET", "/journal")
    changes = [(entry["kind"], entry["fault"]) for entry in journal["entries"]]
    assert changes == [
        ("fault-set", "drop"),
        ("fault-set", "garble"),
        ("fault-set", "echo"),
        ("fault-ended", "drop"),
        ("fault-ended", "garble"),
    ]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"faults": {"echo": True, "no-such": 1}}, "no-such"),
        ({"faults": {"echo": True, "drop": 101}}, "0..100 %"),
        ({"faults": {"echo": True, "exception": 12}}, "1..11"),
        ({"faults": {"echo": 3}}, "echo"),
        ({"controls": {"doe": False}}, "no controls"),
        ({"faults": {"echo": True}, "when": "turn-on:signing"}, "no states"),
        ({"limits": 1}, "limits"),
        (b"{", "JSON"),
    ],
)
async def test_what_is_not_in_the_table_is_refused_and_nothing_done(
    call: tuple[Any, Caller], body: object, named: str
) -> None:
    one, ask = call
    status, answer = await ask("PATCH", "/", body)
    assert status == 400
    assert named in answer["error"]
    assert not one.proxy.faults.active


async def test_statistics_and_journal(call: tuple[Any, Caller]) -> None:
    one, ask = call
    one.master("10.0.0.1:1").ask(read_request(3, 0, 1), unit=5)
    await one.run(1)
    status, state = await ask("GET", "/")
    assert status == 200
    assert state["total"]["requests"] == state["units"]["5"]["line"]["answers"] == 1
    assert state["units"]["5"]["line"]["last_answer"] == 0.98
    status, journal = await ask("GET", "/journal", after="1")
    assert [entry["kind"] for entry in journal["entries"]] == ["request", "answer"]
    assert (journal["first"], journal["last"]) == (1, 3)


async def test_only_with_the_token_and_only_what_there_is(call: tuple[Any, Caller]) -> None:
    _, ask = call
    assert (await ask("GET", "/", token="guess"))[0] == 401
    assert (await ask("GET", "/meters"))[0] == 404
    assert (await ask("PUT", "/"))[0] == 405
    assert (await ask("PATCH", "/journal"))[0] == 405
    assert (await ask("GET", "/journal", before="3"))[0] == 400


@pytest.mark.parametrize("url", ["http://0.0.0.0:0", "tcp://127.0.0.1:0"])
async def test_it_is_for_this_machine_only(call: tuple[Any, Caller], url: str) -> None:
    with pytest.raises(InvalidURL, match="control interface"):
        await call[1].control.listen(parse_url(url))


def test_every_line_fault_is_a_fault_of_the_proxy() -> None:
    assert list(FAULTS.by_name) == list(LINE_FAULTS)
    line = LineFaults(random.Random(1))
    put_faults(line, read_faults(LINE_FAULTS))
    assert line.active == {name: row.default for name, row in LINE_FAULTS.items()}


def test_faults_of_the_command_line() -> None:
    assert read_faults(["drop=2.5", "echo", "exception=6"]) == {
        "drop": pytest.approx(2.5),
        "echo": True,
        "exception": 6,
    }
    with pytest.raises(UnknownName, match="droop"):
        read_faults(["droop"])
    with pytest.raises(InvalidValue, match="no states"):
        read_faults(["drop@power-up"])
