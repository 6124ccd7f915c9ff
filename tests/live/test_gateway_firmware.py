"""Firmware through the whole gateway: an image by HTTPS, meters on one EQ bus, processes that are killed, its own."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.running_gateway import Answer, Gateway, gateway, simulated

BLOCK = 448
#: So many that the transfer takes long enough to be seen.
BLOCKS = 1000
METER = '[[meter]]\nbus = "{bus}"\nfamily = "abb"\naddress = {address}\npassword_file = "{folder}/password"\n'
BUS = '[[bus]]\nname = "{name}"\nurl = "{url}"\n'
#: Two of these would be files and commands in a shell.
LITERAL = ("$(touch made)", "a b; touch made")


def image(version: str, blocks: int) -> bytes:
    body = version.encode().ljust(16, b"\0") + bytes(number % 251 for number in range(blocks * BLOCK - 20))
    return body + zlib.crc32(body).to_bytes(4, "little")


def upload(running: Gateway, data: bytes) -> Answer:
    head = 'Content-Disposition: form-data; name="image"; filename="a.bin"\r\nContent-Type: application/octet-stream'
    body = b"--b\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n--b--\r\n"
    return running.ask("POST", "/firmware", body, content="multipart/form-data; boundary=b")


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["des"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("firmware")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Gateway]:
    """Two meters on an EQ bus, one on M-Bus, and a command that installs."""
    script = folder / "install"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{folder}/arguments\necho "version 2 is there"\n')
    script.chmod(0o700)
    (folder / "password").write_text("00000000")
    command = ", ".join(f"'{word}'" for word in (str(script), "--from={image}", "{sha256}", *LITERAL))
    with (
        simulated("abb", "--listen", "hdlc://127.0.0.1:0", "--count", "2", "--serial", "100", "--unit", "20") as eq,
        simulated("abb", "--listen", "mbus://127.0.0.1:0", "--serial", "300", "--unit", "5") as wired,
    ):
        config = f"[firmware]\ninstall_command = [{command}]\n" + BUS.format(name="eq", url=eq["listen"][0])
        config += BUS.format(name="wired", url=wired["listen"][0])
        config += "".join(METER.format(bus="eq", address=address, folder=folder) for address in (20, 21))
        config += METER.format(bus="wired", address=5, folder=folder)
        with gateway(folder, config) as made:
            made.change_password()
            made.until("/meters", lambda found: len(serials(found)) == 3)
            yield made


def serials(meters: dict[str, Any]) -> list[str]:
    return [meter["serial"] for location in meters["locations"] for meter in location["meters"]]


def devices(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {device["serial"]: device for device in found["devices"]}


def watched(running: Gateway, pleases: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """What #24 said until it pleased; while a process starts again it says nothing."""
    seen: list[dict[str, Any]] = []
    end = time.monotonic() + 60
    while not seen or not pleases(seen[-1]):
        assert time.monotonic() < end, seen[-1:]
        answer = running.ask("GET", "/meters/firmwareupdatestatus")
        if answer.status == 200:
            seen.append(answer.json)
        else:
            assert answer.status == 503, answer
        time.sleep(0.1)  # handshakes are limited to 20 a second
    return seen


@pytest.mark.proves("G-124", "G-127", "G-337", "G-338")
def test_meters_get_an_image_through_kills_of_the_process_that_sends_it(running: Gateway) -> None:
    one, two, wired = sorted(serials(running.get("/meters")))
    status = "/meters/firmwareupdatestatus"
    assert running.get(status) == {"devices": [], "firmwareupdatecomplete": 0}
    for serial in (one, two):
        running.until(f"/meters/{serial}/info", lambda found: found["manufacturing"]["firmwareversion"] == "A1.00.0")

    def update(*meters: str) -> Answer:
        return running.ask("PUT", "/meters/firmware", {"meters": list(meters)})

    assert refused(update(one)) == (400, "no meter image")
    sent = upload(running, image("A9.01.0", BLOCKS))
    assert (sent.status, sent.body) == (200, b'{"status":"success"}')
    assert refused(update(one, wired)) == (400, f"firmware update not supported: {wired}")
    assert refused(update(one, one)) == (400, "duplicate serial")
    assert refused(update(one, "nobody")) == (404, "meter not found")
    assert refused(update(*(f"M{number}" for number in range(11)))) == (400, "too many meters")
    assert running.get(status)["firmwareupdatecomplete"] == 0, "nothing was begun"
    assert update(one, two).json == {"status": "success"}
    assert refused(update(two)) == (400, "firmware update in progress")
    assert upload(running, b"version 2 of the gateway").status == 200, "the one that is sent is kept"
    seen = watched(running, lambda found: devices(found)[one]["blocks"][0] > 0)
    running.kill("acquire")
    assert devices(seen[-1])[one]["state"] == "transferring"
    seen += watched(running, lambda found: devices(found)[one]["state"] == "activating")
    assert running.get("/api/v1/status")["leds"]["a"] == {"colour": "green", "mode": "flash"}
    running.kill("acquire")
    seen += watched(running, lambda found: found["firmwareupdatecomplete"] == 2)
    assert [(device["status"], device["blocks"]) for device in seen[-1]["devices"]] == [
        ("success", [BLOCKS, BLOCKS])
    ] * 2
    for serial in (one, two):
        progress = [devices(found)[serial]["progress"] for found in seen]
        assert progress == sorted(progress) and progress[-1] == 100
    assert {found["firmwareupdatecomplete"] for found in seen} == {1, 2}
    for serial in (one, two):
        info = running.until(f"/meters/{serial}/info", lambda found: True)
        assert info["manufacturing"]["firmwareversion"] == "A9.01.0"


@pytest.mark.proves("G-125", "G-126", "G-336")
def test_the_gateway_is_installed_by_the_configured_command(running: Gateway, folder: Path) -> None:
    data = b"version 2 of the gateway"
    digest = hashlib.sha256(data).hexdigest()
    shown = running.get("/meters/firmwareupdatestatus")
    assert upload(running, image("A9.02.0", 2)).status == 200
    assert refused(running.ask("PUT", "/firmware")) == (400, "no gateway image")
    assert upload(running, data).status == 200
    assert running.ask("PUT", "/firmware").json == {"status": "success"}
    running.until("/gateway/events", lambda found: [event["id"] for event in found["events"][:3]] == [11, 10, 16])
    arguments = (folder / "arguments").read_text().splitlines()
    assert arguments == [f"--from={running.data / 'image' / digest}", digest, *LITERAL]
    events = running.get("/api/v1/events?limit=100")["items"]
    assert "version 2 is there" in [event["detail"] for event in events if event["id"] == 16]
    running.until("/meters/firmwareupdatestatus", lambda found: found == shown)
    assert [path.name for path in (running.data / "image").iterdir()] == [digest]
