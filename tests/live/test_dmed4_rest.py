"""REST of a virtual DMED4 on real sockets: bad clients, lying lengths, TLS, faults on the wire, restarts."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from wattproof.meters.dmed4.virtual.site import LIMITS, DmedSite
from wattproof.meters.opening import VirtualMeter

HTTP = "http://127.0.0.1:0"
TCP = "tcp://127.0.0.1:0"
BAD = b"HTTP/1.1 400 Bad request\r\nConnection: close\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"
NO_SUCH_METHOD = b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def place(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("?")[0].rpartition(":")
    return host, int(port)


def plain(url: str) -> str:
    """The address without what is only for our own clients."""
    return url.partition("?")[0]


def read_all(peer: socket.socket) -> bytes:
    """Everything until the other side ends the connection."""
    data = b""
    while more := peer.recv(65536):
        data += more
    return data


def send(meter: VirtualMeter, *parts: bytes, pause: float = 0.0) -> bytes:
    """Raw bytes in parts, and all that comes back until the connection ends."""
    with socket.create_connection(place(meter.urls[0]), timeout=10) as peer:
        for part in parts:
            peer.sendall(part)
            time.sleep(pause)
        return read_all(peer)


def request(method: str, target: str, body: bytes = b"", *, length: object = None, more: bytes = b"") -> bytes:
    count = str(len(body) if length is None else length).encode()
    return b"%b %b HTTP/1.1\r\nHost: h\r\n%bContent-Length: %b\r\n\r\n%b" % (
        method.encode(),
        target.encode(),
        more,
        count,
        body,
    )


def ask(url: str, path: str, method: str = "GET", body: object = None, context: ssl.SSLContext | None = None) -> Any:
    """The JSON of an answer, or the status of a failure, by the client of the standard library."""
    data = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(f"{plain(url)}/v1/{path}", data, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=10, context=context) as answer:
            assert answer.headers["Connection"] == "close"
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        assert error.headers["Connection"] == "close" and error.read() == b""
        return error.code


def is_open(url: str) -> bool:
    try:
        socket.create_connection(place(url), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


@pytest.fixture
def meter() -> Iterator[Callable[..., VirtualMeter]]:
    with ExitStack() as stack:

        def start(*listen: str, model: str = "dmed4", **options: Any) -> VirtualMeter:
            options = {"serial": "12345678", "answer_delay": 0} | options
            return stack.enter_context(VirtualMeter(model, listen=listen or (HTTP,), **options))

        yield start


# what a client may send


MESSAGE = b'{"tariff":7}'
SMUGGLED = request("PUT", "/v1/charge_settings?tariff=9")
TURNED_DOWN = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "half a line": b"GET\r\n\r\n",
    "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "blank in the target": b"PUT /v1/charge_settings?tariff=7& x=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "control in a header": b"GET /v1/measure HTTP/1.1\r\nX: \x00\r\n\r\n",
    "two hosts": b"GET /v1/measure HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a long target": b"GET /v1/measure?" + b"x" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "a long header": b"GET /v1/measure HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
    "many headers": b"GET /v1/measure HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(100)) + b"\r\n",
    "many arguments": request("PUT", "/v1/charge_settings?tariff=7" + "&x=1" * 60),
    "upgrade": b"GET /v1/measure HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "connect": b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    "length negative": request("POST", "/v1/charge_settings", MESSAGE, length=-1),
    "length signed": request("POST", "/v1/charge_settings", MESSAGE, length="+12"),
    "length twice": request("POST", "/v1/charge_settings", MESSAGE, more=b"Content-Length: 12\r\n"),
    "length twice and different": request("POST", "/v1/charge_settings", MESSAGE, more=b"Content-Length: 0\r\n"),
    "lengths in one": request("POST", "/v1/charge_settings", MESSAGE, length="12, 12"),
    "length hexadecimal": request("POST", "/v1/charge_settings", MESSAGE, length="0xC"),
    "length empty": request("POST", "/v1/charge_settings", MESSAGE, length=""),
    "length beyond all": request("POST", "/v1/charge_settings", MESSAGE, length="9" * 40),
    "length and chunks": request("POST", "/v1/charge_settings", b"0\r\n\r\n" + SMUGGLED,
    more=b"Transfer-Encoding: chunked\r\n"),
    "strange encoding": request("POST", "/v1/charge_settings", MESSAGE, more=b"Transfer-Encoding: xchunked\r\n"),
    "bad chunk": b"POST /v1/charge_settings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "length too short": request("POST", "/v1/charge_settings", MESSAGE, length=5),
    "bytes behind": request("POST", "/v1/charge_settings", MESSAGE + b"rubbish", length=12),
    "body too large": request("POST", "/v1/charge_settings", b" " * 9000 + MESSAGE),
}  # fmt: skip


@pytest.mark.proves("D-131", "D-132", "D-136")
def test_what_is_no_request_is_a_bad_one(meter: Callable[..., VirtualMeter], caplog: pytest.LogCaptureFixture) -> None:
    one = meter(HTTP, TCP)
    answers = {name: send(one, data) for name, data in TURNED_DOWN.items()}
    assert {name: answer for name, answer in answers.items() if answer != BAD} == {}
    assert ask(one.urls[0], "charge_settings")["tariff"] == 0
    assert not caplog.records


@pytest.mark.proves("D-134", "D-135", "D-127", "D-131")
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        *(
            (f"GET {target}", MISSING)
            for target in (
                "//v1/measure", "/v1/../v1/measure", "/v1/./measure", "/../v1/measure", "/v1%2Fmeasure",
                "/v1/logbook/ocmf",
                "http://127.0.0.1/v1/measure", "/v1/measure%00", "/v1/measure%0D%0AX:%20y", "/v1/1/measure", "/nothing",
            )
        ),
        *((f"{method} /v1/measure", NO_SUCH_METHOD) for method in ("HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE",
        "PROPFIND")),
        *((f"{method} /", NO_SUCH_METHOD) for method in ("HEAD", "PUT", "DELETE", "OPTIONS")),
        ("OPTIONS *", MISSING), ("DELETE /v1/nothing", MISSING), ("GET /v1/system_parameters", FORBIDDEN),
        ("HEAD /v1/nothing", MISSING), ("POST /v1/login?password=2000", NO_SUCH_METHOD),
    ],
)  # fmt: skip
def test_odd_targets_and_methods_get_a_status_and_no_body(
    meter: Callable[..., VirtualMeter], line: str, answer: bytes
) -> None:
    assert send(meter(), f"{line} HTTP/1.1\r\nHost: h\r\n\r\n".encode()) == answer


@pytest.mark.proves("D-132")
def test_one_request_a_connection_and_nothing_behind_it_is_served(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    first = request("PUT", "/v1/charge_settings?tariff=7")
    keep = first.replace(b"Host: h", b"Host: h\r\nConnection: keep-alive")
    chunked = b"POST /v1/charge_settings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nC\r\n%b\r\n0\r\n\r\n" % MESSAGE
    for data in (first, keep, chunked):
        assert send(one, data + SMUGGLED) == OK + b"C\r\n" + MESSAGE + b"\r\n0\r\n\r\n"
        assert send(one, data, SMUGGLED, pause=0.05) == OK + b"C\r\n" + MESSAGE + b"\r\n0\r\n\r\n"
    assert ask(one.urls[0], "charge_settings")["tariff"] == 7


def test_a_request_may_come_byte_by_byte(meter: Callable[..., VirtualMeter]) -> None:
    data = request("POST", "/v1/charge_settings", MESSAGE)
    parts = [data[at : at + 1] for at in range(len(data))]
    assert send(meter(), *parts, pause=0.001).startswith(OK)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"GET", b"GET /v1/measure HTTP/1.1\r\n", b"GET /v1/measure HTTP/1.1\r\nHost: h\r\n",
        request("POST", "/v1/charge_settings", MESSAGE, length=13), request("POST", "/v1/charge_settings", MESSAGE,
        length=8000),
        b"POST /v1/charge_settings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nC\r\n" + MESSAGE,
    ],
    ids=lambda data: repr(data[-24:]),
)  # fmt: skip
@pytest.mark.parametrize("ends", [False, True])
def test_a_request_that_never_ends_is_given_up(
    meter: Callable[..., VirtualMeter], monkeypatch: pytest.MonkeyPatch, data: bytes, ends: bool
) -> None:
    monkeypatch.setattr(DmedSite, "limits", replace(LIMITS, idle=0.3))
    one = meter()
    with socket.create_connection(place(one.urls[0]), timeout=5) as peer:
        peer.sendall(data)
        if ends:
            peer.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            assert peer.recv(1000) == b""
    assert ask(one.urls[0], "charge_settings")["tariff"] == 0


def test_a_huge_body_is_not_read(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    data = request("POST", "/v1/charge_settings", b" " * (8 << 20))
    peer = socket.create_connection(place(one.urls[0]), timeout=10)
    with peer, suppress(ConnectionResetError, BrokenPipeError):
        peer.sendall(data)
        assert read_all(peer) == BAD
    assert ask(one.urls[0], "charge_settings")["tariff"] == 0


def test_more_connections_than_allowed_push_the_idle_out(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(place(one.urls[0]), timeout=5))
            for _ in range(3 * LIMITS.connections)
        ]
        assert len(send(one, request("GET", "/v1/measure"))) > len(OK)
        with suppress(ConnectionResetError):
            assert idle[0].recv(1) == b""
        idle[-1].sendall(request("GET", "/v1/measure"))
        assert read_all(idle[-1]).startswith(OK)


@pytest.mark.proves("D-174", "D-175")
def test_passwords_tried_at_once_lock_like_one_after_the_other(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    answers: list[bytes] = []
    together = threading.Barrier(12)

    def guess(password: int) -> None:
        with socket.create_connection(place(one.urls[0]), timeout=10) as peer:
            together.wait(10)
            peer.sendall(request("PUT", f"/v1/login?password={password}"))
            answers.append(read_all(peer))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [FORBIDDEN] * 12
    assert ask(one.urls[0], "login?password=2000", "PUT") == 403
    lockouts = [entry for entry in one.journal if entry["kind"] == "event" and entry.get("code") == 8]
    assert len(lockouts) == 1


# other people's clients


@pytest.mark.proves("D-121", "D-128", "D-136")
def test_curl_reads_writes_and_sees_the_page(meter: Callable[..., VirtualMeter]) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed (Debian package curl)")
    one = meter()
    url = one.urls[0]

    def run(*arguments: str) -> str:
        found = subprocess.run([curl, "-s", "-m", "10", *arguments], capture_output=True, text=True, check=True)
        return found.stdout

    assert json.loads(run(f"{url}/v1/measure"))["voltage"] == 4000
    assert run("-X", "PUT", "-H", "Content-Length: 0", f"{url}/v1/charge_settings?tariff=7") == '{"tariff":7}'
    assert run("-X", "POST", f"{url}/v1/charge_settings?tariff=8") == '{"tariff":8}'
    assert (
        run("-H", "Content-Type: application/json", "-d", '{"tariff":9}', f"{url}/v1/charge_settings") == '{"tariff":9}'
    )
    assert run("-d", "{}", "-H", "Expect: 100-continue", f"{url}/v1/ocmf") == "{}"
    assert run("-o", "-", "-w", "%{http_code}", "-d", "{", f"{url}/v1/charge_settings") == "400"
    assert run("-I", "-o", "-", "-w", "%{http_code}", f"{url}/v1/measure").endswith("501")
    assert run("--path-as-is", "-w", "%{http_code}", f"{url}/v1/../v1/measure") == "404"
    assert "<title>DMED404R1500 12345678</title>" in run(f"{url}/")


# TLS


def pinned(url: str) -> ssl.SSLContext:
    """Trusts exactly the certificate whose digest the address names."""
    digest = url.partition("pin=sha256:")[2]
    certificate = ssl.get_server_certificate(place(url))
    assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest() == digest
    return ssl.create_default_context(cadata=certificate)


@pytest.mark.proves("D-122", "D-332", "D-302")
def test_https_serves_rest_and_no_page(meter: Callable[..., VirtualMeter]) -> None:
    one = meter("https://127.0.0.1:0")
    (url,) = one.urls
    context = pinned(url)
    assert ask(url, "measure", context=context)["voltage"] == 4000
    assert ask(url, "force_display?set_page=3", "PUT", context=context) == {"set_page": 3}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(plain(url) + "/", context=context, timeout=10)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{plain(url)}/v1/measure", timeout=10)
    assert not send(one, request("GET", "/v1/measure")).startswith(b"HTTP")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(place(url), timeout=10) as peer, old.wrap_socket(peer) as secure:
        assert secure.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.proves("D-121", "D-122", "D-183", "D-303")
def test_only_the_port_that_tls_names_is_open_and_the_answer_comes_before_it_closes(
    meter: Callable[..., VirtualMeter],
) -> None:
    one = meter(HTTP, "https://127.0.0.1:0", answer_delay="0.02", reboot_delay="0.5")
    http, https = one.urls
    assert is_open(http) and not is_open(https)
    assert b"<html" in urllib.request.urlopen(http + "/", timeout=10).read()
    assert ask(http, "login?password=2000", "PUT") == {"logged": 1}
    block = ask(http, "system_parameters")
    assert ask(http, "system_parameters", "POST", block | {"P05_11": 1}) == {}
    wait_until(lambda: is_open(https))
    assert not is_open(http)
    context = pinned(https)
    assert ask(https, "login?password=2000", "PUT", context=context) == {"logged": 1}
    assert ask(https, "system_parameters", context=context) == block | {"P05_11": 1}
    assert ask(https, "system_parameters", "POST", block, context=context) == {}
    wait_until(lambda: is_open(http))
    assert not is_open(https)


# starts


def test_a_meter_that_takes_its_time_to_start_is_heard_as_soon_as_it_is_there(
    meter: Callable[..., VirtualMeter],
) -> None:
    for _ in range(10):
        one = meter(HTTP, "https://127.0.0.1:0", TCP, start_delay="0.02")
        assert [is_open(url) for url in one.urls] == [True, False, True]


@pytest.mark.proves("D-132", "D-179")
@pytest.mark.parametrize("fault", [{"power-cut": "0.3"}, {"reboot": True}], ids=["power-cut", "reboot"])
def test_a_stop_closes_connections_and_refuses_new_ones(
    meter: Callable[..., VirtualMeter], fault: dict[str, object]
) -> None:
    one = meter(HTTP, TCP, reboot_delay="0.3", start_delay="0.1", init_delay="0")
    with socket.create_connection(place(one.urls[0]), timeout=5) as peer:
        peer.sendall(b"GET /v1/measure HTTP/1.1\r\n")
        assert ask(one.urls[0], "login?password=2000", "PUT") == {"logged": 1}
        one.change(faults=fault)
        with suppress(ConnectionResetError):
            assert peer.recv(1000) == b""
        assert not is_open(one.urls[0])
    wait_until(lambda: is_open(one.urls[0]))
    assert ask(one.urls[0], "system_status")["logged"] == 0


@pytest.mark.proves("D-183")
def test_a_silent_save_ends_the_connection_without_a_byte(meter: Callable[..., VirtualMeter]) -> None:
    one = meter(HTTP, post_parameters="silent", reboot_delay="0.1")
    ask(one.urls[0], "login?password=2000", "PUT")
    body = json.dumps(ask(one.urls[0], "system_parameters") | {"P02_01": 1}).encode()
    assert send(one, request("POST", "/v1/system_parameters", body)) == b""
    wait_until(lambda: not is_open(one.urls[0]))
    wait_until(lambda: is_open(one.urls[0]))
    ask(one.urls[0], "login?password=2000", "PUT")
    assert ask(one.urls[0], "system_parameters")["P02_01"] == 1


# faults on the wire


@contextmanager
def timed() -> Iterator[list[float]]:
    taken, begin = [0.0], time.monotonic()
    yield taken
    taken[0] = time.monotonic() - begin


def status_over_modbus(one: VirtualMeter) -> int:
    """Register 4200h over Modbus TCP."""
    with socket.create_connection(place(one.urls[1]), timeout=5) as peer:
        peer.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 0x41FF, 1))
        return int.from_bytes(peer.recv(100)[-2:], "big")


@pytest.mark.proves("D-326")
def test_faults_of_http_are_seen_on_the_wire_and_not_by_modbus(meter: Callable[..., VirtualMeter]) -> None:
    one = meter(HTTP, TCP, speed=50, load="none")
    get = request("GET", "/v1/charge_status")
    whole = send(one, get)
    assert whole.startswith(OK)

    one.faults["http-slow"] = "0.3"
    with timed() as slow:
        assert send(one, get) == whole
    assert 0.9 <= slow[0] < 3  # status line, chunk, last chunk; real seconds
    with timed() as other:
        assert status_over_modbus(one) == 1
    assert other[0] < 0.3
    del one.faults["http-slow"]

    one.faults["http-half"] = 1
    half = send(one, get)
    assert whole.startswith(half) and len(OK) < len(half) < len(whole) - 30
    assert send(one, get) == whole

    one.faults["http-reset"] = 1
    with pytest.raises(ConnectionResetError):
        send(one, request("PUT", "/v1/charge_settings?tariff=7"))
    assert ask(one.urls[0], "charge_settings")["tariff"] == 7

    one.faults["http-status"] = 503
    assert send(one, request("PUT", "/v1/charge_settings?tariff=9")) == (
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"
    )
    assert status_over_modbus(one) == 1
    del one.faults["http-status"]
    assert ask(one.urls[0], "charge_settings")["tariff"] == 7

    one.faults["http-no-close"] = True
    with socket.create_connection(place(one.urls[0]), timeout=1) as peer:
        peer.sendall(get)
        data = b""
        while len(data) < len(whole):
            data += peer.recv(1000)
        assert data == whole
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.sendall(SMUGGLED)
    assert ask(one.urls[0], "charge_settings")["tariff"] == 7


# the command line


@pytest.mark.proves("D-307", "D-312")
@pytest.mark.parametrize(
    "options", [("--set", "colour=red"), ("--set", "sign-delay=601"), ("--set", "P04_03=3"), ("--fault", "colour"),
    ("--fault", "e-13")]
)  # fmt: skip
def test_what_is_not_in_the_tables_is_exit_code_2(options: tuple[str, ...]) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "wattproof", "simulate", "dmed4", "--listen", HTTP, *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert found.returncode == 2 and found.stderr.startswith("error: ") and "Traceback" not in found.stderr


@pytest.mark.proves("D-299", "D-293", "D-292")
def test_a_display_shows_its_four_meters(meter: Callable[..., VirtualMeter]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "wattproof", "simulate", "dmed4:dc1", "--listen", HTTP, "--serial", "100", "--json",
         "--set", "channels=1,3"],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            (url,) = ready["listen"]
            assert [(one["channel"], one["serial"]) for one in ready["meters"]] == [(1, "00000100"), (3, "00000102")]
            assert ask(url, "3/system_status")["serial_number"] == 102
            assert [ask(url, f"{path}measure") for path in ("", "0/", "2/", "4/", "5/")] == [404] * 5
        finally:
            process.terminate()


def test_the_journal_of_a_running_meter_tells_no_password(meter: Callable[..., VirtualMeter]) -> None:
    one = meter(HTTP, settings={"P03_02": 48151}, reboot_delay="0.1")
    (url,) = one.urls
    assert ask(url, "login?password=48151", "PUT") == {"logged": 1}
    block = ask(url, "system_parameters")
    assert block["P03_02"] == 48151
    form = b"ip=10.0.0.5&password=48151"
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
    assert b"Address changed" in send(one, request("POST", "/", form, more=kind))
    wait_until(lambda: not is_open(url))
    wait_until(lambda: is_open(url))
    ask(url, "login?password=48151", "PUT")
    assert ask(url, "system_parameters", "POST", block) == {}
    text = json.dumps(one.journal)
    assert text.count("http-answer") >= 5
    assert "48151" not in text and b"48151".hex() not in text
