"""gurux-dlms asks itself for a register over HDLC in memory: prints CPU microseconds of one GET, both sides together.

A program of its own, because gurux-dlms is under the GPL. What its server lacks is added where the interoperability
tests have it: ``tests/interop/peers/gurux_server.py``.

    python gurux_get.py COUNT
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.objects import GXDLMSRegister

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "interop" / "peers"))
from gurux_server import Reply, Server, complete


def main() -> None:
    complete()
    server = Server(InterfaceType.HDLC, None)
    client = GXDLMSClient(True, 16, GXDLMSClient.getServerAddress(1, 17), Authentication.NONE, None, InterfaceType.HDLC)

    def ask(packet: bytes) -> GXReplyData:
        answer = Reply(GXByteBuffer(packet))
        server.handleRequest(answer)
        reply = GXReplyData()
        client.getData(bytes(answer.reply), reply)
        return reply

    client.parseUAResponse(ask(client.snrmRequest()).data)
    client.parseAareResponse(ask(client.aarqRequest()[0]).data)
    register = GXDLMSRegister("1.0.1.8.0.255")
    count = int(sys.argv[1])
    before = time.process_time()
    for _ in range(count):
        client.updateValue(register, 2, ask(client.read(register, 2)[0]).value)
        if register.value != 123456:
            raise SystemExit(f"gurux-dlms reads {register.value}")
    print((time.process_time() - before) / count * 1e6)


if __name__ == "__main__":
    main()
