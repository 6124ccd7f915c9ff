"""`wattproof write`: set points of a meter."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.meter import TraceFile, able, opened
from wattproof.errors import InvalidValue, UsageError


def command(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=False)],
    json: bool = False,
    trace: TraceFile = None,
    verbose: bool = False,
) -> int:
    """Write points of a meter.

    Neighbouring points go into one request, and one request is done whole or not at all. Values are numbers (also 0x),
    names of an enumeration, or texts. METER_URL may come from the environment: WATTPROOF_METER.

    Examples:

        wattproof write bsm+tcp://127.0.0.1:5020 bs_meter.Epoch=1700000000 bs_meter.TZO=60
        wattproof write bsm+tcp://127.0.0.1:5020 "bs_meter.Meta1=contract-id: rfid:12345678" bs_meter.Meta2=
        wattproof write bsm+tcp://127.0.0.1:5020 common.DA=7
        wattproof write bsm+tcp://127.0.0.1:5020 bs_meter.DO=0
        wattproof write dmed4+http://192.168.1.1 tariff=3 display_page=5
        wattproof write 'dmed4+http://192.168.1.1?password-file=secret' P05_03=192.168.1.7
        wattproof write 'abb+mbus:///dev/ttyUSB1?address=5' TARIFF_ACTIVE=2
        wattproof write 'abb+hdlc:///dev/ttyUSB1?address=17&password-file=secret' NRG_CONVERSION_FACTOR_CO2=0.45

    Parameters
    ----------
    arguments
        METER_URL, then POINT=VALUE.
    json
        Print JSON.
    trace
        Write every byte sent and received to this file; - is stderr.
    verbose
        Say what was written.
    """
    url, assignments = output.split_url(arguments)
    values = assigned(assignments)
    with opened(url, trace) as meter:
        able(meter, "write", url, "write points")
        meter.write(values)
        for warning in getattr(meter, "warnings", ()):
            output.warn(warning)
    if json:
        output.print_json({"url": url, "written": values})
    elif verbose:
        for name, value in values.items():
            output.say(f"{name} = {value}")
    return 0


def assigned(texts: list[str]) -> dict[str, str]:
    """Names and values of ``POINT=VALUE`` texts. Raises :class:`~wattproof.errors.UsageError`."""
    if not texts:
        raise UsageError("nothing to write: give POINT=VALUE, such as bs_meter.Meta1=text")
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidValue(f"{text!r} is no assignment: write POINT=VALUE")
        if name in values:
            raise InvalidValue(f"{name} is set twice: give one value")
        values[name] = value
    return values
