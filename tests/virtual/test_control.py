"""The control interface without a socket: who may, what it takes, what it says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from wattproof.errors import InvalidURL, InvalidValue
from wattproof.io.http import Request
from wattproof.io.url import parse_url
from wattproof.virtual.control import Control, read_change
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.timers import LoopTimers

TOKEN = "a-token"


@pytest.fixture
def control(timers: Any, small: Any) -> Control:
    return Control([Runtime(small(), timers)], TOKEN)


def ask(
    control: Control, method: str, path: str, body: object = None, *, token: str = TOKEN, **query: str
) -> tuple[int, Any]:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method, path, query, {"authorization": f"Bearer {token}"}, data)
    response = asyncio.run(control.answer(request))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer a-toke", "Basic a-token", "a-token", "Bearer \xff"]
)
def test_without_the_token_nothing_is_said(control: Control, header: str) -> None:
    response = asyncio.run(control.answer(Request("GET", "/", {}, {"authorization": header})))
    assert response.status == 401
    assert response.header("WWW-Authenticate") == "Bearer"
    assert asyncio.run(control.answer(Request("GET", "/"))).status == 401


def test_the_state_is_the_meters(control: Control) -> None:
    status, state = ask(control, "GET", "/")
    assert status == 200
    assert state == {"model": "small", "registers": [0] * 10, "time": 0}


def test_a_change_answers_the_new_state(control: Control) -> None:
    runtime = control._runtimes[0]
    assert ask(control, "PATCH", "/", {"controls": {"supply": False}})[0] == 200
    assert runtime.meter.silent
    assert ask(control, "PATCH", "/", {"faults": {"garble": 12.5, "echo": True}})[0] == 200
    assert {name: float(value) for name, value in runtime.meter.line.active.items()} == {"garble": 12.5, "echo": 1.0}
    assert ask(control, "PATCH", "/", {"faults": {"garble": None, "echo": False}})[0] == 200
    assert runtime.meter.line.active == {}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"controls": {"colour": 1}}, "colour"),
        ({"controls": {"supply": "green"}}, "supply"),
        ({"faults": {"colour": True}}, "colour"),
        ({"colour": 1}, "colour"),
        ({"controls": []}, "controls"),
        ({"faults": "garble"}, "faults"),
        ({"when": 5}, "when"),
        ([], "JSON object"),
        (b"", "JSON object"),
        (b"{", "JSON object"),
        (b"\xff", "JSON object"),
        (b'{"faults": {"garble": NaN}}', "NaN"),
        (b'{"faults": {"garble": 1, "garble": 2}}', "garble"),
        (b"[" * 50_000, "nested"),
        (b'{"faults": {"garble": ' + b"9" * 5000 + b"}}", "5000 digits"),
    ],
)
def test_what_is_not_in_the_tables_is_refused_by_name(control: Control, body: object, named: str) -> None:
    status, answer = ask(control, "PATCH", "/", body)
    assert status == 400
    assert named in answer["error"]


def test_other_paths_and_methods(control: Control) -> None:
    assert ask(control, "GET", "/colour")[0] == 404
    assert ask(control, "GET", "/meters/none")[0] == 404
    assert ask(control, "DELETE", "/")[0] == 405
    assert ask(control, "POST", "/journal")[0] == 405


def test_the_journal_comes_by_number(control: Control, timers: Any, wire: Any, read: bytes) -> None:
    line = wire(timers, control._runtimes[0])
    line.ask(read)
    timers.run(1)
    status, journal = ask(control, "GET", "/journal")
    assert status == 200
    assert [(entry["n"], entry["kind"]) for entry in journal["entries"]] == [(1, "request"), (2, "answer")]
    assert (journal["first"], journal["last"]) == (1, 2)
    assert [entry["n"] for entry in ask(control, "GET", "/journal", after="1")[1]["entries"]] == [2]
    assert ask(control, "GET", "/journal", after="2")[1]["entries"] == []


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "-1"}, {"after": "1.5"}, {"wait": "x"}, {"wait": "601"}, {"colour": "1"}]
)
def test_journal_parameters_are_checked(control: Control, query: dict[str, str]) -> None:
    status, answer = ask(control, "GET", "/journal", **query)
    assert status == 400
    assert next(iter(query)) in answer["error"]


async def test_a_waiting_reader_is_woken_by_the_next_entry(small: Any) -> None:
    control = Control([Runtime(small(), LoopTimers(asyncio.get_running_loop()))], TOKEN)
    request = Request("GET", "/journal", {"wait": "60"}, {"authorization": f"Bearer {TOKEN}"})
    waiting = asyncio.create_task(control.answer(request))
    await asyncio.sleep(0)
    assert not waiting.done()
    control._runtimes[0].meter.journal("state", {"name": "current:accepted"})
    response = await asyncio.wait_for(waiting, 5)
    assert [entry["name"] for entry in json.loads(response.body)["entries"]] == ["current:accepted"]


def test_several_meters_are_named_by_their_serial(timers: Any, small: Any) -> None:
    control = Control([Runtime(small(unit=unit), timers) for unit in (1, 2)], TOKEN)
    status, answer = ask(control, "GET", "/")
    assert status == 200
    assert answer == {
        "meters": [
            {"serial": "S1", "unit": 1, "variant": "one", "path": "/meters/S1"},
            {"serial": "S2", "unit": 2, "variant": "one", "path": "/meters/S2"},
        ]
    }
    assert ask(control, "GET", "/meters")[1] == answer
    assert ask(control, "PATCH", "/meters/S2", {"controls": {"supply": False}})[0] == 200
    assert [runtime.meter.silent for runtime in control._runtimes] == [False, True]
    assert ask(control, "GET", "/meters/S1")[1]["model"] == "small"
    assert ask(control, "GET", "/meters/S1/journal")[1]["entries"] == []
    for method, path in (("PATCH", "/"), ("GET", "/journal")):
        status, answer = ask(control, method, path, {})
        assert status == 400
        assert "/meters/SERIAL" in answer["error"]


@pytest.mark.parametrize(
    "url", ["http://0.0.0.0:0", "http://192.168.1.1:8080", "https://127.0.0.1:0", "tcp://127.0.0.1:1"]
)
async def test_only_the_loopback_is_listened_on(timers: Any, small: Any, url: str) -> None:
    with pytest.raises(InvalidURL, match="control interface"):
        await Control.open(parse_url(url), [Runtime(small(), timers)])


def test_numbers_of_a_change_stay_exact() -> None:
    assert str(read_change(b'{"controls": {"step": 0.1}}').controls["step"]) == "0.1"
    with pytest.raises(InvalidValue, match="twice"):
        read_change(b'{"when": "a:b", "when": "c:d"}')
