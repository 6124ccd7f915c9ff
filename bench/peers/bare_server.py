"""The floor in Python: an asyncio protocol on uvloop that answers every request from one byte string."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

IMAGE = bytes(2 * 4300)
FIRST = 40000


class Bare(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        start, count = int.from_bytes(data[8:10], "big") - FIRST, int.from_bytes(data[10:12], "big")
        body = IMAGE[2 * start : 2 * (start + count)]
        self.transport.write(data[:4] + (3 + len(body)).to_bytes(2, "big") + data[6:8] + bytes((len(body),)) + body)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
