"""What a virtual DMED4 on the bench shows: flags of its status, and fields of its records."""

from __future__ import annotations

import json
import struct
from typing import Any


def dwords(meter: Any) -> tuple[int, int]:
    return struct.unpack(">II", meter.read(0x4000, 4))  # type: ignore[return-value]


def flag(meter: Any, name: str) -> int:
    bits = meter.get("system_status")
    return int(
        {**bits["board_1_status_bits"], **bits["board_2_status_bits"], **bits["board_2_status_bits"]["fatal_err_bits"]}[
            name
        ]
    )


def page(record: str) -> str:
    return str(json.loads(record.split("|")[1])["PG"])


def readings(record: str) -> list[dict[str, Any]]:
    return list(json.loads(record.split("|")[1], parse_float=str)["RD"])
