"""gurux-dlms as a client of a COSEM server: does what it is told, prints what it heard as one JSON object.

A program of its own: gurux-dlms is under the GPL and is never imported by the project or its tests.

    python gurux_client.py '{"port": 4059, "interface": "HDLC", "client": 16, "server": 17, "password": null}'
"""

from __future__ import annotations

import datetime
import json
import socket
import sys
from typing import Any

from gurux_dlms import GXByteBuffer, GXDateTime, GXDLMSClient, GXDLMSException, GXReplyData
from gurux_dlms.enums import Authentication, DataType, InterfaceType, ObjectType
from gurux_dlms.objects import (
    GXDLMSClock,
    GXDLMSData,
    GXDLMSProfileGeneric,
    GXDLMSRegister,
    GXDLMSScriptTable,
)


class Meter:
    """One connection, from SNRM or AARQ to the last answer."""

    def __init__(self, port: int, interface: str, client: int, server: int, password: str | None, pdu: int) -> None:
        kind = InterfaceType[interface]
        address = GXDLMSClient.getServerAddress(1, server) if kind == InterfaceType.HDLC else 1
        authentication = Authentication.LOW if password else Authentication.NONE
        self.dlms = GXDLMSClient(True, client, address, authentication, password, kind)
        self.dlms.maxReceivePDUSize = pdu
        self.hdlc = kind == InterfaceType.HDLC
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def exchange(self, packets: Any) -> GXReplyData:
        """Send one or several packets and collect the whole answer."""
        reply = GXReplyData()
        for packet in packets if isinstance(packets, list) else [packets]:
            reply.clear()
            self._packet(packet, reply)
            while reply.isMoreData():
                self._packet(self.dlms.receiverReady(reply), reply)
        return reply

    def _packet(self, packet: Any, reply: GXReplyData) -> None:
        self.socket.sendall(bytes(packet))
        heard = GXByteBuffer()
        while True:
            data = self.socket.recv(4096)
            if not data:
                raise ConnectionError("the server closed the connection")
            heard.set(data)
            if self.dlms.getData(heard, reply):
                break
        if reply.error:
            raise GXDLMSException(reply.error)

    def open(self) -> None:
        if self.hdlc:
            self.dlms.parseUAResponse(self.exchange(self.dlms.snrmRequest()).data)
        self.dlms.parseAareResponse(self.exchange(self.dlms.aarqRequest()).data)

    def close(self) -> None:
        self.exchange(self.dlms.releaseRequest())
        if self.hdlc:
            self.exchange(self.dlms.disconnectRequest())
        self.socket.close()

    def read(self, target: Any, attribute: int) -> Any:
        reply = self.exchange(self.dlms.read(target, attribute))
        return self.dlms.updateValue(target, attribute, reply.value)


def plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, GXDateTime):
        return value.value.strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def refusal(attempt: Any) -> str | int:
    try:
        attempt()
    except GXDLMSException as error:
        return int(error.errorCode)
    return "done"


def everything(meter: Meter) -> dict[str, Any]:
    """What there is to read, and what may be written."""
    dlms = meter.dlms
    found: dict[str, Any] = {}
    objects = dlms.parseObjects(meter.exchange(dlms.getObjectsRequest()).data, True)
    found["objects"] = [[int(item.objectType), item.logicalName, item.version] for item in objects]
    found["access"] = [int(item.getAccess(2)) for item in objects if item.logicalName == "0.0.96.14.0.255"]
    voltage = objects.findByLN(ObjectType.REGISTER, "1.0.32.7.0.255")
    assert isinstance(voltage, GXDLMSRegister)
    meter.read(voltage, 3)
    found["voltage"] = [meter.read(voltage, 2), voltage.scaler, int(voltage.unit)]
    clock = objects.findByLN(ObjectType.CLOCK, "0.0.1.0.0.255")
    assert isinstance(clock, GXDLMSClock)
    meter.read(clock, 2)
    found["clock"] = [plain(clock.time), int(clock.time.status)]
    items = [(voltage, 2), (objects.findByLN(ObjectType.DATA, "0.0.96.14.0.255"), 2)]
    values = []
    for packet in dlms.readList(items):
        values += meter.exchange(packet).value
    found["list"] = plain(values)
    found |= profile(meter, objects)
    found |= writing(meter, objects)
    return found


def profile(meter: Meter, objects: Any) -> dict[str, Any]:
    buffer = objects.findByLN(ObjectType.PROFILE_GENERIC, "1.0.99.1.1.255")
    assert isinstance(buffer, GXDLMSProfileGeneric)
    meter.read(buffer, 3)
    found: dict[str, Any] = {"columns": [[item.logicalName, at.attributeIndex] for item, at in buffer.captureObjects]}
    meter.read(buffer, 2)
    found["rows"] = plain(buffer.buffer)
    begin, end = (GXDateTime(datetime.datetime(2012, 7, 2, hour)) for hour in (1, 2))  # noqa: DTZ001
    reply = meter.exchange(meter.dlms.readRowsByRange(buffer, begin, end))
    meter.dlms.updateValue(buffer, 2, reply.value)
    found["range"] = plain(buffer.buffer)
    reply = meter.exchange(meter.dlms.readRowsByEntry(buffer, 2, 3))
    meter.dlms.updateValue(buffer, 2, reply.value)
    found["entries"] = plain(buffer.buffer)
    return found


def writing(meter: Meter, objects: Any) -> dict[str, Any]:
    dlms = meter.dlms
    tariff = objects.findByLN(ObjectType.DATA, "0.0.96.14.0.255")
    tariff.setDataType(2, DataType.UINT8)
    tariff.value = 3
    found: dict[str, Any] = {"set": refusal(lambda: meter.exchange(dlms.write(tariff, 2)))}
    blob = objects.findByLN(ObjectType.DATA, "0.0.128.4.0.255")
    assert isinstance(blob, GXDLMSData)
    blob.setDataType(2, DataType.OCTET_STRING)
    blob.value = bytes(range(250)) * 8
    found["set long"] = refusal(lambda: meter.exchange(dlms.write(blob, 2)))
    found["long"] = plain(meter.read(blob, 2))
    script = objects.findByLN(ObjectType.SCRIPT_TABLE, "0.0.10.0.100.255")
    assert isinstance(script, GXDLMSScriptTable)
    found["action"] = refusal(lambda: meter.exchange(dlms.method(script, 1, 2, DataType.UINT16)))
    found["tariff"] = meter.read(tariff, 2)
    return found


def main() -> None:
    options = json.loads(sys.argv[1])
    meter = Meter(**options)
    try:
        meter.open()
    except GXDLMSException as error:
        print(json.dumps({"refused": [int(error.result), int(error.diagnostic)]}))
        return
    found = everything(meter)
    meter.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
