"""``wattproof proxy``: let several masters share one line, until interrupted."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.scan import numbers
from wattproof.cli.simulate import INTERRUPTED, run_loop
from wattproof.errors import InvalidValue, UsageError

if TYPE_CHECKING:
    from wattproof.bridge.access import Access
    from wattproof.bridge.service import Plan, Service

_MANY = Parameter(negative=(), consume_multiple=False)


def command(
    *listen_urls: Annotated[str, Parameter(allow_leading_hyphen=False)],
    to: str | None = None,
    listen: Annotated[list[str] | None, _MANY] = None,
    unit: str | None = None,
    read_only: Annotated[list[str] | None, Parameter(negative=(), consume_multiple=True)] = None,
    rate: float | None = None,
    rate_unit: float | None = None,
    fault: Annotated[list[str] | None, _MANY] = None,
    seed: int | None = None,
    control: str | None = None,
    trace: str | None = None,
    keep_trying: bool = False,
    json: bool = False,
) -> int:
    """Let several masters share one line, until interrupted.

    Requests of all masters take turns on the line. Equal reads that come at the same time are asked once. A unit that
    does not answer rests after three failures and is probed now and then, so that it does not stall the others.

    Examples:

        wattproof proxy tcp://127.0.0.1:5020 --to 'rtu:///dev/ttyUSB0?baudrate=19200&parity=E'
        wattproof proxy tcp://0.0.0.0:502 --to tcp://192.168.1.20:502 --read-only
        wattproof proxy tcp://127.0.0.1:5020 pty:///tmp/line --to rtu:///dev/ttyUSB0 --unit 1,5-9 --read-only 1,5
        wattproof proxy tcp://127.0.0.1:5020 --to rtu:///dev/ttyUSB0 --rate 20 --control http://127.0.0.1:0 --json
        wattproof proxy pty:///tmp/bad-line --to rtu:///dev/ttyUSB0 --fault garble=5 --fault late=0.2 --seed 1

    A request that does not pass is answered as gateways do: 0x0A, the unit may not be asked or the line is not there;
    0x0B, the unit does not answer; 0x01, a write to what may only be read; 0x06, too many requests.

    Parameters
    ----------
    listen_urls
        Addresses where masters come in: tcp://HOST:PORT, tls://, rtu://, ascii://, rtu:///dev/..., pty:///PATH.
        Port 0 takes a free one.
    to
        The line: an address as for scan, such as rtu:///dev/ttyUSB0?baudrate=19200&parity=E or tcp://HOST:PORT.
        ?timeout= says how long a unit may take (1 s), ?retries= how often an unanswered read is repeated (0).
    listen
        One more address where masters come in; may be given several times.
    unit
        Units that may be asked, such as 1,5-9 (default: all).
    read_only
        Refuse writes: of all units, or of those named, such as --read-only 1,2.
    rate
        Requests a second that one client may send.
    rate_unit
        Requests a second that one unit is asked.
    fault
        Fault of the line as NAME[=VALUE], may be given several times: drop, drop-answer, late, garble, truncate,
        wrong-unit, wrong-transaction, exception, disconnect, line-noise, foreign-traffic, echo, collision.
        `wattproof models bsm --faults` says what they do.
    seed
        Fixes which requests percent faults hit.
    control
        Address of the control interface, such as http://127.0.0.1:0: statistics, faults, journal.
    trace
        Write every byte on the line to this file.
    keep_trying
        Begin even if the line cannot be reached, and try again for every request.
    json
        Print one ready object on stdout, and one with the statistics at the end.
    """
    from wattproof.bridge.proxy import Rates
    from wattproof.bridge.service import Plan

    # "--read-only tcp://..." is a flag with an address behind it.
    urls = [*listen_urls, *(listen or ()), *(text for text in read_only or () if "://" in text)]
    if not urls:
        raise UsageError("no address for masters: give one, such as tcp://127.0.0.1:5020")
    if to is None:
        raise UsageError("no line: give its address with --to, such as --to rtu:///dev/ttyUSB0?parity=E")
    plan = Plan(
        listen=urls,
        to=to,
        access=read_access(unit, None if read_only is None else [text for text in read_only if "://" not in text]),
        rates=Rates(_rate(rate, "--rate"), _rate(rate_unit, "--rate-unit")),
        faults=tuple(fault or ()),
        seed=seed,
        control=control,
        trace=trace,
        keep_trying=keep_trying,
    )
    return run_loop(serve(plan, as_json=json))


def read_access(unit: str | None, read_only: Sequence[str] | None) -> Access:
    """What ``--unit`` and ``--read-only`` say; ``read_only`` empty: all units.

    :raises InvalidValue: no list of units.
    """
    from wattproof.bridge.access import Access

    units = None if unit is None else frozenset(numbers(unit, "--unit", 0, 255))
    if read_only is None:
        return Access(units)
    if not read_only:
        return Access(units, None)
    return Access(units, frozenset(numbers(",".join(read_only), "--read-only", 0, 255)))


def _rate(value: float | None, option: str) -> float | None:
    if value is not None and not 0.001 <= value <= 1_000_000:
        raise InvalidValue(f"{option} {value:g}: write requests a second, 0.001 to 1000000")
    return value


async def serve(plan: Plan, *, as_json: bool) -> int:
    """Run a proxy until a signal; the exit code."""
    from wattproof.bridge.service import Service

    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, INTERRUPTED)):
        try:
            loop.add_signal_handler(number, end, code)
        except NotImplementedError:  # no such thing on Windows: the interrupt ends the loop there
            break
    starting = loop.create_task(Service.start(plan))
    await asyncio.wait((starting, ended), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # interrupted while the line was being reached
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return ended.result()
    service = await starting
    try:
        announce(service, as_json=as_json)
        code = await ended
        state = service.state()
    finally:
        await service.close()
    summarise(state, as_json=as_json)
    return code


def announce(service: Service, *, as_json: bool) -> None:
    """Say that masters are served, on one JSON line or in words."""
    control = service.control
    if as_json:
        output.print_json(
            {
                "ready": True,
                "listen": service.listen,
                "to": str(service.to),
                "control": None if control is None else control.url,
                "token": None if control is None else control.token,
            },
            indent=None,
        )
        return
    output.say(f"Proxy to {service.to}.")
    for url in service.listen:
        output.say(f"  listens at {url}")
    if service.line.absent:
        output.say(f"  the line is not there yet: {service.line.absent}")
    if control is not None:
        output.say(f"  control at {control.url}")
        output.say(f"  token {control.token}")
        output.say("")
        output.say("Try in another terminal:")
        output.say(f"  curl -H 'Authorization: Bearer {control.token}' {control.url}/")
    output.say("Ctrl-C ends it.")


COLUMNS = ("Requests", "Answers", "Exceptions", "Refused", "Foreign", "Limited", "Busy", "Silent", "Lost")


def summarise(state: Mapping[str, Any], *, as_json: bool) -> None:
    """What was counted, by unit and by client."""
    if as_json:
        output.print_json({"ready": False, **state}, indent=None)
        return
    clients = {**state["departed"], **state["clients"]}
    for title, counted in (("Unit", state["units"]), ("Client", clients)):
        if counted:
            rows = [(name, *_cells(counts)) for name, counts in counted.items()]
            output.show(output.table((title, *COLUMNS), rows, right=" ".join(COLUMNS)))


def _cells(counts: Mapping[str, object]) -> list[str]:
    exceptions = cast(Mapping[str, int], counts["exceptions"])
    cells = {**counts, "exceptions": " ".join(f"{int(code):02X}h:{number}" for code, number in exceptions.items())}
    return [str(cells[name.lower()]) for name in COLUMNS]
