"""The ceiling for the gateway's HTTPS: a bare ASGI application on the same server that answers the same bytes.

``python -m bench.peers.bare_asgi PORT FILE CERTIFICATE KEY``: FILE holds the body.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvicorn


async def serve(port: int, body: bytes, certificate: str, key: str) -> None:
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", b"application/json"),
            (b"server", b"wattproof"),
            (b"content-length", b"%d" % len(body)),
            (b"link", b"/lasterror/0"),
        ],
    }
    answer = {"type": "http.response.body", "body": body}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send(answer)

    config = uvicorn.Config(
        app, port=port, http="httptools", loop="uvloop", ssl_certfile=certificate, ssl_keyfile=key, interface="asgi3",
        lifespan="off", access_log=False, log_config=None, server_header=False, date_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await running


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3], sys.argv[4]))
