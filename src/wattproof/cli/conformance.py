"""`wattproof conformance`: hold a meter, real or virtual, against its specification."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.meter import TraceFile, meter_dict, opened
from wattproof.conformance import report, suite
from wattproof.conformance.engine import Need, Result, Statement, choose, run
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import InvalidURL

READING = frozenset({Need.READ})
WRITING = frozenset({Need.READ, Need.WRITE, Need.SWITCHING})


def command(
    meter_url: Annotated[str | None, Parameter(name="METER_URL", allow_leading_hyphen=False)] = None,
    *,
    statement: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    allow_writes: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    trace: TraceFile = None,
) -> int:
    """Hold a meter, real or virtual, against its specification.

    Every numbered statement that can be seen from outside is checked and gets pass, fail, skip (with the reason) or
    not-applicable. Exit code 1 if one fails. Without --allow-writes nothing is written.

    With --allow-writes the time is set, metadata are overwritten, snapshots are created and the contactor is switched
    on and off: not while a car is charging. Afterwards the metadata are empty and the output is off.

    Examples:

        wattproof conformance bsm+tcp://127.0.0.1:5020
        wattproof conformance bsm+tcp://127.0.0.1:5020 --allow-writes
        wattproof conformance 'bsm+rtu:///dev/ttyUSB0?baudrate=19200&parity=E' --statement B-020 --statement B-121
        wattproof conformance bsm+tcp://127.0.0.1:5020 --json

    Parameters
    ----------
    meter_url
        The meter; the environment variable WATTPROOF_METER stands in for it.
    statement
        Check only this statement; may be given several times.
    allow_writes
        Also check what needs writing and switching.
    json
        Print the report as JSON.
    trace
        Write every byte sent and received to this file; - is stderr.
    """
    url = output.meter_url(meter_url)
    with opened(url, trace) as meter:
        link = getattr(meter, "link", None)
        if link is None:
            raise InvalidURL(f"{url}: statements are checked over Modbus; an example: bsm+tcp://127.0.0.1:5020")
        statements, subject_class = suite(meter.family)
        chosen = choose(statements, statement)
        who = meter_dict(meter, url)
        subject = subject_class(link, meter.unit, writes=allow_writes)
        allowed = WRITING if allow_writes else READING
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
