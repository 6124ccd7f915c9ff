"""`wattproof read`: points of a meter, once or again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.meter import TraceFile, able, meter_dict, opened, positive
from wattproof.cli.objects import has_objects, objects_list, objects_table
from wattproof.errors import InvalidValue
from wattproof.model.readings import Reading, value_text
from wattproof.model.values import Quality

REGISTERS_PER_LINE = 8


def command(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=False)],
    json: bool = False,
    watch: float | None = None,
    models: bool = False,
    registers: str | None = None,
    key_format: str | None = None,
    trace: TraceFile = None,
    verbose: bool = False,
) -> int:
    """Read points of a meter.

    POINT is an instance (ac_meter), INSTANCE.POINT or INSTANCE/POINT, or the bare name where only one instance has it;
    aliases (tpm) work too, and case does not matter. `all` is every point. Without POINT the meter's main values are
    read. METER_URL may come from the environment: WATTPROOF_METER.

    Examples:

        wattproof read bsm+tcp://127.0.0.1:5020
        wattproof read bsm+tcp://127.0.0.1:5020 ac_meter.W bs_meter.RCR --json
        wattproof read 'bsm+rtu:///dev/ttyUSB0?baudrate=19200&parity=E' tpm --watch 2
        wattproof read bsm+tcp://127.0.0.1:5020 --models
        wattproof read bsm+tcp://127.0.0.1:5020 --registers 40252:4
        wattproof read bsm+tcp://127.0.0.1:5020 bs_meter.PK --key-format sec1-compressed
        wattproof read bsm+iec:///dev/ttyUSB2
        wattproof read dmed4+http://192.168.1.1 voltage power energy_cycle
        wattproof read 'mbus:///dev/ttyUSB1?address=5'
        wattproof read 'abb+mbus://192.168.1.30:10001?address=00217819' energy ACTIVE_POWER_TOTAL
        wattproof read 'hdlc:///dev/ttyUSB1?address=17&baudrate=115200' instrument
        wattproof read cosem+dlms://192.168.1.40 1-0:1.8.0 1-0:1.8.0/3

    Parameters
    ----------
    arguments
        METER_URL, then points.
    json
        Print JSON; with --watch one object a line.
    watch
        Read again every so many seconds and show the values as a live table, until interrupted.
    models
        List the model instances found on the meter instead.
    registers
        Print registers OFFSET:LENGTH (0-based, decimal or 0x) instead, 8 a line.
    key_format
        Form of a public key: der, raw, sec1-compressed or sec1-uncompressed.
    trace
        Write every byte sent and received to this file; - is stderr.
    verbose
        Also say which meter answered.
    """
    url, points = output.split_url(arguments)
    positive(watch, "--watch", "seconds between two looks")
    with opened(url, trace) as meter:
        if registers is not None:
            _registers(meter, url, registers, json)
        elif models:
            _models(meter, url, json)
        elif watch is not None:
            _watch(meter, url, _asked(points, key_format), watch, key_format, json)
        else:
            if verbose:
                output.note(describe(meter.info()))
            readings = _read(meter, _asked(points, key_format), key_format)
            for warning in getattr(meter, "warnings", ()):
                output.warn(warning)
            whole = has_objects(meter, points)
            if json:
                document = _document(meter_dict(meter, url), meter, readings)
                output.print_json(document | {"objects": objects_list(meter)} if whole else document)
            elif whole:
                output.show(objects_table(meter, readings, shown))
            else:
                output.show(records_table(meter, readings) if _has_records(meter) else readings_table(readings))
    return 0


def describe(info: Any) -> str:
    """One line about a meter: maker, type, serial number, firmware."""
    variant = f" ({info.variant})" if info.variant else ""
    return (
        f"{info.manufacturer} {info.type}".strip() + f", serial number {info.serial}, firmware {info.firmware}{variant}"
    )


def _asked(points: Sequence[str], key_format: str | None) -> list[str]:
    return [*points] or (["bs_meter.PK"] if key_format else [])


def _read(meter: Any, points: list[str], key_format: str | None) -> list[Reading]:
    readings: list[Reading] = meter.read(points)
    if key_format is None:
        return readings
    from wattproof.meters.bsm.publickey import key_bytes
    from wattproof.meters.bsm.publickey import key_format as form_of

    form = form_of(key_format)
    return [
        reading._replace(value=key_bytes(reading.value, form))
        if reading.point.endswith(".PK") and isinstance(reading.value, bytes)
        else reading
        for reading in readings
    ]


def _document(identity: dict[str, Any], meter: Any, readings: Sequence[Reading]) -> dict[str, Any]:
    rows = [reading_dict(reading) for reading in readings]
    if _has_records(meter):
        rows = [row | meter.details(row["point"]) for row in rows]
    return {"meter": identity, "readings": rows}


def _has_records(meter: Any) -> bool:
    """Whether the meter's points are records of M-Bus, which say more than a value."""
    return getattr(meter, "family", None) == "mbus"


