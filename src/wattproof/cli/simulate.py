"""``wattproof simulate``: be one or many meters until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from wattproof.errors import InvalidValue, StorageError
from wattproof.io.url import ADDRESS_OPTION

if TYPE_CHECKING:
    from wattproof.meters.simulation import Plan, Running, Simulation

INTERRUPTED = 130
_MANY = Parameter(negative=(), consume_multiple=False)


def command(
    model: str,
    /,
    *,
    listen: Annotated[list[str] | None, _MANY] = None,
    unit: int | None = None,
    serial: str | None = None,
    seed: int | None = None,
    speed: str = "1",
    load: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=(), consume_multiple=False)] = None,
    fault: Annotated[list[str] | None, _MANY] = None,
    state: Path | None = None,
    count: int = 1,
    control: str | None = None,
    key: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Be a meter: answer on Modbus, M-Bus, COSEM, HTTP or the optical head, with faults on demand, until interrupted.

    Examples:

        wattproof simulate bsm
        wattproof simulate bsm:cm12 --listen pty:///tmp/meter --speed 10 --load constant:7400
        wattproof simulate bsm --listen 'rtu:///dev/ttyUSB0?baudrate=19200' --state /var/lib/meter
        wattproof simulate bsm --control http://127.0.0.1:0 --fault contactor-stuck-closed@turn-on:signing --json
        wattproof simulate dmed4 --listen http://127.0.0.1:8080 --listen tcp://127.0.0.1:5020 --speed 60
        wattproof simulate bsm --count 1000 --listen tcp://127.0.0.1:20000 --set answer-delay=0
        wattproof simulate abb:A43 --listen mbus://127.0.0.1:5021 --count 16 --load curve:pv

    Parameters
    ----------
    model
        Family and variant, such as bsm, bsm:cm12, dmed4, dmed4:404R0600, dmed4:DC1, abb or abb:B23-212-100;
        `wattproof models` lists them.
    listen
        Address to answer at, may be given several times: tcp://HOST:PORT, tls://, rtu://, ascii://, iec://, http://,
        https://, mbus://, hdlc://, dlms://, dlms+udp://, rtu:///dev/..., mbus:///dev/..., hdlc:///dev/...,
        pty:///PATH?protocol=rtu (or ascii, iec, mbus, hdlc). Port 0 takes a free one.
        Default: tcp://127.0.0.1:5020, for abb mbus://127.0.0.1:5021, or another free port.
    unit
        Modbus unit (default: that of the family, 42 for bsm, 1 for dmed4). Of abb the primary address on M-Bus
        (default 1), or the lower HDLC address where only HDLC listens (default 17).
    serial
        Serial number; by default it follows from the seed.
    seed
        Fixes serial, noise, key and the hits of percent faults.
    speed
        Meter seconds per real second, above 0 up to 100000. Bus gaps and client time-outs stay real.
    load
        none, constant:W, curve[:NAME] or csv:FILE.
    set_
        Option of the meter as KEY=VALUE, may be given several times; `wattproof models bsm` lists them.
    fault
        Fault as NAME[=VALUE][@STATE], may be given several times; `wattproof models bsm --faults` lists them.
    state
        Folder in which energy, counters and key survive; an existing one means power-up after a power failure: the
        meter is ready when its start-delay (2 s) has passed.
    count
        Number of meters: consecutive ports, or consecutive addresses on one line; serials are counted up.
    control
        Address of the control interface, such as http://127.0.0.1:0.
    key
        File with the private signing key (PEM or DER) instead of the published test key.
    json
        Print one ready object on stdout, logs on stderr.
    """
    from wattproof.meters.simulation import Plan

    plan = Plan(
        model=model,
        listen=tuple(listen or ()),
        unit=unit,
        serial=serial,
        seed=seed,
        speed=speed,
        load=load,
        settings=read_settings(set_ or ()),
        faults=tuple(fault or ()),
        state=state,
        count=count,
        key=None if key is None else _read_key(key),
        control=control,
    )
    return run_loop(serve(plan, as_json=json))


def read_settings(texts: tuple[str, ...] | list[str]) -> dict[str, str]:
    """``KEY=VALUE`` texts as a mapping.

    :raises InvalidValue: no equals sign, or a key given twice.
    """
    settings: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidValue(f"--set {text}: write KEY=VALUE, such as --set answer-delay=0")
        if name in settings:
            raise InvalidValue(f"--set {name} is given twice")
        settings[name] = value
    return settings


