"""pymodbus as a Modbus TCP server with 4,300 holding registers from address 40000, unit 42."""

from __future__ import annotations

import asyncio
import sys

from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer


async def serve(port: int) -> None:
    block = ModbusSequentialDataBlock(40001, [number % 65536 for number in range(4300)])
    context = ModbusServerContext(devices={42: ModbusDeviceContext(hr=block)}, single=False)
    server = ModbusTcpServer(context, address=("127.0.0.1", port))
    await server.listen()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
