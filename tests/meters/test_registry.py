"""Families: lazy rows, and families that other packages bring along."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters import registry

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


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a distribution with a meter family the way pip would lay it out."""

    def put(name: str, module: str, target: str = "FAMILY") -> None:
        (tmp_path / f"{module}.py").write_text(ACME.format(name=name, module=module))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[wattproof.meters]\n{name} = {module}:{target}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()

    yield put
    for module in ("acme_one", "acme_two", "acme_bad"):
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


def test_a_family_may_not_take_a_name_that_exists(install) -> None:
    install("bsm", "acme_one")
    with pytest.raises(InvalidValue, match="exists already"):
        registry.families()


def test_what_is_no_family_is_refused(install) -> None:
    install("acme", "acme_bad", "Driver")
    with pytest.raises(InvalidValue, match="no meter family"):
        registry.families()


def test_the_registry_imports_nothing_before_it_is_used() -> None:
    code = (
        "import sys; from wattproof.meters import registry; registry.find('bsm'); "
        "print([name for name in sys.modules if name.startswith('wattproof.meters.')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['wattproof.meters.registry']"
