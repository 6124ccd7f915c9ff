"""`wattproof conformance`: hold a meter, real or virtual, against its specification."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.meter import TraceFile, meter_dict
from wattproof.conformance import report, suite
from wattproof.conformance.engine import Need, Result, Statement, choose, run
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import UsageError
from wattproof.io.trace import Trace
from wattproof.io.url import parse_url
from wattproof.meters.connecting import open_meter_sync

READING = frozenset({Need.READ})
WRITING = frozenset({Need.READ, Need.WRITE, Need.SWITCHING})


def command(
    meter_url: Annotated[str | None, Parameter(name="METER_URL", allow_leading_hyphen=False)] = None,
    *,
    statement: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    also: Annotated[str | None, Parameter(name="--also")] = None,
    allow_writes: Annotated[bool, Parameter(negative="")] = False,
    allow_reboots: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    trace: TraceFile = None,
) -> int:
    """Hold a meter, real or virtual, against its specification.

    Every numbered statement that can be seen from outside is checked and gets pass, fail, skip (with the reason) or
    not-applicable. Exit code 1 if one fails. Without --allow-writes nothing is written.

    With --allow-writes the time is set, and a BSM creates snapshots, whose metadata are overwritten, and switches the
    contactor on and off; a DMED4 runs charge cycles, whose records stay in its log book. Not while a car is charging.
    An ABB meter has its settings changed and changed back, and its outputs switched.
    Afterwards the meter is as it was: metadata empty, output off, no open cycle, no errors of the checks.

    Examples:

        wattproof conformance bsm+tcp://127.0.0.1:5020
        wattproof conformance bsm+tcp://127.0.0.1:5020 --allow-writes
        wattproof conformance 'bsm+rtu:///dev/ttyUSB0?baudrate=19200&parity=E' --statement B-020 --statement B-121
        wattproof conformance bsm+tcp://127.0.0.1:5020 --json
        wattproof conformance dmed4+tcp://192.168.1.1 --also dmed4+http://192.168.1.1 --allow-writes
        wattproof conformance 'abb+mbus:///dev/ttyUSB1?address=5'

    Parameters
    ----------
    meter_url
        The meter; the environment variable WATTPROOF_METER stands in for it.
    statement
        Check only this statement; may be given several times.
    also
        The same meter by its other interface, such as REST or COSEM; then both are compared as well.
    allow_writes
        Also check what needs writing, switching and charge cycles.
    allow_reboots
        Also check what makes the meter reboot; needs --allow-writes.
    json
        Print the report as JSON.
    trace
        Write every byte sent and received to this file; - is stderr.
    """
    if allow_reboots and not allow_writes:
        raise UsageError("--allow-reboots needs --allow-writes: a reboot is made by saving parameters")
    urls = [output.meter_url(meter_url), *([also] if also else [])]
    with ExitStack() as stack:
        recorder = None if trace is None else stack.enter_context(Trace(trace))
        meters = [stack.enter_context(open_meter_sync(url, trace=recorder)) for url in urls]
        places = [(meter.driver, parse_url(url)) for meter, url in zip(meters, urls, strict=True)]
        statements, subject_class = suite(getattr(meters[0], "family", None) or str(places[0][1].model))
        chosen = choose(statements, statement)
        subject = subject_class.of(places, writes=allow_writes)
        who = meter_dict(meters[0], urls[0])
        allowed = (WRITING if allow_writes else READING) | ({Need.REBOOT} if allow_reboots else frozenset())
        try:
            results = _run(chosen, subject, allowed, quiet=json)
        finally:
            run_blocking(subject.finish())
    if json:
        output.print_json(report.as_dict(who, sorted(map(str, allowed)), results))
    else:
        _show(results)
    return 0 if report.passed(results) else 1


def _run(chosen: list[Statement[Any]], subject: Any, allowed: frozenset[Need], *, quiet: bool) -> list[Result]:
    """Run, with a line on stderr that says which statement is being checked."""
    if quiet or not output.errors().is_terminal:
        return run_blocking(run(chosen, subject, allowed=allowed))
    from rich.progress import Progress

    with Progress(console=output.errors(), transient=True) as progress:
        task = progress.add_task("checking", total=len(chosen))

        def step(result: Result) -> None:
            progress.update(task, advance=1, description=f"{result.id} {report.SHOWN[result.outcome][0]}")

        return run_blocking(run(chosen, subject, allowed=allowed, on_result=step))


def _show(results: list[Result]) -> None:
    table = output.table(report.COLUMNS, [report.row(result) for result in results])
    for drawn, result in zip(table.rows, results, strict=True):
        drawn.style = "" if report.passed([result]) else report.SHOWN[result.outcome][1]
    output.show(table)
    output.say(report.closing(results))
