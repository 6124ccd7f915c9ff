"""The HTTP client over a link in memory: what it sends, and what it makes of answers good, odd and broken."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from wattproof.drivers.modbus import run_blocking
from wattproof.errors import Disconnected, InvalidURL, InvalidValue, ProtocolError, ResponseTimeout, UsageError
from wattproof.io.link import ByteLink
from wattproof.io.memory import memory_pair
from wattproof.io.trace import Trace
from wattproof.io.url import parse_url
from wattproof.io.web import (
    BrokenOff,
    WebAnswer,
    WebClient,
    encode_request,
    host_header,
    password_of,
    web_link_blocking,
)
from wattproof.model.clock import VirtualClock

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)
#: What a server does after a request: bytes, then the end of the connection if the last piece is None.
Script = Sequence[bytes | None]


class Server:
    """Answers each connection with the next script; ``heard`` are the requests."""

    def __init__(self, *scripts: Script) -> None:
        self.clock = VirtualClock()
        self.scripts = [*scripts]
        self.heard: list[bytes] = []

    async def open(self) -> ByteLink:
        near, far = memory_pair(self.clock, "http://meter")
        script = self.scripts.pop(0)

        def answer(data: bytes) -> bytes:
            self.heard.append(data)
            for piece in script:
                if piece is None:
                    far.cut()
                    return b""
                far.put(piece)
            return b""

        far.answer = answer
        return near

    def client(self, **options: Any) -> WebClient:
        options = {"retries": 0, **options}
        return WebClient(self.open, name="http://meter", host="meter", clock=self.clock, **options)


def get(*scripts: Script, **options: Any) -> WebAnswer:
    return run_blocking(Server(*scripts).client(**options).exchange("GET", "/v1/measure"))


def test_requests_are_written_as_the_manual_prints_them() -> None:
    assert (
        encode_request("GET", "/v1/measure", "192.168.1.1") == b"GET /v1/measure HTTP/1.1\r\nHost: 192.168.1.1\r\n\r\n"
    )
    assert encode_request("PUT", "/v1/login?password=1", "h").endswith(b"\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    assert encode_request("POST", "/v1/ocmf", "h", b"{}").endswith(
        b"\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    form = encode_request("POST", "/firmware", "h", b"x", {"Authorization": "Basic YTpi", "Content-Type": "text/x"})
    assert form.endswith(
        b"\r\nHost: h\r\nAuthorization: Basic YTpi\r\nContent-Type: text/x\r\nContent-Length: 1\r\n\r\nx"
    )
    for value in ("a\r\nb", "\u00e4"):
        with pytest.raises(InvalidValue, match="X-Own"):
            encode_request("GET", "/", "h", None, {"X-Own": value})


def test_what_had_come_of_a_broken_answer_is_kept() -> None:
    with pytest.raises(BrokenOff) as caught:
        get([CHUNKED, b'5\r\n{"a":\r\n', None])
    assert caught.value.answer == WebAnswer(
        200,
        "OK",
        {"connection": "close", "content-type": "application/json", "transfer-encoding": "chunked"},
        b'{"a":',
    )
    with pytest.raises(Disconnected) as early:
        get([CHUNKED[:-2], None])
    assert not isinstance(early.value, BrokenOff)


@pytest.mark.parametrize("target", ["v1/measure", "/v1/a b", "/v1/\r\nX: y", "/v1/ä"])
def test_a_target_that_would_break_the_request_is_not_sent(target: str) -> None:
    with pytest.raises(InvalidValue, match="no path of HTTP"):
        encode_request("GET", target, "h")


@pytest.mark.proves("D-133")
@pytest.mark.parametrize(
    "body",
    [
        b'd\r\n{"voltage":40\r\n3\r\n05}\r\n0\r\n\r\n',
        b'D\r\n{"voltage":40\r\n3\r\n05}\r\n0\r\n\r\n',
        b"".join(b"1\r\n%c\r\n" % letter for letter in b'{"voltage":4005}') + b"0\r\n\r\n",
        b'0010\r\n{"voltage":4005}\r\n0\r\n\r\n',
    ],
)
def test_chunks_of_any_size_in_either_case(body: bytes) -> None:
    answer = get([CHUNKED + body])
    assert (answer.status, answer.reason, answer.json()) == (200, "OK", {"voltage": 4005})
    assert get([bytes((octet,)) for octet in CHUNKED + body]).json() == {"voltage": 4005}


@pytest.mark.proves("D-133")
def test_a_body_with_a_length_or_up_to_the_end() -> None:
    assert get([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]).body == b"{}"
    assert get([b"HTTP/1.1 200 OK\r\n\r\n{", b"}", None]).body == b"{}"


@pytest.mark.proves("D-131")
def test_a_failure_without_a_body_is_not_waited_for() -> None:
    server = Server([b"HTTP/1.1 400 Bad request\r\nConnection: close\r\n\r\n"])
    answer = run_blocking(server.client().exchange("GET", "/v1/measure"))
    assert (answer.status, answer.reason, answer.body, answer.ok) == (400, "Bad request", b"", False)
    assert server.clock.now() == 0
    assert get([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!"]).body == b"no!"


def test_an_interim_answer_is_passed_over() -> None:
    answer = get([b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
    assert (answer.status, answer.reason, answer.headers) == (200, "OK", {"content-length": "2"})


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ([], ResponseTimeout, "no answer within 5 s"),
        ([None], Disconnected, "no answer"),
        ([b"HTTP/1.1 200", None], Disconnected, "broke off in its head"),
        ([CHUNKED + b"5\r\nab"], ResponseTimeout, "broke off in its body"),
        ([CHUNKED + b"5\r\nab", None], Disconnected, "broke off in its body"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", None], Disconnected, "broke off in its body"),
        ([b"\x00\x01\x00\x00\x00\x03\x01\x83\x01"], ProtocolError, "no HTTP"),
        ([CHUNKED + b"zz\r\n"], ProtocolError, "no HTTP"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20000], ProtocolError, "head of the answer is longer"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"y" * 1_100_000], ProtocolError, "longer than"),
    ],
)
def test_what_is_no_answer_says_so(script: Script, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        get(script)
    assert "GET /v1/measure at http://meter" in str(raised.value)


def test_an_answer_that_trickles_in_for_ever_is_given_up() -> None:
    server = Server([CHUNKED])

    async def trickling() -> ByteLink:
        link = await server.open()
        usual = link.receive

        async def receive(timeout: float) -> bytes:
            server.clock.advance(4)
            return await usual(0) or b"1\r\nx\r\n"

        link.receive = receive  # type: ignore[method-assign]
        return link

    client = WebClient(trickling, name="http://meter", host="meter", clock=server.clock, retries=0)
    with pytest.raises(ResponseTimeout, match="broke off in its body"):
        run_blocking(client.exchange("GET", "/"))
    assert 60e9 <= server.clock.now() <= 65e9


def test_only_what_changes_nothing_is_asked_again() -> None:
    good: Script = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
    server = Server([None], [], good)
    assert run_blocking(server.client(retries=2).exchange("GET", "/")).ok
    assert len(server.heard) == 3
    server = Server([None], good)
    with pytest.raises(Disconnected):
        run_blocking(server.client(retries=2).exchange("PUT", "/v1/charge_settings?command=B"))
    assert len(server.heard) == 1
    server = Server([None], good)
    with pytest.raises(Disconnected):
        run_blocking(server.client(retries=2).exchange("GET", "/", timeout=1))


def test_a_trace_holds_every_byte_but_the_secret() -> None:
    text = io.StringIO()
    server = Server([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
    client = server.client(trace=Trace(text))
    run_blocking(client.exchange("PUT", "/v1/login?password=s3cret", secret="s3cret"))
    assert b"password=s3cret" in server.heard[0]
    assert b"s3cret".hex() not in text.getvalue()
    assert b"password=******".hex() in text.getvalue()
    assert b"\r\n\r\n{}".hex() in text.getvalue()


def test_a_trace_hides_what_the_veil_hides_in_both_directions() -> None:
    text = io.StringIO()
    server = Server([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nkey:s3cret"])
    client = server.client(trace=Trace(text), veil=lambda data: data.replace(b"key:s3cret", b"key:******"))
    assert run_blocking(client.exchange("POST", "/", b"key:s3cret")).body == b"key:s3cret"
    assert server.heard[0].endswith(b"key:s3cret")
    assert b"s3cret".hex() not in text.getvalue()
    assert text.getvalue().count(b"key:******".hex()) == 2


def test_a_broken_answer_is_in_the_trace_too() -> None:
    text = io.StringIO()
    server = Server([b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{", None])
    with pytest.raises(Disconnected):
        run_blocking(server.client(trace=Trace(text), retries=0).exchange("GET", "/"))
    assert text.getvalue().splitlines()[-2].endswith(b"\r\n{".hex())
    assert text.getvalue().splitlines()[-1].endswith("! closed")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://192.168.1.1", "192.168.1.1"),
        ("http://192.168.1.1:8080", "192.168.1.1:8080"),
        ("https://meter.example", "meter.example"),
        ("https://meter.example:80", "meter.example:80"),
        ("http://[::1]:80", "[::1]"),
    ],
)
def test_the_host_names_a_port_only_where_it_is_not_the_usual_one(url: str, host: str) -> None:
    assert host_header(parse_url(url)) == host


def test_other_schemes_carry_no_http() -> None:
    with pytest.raises(InvalidURL, match="does not carry HTTP"):
        web_link_blocking(parse_url("tcp://127.0.0.1:5020"))


def test_the_password_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("2000\nnot this\n")
    monkeypatch.setenv("WATTPROOF_PASSWORD", "other")
    assert password_of(parse_url(f"http://meter?password-file={file}")) == "2000"
    assert password_of(parse_url("http://meter")) == "other"
    monkeypatch.delenv("WATTPROOF_PASSWORD")
    assert password_of(parse_url("http://meter")) is None
    with pytest.raises(UsageError, match=r"password file .*none: No such file"):
        password_of(parse_url(f"http://meter?password-file={tmp_path / 'none'}"))
    file.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="no UTF-8 text"):
        password_of(parse_url(f"http://meter?password-file={file}"))


# The bytes themselves ------------------------------------------------------------------------------------------------


def transcript(script: Script, whole: bytes = b"0\r\n\r\n") -> tuple[tuple[bytes, bool], Server]:
    server = Server(script)
    client = server.client()
    asked = client.transcript(client.request("GET", "/v1/measure"), lambda data: data.endswith(whole), linger=0.5)
    return run_blocking(asked), server


def test_a_transcript_is_what_came_and_whether_the_other_side_closed() -> None:
    body = b"2\r\n{}\r\n0\r\n\r\n"
    for ending, closed in (((None,), True), ((), False)):
        found, server = transcript((CHUNKED, body, *ending))
        assert found == (CHUNKED + body, closed)
        assert server.heard == [b"GET /v1/measure HTTP/1.1\r\nHost: meter\r\n\r\n"]
    assert server.clock.now() == 500_000_000  # watched no longer than it was told to


def test_a_transcript_of_half_an_answer_is_that_half() -> None:
    assert transcript((CHUNKED, None))[0] == (CHUNKED, True)
    (data, closed), server = transcript((CHUNKED,))
    assert (data, closed, server.clock.now()) == (CHUNKED, False, 5_000_000_000)


@pytest.mark.parametrize(("script", "error"), [((None,), Disconnected), ((), ResponseTimeout)])
def test_a_transcript_of_nothing_is_an_error(script: Script, error: type[Exception]) -> None:
    with pytest.raises(error, match="GET at http://meter: no answer"):
        transcript(script)


def test_a_transcript_without_end_is_given_up() -> None:
    with pytest.raises(ProtocolError, match="does not end"):
        transcript((b"x" * 3_000_000,))
