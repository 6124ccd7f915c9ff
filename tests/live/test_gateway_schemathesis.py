"""Schemathesis, a stranger that reads OpenAPI documents, finds nothing wrong with a running gateway.

``SCHEMATHESIS_EXAMPLES`` asks for more cases of each operation, and then for all edge cases as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.live.running_gateway import Gateway, gateway, simulated

PROGRAM = Path(sys.executable).with_name("schemathesis")
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))
MODERN, OLD = "/api/v1/openapi.json", "/api/v1/g13/openapi.json"
BUSES = """
[[bus]]
name = "hall"
url = "{bsm}"
[[bus]]
name = "eq"
url = "{abb}"
[[meter]]
bus = "hall"
family = "bsm"
[[meter]]
bus = "eq"
family = "abb"
address = {address}
password_file = "{password}"
"""
#: What a good request meets in the wrong state: a meter that lacks the thing, a user who is there already, an address
#: outside the network. No schema says that, and the interface answers 400.
STATEFUL = (
    "/meters/{serial}", "/configuration/ip", "/gateway", "/gateway/datetime", "/firmware", "/meters", "/users",
    "/meters/firmware", "/meters/scanned/{token}", "/users/{user}", "/permittedmeters",
)  # fmt: skip
#: Not for a gateway that others use: the restart, what locks users out, a stream without an end.
ELSEWHERE = ("/gateway/reboot", "/login", "/logout", "/api/v1/login", "/api/v1/logout", "/api/v1/users/{name}/password")
APART = (*ELSEWHERE, "/users/{user}", "/api/v1/live")
ALLOWED = '["2xx", "3xx", "400", "401", "403", "404", "409", "429", "5xx"]'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("schemathesis")
    password = folder / "abb.password"
    password.write_text("00000000")
    password.chmod(0o600)
    with (
        simulated("bsm", "--listen", "tcp://127.0.0.1:0", "--load", "constant:11040", "--seed", "7") as bsm,
        simulated("abb:A44-552-100", "--listen", "hdlc://127.0.0.1:0", "--seed", "8") as abb,
    ):
        config = BUSES.format(
            bsm=bsm["listen"][0], abb=abb["listen"][0], address=abb["meters"][0]["unit"], password=password
        )
        with gateway(folder, config) as made:
            made.change_password()
            made.until("/api/v1/meters", lambda found: len(found["meters"]) == 2)
            yield made


def settings(parameters: Mapping[str, str]) -> str:
    """The configuration of schemathesis."""
    lines = ["[parameters]", *(f'"path.{name}" = "{value}"' for name, value in parameters.items())]
    for path in STATEFUL:
        matching = f"include-path-regex = '^{path.replace('{', '.').replace('}', '.')}"
        lines += ["[[operations]]", matching + ("(/|$)'" if path == "/meters/{serial}" else "$'")]
        lines.append(f"checks.positive_data_acceptance.expected-statuses = {ALLOWED}")
    return "\n".join(lines)


def examine(
    running: Gateway, folder: Path, document: str, *options: str, examples: int, parameters: Mapping[str, str] = {}
) -> None:
    """Run it; fail with what it says."""
    config = folder / "schemathesis.toml"
    config.write_text(settings(parameters))
    phases = "examples,coverage,fuzzing" if EXAMPLES else "fuzzing"
    command = [str(PROGRAM), "--config-file", str(config), "run", running.url + document, "--url", running.url]
    command += ["--auth", f"admin:{running.password}", "--tls-verify", "false", "--suppress-health-check", "all"]
    command += ["--phases", phases, "--max-examples", str(max(examples, EXAMPLES)), "--seed", "5", "--no-color"]
    command += ["--generation-database", "none", "--continue-on-failure", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def apart(paths: tuple[str, ...]) -> list[str]:
    return [option for path in paths for option in ("--exclude-path", path)]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bsm", "abb"])
def test_what_meters_answer(running: Gateway, tmp_path: Path, family: str) -> None:
    meters = {one["family"]: one["serial"] for one in running.get("/api/v1/meters")["meters"]}
    # A bad serial number of its own invention is replaced by this one, so it must not wonder about good answers.
    options = ["--exclude-checks", "ignored_auth,negative_data_rejection", "--include-path-regex", "^/meters/.serial."]
    options += ["--exclude-method", "DELETE"] if EXAMPLES else ["--include-method", "GET", "--mode", "positive"]
    examine(running, tmp_path, OLD, *options, examples=1, parameters={"serial": meters[family]})


@pytest.mark.slow
@pytest.mark.proves("G-011")
def test_the_modern_interface(running: Gateway, tmp_path: Path) -> None:
    examine(running, tmp_path, MODERN, "--exclude-checks", "ignored_auth", *apart(APART), examples=4)


@pytest.mark.slow
@pytest.mark.proves("G-011")
def test_the_91_resources(running: Gateway, tmp_path: Path) -> None:
    examine(running, tmp_path, OLD, "--exclude-checks", "ignored_auth", *apart(APART), examples=4)


@pytest.mark.slow
@pytest.mark.proves("G-011")
@pytest.mark.parametrize("document", [MODERN, OLD])
def test_who_asks_without_credentials_or_guesses_them(tmp_path: Path, document: str) -> None:
    """On a gateway of its own: soon the address is locked."""
    with gateway(tmp_path) as made:
        made.change_password()
        included = [option for path in (*ELSEWHERE[1:], "/users/{user}") for option in ("--include-path", path)]
        examine(made, tmp_path, document, *included, examples=3)
        assert made.process.poll() is None
