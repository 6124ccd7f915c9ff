"""`wattproof snapshot`: let a meter sign a reading, and fetch it."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.meter import TraceFile, able, meter_dict, opened
from wattproof.cli.read import describe, readings_table
from wattproof.errors import UsageError

REFUSED = 1


def command(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=False)],
    json: bool = False,
    wait: Annotated[bool, Parameter(negative="--no-wait")] = True,
    existing: Annotated[bool, Parameter(negative=())] = False,
    verify: Annotated[bool, Parameter(negative=())] = False,
    trace: TraceFile = None,
    verbose: bool = False,
) -> int:
    """Let a meter sign a reading, and fetch it.

    turn-on closes and turn-off opens the contactor; turn-on and start set the session's energy (RCR) to zero. The
    aliases scs, stons, stoffs, sss and ses are the same kinds. The signatures are always checked; exit code 1 if one is
    wrong. METER_URL may come from the environment: WATTPROOF_METER.

    Examples:

        wattproof snapshot bsm+tcp://127.0.0.1:5020 current
        wattproof snapshot bsm+tcp://127.0.0.1:5020 turn-on --json
        wattproof snapshot bsm+tcp://127.0.0.1:5020 turn-off --no-wait
        wattproof snapshot bsm+tcp://127.0.0.1:5020 turn-off --existing --verify --verbose

    Parameters
    ----------
    arguments
        METER_URL and the kind of snapshot.
    json
        Print JSON: fields, registers, OCMF text, verdicts.
    wait
        Wait for the signature and fetch the snapshot; --no-wait only starts it.
    existing
        Fetch the snapshot that is there instead of creating one.
    verify
        Show digest, signature and public key that were checked.
    trace
        Write every byte sent and received to this file; - is stderr.
    verbose
        Say which meter it is, and with --verify show each signed piece.
    """
    url, rest = output.split_url(arguments)
    if len(rest) != 1:
        raise UsageError("say which snapshot: current, turn-on, turn-off, start or end")
    (kind,) = rest
    if existing and not wait:
        raise UsageError("--existing fetches, --no-wait does not: give one of them")
    with opened(url, trace) as meter:
        able(meter, "trigger", url, "sign snapshots")
        if not wait:
            identity = meter_dict(meter, url) if json else {}  # afterwards the meter may be silent for seconds
            meter.trigger(kind)
            if json:
                output.print_json({"meter": identity, "triggered": kind})
            else:
                output.say(f"{kind}: creation started; fetch it with --existing")
            return 0
        taken = meter.existing(kind) if existing else meter.snapshot(kind)
        identity = meter_dict(meter, url) if json else {}
    if json:
        output.print_json({"meter": identity, "snapshot": taken.as_dict()})
    else:
        show(taken, verify=verify, verbose=verbose)
    return REFUSED if not taken.valid or taken.ocmf_valid is False else 0


def show(taken: Any, *, verify: bool, verbose: bool) -> None:
    """A snapshot for people."""
    if verbose:
        output.note(describe(taken.meter))
    output.show(readings_table([reading for reading in taken.readings() if not reading.point.endswith((".ID", ".L"))]))
    if taken.ocmf is not None:
        output.say(taken.ocmf.decode("latin-1"))
    if verify:
        if verbose:
            rows = [(name, data.hex()) for name, data in taken.pieces()]
            output.show(output.table(("Signed", "Bytes"), rows))
        for name, data in (
            ("SHA-256", taken.digest),
            ("signature", taken.signature),
            ("public key", taken.meter.public_key or b""),
        ):
            output.say(f"{name}: {data.hex()}")
    for name, verdict in (("snapshot", taken.valid), ("OCMF text", taken.ocmf_valid)):
        if verdict is not None:
            output.say(f"{name}: signature {'valid' if verdict else 'INVALID'}")
    for problem in taken.problems:
        output.warn(problem)
