"""Families: lazy rows, and families that other packages bring along."""

from __future__ import annotations

import importlib
import re
import struct
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from wattproof.drivers.answers import accept
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters import registry
from wattproof.meters.connecting import asking
from wattproof.model.clock import VirtualClock
from wattproof.model.devices import DeviceInfo
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.serve import serve
from wattproof.wire.modbus.store import MemoryStore

ROOT = Path(__file__).resolve().parents[2]

ACME = '''
from wattproof.meters.registry import Family

FAMILY = Family(
    name="{name}",
    label="Acme meter",
    driver="{module}:Driver",
    points="wattproof.meters.bsm.points:MAP",
    variants=("one", "two"),
    default_variant="one",
    unit=5,
)


class Driver:
    """A driver from another package."""
'''

#: A family of another package that is nothing but rows.
ROWS = """
from wattproof.meters.registry import Family
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import AMPERE, VOLT, WATT
from wattproof.wire.modbus.bindings import Access, Block, Point, RegisterMap
from wattproof.wire.modbus.types import SUNSSF, UINT16, UINT32, string

RW = Access.READ_WRITE
MAP = RegisterMap([Block("main", 0, 9, (
    Point("V", 0, UINT16, Quantity("voltage", Kind.GAUGE, VOLT), scale=-1, access=RW),
    Point("P", 1, UINT32, Quantity("active_power", Kind.GAUGE, WATT)),
    Point("Limit", 3, UINT16, Quantity("limit", Kind.SETTING, AMPERE), scale="Limit_SF", access=RW),
    Point("Limit_SF", 4, SUNSSF, Quantity("scale_factor", Kind.SETTING)),
    Point("SN", 5, string(4), Quantity("serial_number", Kind.TEXT)),
))])
FAMILY = Family(name="{name}", label="Acme rows", points="{module}:MAP")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a distribution with a meter family the way pip would lay it out."""

    def put(name: str, module: str, target: str = "FAMILY", source: str = ACME) -> None:
        text = source.replace("{name}", name).replace("{module}", module)
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[wattproof.meters]\n{name} = {module}:{target}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()

    yield put
    for module in ("acme_one", "acme_two", "acme_bad", "acme_rows"):
        sys.modules.pop(module, None)


def test_the_built_in_families() -> None:
    assert list(registry.families()) == [row.name for row in registry.BUILT_IN]
    family, variant = registry.find("bsm")
    assert (family.name, variant, family.unit) == ("bsm", "cm13", 42)
    assert registry.find("BSM:cm12") == (family, "cm12")


@pytest.mark.parametrize("row", registry.BUILT_IN, ids=lambda row: row.name)
def test_everything_that_a_row_names_exists(row: registry.Family) -> None:
    for part in ("driver", "virtual", "points", "models", "probe"):
        if getattr(row, part):
            assert row.load(part) is not None
    for target in (*row.readers.values(), *row.tables.values()):
        assert registry.load(target) is not None


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(UnknownName, match="did you mean 'bsm'"):
        registry.find("bms")
    with pytest.raises(UnknownName, match="cm13"):
        registry.find("bsm:cm99")
    with pytest.raises(UnknownName, match="sunspec has no virtual"):
        registry.family("sunspec").load("virtual")


def test_a_family_from_another_package_is_found(install) -> None:
    install("acme", "acme_one")
    family, variant = registry.find("acme:two")
    assert (family.label, variant, family.unit) == ("Acme meter", "two", 5)
    assert family.load("driver").__doc__ == "A driver from another package."
    assert "acme" in registry.families()
    assert registry.families()["bsm"] is registry.BUILT_IN[0]


def test_a_family_from_another_package_is_printed(install, capsys: pytest.CaptureFixture[str]) -> None:
    from wattproof.cli import run

    install("acme", "acme_two")
    assert run(["models"]) == 0
    assert "Acme meter" in capsys.readouterr().out
    assert run(["models", "acme"]) == 0
    assert "40252" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("bsm", "FAMILY", "a family 'bsm' exists already"),
        ("acme", "Driver", "no object of class wattproof.meters.registry.Family"),
        ("acme", "MISSING", "cannot be loaded (AttributeError"),
    ],
)
def test_an_entry_point_that_is_of_no_use_is_left_out_and_named(
    install, caplog: pytest.LogCaptureFixture, name: str, target: str, words: str
) -> None:
    registry._left_out.cache_clear()
    install(name, "acme_bad", target)
    install("good", "acme_one")
    assert list(registry.families()) == ["bsm", "dmed4", "abb", "g13", "sunspec", "map", "mbus", "cosem", "good"]
    assert registry.families()["bsm"] is registry.BUILT_IN[0]
    (record,) = caplog.records
    assert f"entry point {name} = acme_bad:{target}" in record.getMessage()
    assert words in record.getMessage()


