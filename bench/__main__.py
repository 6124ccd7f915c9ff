"""``make bench``: every published figure, or those named (``make bench ARGS="tcp_server startup"``)."""

from __future__ import annotations

import importlib
import sys

from bench.measure import machine

TABLES = (
    "startup",
    "tcp_server",
    "rest_measure",
    "whole_map",
    "rtu_line",
    "mbus_line",
    "proxy",
    "disturbances",
    "memory",
    "meter_year",
    "ocmf_verify",
    "verify_stream",
    "verify_cores",
    "curve_verify",
    "mbus_decode",
    "cosem_get",
    "eq_bus",
    "gateway_https",
    "profile_year",
    "store_write",
    "store_month",
    "poll_500",
    "gateway_memory",
    "gateway_saturation",
)


def main() -> int:
    names = sys.argv[1:] or TABLES
    unknown = [name for name in names if name not in TABLES]
    if unknown:
        print(f"no such table: {', '.join(unknown)}; there are {', '.join(TABLES)}", file=sys.stderr)
        return 2
    print(machine())
    met = [importlib.import_module(f"bench.{name}").main() for name in names]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