def _read_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidValue(f"the key file {path} cannot be read: {error.strerror}") from error


async def serve(plan: Plan, *, as_json: bool) -> int:
    """Run the meters of a plan until a signal, or until their state cannot be kept; the exit code."""
    from wattproof.meters.simulation import Simulation

    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    _on_signal(loop, signal.SIGTERM, end, 0)
    _on_signal(loop, signal.SIGINT, end, INTERRUPTED)
    starting = loop.create_task(Simulation.start(plan))
    await asyncio.wait((starting, ended), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # interrupted while the meters were powering up
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return ended.result()
    simulation = await starting
    try:
        announce(simulation, as_json=as_json)
        failed = loop.create_task(simulation.failed.wait())
        await asyncio.wait((ended, failed), return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()
    finally:
        await simulation.close()
    return ended.result() if ended.done() else StorageError.exit_code


def _on_signal(loop: asyncio.AbstractEventLoop, number: int, end: Callable[[int], None], code: int) -> None:
    try:
        loop.add_signal_handler(number, end, code)
    except NotImplementedError:  # no such thing on Windows: the interrupt ends the loop there
        return


def announce(simulation: Simulation, *, as_json: bool) -> None:
    """Say that the meters are ready, on one JSON line or in words."""
    if as_json:
        from wattproof.cli.output import print_json

        print_json(ready_object(simulation), indent=None)
        return
    sys.stdout.write("\n".join(greeting(simulation)) + "\n")
    sys.stdout.flush()


def ready_object(simulation: Simulation) -> dict[str, Any]:
    """The ready object of ``--json``; of several meters the first stands at its top."""
    first, control = simulation.meters[0].meter, simulation.control
    return {
        "ready": True,
        "model": first.model,
        "variant": first.variant,
        "serial": first.serial,
        "listen": simulation.listen,
        "control": None if control is None else control.url,
        "token": None if control is None else control.token,
        "public_key": first.public_key.hex(),
        "meters": [entry for one in simulation.meters for entry in _entries(one)],
    }


def _entries(one: Running) -> list[dict[str, Any]]:
    """A meter in the list of them; one with meters behind it stands for these, each with its channel."""
    listen = [str(url) for url in one.urls]
    behind = one.meter.channels
    return [
        {"serial": meter.serial, "unit": meter.unit, "listen": listen, "public_key": meter.public_key.hex()}
        | ({"channel": channel} if behind else {})
        for channel, meter in (behind or {0: one.meter}).items()
    ]


def greeting(simulation: Simulation) -> list[str]:
    """What a person reads first: who is there, where, and what to try next."""
    from wattproof.meters import registry

    plan, meters, control = simulation.plan, simulation.meters, simulation.control
    first = meters[0]
    name = f"{first.meter.model}:{first.meter.variant}"
    if len(meters) == 1:
        lines = [f"Virtual {name}, serial {first.meter.serial}, unit {first.meter.unit}."]
        lines += [f"  listens at {url}" for url in first.urls]
    else:
        last = meters[-1]
        lines = [f"{len(meters)} virtual {name}, serials {first.meter.serial} to {last.meter.serial}."]
        if first.urls[0] == last.urls[0]:
            low, high = (one.meter.unit_on(first.urls[0].framing) for one in (first, last))
            lines += [f"  listen at {first.urls[0]}, addresses {low} to {high}"]
        else:
            lines += [f"  listen at {first.urls[0]} to {last.urls[0]}"]
    if plan.state is not None:
        lines.append(f"  keeps its state in {plan.state}")
    if control is not None:
        lines.append(f"  control at {control.url}")
        lines.append(f"  token {control.token}")
    address = first.urls[0]
    named = ADDRESS_OPTION.get(address.framing)
    options = {named: first.meter.unit_on(address.framing)} if named else {}
    meter_url = f"'{first.meter.model}+{address.with_options(**options)}'"
    lines += ["", "Try in another terminal:", f"  wattproof read {meter_url}"]
    if address.framing != "iec" and registry.family(first.meter.model).formats:
        lines.append(f"  wattproof charge {meter_url} --energy 500 --output session.xml")
    if control is not None:
        lines.append(f"  curl -H 'Authorization: Bearer {control.token}' {control.url}/")
    lines.append("Ctrl-C ends it.")
    return lines


def run_loop(work: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine in a new event loop, uvloop's where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    code: int = uvloop.run(work)
    return code
