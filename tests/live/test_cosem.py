"""COSEM over real sockets and a pseudo-terminal: the commands, detection and both kinds of links."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattproof import VirtualMeter, open_meter, open_meter_sync
from wattproof.cli import run
from wattproof.meters.abb.cosem.driver import AbbCosemDriver

Capture = pytest.CaptureFixture[str]
LISTEN = ("hdlc://127.0.0.1:0", "dlms://127.0.0.1:0", "dlms+udp://127.0.0.1:0")


@pytest.fixture(scope="module")
def virtual() -> Iterator[VirtualMeter]:
    with VirtualMeter("abb", listen=LISTEN, serial="217819", load="constant:1000") as meter:
        yield meter


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("00000000\n")
    return tmp_path / "secret"


def command(capsys: Capture, *arguments: str) -> tuple[int, str]:
    code = run(arguments)
    return code, capsys.readouterr().out


async def test_without_a_model_the_meter_says_whose_driver_it_needs(virtual: VirtualMeter) -> None:
    for url in virtual.urls:
        async with open_meter(url) as meter:
            assert isinstance(meter, AbbCosemDriver)
            assert (await meter.info()).serial == "00217819"
            assert (await meter.read(["VOLTAGE_L1"]))[0].value == 230
            assert meter.station.place.sap == 16


@pytest.mark.proves("A-194")
def test_blocking_drivers_do_the_same(virtual: VirtualMeter, secret: Path) -> None:
    energies = []
    for url in virtual.urls:
        with open_meter_sync(f"abb+{url}?password-file={secret}") as meter:
            meter.write({"TARIFF_ACTIVE": 2})
            energies.append(meter.read(["TARIFF_ACTIVE", "ACTIVE_POWER_TOTAL"]))
            assert meter.rights().role == "Configure"
    assert [[one.value for one in readings] for readings in energies] == [[2, 1000]] * 3


def test_a_pseudo_terminal_is_a_line_too(tmp_path: Path) -> None:
    line = tmp_path / "eqbus"
    url = f"pty://{line}?protocol=hdlc&baudrate=115200"
    with VirtualMeter("abb:B23", listen=url), open_meter_sync(f"{url}&address=17") as meter:
        assert meter.info().type == "B23 312-100"


def test_read_lists_the_objects_of_any_meter(virtual: VirtualMeter, capsys: Capture) -> None:
    url = f"cosem+{virtual.urls[1]}"
    code, text = command(capsys, "read", url, "--json")
    found = json.loads(text)
    assert code == 0
    assert found["meter"]["model"] == "cosem"
    entry = next(one for one in found["objects"] if one["logical_name"] == "1-0:1.8.0")
    assert (entry["class"], entry["name"], entry["attributes"][1]) == (
        3, "Register", {"id": 2, "name": "value", "access": "read"},
    )  # fmt: skip
    voltage = next(one for one in found["readings"] if one["point"] == "1-0:32.7.0")
    assert (voltage["value"], voltage["unit"], voltage["obis"]) == ("230.0", "V", "1-0:32.7.0*255")
    code, text = command(capsys, "read", url)
    assert code == 0
    assert "Profile generic" in text
    assert "1 r, 2 r, 3 r" in text
    code, text = command(capsys, "read", url, "1-0:32.7.0/3", "--json")
    assert json.loads(text)["readings"][0]["value"] == "[-1, 35]"


def test_read_write_and_scan(virtual: VirtualMeter, secret: Path, capsys: Capture) -> None:
    hdlc = virtual.urls[0]
    code, text = command(
        capsys, "write", f"abb+{hdlc}?password-file={secret}", "NRG_CONVERSION_FACTOR_CO2=0.45", "--json"
    )
    assert (code, json.loads(text)["written"]) == (0, {"NRG_CONVERSION_FACTOR_CO2": "0.45"})
    code, text = command(capsys, "read", hdlc, "conversion", "--json")
    values = {one["point"]: one["value"] for one in json.loads(text)["readings"]}
    assert values["conversion.NRG_CONVERSION_FACTOR_CO2"] == "0.450"
    code, text = command(capsys, "write", f"abb+{hdlc}?client=16", "NRG_CONVERSION_FACTOR_CO2=1")
    assert code == 1
    code, text = command(capsys, "scan", hdlc, "--units", "16-19", "--timeout", "0.2", "--json")
    found = json.loads(text)["meters"]
    assert code == 0
    assert [(one["model"], one["serial"], one["unit"], one["url"]) for one in found] == [
        ("abb", "00217819", 17, f"abb+{hdlc}?address=17")
    ]
    assert command(capsys, "scan", virtual.urls[1])[0] == 2
    assert command(capsys, "read", f"abb+{hdlc}?address=18&timeout=0.1&retries=0")[0] == 4
