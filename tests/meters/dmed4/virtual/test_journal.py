"""What the journal tells of requests over HTTP: everything but passwords; and no answer that never left."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from wattproof.io.http import Paced, Request
from wattproof.virtual.runtime import Runtime
from wattproof.wire.http1 import Response


class Still:
    """Timers of a real time that stands still."""

    def now(self) -> int:
        return 0

    def utc(self) -> int:
        return 1_700_000_000 * 10**9

    def call_at(self, when: int, callback: Callable[[], None]) -> Any:
        return SimpleNamespace(cancel=lambda: None)


class Visited:
    """A meter that runs: requests over HTTP, and its journal."""

    def __init__(self, meter: Any) -> None:
        self.runtime = Runtime(meter, Still())
        self.site = meter.site()

    def ask(self, method: str, target: str, body: bytes = b"", kind: str = "") -> Response | Paced | None:
        path = target.partition("?")[0]
        return self.runtime.visit(self.site, Request(method, path, {}, {"content-type": kind}, body, "1.1", target))

    @property
    def journal(self) -> list[dict[str, Any]]:
        return json.loads(json.dumps(self.runtime.journal(), default=str))  # type: ignore[no-any-return]

    def told(self, word: str) -> bool:
        """Whether a word stands anywhere in the journal, in the clear or in the bytes of a body."""
        texts = [json.dumps(entry) for entry in self.journal]
        bodies = [bytes.fromhex(entry["bytes"]).decode("latin-1") for entry in self.journal if "bytes" in entry]
        return any(word in text for text in texts + bodies)


@pytest.fixture
def visited(bench: Callable[..., Any]) -> Callable[..., Visited]:
    return lambda *variant, **settings: Visited(bench(*variant, P03_02="48151", **settings).meter)


BLOCK = {"P01_01": 5, "P03_02": 48151}
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("channel", ["", "2/"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "login?password=48151", ""), ("PUT", "login?p%61ssword=48151", ""), ("PUT",
        "login?%20password%20=48151", ""),
        ("PUT", "login?PASSWORD=48151", ""), ("PUT", "login?48151", ""), ("PUT",
        "login?tariff=1&password=48151&x=48151", ""),
        ("GET", "login?password=48151", ""), ("PUT", "Login?password=48151", ""), ("PUT", "measure?password=48151", ""),
        ("POST", "login", '{"password":"48151"}'), ("POST", "login?password=48151", "password=48151"),
        ("POST", "system_parameters", json.dumps(BLOCK)), ("POST", "system_parameters/",
        '{"P03_02":48151,"P03_02":48151}'),
        ("POST", "system_parameters", '{"P03\\u005f02":48151'), ("POST", "system_parameters", '{"P03\\u005f02":48151}'),
        ("POST", "system_parameters", '{"password":48151}'), ("POST", "System_parameters", '{"P03_02":48151}'),
        ("POST", "measure", "48151"), ("PUT", "system_parameters?P03_02=48151", ""),
    ],
)  # fmt: skip
def test_no_request_tells_the_password(
    visited: Callable[..., Visited], method: str, path: str, body: str, channel: str
) -> None:
    one = visited("DC1" if channel else None)
    one.ask(method, f"/v1/{channel}{path}", body.encode())
    assert [entry["kind"] for entry in one.journal if entry["kind"].startswith("http")] == [
        "http-request",
        "http-answer",
    ]
    assert not one.told("48151")


@pytest.mark.parametrize(
    "body", ["ip=1.2.3.4&password=48151", "password=48151", "p%61ssword=48151", "48151", '{"password":"48151"}',
    "ip=1&48151"]
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/2"])
def test_the_form_does_not_tell_the_password(visited: Callable[..., Visited], path: str, body: str) -> None:
    one = visited("DC1" if path == "/2" else None)
    one.ask("POST", path, body.encode(), FORM)
    assert not one.told("48151")


def test_the_answer_with_all_parameters_does_not_tell_it(visited: Callable[..., Visited]) -> None:
    one = visited()
    one.ask("PUT", "/v1/login?password=48151")
    answer = one.ask("GET", "/v1/system_parameters")
    assert isinstance(answer, Response) and json.loads(answer.body)["P03_02"] == 48151
    assert not one.told("48151")
    shown = json.loads(bytes.fromhex(one.journal[-1]["bytes"]))
    assert shown["P03_02"] == "***" and shown["P05_03"] == 3232235777 and len(shown) == 27


def test_everything_else_is_told(visited: Callable[..., Visited]) -> None:
    one = visited()
    one.ask("PUT", "/v1/charge_settings?tariff=7&datetime_offset=-60")
    one.ask("POST", "/v1/ocmf", b'{"ID":"card 9"}')
    one.ask("GET", "/v1/logbook/OCMF?index_type=TRANS_ID&index_value=card9")
    one.ask("PUT", "/v1/login?password=1&colour=red")
    one.ask("POST", "/", b"ip=10.0.0.5&password=1", FORM)
    one.ask("POST", "/v1/system_parameters", json.dumps(BLOCK).encode())
    for word in (
        "/v1/charge_settings?tariff=7&datetime_offset=-60", '{"tariff":7,"datetime_offset":-60}', '{"ID":"card 9"}',
        "index_value=card9", '/v1/login?password=***&***', "ip=10.0.0.5&password=***",
        '{"P01_01": 5, "P03_02": "***"}',
    ):  # fmt: skip
        assert one.told(word), word


@pytest.mark.parametrize("when", ["begin:accepted", "begin:signing", "request"])
def test_a_meter_that_loses_its_supply_meanwhile_answers_nothing(visited: Callable[..., Visited], when: str) -> None:
    one = visited()
    one.ask("POST", "/v1/ocmf", b"{}")
    one.runtime.patch({}, {"power-cut": 10}, when)
    assert one.ask("PUT", "/v1/charge_settings?command=B") is None
    assert one.journal[-1]["kind"] == "http-lost" and one.journal[-1]["target"] == "/v1/charge_settings?command=B"
