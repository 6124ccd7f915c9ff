"""``wattproof gateway``: gather meters behind the G13 JSON interface, until interrupted."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.simulate import run_loop
from wattproof.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from wattproof.gateway.config import Config

_MANY = Parameter(negative=(), consume_multiple=False)
#: The processes, in the order in which they start.
PROCESSES = ("acquire", "serve")
#: Sections of the configuration whose files must be there. A process that starts again meanwhile does without what it
#: can do without: the lost password of one meter must not keep the others from being polled.
NEEDED: Mapping[str | None, Sequence[str]] = {
    None: ("gateway", "store", "bus", "meter"),
    "acquire": ("store",),
    "serve": ("gateway", "store"),
}
#: However much is asked of `serve`, polls come first.
NICENESS = {"serve": 5}


def command(
    process: Literal["acquire", "serve"] | None = None,
    *,
    config: Path | None = None,
    data: Path | None = None,
    listen: Annotated[list[str] | None, _MANY] = None,
    factory_reset: bool = False,
    json: bool = False,
) -> int:
    """Gather meters behind the G13 JSON interface, until interrupted.

    Starts two processes and watches them: `acquire` reads the meters and keeps what they say, `serve` answers HTTPS.
    A service manager starts them one by one instead (deploy/systemd).

    Examples:

        wattproof gateway
        wattproof gateway --config gateway.toml --data /var/lib/wattproof
        wattproof gateway --listen https://127.0.0.1:0 --json
        wattproof gateway --factory-reset --data /var/lib/wattproof

    Parameters
    ----------
    process
        Run this process alone: acquire or serve.
    config
        The configuration file (default: gateway.toml in the data directory, if it is there).
    data
        The directory of store, keys and certificate (default: ~/.local/share/wattproof).
    listen
        Address to answer at, such as https://127.0.0.1:8443; may be given several times. Port 0 takes a free one.
    factory_reset
        Forget users, registered meters and settings, keep measured history, make a new one-time password, and end. The
        gateway must not be running.
    json
        Print one JSON object when ready; logs go to stderr.
    """
    from wattproof.gateway import config as configuration

    settings = settings_of(config, data, listen)
    if factory_reset:
        return _reset(settings, asked=data is not None, as_json=json)
    if settings.path is not None:
        configuration.check_files(settings.path, NEEDED[process])
    if process is not None:
        return run_loop(_one(process, settings))
    _check_maps(settings)
    return run_loop(_both(settings, _options(config, settings), as_json=json))


def settings_of(config: Path | None, data: Path | None, listen: Sequence[str] | None = None) -> Config:
    """What the file and the command line say together."""
    from wattproof.gateway import config as configuration

    found = configuration.Config() if data is None else configuration.Config(data=data)
    own = found.data / "gateway.toml"
    if config is not None or own.is_file():
        found = configuration.load(config or own)
    changes: dict[str, Any] = {} if data is None else {"data": data}
    if listen:
        changes["listen"] = configuration.listen_urls(listen)
    return dataclasses.replace(found, **changes)


def _check_maps(settings: Config) -> None:
    """Read every map file once before anything is opened. A process that starts again meanwhile does without: one bad
    map must not keep the other meters from being polled."""
    from wattproof.gateway.config import map_folders
    from wattproof.meters.mapped.mapfile import find_map, load_map

    for text in dict.fromkeys(meter.map for meter in settings.meters if meter.map is not None):
        try:
            load_map(find_map(text, map_folders(settings)))
        except UnknownName as error:
            raise UsageError(f"{settings.path}: [meter] map: {error}") from None


def _options(config: Path | None, settings: Config) -> list[str]:
    """The options that a process of the gateway gets."""
    named = [] if config is None else ["--config", str(config.absolute())]
    return [*named, "--data", str(settings.data.absolute()), "--json"]


async def _one(process: str, settings: Config) -> int:
    """Be one of the two processes."""
    from wattproof.gateway.watch import parent_gone

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    watcher = asyncio.create_task(parent_gone())
    watcher.add_done_callback(lambda _: stopping.set())

    def ready(said: Mapping[str, Any]) -> None:
        output.print_json({"ready": True, **said}, indent=None)

    try:
        if process == "acquire":
            from wattproof.gateway.acquire import service as acquire

            return await acquire.run(settings, ready=ready, stopping=stopping)
        from wattproof.gateway.serve import process as serve

        return await serve.run(settings, ready=ready, stopping=stopping)
    finally:
        watcher.cancel()


async def _both(settings: Config, options: Sequence[str], *, as_json: bool) -> int:
    """Start both, watch them, and say where they are."""
    from wattproof.gateway.watch import watch

    def commands(listen: Sequence[str]) -> dict[str, list[str]]:
        where = [part for url in listen for part in ("--listen", url)]
        program = [sys.executable, "-m", "wattproof", "gateway"]
        return {name: [*program, name, *options, *where] for name in PROCESSES}

    async def ready(said: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Sequence[str]]:
        listen = said["serve"]["listen"]
        announce(settings, said["acquire"], listen, as_json=as_json)
        return commands(listen)

    await watch(commands(settings.listen), ready, NICENESS)
    return 130


def announce(settings: Config, acquire: Mapping[str, Any], listen: Sequence[str], *, as_json: bool) -> None:
    """Say that the gateway is ready, on one JSON line or in words."""
    password, meters = acquire.get("password"), acquire.get("meters", [])
    if as_json:
        there = {"url": listen[0], "user": "admin", "password": password}
        output.print_json({"ready": True, "gateway": there, "meters": meters, "files": [], "sessions": []}, indent=None)
        return
    output.say(f"The gateway answers at {', '.join(listen)}.")
    output.say(f"  data in {settings.data}")
    if settings.path is not None:
        output.say(f"  configured by {settings.path}")
    if password:
        output.say(f"  user admin, one-time password {password} (change it at the first login)")
    elif (settings.data / "initial-password").exists():
        output.say(f"  user admin, one-time password in {settings.data / 'initial-password'}")
    asked = acquire.get("awaited", 0)
    others = f", {asked} of the configuration asked who {'it is' if asked == 1 else 'they are'}" if asked else ""
    output.say(f"  {len(meters)} meter{'s' * (len(meters) != 1)} registered{others}")
    if not settings.buses:
        output.say("")
        file = settings.path or settings.data / "gateway.toml"
        output.say(
            f"No bus is configured yet. To add the first meter, {'add to' if settings.path else 'write'} {file}:"
        )
        output.say('  [[bus]]\n  name = "hall"\n  url = "tcp://127.0.0.1:5020"\n')
        output.say('  [[meter]]\n  bus = "hall"\n  family = "bsm"\n  unit = 42')
        output.say("and start the gateway again. A virtual meter for it: wattproof simulate bsm")
    output.say("Ctrl-C ends it.")


def _reset(settings: Config, *, asked: bool, as_json: bool) -> int:
    """The reset button (8.7): atomic, and only while the gateway is not running."""
    from wattproof.gateway.reset import factory_reset
    from wattproof.io.clock import SystemClock

    if not sys.stdin.isatty() and not asked:
        raise UsageError("--factory-reset without a terminal needs --data DIR, so that it hits what you mean")
    if sys.stdin.isatty() and not as_json:
        output.note(f"This forgets users, registered meters and settings in {settings.data}.")
        if input("Type RESET to go on: ") != "RESET":
            output.say("Nothing was changed.")
            return 0
    done = asyncio.run(factory_reset(settings, SystemClock()))
    if as_json:
        output.print_json(done, indent=None)
        return 0
    output.say(f"Reset. User {done['user']}, one-time password {done['password']}, also in {done['password_file']}.")
    return 0
