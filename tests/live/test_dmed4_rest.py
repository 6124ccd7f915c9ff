"""REST of a virtual DMED4 on real sockets: other people's clients, TLS, restarts, faults on the wire."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.live.raw_http import HTTP, OK, TCP, ask, is_open, place, plain, request, send, wait_until
from wattproof.meters.opening import VirtualMeter


@pytest.fixture
def meter(virtual_meter: Callable[..., VirtualMeter]) -> Callable[..., VirtualMeter]:
    def start(*listen: str, **options: Any) -> VirtualMeter:
        return virtual_meter("dmed4", listen=listen or (HTTP,), **({"serial": "12345678", "answer_delay": 0} | options))

    return start


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
    assert one.state["parameters"]["P05_11"] == 1 and meter().state["parameters"]["P05_11"] == 0
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
        peer.sendall(request("PUT", "/v1/charge_settings?tariff=9"))
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
    one = meter(HTTP, P03_02=48151, reboot_delay="0.1")
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
