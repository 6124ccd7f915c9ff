"""Streams of signed records in constant memory: a million from JSON lines and from Parquet, and a hostile 100 MB file.

First, CPU time of lines of a few bytes that are no record, of which a hostile file could have millions.

Every file is judged by a process of its own (``python -m bench.verify_stream FILE KEY``), which prints what it found,
its peak memory, and its memory after a tenth and at the end. ``BENCH_RECORDS`` makes the million smaller.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.measure import HERE, Figure, Target, interleaved, report

COUNT = int(os.environ.get("BENCH_RECORDS", "1000000"))
HOSTILE = 100 * 1000 * 1000
_MB = 1024.0


def judge(path: str, public_key: str, count: int) -> dict[str, Any]:
    """Judges a file in this process."""
    from wattproof.signed import examine_stream

    begin = time.monotonic()
    rows = records = valid = 0
    early = 0.0
    for part in examine_stream(Path(path), public_key, allow_test_keys=True):
        records += len(part.records)
        rows += len({record.source for record in part.records})
        valid += sum(record.signature.verdict == "valid" for record in part.records)
        if not early and records >= count // 10:
            early = _memory("VmRSS")
    return {
        "records": records,
        "rows": rows,
        "valid": valid,
        "seconds": time.monotonic() - begin,
        "peak": _memory("VmHWM"),
        "early": early,
        "late": _memory("VmRSS"),
    }


def _memory(name: str) -> float:
    """MB of this process, proc(5): ``VmRSS`` now, ``VmHWM`` at most. (getrusage(2) counts what the parent had, too.)"""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / _MB for line in status.splitlines() if line.startswith(name))


def judged(path: Path, public_key: str, count: int) -> dict[str, Any]:
    """Judges a file in a process of its own."""
    command = [sys.executable, "-m", "bench.verify_stream", str(path), public_key, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fleet() -> tuple[list[str], str]:
    """Records of one meter, and its key in hexadecimal."""
    import bench.ocmf_verify as ocmf
    from wattproof.signed import curves, testkeys

    meters, ocmf.METERS = ocmf.METERS, 1
    try:
        texts = ocmf.fleet()[0]
    finally:
        ocmf.METERS = meters
    return texts, curves.spki(testkeys.private_key("secp256r1", "001BENCH00000000")).hex()


def write_lines(path: Path, texts: list[str]) -> None:
    lines = [json.dumps({"ocmf": text}) + "\n" for text in texts]
    with path.open("w") as file:
        for number in range(COUNT):
            file.write(lines[number % len(lines)])


def write_parquet(path: Path, texts: list[str]) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([("number", pyarrow.int64()), ("ocmf", pyarrow.string())])
    with parquet.ParquetWriter(path, schema, use_dictionary=False) as writer:
        for start in range(0, COUNT, 100_000):
            numbers = range(start, min(COUNT, start + 100_000))
            columns = [list(numbers), [texts[number % len(texts)] for number in numbers]]
            writer.write_table(pyarrow.table(columns, schema=schema))


def hostile(texts: list[str]) -> Iterator[bytes]:
    """Lines that each try something else; every kind gets the same share of the bytes."""
    mega = 1_000_000
    reading = '{"TM":"2024-01-01T00:00:00,000+0000 S","TX":"C","RV":1,"RI":"1-b:1.8.0","RU":"kWh"}'
    many = f'OCMF|{{"FV":"1.0","PG":"T1","RD":[{",".join([reading] * 9000)}]}}|{{"SD":"30"}}'
    entity = '<!DOCTYPE x [<!ENTITY a "b">]><values>&a;</values>'
    bomb = base64.b64encode(gzip.compress(bytes(mega))).decode()
    kinds: list[Callable[[int], str | bytes]] = [
        lambda n: json.dumps({"ocmf": texts[n % len(texts)]}),
        lambda n: json.dumps({"ocmf": texts[n % len(texts)].replace('"RV":', '"RV":1')}),
        lambda n: json.dumps({"ocmf": texts[n % len(texts)], "transactionId": "always the same"}),
        lambda n: json.dumps({"ocmf": base64.b64encode(texts[n % len(texts)].encode()).decode(), "key": "04" * 65}),
        lambda _: '{"ocmf":"' + "x" * (3 * mega) + '"}',
        lambda _: '{"ocmf":"' + "x" * mega + '"}',
        lambda _: '{"ocmf":' + "[" * (mega // 2) + "]" * (mega // 2) + "}",
        lambda _: '{"ocmf":' + "9" * mega + "}",
        lambda _: '{"ocmf":"' + '","ocmf":"'.join(["x"] * 60_000) + '"}',
        lambda _: "{" + ",".join(f'"k{k}":1' for k in range(60_000)) + "}",
        lambda _: json.dumps(many),
        lambda _: json.dumps({"record": entity * 200}),
        lambda _: json.dumps({"record": bomb * 10}),
        lambda _: '{"ocmf":"' + "\\ud800" * (mega // 6) + '"}',
        lambda _: b'{"ocmf":"' + b"\xff" * 2000 + b'"}',
        lambda n: f"{{this is no JSON, and a rather long line of it, number {n}, {'!' * 200}",
    ]
    for kind in kinds:
        left, number = HOSTILE // len(kinds), 0
        while left > 0:
            line = kind(number)
            data = (line if isinstance(line, bytes) else line.encode()) + b"\n"
            yield data
            left -= len(data)
            number += 1


def write_hostile(path: Path, texts: list[str]) -> int:
    count = 0
    with path.open("wb") as file:
        for line in hostile(texts):
            file.write(line)
            count += 1
    return count


#: Lines of a few bytes that are no record, and how many of each are judged.
TINY = (b"1", b"{}", b'{"a":1}', b'"a"', b'{"record":"a"}')
TINY_LINES = 20_000


def tiny(line: bytes) -> float:
    """CPU microseconds of this process for such a line."""
    from wattproof.signed import examine_stream

    data = b'{"record":"x"}\n' + (line + b"\n") * TINY_LINES
    before = time.process_time()
    loose = sum(len(part.loose) for part in examine_stream(data))
    if loose != TINY_LINES + 1:
        raise SystemExit(f"{loose} of {TINY_LINES + 1} lines were judged")
    return (time.process_time() - before) / TINY_LINES * 1e6


def main() -> bool:
    texts, key = fleet()
    lines = interleaved("verify_stream", "us CPU/line", {line.decode(): partial(tiny, line) for line in TINY})
    figures: dict[str, Figure] = dict(lines)
    targets: list[Target] = []

    def figure(name: str, unit: str, value: float) -> None:
        figures[f"{name}, {unit}"] = Figure("verify_stream", name, unit, (value,))

    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("fleet.jsonl", write_lines), ("fleet.parquet", write_parquet)):
            path = Path(folder) / name
            write(path, texts)
            found = judged(path, key, COUNT)
            path.unlink()
            if found["valid"] != COUNT or found["records"] != COUNT:
                raise SystemExit(f"{name}: {found}")
            figure(name, "MB at most", found["peak"])
            figure(name, "us/record", found["seconds"] / COUNT * 1e6)
            targets.append(Target(f"MB for {COUNT:,} records of {name}", found["peak"], 300))
            targets.append(Target(f"{name}: memory at the end / after a tenth", found["late"] / found["early"], 1.1))
        path = Path(folder) / "hostile.jsonl"
        rows = write_hostile(path, texts)
        found = judged(path, key, rows)
        if found["rows"] != rows:
            raise SystemExit(f"{path.name}: {rows} rows, {found}")
        figure(path.name, "MB at most", found["peak"])
        figure(path.name, "s", found["seconds"])
        targets.append(Target("MB for a hostile file of 100 MB", found["peak"], 300))
        targets.append(Target("seconds for a hostile file of 100 MB", found["seconds"], 60))
    return report("Streams of signed records", figures, targets)


if __name__ == "__main__":
    print(json.dumps(judge(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
