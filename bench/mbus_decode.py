"""M-Bus telegrams to records with their values: CPU microseconds a record, ours and pyMeterBus.

The telegrams are those of real meters in the vectors, each read many times as a master reads its meters. Both give the
same of every record: value, unit, quantity, function, storage number, tariff, subunit. ``cut only`` is our decoding
without looking at a value: a record is cut out of its telegram, and its value is computed when it is asked for.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import meterbus

from bench.measure import HERE, Target, interleaved, report
from wattproof.wire.mbus import Record, Telegram, decode, decode_answer

PASSES = 10


def telegrams() -> list[bytes]:
    """The frames with variable data that both can read."""
    folder = Path(os.environ.get("WATTPROOF_VECTORS", HERE.parent.parent / "shared" / "vectors")) / "mbus"
    frames = [bytes.fromhex(path.read_text()) for path in sorted((folder / "good").glob("*.hex"))]
    rows = json.loads((folder / "abb" / "abb-frames.json").read_text())
    frames += [bytes.fromhex(row["hex"]) for row in rows if "records" in row]
    return [frame for frame in frames if frame[0] == 0x68 and frame[6] == 0x72]


def whole(frame: bytes) -> int:
    """Every record of a telegram with all that it says."""
    answer = decode_answer(decode(frame))  # type: ignore[arg-type]
    assert isinstance(answer, Telegram)
    return len([said(record) for record in answer.records])


def said(record: Record) -> tuple[object, ...]:
    """All that a record says."""
    numbers = (record.storage, record.tariff, record.subunit)
    return record.value, record.unit, record.quantity, record.function, numbers


def cut(frame: bytes) -> int:
    """The records of a telegram, values unasked for."""
    answer = decode_answer(decode(frame))  # type: ignore[arg-type]
    assert isinstance(answer, Telegram)
    return len(answer.records)


def theirs(frame: bytes) -> int:
    """The same as :func:`whole` with pyMeterBus."""
    return len([record.interpreted for record in meterbus.load(frame).records])


def cpu_per_record(frames: Sequence[bytes], records: int, read: Callable[[bytes], int]) -> float:
    """CPU microseconds of this process for one record."""
    before = time.process_time()
    for _ in range(PASSES):
        for frame in frames:
            read(frame)
    return (time.process_time() - before) / PASSES / records * 1e6


def main() -> bool:
    frames = telegrams()
    records = sum(cut(frame) for frame in frames)
    figures = interleaved(
        "mbus_decode",
        "us CPU/record",
        {
            "wattproof": lambda: cpu_per_record(frames, records, whole),
            "wattproof, cut only": lambda: cpu_per_record(frames, records, cut),
            "pyMeterBus": lambda: cpu_per_record(frames, records, theirs),
        },
    )
    ratio = figures["pyMeterBus"].median / figures["wattproof"].median
    target = Target("records per CPU second, ours / pyMeterBus", ratio, 10, True)
    return report(f"M-Bus telegrams to records ({len(frames)} telegrams, {records} records)", figures, [target])
