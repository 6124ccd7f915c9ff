"""The floor for REST: our own HTTP edge, answering every request with one constant response.

``python -m bench.peers.constant_http PORT FILE``: FILE holds the JSON body.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from wattproof.io.http import HttpServer, Request
from wattproof.meters.dmed4.virtual.site import failure, success


async def serve(port: int, body: bytes) -> None:
    answer = success(body)

    async def handle(request: Request) -> object:
        return answer

    await HttpServer.open(handle, lambda status, _: failure(status), "127.0.0.1", port)  # type: ignore[arg-type]
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
