"""gurux-dlms as a COSEM server on a TCP port: a register, a clock, a profile, two values that can be written.

A program of its own: gurux-dlms is under the GPL and is never imported by the project or its tests.

    python gurux_server.py HDLC|WRAPPER [PASSWORD]     prints the port, serves one connection after the other
"""

from __future__ import annotations

import datetime
import socket
import sys
from functools import partial
from typing import Any

from gurux_dlms import GXByteBuffer, GXDateTime, GXDLMSServer, GXServerReply, ValueEventArgs
from gurux_dlms.ConnectionState import ConnectionState
from gurux_dlms.enums import AccessMode, Authentication, DataType, InterfaceType, MethodAccessMode, SourceDiagnostic
from gurux_dlms.GXDLMSLNParameters import GXDLMSLNParameters
from gurux_dlms.GXDLMSLongTransaction import GXDLMSLongTransaction
from gurux_dlms.GXDLMSSettings import GXDLMSSettings
from gurux_dlms.objects import (
    GXDLMSAssociationLogicalName,
    GXDLMSCaptureObject,
    GXDLMSClock,
    GXDLMSData,
    GXDLMSProfileGeneric,
    GXDLMSRegister,
)


class Reply(GXServerReply):
    """The library calls two methods that its reply lacks."""

    def setReply(self, value: Any) -> None:
        self.reply = value

    def getConnectionInfo(self) -> None:
        return None


class Server(GXDLMSServer):
    """Everything is allowed to whoever gives the password."""

    def __init__(self, interface: InterfaceType, password: str | None) -> None:
        super().__init__(True, interface)
        self.password = password
        self.clock = GXDLMSClock()
        self.clock.time = GXDateTime(datetime.datetime(2024, 2, 29, 12, 34, 56))  # noqa: DTZ001
        register = GXDLMSRegister("1.0.1.8.0.255")
        register.value, register.scaler, register.unit = 123456, 10, 30
        register.setDataType(2, DataType.UINT32)
        tariff = GXDLMSData("0.0.96.14.0.255")
        tariff.value = 1
        tariff.setDataType(2, DataType.UINT8)
        text = GXDLMSData("0.0.128.4.0.255")
        text.value = bytearray(range(250)) * 8
        text.setDataType(2, DataType.OCTET_STRING)
        profile = GXDLMSProfileGeneric("1.0.99.1.1.255")
        profile.capturePeriod = 900
        profile.captureObjects = [(self.clock, GXDLMSCaptureObject(2, 0)), (register, GXDLMSCaptureObject(2, 0))]
        for hour in range(24):
            profile.buffer.append([GXDateTime(datetime.datetime(2024, 2, 28, hour)), 1000 + hour])  # noqa: DTZ001
        profile.entriesInUse = profile.profileEntries = 24
        association = GXDLMSAssociationLogicalName()
        for item in (association, self.clock, register, tariff, text, profile):
            self.items.append(item)
            association.objectList.append(item)
        self.initialize()

    def handleSnrmRequest(self, data: Any) -> None:
        """The library's own fails at settings that it has not, and writes a wrong length."""
        self.reset(True)
        self.replyData.set(bytes.fromhex("818012050180060180070400000001080400000001"))
        self.settings.connected = ConnectionState.HDLC

    def isTarget(self, serverAddress: int, clientAddress: int) -> bool:
        return True

    def onValidateAuthentication(self, authentication: Any, password: Any) -> Any:
        if self.password is None:
            return SourceDiagnostic.NONE
        given = bytes(password or b"").decode()
        right = authentication == Authentication.LOW and given == self.password
        return SourceDiagnostic.NONE if right else SourceDiagnostic.AUTHENTICATION_FAILURE

    def onFindObject(self, objectType: Any, sn: int, ln: str) -> None:
        return None

    def onGetAttributeAccess(self, arg: Any) -> Any:
        return AccessMode.READ_WRITE

    def onGetMethodAccess(self, arg: Any) -> Any:
        return MethodAccessMode.ACCESS

    def _nothing(self, *args: Any) -> None:
        """The library does by itself what is asked."""

    onPreGet = onPostGet = onPreRead = onPostRead = onPreWrite = onPostWrite = notifyRead = _nothing
    onPreAction = onPostAction = onConnected = onInvalidConnection = onDisconnected = _nothing

    def setTransaction(self, value: Any) -> None:
        self.transaction = value

    def getTransaction(self) -> Any:
        return self.transaction


def _accessor(self: Any, name: str) -> Any:
    """``getX``, ``setX`` and ``isX`` for a class that has an attribute ``x``."""
    for prefix in ("get", "set", "is"):
        attribute = name[len(prefix) :]
        attribute = attribute[:1].lower() + attribute[1:]
        if name.startswith(prefix) and attribute in vars(self):
            found = {"get": partial(getattr, self, attribute), "set": partial(setattr, self, attribute)}
            return found.get(prefix, vars(self)[attribute])
    raise AttributeError(name)


def complete() -> None:
    """Add what the library's handler of requests calls, and its classes lack."""
    for lacking in (GXDLMSLNParameters, GXDLMSLongTransaction, GXDLMSSettings, ValueEventArgs):
        lacking.__getattr__ = _accessor
    GXDLMSLNParameters.isMultipleBlocks = lambda self: self.multipleBlocks
    GXDLMSSettings.gbtWndowSize = 1
    ValueEventArgs.__iter__ = lambda self: iter((self,))


def main() -> None:
    complete()
    interface = InterfaceType[sys.argv[1]]
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    server = Server(interface, sys.argv[2] if len(sys.argv) > 2 else None)
    while True:
        connection, _ = listener.accept()
        server.reset()
        while data := connection.recv(4096):
            reply = Reply(GXByteBuffer(data))
            server.handleRequest(reply)
            if reply.reply:
                connection.sendall(bytes(reply.reply))
        connection.close()


if __name__ == "__main__":
    main()
