"""The COSEM drivers against gurux-dlms as the meter, which runs in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from wattproof import open_meter, open_meter_sync
from wattproof.drivers.cosem.meter import CosemMeter
from wattproof.errors import AssociationRefused
from wattproof.meters.abb.cosem.driver import AbbCosemDriver
from wattproof.model.values import Quality

SERVER = Path(__file__).resolve().parent / "peers" / "gurux_server.py"
PASSWORD = "12345678"


@pytest.fixture(params=["HDLC", "WRAPPER"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where gurux-dlms listens, with the password in a file."""
    if importlib.util.find_spec("gurux_dlms") is None:
        pytest.skip("gurux-dlms is not installed")
    command = [sys.executable, str(SERVER), request.param, PASSWORD]
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        scheme = {"HDLC": "hdlc", "WRAPPER": "dlms"}[request.param]
        yield f"{scheme}://127.0.0.1:{int(process.stdout.readline())}?timeout=0.4&password-file={secret}"
        process.terminate()


def test_any_meter_of_another_maker_is_read_by_its_objects(address: str) -> None:
    with open_meter_sync(address) as meter:
        assert type(meter.driver) is CosemMeter, "it has no logical device name that is known"
        readings = {one.point: one for one in meter.read()}
        energy = readings["1-0:1.8.0"]
        assert (energy.value, energy.unit, energy.raw) == (Decimal(1234560), "Wh", 123456)
        assert readings["0-0:1.0.0"].value.startswith("2024-02-29T12:34:56")
        assert readings["0-0:128.4.0"].value == bytes(range(250)) * 8
        assert {entry.class_id for entry in meter.objects()} == {1, 3, 7, 8, 15}
        columns = json.loads(meter.read(["1-0:99.1.1/capture_objects"])[0].value)
        assert columns == [[8, "0000010000ff", 2, 0], [3, "0100010800ff", 2, 0]]
        meter.write({"0-0:96.14.0": 3})
        assert meter.read(["0-0:96.14.0"])[0].value == 3


async def test_the_driver_of_abb_meters_takes_what_is_there(address: str) -> None:
    async with open_meter(f"abb+{address}") as meter:
        assert isinstance(meter, AbbCosemDriver)
        energy, voltage = await meter.read(["ACTIVE_ENERGY_IMPORT_TOTAL", "VOLTAGE_L1"])
        assert (energy.value, voltage.quality) == (Decimal(1234560), Quality.MISSING)
        assert [one.point for one in await meter.read(["all"])] == [
            "energy.ACTIVE_ENERGY_IMPORT_TOTAL", "tariffs.TARIFF_ACTIVE", "clock.CLOCK",
        ]  # fmt: skip
        await meter.write({"TARIFF_ACTIVE": 2})
        assert (await meter.read(["TARIFF_ACTIVE"]))[0].value == 2
        assert (await meter.read_clock()).time.isoformat() == "2024-02-29T12:34:56"


def test_a_wrong_password_is_refused(address: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("wrong")
    with pytest.raises(AssociationRefused, match="13"), open_meter_sync(address):
        pass