def test_a_probe_that_cannot_be_loaded_hides_no_other_family(install, caplog: pytest.LogCaptureFixture) -> None:
    registry._left_out.cache_clear()
    install("acme", "acme_bad", source=ACME.replace("unit=5", 'unit=5, probe="{module}:missing"'))
    assert [row.name for row in registry.probing()] == ["bsm", "dmed4", "sunspec"]
    assert "acme, probe acme_bad:missing" in caplog.text


def test_a_warning_goes_to_stderr_and_the_command_goes_on(install, tmp_path: Path) -> None:
    install("acme", "acme_bad", "MISSING")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from wattproof.cli import run; run(['models', 'bsm'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0
    assert "ac_meter" in result.stdout
    assert result.stderr == ""  # a family of this package is found without asking the others
    result = subprocess.run([sys.executable, "-c", code.replace(", 'bsm'", "")], capture_output=True, text=True)
    assert "Bauer BSM-WS36A" in result.stdout
    assert result.stderr.startswith("entry point acme = acme_bad:MISSING of group wattproof.meters is left out")


# A family of rows alone ---------------------------------------------------------------------------------------------


class Registers:
    """A link to a unit that holds 16-bit registers, in the place of a connection."""

    def __init__(self, values: list[int]) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(RegisterImage(0, struct.pack(f">{len(values)}H", *values)))
        self.asked: list[str] = []

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        self.asked.append(pdu.hex())
        return accept(pdu, serve(pdu, self.store), f"unit {unit}")

    async def close(self) -> None:
        pass


def test_a_family_with_points_only_is_read_written_and_identified(install) -> None:
    install("acme", "acme_rows", source=ROWS)
    family, _ = registry.find("acme")
    link = Registers([2301, 0, 11040, 16, 0xFFFE, *struct.unpack(">4H", b"S-17\0\0\0\0")])
    driver = asking(family)(link, 7, chunk=125, variant=None)
    readings = {reading.point: reading.value for reading in run_blocking(driver.read())}
    assert readings == {
        "main.V": Decimal("230.1"),
        "main.P": Decimal(11040),
        "main.Limit": Decimal("0.16"),
        "main.SN": "S-17",
    }
    assert link.asked == ["0300000009"]
    run_blocking(driver.write({"main.Limit": "0.32", "main.V": "229.9"}))
    assert link.asked[1:] == ["0300030002", "10000000010208fb", "1000030001020020"]
    assert run_blocking(driver.info()) == DeviceInfo("acme", None, "", "", "S-17", "", None)
    with pytest.raises(InvalidValue, match=r"0\.321"):
        run_blocking(driver.write({"Limit": "0.321"}))


def test_a_family_with_points_only_cannot_be_simulated_and_says_so(install, capsys: pytest.CaptureFixture[str]) -> None:
    from wattproof.cli import run

    install("acme", "acme_rows", source=ROWS)
    assert run(["simulate", "acme"]) == 2
    assert "acme (Acme rows) cannot be simulated: it has no virtual meter; those that have: bsm" in " ".join(
        capsys.readouterr().err.split()
    )


def test_the_family_of_the_contributing_page_works(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    package = tmp_path / "acme_meters"
    package.mkdir()
    for block in re.findall(r"```python\n(# acme_meters/(\w+\.py)\n.*?)```", text, re.DOTALL):
        (package / block[1]).write_text(block[0])
    (table,) = re.findall(r"```toml\n\[project\.entry-points\.\"(.*?)\"\]\n(.*?)```", text, re.DOTALL)
    info = tmp_path / "acme_meters-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-meters\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{table[0]}]\n{table[1].replace(chr(34), '')}")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from wattproof.cli import run; run(['models', 'acme'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == ""
    assert "Acme A1" in result.stdout
    assert "voltage" in result.stdout or " V " in result.stdout


def test_a_family_without_rows_and_driver_says_what_is_missing() -> None:
    with pytest.raises(UnknownName, match="empty has no driver"):
        asking(registry.Family("empty", "Nothing"))


def test_the_registry_imports_nothing_before_it_is_used() -> None:
    code = (
        "import sys; from wattproof.meters import registry; registry.find('bsm'); "
        "print([name for name in sys.modules if name.startswith('wattproof.meters.')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['wattproof.meters.registry']"