def reading_dict(reading: Reading) -> dict[str, object]:
    """A reading for JSON: ``value`` of a text as people wrote it, ``raw`` a character a byte."""
    return reading._replace(value=as_written(reading.value)).as_dict()


def as_written(value: Decimal | str | bytes | None) -> Decimal | str | bytes | None:
    """A value whose text is read as UTF-8 if its bytes are that; on the wire each character stands for one byte."""
    if not isinstance(value, str):
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def readings_table(readings: Sequence[Reading], title: str | None = None) -> Any:
    """Readings for people; what has no value says why."""
    rows = [
        (
            reading.point,
            "-" if reading.value is None else shown(reading),
            reading.unit,
            reading.obis or "",
            "" if reading.quality is Quality.GOOD else reading.quality.value,
        )
        for reading in readings
    ]
    return output.table(("Point", "Value", "Unit", "OBIS", "Quality"), rows, title)


def records_table(meter: Any, readings: Sequence[Reading], title: str | None = None) -> Any:
    """Records of M-Bus for people: also what is measured, and storage number, tariff, subunit and function."""
    rows = []
    for reading in readings:
        details = meter.details(reading.point)
        numbers = (str(details.get(name) or "") for name in ("storage", "tariff", "subunit"))
        function = str(details.get("function", ""))
        why = details.get("problem") or ("" if reading.quality is Quality.GOOD else reading.quality.value)
        value = "-" if reading.value is None else shown(reading)
        rows.append((reading.point, value, reading.unit, reading.quantity, *numbers, function, str(why)))
    columns = ("Point", "Value", "Unit", "Quantity", "Storage", "Tariff", "Subunit", "Function", "Quality")
    return output.table(columns, rows, title, right="Storage Tariff Subunit")


def shown(reading: Reading) -> str:
    """A value for people: text without control characters, bytes as hexadecimal."""
    text = value_text(as_written(reading.value)) or ""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _watch(meter: Any, url: str, points: list[str], seconds: float, key_format: str | None, json: bool) -> None:
    identity = meter_dict(meter, url)

    def look() -> list[Reading]:
        return _read(meter, points, key_format)

    if json:
        _repeat(seconds, lambda: output.print_json(_document(identity, meter, look()), indent=None))
    elif not output.console().is_terminal:
        _repeat(seconds, lambda: output.show(readings_table(look(), _moment())))
    else:
        from rich.live import Live

        with Live(readings_table(look(), _moment()), console=output.console(), auto_refresh=False) as live:
            _repeat(seconds, lambda: live.update(readings_table(look(), _moment()), refresh=True))


def _repeat(seconds: float, act: Callable[[], None]) -> None:
    """Act at a steady pace, without drifting by the time that acting takes."""
    due = time.monotonic()
    while True:
        act()
        due = max(due + seconds, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def _moment() -> str:
    return datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _models(meter: Any, url: str, json: bool) -> None:
    able(meter, "discover", url, "list models")
    found = meter.discover()
    blocks = [block for block in found.blocks if block.id is not None]
    if json:
        rows = [
            {
                "address": block.address,
                "id": block.id,
                "length": block.registers - 2,
                "label": block.label,
                "name": block.name,
                "aliases": list(block.aliases),
            }
            for block in blocks
        ]
        output.print_json({"meter": meter_dict(meter, url), "models": rows})
        return
    cells = [
        (
            str(block.address),
            str(block.address + 1),
            str(block.id),
            str(block.registers - 2),
            block.label,
            block.name,
            ", ".join(block.aliases),
        )
        for block in blocks
    ]
    columns = ("Address", "1-based", "ID", "Length", "Label", "Name", "Aliases")
    output.show(output.table(columns, cells, right="Address 1-based ID Length"))


def _registers(meter: Any, url: str, text: str, json: bool) -> None:
    address, count = span(text)
    able(meter, "registers", url, "read registers")
    data: bytes = meter.registers(address, count)
    values = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
    if json:
        output.print_json({"url": url, "address": address, "count": count, "registers": values})
        return
    for at in range(0, count, REGISTERS_PER_LINE):
        line = data[2 * at : 2 * (at + REGISTERS_PER_LINE)]
        words = " ".join(f"{value:04x}" for value in values[at : at + REGISTERS_PER_LINE])
        letters = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in line)
        output.say(f"{address + at:5d}: {words:<{5 * REGISTERS_PER_LINE - 1}}  {letters}")


def span(text: str) -> tuple[int, int]:
    """Address and count of ``OFFSET:LENGTH``. Raises :class:`~wattproof.errors.InvalidValue`."""
    offset, _, length = text.partition(":")
    try:
        address, count = int(offset, 0), int(length, 0)
    except ValueError:
        address, count = -1, 0
    if address < 0 or count < 1 or address + count > 0x10000:
        raise InvalidValue(f"--registers {text}: write OFFSET:LENGTH, 0-based, such as 40252:4 or 0x9d3c:4")
    return address, count
