"""So many virtual ABB meters in one process, at most 250 on an M-Bus line: prints one ready object."""

from __future__ import annotations

import asyncio
import json
import sys

from wattproof.cli.simulate import ready_object
from wattproof.meters.simulation import Plan, Simulation

#: Primary addresses of one line.
LINE = 250


async def main(count: int) -> None:
    """Start them, say where they are, and run until terminated."""
    lines = []
    for first in range(0, count, LINE):
        plan = Plan(
            "abb",
            listen=("mbus://127.0.0.1:0",),
            count=min(LINE, count - first),
            serial=f"{10_000_000 + first}",
            settings={"answer-delay": "0"},
            journal=64,
        )
        lines.append(await Simulation.start(plan))
    ready = [ready_object(line) for line in lines]
    meters = [meter for line in ready for meter in line["meters"]]
    print(json.dumps({"ready": True, "meters": meters}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
