"""`wattproof demo`: a virtual BSM takes a signed charging session, it verifies, and a forged digit is caught."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.arguments import Number
from wattproof.errors import InvalidValue

if TYPE_CHECKING:
    from wattproof.cli.demo_gateway import Shown
    from wattproof.drivers.charging import Progress
    from wattproof.meters.bsm.session import SessionRecord
    from wattproof.meters.opening import VirtualMeter
    from wattproof.signed import Report

#: A full charge of the simulated car is about two hours of meter time: eight seconds at this speed.
SPEED = Decimal(900)
ENERGY = Decimal(20000)
IDENTIFICATION = "rfid:12345678abcdef"
EVSE = "DE*WAT*E0000001*1"
SHOWN = ("bs_meter.MA1", "ac_meter.PhVphA", "ac_meter.W", "ac_meter.TotWhImp", "bs_meter.RCnt", "bs_meter.DI")
#: The forged digit: this key of the end record's reading.
FORGED = b'"RV":'
#: Where the meter listens that somebody starts after the demonstration.
PLACE = "tcp://127.0.0.1:5020"


def command(
    *,
    once: bool = False,
    json: bool = False,
    speed: Number = SPEED,
    folder: Annotated[Path, Parameter(name="--output")] = Path("demo-output"),
    gateway: Annotated[bool, Parameter(negative="--no-gateway")] = True,
) -> int:
    """Show signed charging sessions on virtual meters, verified and tampered with, and a gateway over six of them.

    Starts a virtual BSM-WS36A on Modbus TCP and on a pseudo-terminal, reads it, lets a simulated car charge at high
    speed with switch-measurement coordination, writes the session as transparency XML, Chargy JSON and OCMF, verifies
    the files, and shows that one changed digit is caught. Then a gateway gathers a BSM, a DMED4 and four ABB meters on
    M-Bus and EQ bus, with a week of history, and takes two signed sessions over its interface. Meters and gateway stay
    for you to try, until Ctrl-C.

    Examples:

        wattproof demo
        wattproof demo --once
        wattproof demo --once --json

    Parameters
    ----------
    once
        End after the demonstration, with exit code 0 if everything held.
    json
        Print one JSON object: meters, files, sessions with verdicts (with --once at the end, else when ready).
    speed
        Meter seconds in one real second.
    folder
        Where the files go.
    gateway
        Show the gateway as well.
    """
    if not speed > 0:
        raise InvalidValue(f"--speed {speed}: more than 0")
    with output.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_Demo(folder, speed, json, gateway=gateway).run(once))


class _Demo:
    """One demonstration: what it says, where its files are, what came of it."""

    def __init__(self, folder: Path, speed: Decimal, json: bool, *, gateway: bool) -> None:
        self.folder = folder
        self.speed = speed
        self.json = json
        self.files: list[Path] = []
        self.reports: dict[str, Report] = {}
        self.caught: str | None = None
        self.gathers = gateway
        self.gateway: Shown | None = None

    async def run(self, once: bool) -> int:
        """The whole demonstration; 0 if every record verified and the forged digit was caught."""
        from wattproof.meters.opening import VirtualMeter

        async with AsyncExitStack() as places:
            terminal = Path(places.enter_context(tempfile.TemporaryDirectory(prefix="wattproof-"))) / "meter"
            listen = ["tcp://127.0.0.1:0", f"pty://{terminal}?protocol=rtu"]
            async with VirtualMeter("bsm", listen=listen, speed=self.speed, answer_delay=0) as meter:
                self.introduce(meter)
                await self.read(meter)
                record = await self.charge(meter)
                self.write(record)
                self.judge(meter.public_key)
                self.forge(meter.public_key)
                passed = self.caught is not None and all(r.summary["green"] == 1 for r in self.reports.values())
                if self.gathers:
                    passed = await self.gather(places) and passed
                if self.json:
                    output.print_json(self.as_dict(meter), indent=2 if once else None)
                self.invite(None if once else meter)
                if not once:
                    await _interrupt()
        return 0 if passed else 1

    async def gather(self, places: AsyncExitStack) -> bool:
        """A gateway that stays until ``places`` are left. Whether its sessions are true."""
        from wattproof.cli import demo_gateway

        self.head("7. A gateway over a BSM, a DMED4 and four ABB meters on M-Bus and EQ bus")
        folder = self.folder / demo_gateway.FOLDER
        shown = self.gateway = await places.enter_async_context(demo_gateway.gateway(folder, self.say))
        for session in shown.sessions:
            truth = {True: "true", False: "NOT TRUE", None: "cannot be judged"}[session["true"]]
            self.say(f"   session {session['id']} on {session['serial']}: {session['energy_wh']} Wh, {truth}")
        self.files.append(shown.data / "gateway.toml")
        return len(shown.sessions) == 2 and all(session["true"] is True for session in shown.sessions)

    # What is shown ------------------------------------------------------------------------------------------------

    def say(self, text: str = "") -> None:
        if not self.json:
            output.say(text)

    def head(self, text: str) -> None:
        if not self.json:
            output.console().print(f"\n{text}", style="bold", markup=False)

    def introduce(self, meter: VirtualMeter) -> None:
        self.head(f"1. A virtual BSM-WS36A, serial {meter.serial}, {self.speed:f} times faster than life")
        place = meter.urls[1].removeprefix("pty://").partition("?")[0]
        self.say(f"   Modbus TCP       {shlex.quote(meter.url)}")
        self.say(f"   pseudo-terminal  {shlex.quote(f'bsm+rtu://{place}?parity=N')}")

    async def read(self, meter: VirtualMeter) -> None:
        """Read a few points through the pseudo-terminal and through TCP, as two masters would."""
        from wattproof import open_meter

        self.head("2. Read over both lines")
        path = meter.urls[1].removeprefix("pty://").partition("?")[0]
        async with open_meter(f"bsm+rtu://{path}?parity=N") as by_line, open_meter(meter.url) as by_tcp:
            rows = [await by_line.read(*SHOWN[:3]), await by_tcp.read(*SHOWN[3:])]
        for reading in (reading for row in rows for reading in row):
            value = f"{reading.value:f}" if isinstance(reading.value, Decimal) else reading.value
            self.say(f"   {reading.point:<20} {value} {reading.unit}")

    async def charge(self, meter: VirtualMeter) -> SessionRecord:
        """The session, with a live view of power and energy."""
        from wattproof import open_meter

        self.head(f"3. A car charges {ENERGY / 1000:f} kWh: the meter opens its contactor, signs, and closes it")
        async with open_meter(meter.url) as driver:
            session = driver.session(identification=IDENTIFICATION, evse=EVSE)
            begin = await session.begin()
            self.say(f"   begin signed: {begin.kind.word}, page T{begin.counter}, RCR {begin.energy():f} Wh")
            with self.live() as report:
                await session.run(energy=ENERGY, report=report)
            record: SessionRecord = await session.end()
        if record.end is not None:
            end = record.end
            self.say(f"   end signed:   {end.kind.word}, page T{end.counter}, RCR {end.energy():f} Wh")
        return record

    @contextmanager
    def live(self) -> Iterator[Callable[[Progress], None]]:
        """Bar, energy and power, where somebody watches; one line a quarter of the charge elsewhere."""
        if self.json:
            yield lambda progress: None
        elif output.console().is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("   {task.description}"), BarColumn(40), TextColumn("{task.fields[power]}"))
            with Progress(*columns, console=output.console(), transient=True) as bar:
                task = bar.add_task("0.00 kWh", total=float(ENERGY), power="")

                def show(progress: Any) -> None:
                    text = f"{progress.energy / 1000:5.2f} kWh"
                    bar.update(task, completed=float(progress.energy), description=text, power=_electric(progress))

                yield show
        else:
            quarters = iter(range(1, 5))
            due = [next(quarters)]

            def line(progress: Any) -> None:
                if due and progress.energy >= ENERGY * due[0] / 4:
                    self.say(f"   {progress.energy / 1000:5.2f} kWh   {_electric(progress)}")
                    due[:] = [number] if (number := next(quarters, 0)) else []

            yield line

    def write(self, record: SessionRecord) -> None:
        from wattproof.drivers.charging import NO_STATION
        from wattproof.meters.bsm.export import FORMATS

        self.head("4. The session as files")
        for name in ("safe-xml", "chargy", "ocmf"):
            row = FORMATS[name]
            path = self.folder / f"session{row.suffix}"
            with output.writing(path):
                path.write_bytes(row.write(record, NO_STATION))
            self.files.append(path)
            self.say(f"   {name:<9} {path}")

    def judge(self, key: bytes) -> None:
        """Verify every file with the key read from the meter; its published test key is allowed here."""
        from wattproof import examine

        self.head("5. Are they true?")
        for path in self.files:
            report = self.reports[path.name] = examine(path, key.hex(), allow_test_keys=True)
            for session in report.as_dict()["sessions"]:
                energy = session["energy"]
                colour = f"{session['overall']} (test keys allowed)"
                self.say(f"   {path.name:<22} {colour}: {energy['value']} {energy['unit']}, {session['verdict']}")

    def forge(self, key: bytes) -> None:
        """Change one digit of the energy in the end record of the OCMF file."""
        from wattproof import examine

        text = (self.folder / "session.ocmf").read_bytes()
        place = text.rindex(FORGED) + len(FORGED)
        digit = b"1" if text[place : place + 1] != b"1" else b"9"
        path = self.folder / "forged.ocmf"
        with output.writing(path):
            path.write_bytes(text[:place] + digit + text[place + 1 :])
        self.files.append(path)
        records = examine(path, key.hex(), allow_test_keys=True).as_dict()["records"]
        bad = [record for record in records if record["signature"] != "valid"]
        self.head("6. One digit of the energy changed")
        if len(bad) == 1:
            self.caught = bad[0]["reason"]
            self.say(f"   {path.name:<22} {bad[0]['overall']}: the signature does not fit the bytes ({self.caught})")
        else:
            self.say("   NOT CAUGHT - please report this")

    def invite(self, meter: VirtualMeter | None) -> None:
        """What to try next: with the ``meter`` that stays, or with one to be started."""
        if meter is None:
            self.head("Try next: a meter in one terminal, the rest in another")
            url, lines = f"bsm+{PLACE}", [f"simulate bsm --listen {PLACE} --speed {self.speed:f}"]
        else:
            self.head("Try next, in another terminal (Ctrl-C here ends the meter)")
            url, lines = shlex.quote(meter.url), []
        lines += [
            f"read {url} --watch 1",
            f"charge {url} --energy 1000 --output mine.xml",
            f"verify {shlex.quote(os.fspath(self.folder / 'session.xml'))} --allow-test-keys",
            "models bsm --faults",
            "simulate bsm --fault contactor-stuck-closed@turn-off:opening",
        ]
        program = _program()
        for line in lines:
            self.say(f"   {program} {line}")
        if self.gateway is not None and meter is not None:
            from wattproof.cli.demo_gateway import commands

            shown = self.gateway
            self.head(f"The gateway: {shown.url}  user {shown.user}  password {shown.password}")
            self.say("   (your browser will warn: the gateway has made its certificate itself)")
            for line in commands(shown, program):
                self.say(f"   {line}")

    def as_dict(self, meter: VirtualMeter) -> dict[str, Any]:
        """The ready object of the command line's contract."""
        sessions = [
            {"file": name, **session}
            for name, report in self.reports.items()
            for session in report.as_dict()["sessions"]
        ]
        own = {"model": meter.model, "serial": meter.serial, "url": meter.url, "public_key": meter.public_key.hex()}
        shown = self.gateway
        if shown is not None:
            sessions += [{"gateway": True, **session} for session in shown.sessions]
        return {
            "ready": True,
            **({} if shown is None else {"gateway": shown.as_dict()}),
            "meters": [own, *(shown.meters if shown else [])],
            "files": [os.fspath(path) for path in self.files],
            "sessions": sessions,
            "forged": {
                "file": os.fspath(self.folder / "forged.ocmf"),
                "caught": self.caught is not None,
                "reason": self.caught,
            },
        }


def _program() -> str:
    """How the command is called here: by its name if that is found, else by its path, as after ``make demo``."""
    if shutil.which("wattproof"):
        return "wattproof"
    path = Path(sys.argv[0])
    if path.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m wattproof"
    return shlex.quote(os.path.relpath(path))


def _electric(progress: Progress) -> str:
    power = "   ? kW" if progress.power is None else f"{progress.power / 1000:5.2f} kW"
    clock = time.strftime("%H:%M:%S", time.gmtime(progress.seconds))
    return f"{power}   {clock}   {progress.state}"


async def _interrupt() -> None:
    """Wait for Ctrl-C or a termination."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    try:
        await asked.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
