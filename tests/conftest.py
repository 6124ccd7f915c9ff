"""What all tests share: where the vectors lie, and the rule that CI proves nothing by skipping."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import settings

with contextlib.suppress(ImportError):
    import uvloop  # noqa: F401 - it keeps the class of sockets it finds: it must not first come where they are blocked

ROOT = Path(__file__).resolve().parent.parent
NO_SKIP = os.environ.get("WATTPROOF_NO_SKIP") == "1"
for name in ("COLUMNS", "FORCE_COLOR", "WATTPROOF_METER", "WATTPROOF_DEBUG"):
    os.environ.pop(name, None)  # what the surroundings say must not decide what a command prints
SOCKET_FOLDERS = ("live", "interop")
os.environ["WATTPROOF_KEYS"] = str(ROOT / "there is no register" / "keys.json")  # nor whom its owner trusts
# No test fails because the machine was busy.
settings.register_profile("wattproof", deadline=None)
settings.load_profile("wattproof")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of real telegrams, registers and records; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("WATTPROOF_VECTORS", ROOT.parent / "shared" / "vectors"))
    if not folder.is_dir():
        pytest.skip(f"no test vectors at {folder}: set WATTPROOF_VECTORS")
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """An event loop wakes itself through a pair of Unix sockets; those are no network."""
    config.option.allow_unix_socket = True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only tests below live/ and interop/ may open sockets. Those that start whole gateways run on two workers, a
    module on one of them: more gateways at once would wait for each other."""
    for item in items:
        if item.path.name.startswith(("test_gateway", "test_g13")) and item.path.parent.name in SOCKET_FOLDERS:
            item.add_marker(pytest.mark.xdist_group(f"gateways-{sum(map(ord, item.path.stem)) % 2}"))
        relative = Path(item.path).relative_to(ROOT / "tests") if (ROOT / "tests") in Path(item.path).parents else None
        if relative is None or relative.parts[0] in SOCKET_FOLDERS:
            item.add_marker("enable_socket")
        else:
            item.add_marker(pytest.mark.disable_socket)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    """With WATTPROOF_NO_SKIP=1 a skipped test is a failed test."""
    outcome = yield
    report = outcome.get_result()
    if not hasattr(report, "wasxfail"):
        _forbid_skip(report)
    return report


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> object:
    """The same for modules that skip while they are collected, before there is any test."""
    outcome = yield
    _forbid_skip(outcome.get_result())


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, which WATTPROOF_NO_SKIP forbids: {report.longrepr}"
