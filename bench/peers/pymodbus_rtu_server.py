"""pymodbus as a Modbus RTU server with 4,300 holding registers from address 40000, unit 42."""

from __future__ import annotations

import asyncio
import sys

from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusSerialServer


async def serve(device: str, baudrate: int) -> None:
    block = ModbusSequentialDataBlock(40001, [number % 65536 for number in range(4300)])
    context = ModbusServerContext(devices={42: ModbusDeviceContext(hr=block)}, single=False)
    server = ModbusSerialServer(context, port=device, baudrate=baudrate)
    await server.listen()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
