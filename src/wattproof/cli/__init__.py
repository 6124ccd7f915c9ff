"""The ``wattproof`` command: one module a command, imported only when it is called.

Exit codes: 0 done; 1 the meter refused, a session failed, a record is red; 2 misuse, unreadable file, port in use;
3 grey (nothing red, something cannot be judged); 4 unreachable or timed out; 5 local disk or I/O; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts import App

#: Command: its module below ``wattproof.cli`` (whose function is named ``command``), usage, and line in the overview.
COMMANDS = {
    "demo": ("demo", "[OPTIONS]", "Show a signed charging session on a virtual meter, verified and tampered with."),
    "simulate": ("simulate", "MODEL [OPTIONS]", "Be a meter: Modbus, HTTP or optical head, with faults on demand."),
    "models": ("models", "[MODEL] [OPTIONS]", "Print what is known of a meter: points, registers, faults, controls."),
    "scan": ("scan", "BUS_URL... [OPTIONS]", "Find the meters on a bus or at a web address."),
    "read": ("read", "METER_URL [POINT...] [OPTIONS]", "Read points of a meter."),
    "write": ("write", "METER_URL POINT=VALUE... [OPTIONS]", "Write points of a meter."),
    "snapshot": ("snapshot", "METER_URL KIND [OPTIONS]", "Let a meter sign a reading, and fetch it."),
    "charge": ("charge", "METER_URL [OPTIONS]", "Take a signed charging session."),
    "logbook": ("logbook", "METER_URL [OPTIONS]", "Fetch the signed records and events that a meter has stored."),
    "verify": ("verify", "FILE|-... [OPTIONS]", "Check signed meter values and say why."),
    "forge": ("forge", "[FORMAT] [OPTIONS]", "Make signed records for tests, right or wrong in a chosen way."),
    "keys": ("keys", "add|list|trust|revoke|import [OPTIONS]", "Keep the public keys of meters that you trust."),
    "proxy": ("proxy", "LISTEN_URL... --to BUS_URL [OPTIONS]", "Let several masters share one line."),
    "gateway": ("gateway", "[acquire|serve] [OPTIONS]", "Gather meters behind the G13 JSON interface."),
    "export": ("export", "readings|profiles|records [OPTIONS]", "Export what a gateway has stored as CSV or Parquet."),
    "backup": ("backup", "[OPTIONS]", "Back up the store of a gateway while it runs."),
    "restore": ("restore", "FILE [OPTIONS]", "Put a backup into the store of a gateway."),
    "conformance": ("conformance", "METER_URL [OPTIONS]", "Hold a meter against its specification."),
}

INTERRUPTED = 130
#: Environment variable: show where an unforeseen error happened.
DEBUG = "WATTPROOF_DEBUG"


def build() -> App:
    """The whole command line as one cyclopts application; command modules are imported when they are called."""
    from cyclopts import App, Parameter

    from wattproof.version import __version__

    app = App(
        name="wattproof",
        version=__version__,
        help=(
            "Energy meters that bill: drive them, be them, prove what they signed.\n\n"
            "First steps: `wattproof demo`, then `wattproof simulate bsm` in one terminal and "
            "`wattproof read bsm+tcp://127.0.0.1:5020` in another.\n\n"
            "Exit codes: 0 done; 1 refused, failed or red; 2 misuse; 3 grey; 4 unreachable; 5 local disk; "
            "130 interrupted."
        ),
        help_format="markdown",
        result_action="return_value",
        default_parameter=Parameter(negative=()),
    )
    for name, (module, usage, summary) in COMMANDS.items():
        target = f"wattproof.cli.{module}:command"
        app.command(target, name=name, help=summary, usage=f"Usage: wattproof {name} {usage}")
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no exception leaves unless ``WATTPROOF_DEBUG`` is set."""
    from cyclopts import CycloptsError

    from wattproof.cli.output import drop
    from wattproof.errors import WattproofError

    name = arguments[0] if arguments else ""
    try:
        if name in COMMANDS:  # its own help too, with the examples of its docstring
            result = _call(name, arguments[1:])
        else:
            result = build()(list(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        _complain(f"{error}", hint=f"see 'wattproof {name} --help'" if name in COMMANDS else "see 'wattproof --help'")
        return 2
    except WattproofError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has enough, as head has
        drop()
        return 0
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # how rich says the same
            return 0
        raise
    except OSError as error:
        drop()
        # Whoever opens a file says so in an error of its own: what has no name is stdout.
        _complain(f"{error}" if error.filename else f"standard output cannot be written: {error.strerror or error}")
        return 5
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        _complain(
            f"{type(error).__name__}: {error}",
            hint=f"this is a defect of wattproof, please report it; {DEBUG}=1 shows where it happened",
        )
        return 1
    return result if isinstance(result, int) else 0


def _call(name: str, arguments: Sequence[str]) -> Any:
    """One command without the others: the module, its function, and cyclopts for its arguments."""
    from cyclopts import App, Parameter

    module, usage, _ = COMMANDS[name]
    app = App(
        name=f"wattproof {name}",
        usage=f"Usage: wattproof {name} {usage}",
        help_format="markdown",
        result_action="return_value",
        version_flags=(),
        default_parameter=Parameter(negative=()),
    )
    app.default(importlib.import_module(f"wattproof.cli.{module}").command)
    return app(list(arguments), exit_on_error=False, print_error=False)


def _complain(message: str, hint: str | None = None) -> None:
    from wattproof.cli.output import harmless

    with suppress(OSError):  # nobody hears it, but the exit code says it too
        sys.stderr.write(f"error: {harmless(message)}\n" + (f"       {hint}\n" if hint else ""))


def main() -> None:
    """Entry point of the console script."""
    for name in ("stdout", "stderr"):  # whoever closed one wants the exit code alone
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from wattproof.version import __version__

        sys.stdout.write(f"{__version__}\n")
        raise SystemExit(0)
    raise SystemExit(run(arguments))
