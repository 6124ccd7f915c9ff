"""The floor of any proxy: bytes from one connection to another and back, nothing looked at, on uvloop."""

from __future__ import annotations

import asyncio
import sys

import uvloop


class End(asyncio.Protocol):
    """One of two connections; what arrives here leaves at the other."""

    def __init__(self) -> None:
        self.other: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)


async def serve(target: int) -> None:
    loop = asyncio.get_running_loop()
    transport, far = await loop.create_connection(End, "127.0.0.1", target)

    class Near(End):
        def connection_made(self, mine: asyncio.BaseTransport) -> None:
            self.other = transport
            far.other = mine  # type: ignore[assignment]

    server = await loop.create_server(Near, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
