"""The options of ``--set``: each within its limits, and nothing else; section 14.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters.dmed4.virtual.options import OPTIONS

Make = Callable[..., Any]
SECONDS = ("0", "0.25", "600"), ("-1", "601", "x", "", "nan", "1e9")
#: Every option of 14.3 besides the parameters: values that are taken, values that are not, as written there.
TABLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "answer-delay": (("0", "0.01", "10"), ("-0.1", "10.1", "x")),
    "sign-delay": SECONDS,
    "start-delay": SECONDS,
    "init-delay": SECONDS,
    "reboot-delay": SECONDS,
    "login-timeout": (("0", "86400"), ("-1", "86401")),
    "ocmf-log-size": (("1", "100000"), ("0", "100001", "1.5", "x")),
    "event-log-size": (("1", "100000"), ("0", "100001")),
    "unassigned": (("error", "zeros"), ("Error", "none", "")),
    "block-4000-offset": (("0", "1"), ("2", "-1", "yes")),
    "third-connection": (("close", "evict"), ("open", "")),
    "inner-quotes": (("escaped", "plain"), ("raw",)),
    "post-parameters": (("answer", "silent"), ("drop",)),
    "gateway-bus": (
        ("rtu:///dev/ttyUSB0", "tcp://127.0.0.1:502"),
        ("dev/ttyUSB0", "http://127.0.0.1:80", "bsm+tcp://h:1"),
    ),
    "gateway-timeout": (("0.05", "10"), ("0.04", "10.1")),
    "gateway-failure": (("exception", "silence"), ("none",)),
    "channels": (("1", "1,3", "1,2,3,4"), ("0", "5", "1,1", "1;2", "")),
    "channel-alias": (("none", "1", "4"), ("0", "5")),
    "ri-import": (("1-0:1.8.0", "01-00:B0.08.00*FF"), ("", 'a"b', "x|y", "x" * 33)),
    "ri-export": (("1-0:2.8.0",), ("",)),
    "ri-cycle": (("1-0:2.8.0",), ("",)),
    "energy": (("0", "0.001", "99999999.999"), ("-1", "100000000", "x")),
    "energy-export": (("0", "99999999.999"), ("-0.001", "100000000")),
    "time": (
        ("factory", "now", "2023-09-29T08:47:22+02:00", "2023-09-29T06:47:22Z"),
        ("2023-09-29T06:47:22", "later", ""),
    ),
    "commissioned": (("yes", "no"), ("true", "1")),
    "cable-locked": (("yes", "no"), ("maybe",)),
    "load-follows": (("session", "always"), ("never",)),
}


@pytest.mark.proves("D-307")
@pytest.mark.parametrize("name", TABLE)
def test_limits(bench: Make, name: str) -> None:
    right, wrong = TABLE[name]
    for text in right:
        assert bench("DC1" if name.startswith("channel") else None, **{name.replace("-", "_"): text})
    for text in wrong:
        with pytest.raises(InvalidValue, match=name):
            bench(**{name.replace("-", "_"): text})


@pytest.mark.proves("D-307")
def test_the_table_is_closed(bench: Make) -> None:
    assert {row.name for row in OPTIONS.rows if not row.name.startswith("P0")} == set(TABLE)
    for name in ("colour", "P07_01", "p02_01", "P02_06", "answer_delay"):
        with pytest.raises(UnknownName, match=name):
            OPTIONS.read(name, "1")


@pytest.mark.proves("D-307", "D-013")
@pytest.mark.parametrize(
    ("id", "text", "value"),
    [
        ("P05_03", "10.0.0.7", 0x0A000007), ("P05_03", "167772167", 0x0A000007), ("P02_05", "°F", 1),
        ("P02_05", "1", 1),
        ("P04_02", "115200", None), ("P04_02", "7", 7), ("P04_05", "ascii", 1), ("P05_05", "gateway", 1),
        ("P06_01", "BASE64", 1), ("P03_01", "off", 0), ("P05_03", "10.0.0.256", None), ("P05_03", "10.0.0", None),
        ("P04_01", "248", None), ("P04_03", "5", None), ("P02_01", "yes", None), ("P06_02", "65536", None),
    ],
)  # fmt: skip
def test_parameters_by_number_or_name(bench: Make, id: str, text: str, value: int | None) -> None:
    if value is None:
        with pytest.raises(InvalidValue, match=id):
            bench(**{id: text})
    else:
        assert bench(**{id: text}).meter.active[id] == value


@pytest.mark.proves("D-307")
def test_what_options_do(bench: Make) -> None:
    assert bench().raw("datetime") == 1577836800
    assert bench(time="now", wall=1700000000).raw("datetime") == 1700000000
    given = bench(time="2023-09-29T08:47:22+02:00")
    assert (given.raw("datetime"), given.raw("datetime_offset"), given.word & 0x20) == (1695970042, 120, 0)
    assert bench(commissioned="yes").get("system_status")["operative_status"] == "Operating"
    assert bench(cable_locked="yes").get("system_status")["cable_res_locked"] == 1
    late = bench(init_delay="3")
    assert late.wait(2.9).measurement == 0 and late.wait(0.1).measurement == 1
    silent = bench(start_delay="2")
    assert silent.wait(1.9).ask("11") is None and silent.wait(0.1).ask("11") is not None
    quick = bench(sign_delay="0")
    quick.message()
    assert quick.command("B") == 200 and quick.word & 0xC == 8
    kept = bench(energy="7", state=bench(energy="5").meter.checkpoint()).wait(2)
    assert kept.raw("energy_import_total") == 5000, "energies are those of a new meter"
    serial = bench(serial=None, seed=4).meter.serial
    assert (
        len(serial) == 8
        and serial == bench(serial=None, seed=4).meter.serial != bench(serial=None, seed=5).meter.serial
    )
