"""COSEM and DLMS without I/O, both roles: logical names, no ciphering (IEC 62056-47, -53, -61, -62; abb-meters.md 2).

======================  =====================================================================
values                  ``data`` with types, ``shapes`` takes them apart, ``times``, ``units``
APDUs                   ``apdus`` (GET, SET, ACTION), ``acse``, ``initiate``, ``conformance``, ``results``, ``refusals``
their parts             ``descriptors``, ``fields``, ``lengths``, ``ber``, ``blocks``, ``selection``
objects                 ``classes`` (rows), ``objects`` (bound to a meter), ``association_objects``,
                        ``object_list``, ``profiles``, ``calendars``, ``image_transfer``
a server                ``device`` (what is served to whom), ``server``, ``services``, ``sessions``
a client                ``client``, ``reading`` (any meter), ``wrapper_links``; HDLC: ``wattproof.wire.hdlc``
TCP and UDP             ``wrapper``
======================  =====================================================================

A server is a device, shared by all meters of a kind, and for each meter a session with its context:

>>> from wattproof.model.units import VOLT
>>> from wattproof.wire.cosem.classes import REGISTER
>>> from wattproof.wire.cosem.data import double_long_unsigned
>>> voltage = CosemObject(REGISTER, "1-0:32.7.0", {
...     "value": lambda meter: double_long_unsigned(meter["voltage"]),
...     "scaler_unit": scaler_unit(-1, VOLT),
... })
>>> device = LogicalDevice([voltage], [ClientRow(16, role=0)])
>>> session = HdlcSession(device, {"voltage": 2306}, address=17)

A client is a conversation over a link. Here the two are joined without a wire:

>>> from wattproof.wire.conversation import run
>>> from wattproof.wire.hdlc import ClientLink
>>> def exchange(data, timeout):
...     return session.receive(data)
>>> client = Client(ClientLink(17))
>>> granted = run(client.open(), exchange)
>>> objects = run(read_objects(client), exchange)
>>> [str(entry) for entry in objects]
['Association LN 0-0:40.0.0*255', 'Register 1-0:32.7.0*255']
>>> found = run(read_register(client, objects["1-0:32.7.0"]), exchange)
>>> print(found.number, found.unit)
230.6 V
"""

from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data, Tag
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection, logical_name
from wattproof.wire.cosem.device import ClientRow, LogicalDevice
from wattproof.wire.cosem.object_list import Access, ObjectEntry, ObjectList
from wattproof.wire.cosem.objects import Bound, BoundMethod, CosemObject
from wattproof.wire.cosem.reading import (
    Profile,
    RegisterValue,
    read_clock,
    read_objects,
    read_profile,
    read_register,
)
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import CaptureObject, EntryDescriptor, RangeDescriptor
from wattproof.wire.cosem.server import Association
from wattproof.wire.cosem.sessions import DatagramSession, HdlcLine, HdlcSession, StreamSession
from wattproof.wire.cosem.times import Date, DateTime, DstRule, Time
from wattproof.wire.cosem.units import scaler_unit
from wattproof.wire.cosem.wrapper_links import DatagramLink, StreamLink

__all__ = [
    "Access",
    "Association",
    "Attribute",
    "Bound",
    "BoundMethod",
    "CaptureObject",
    "Client",
    "ClientRow",
    "CosemObject",
    "Data",
    "DatagramLink",
    "DatagramSession",
    "Date",
    "DateTime",
    "DstRule",
    "EntryDescriptor",
    "HdlcLine",
    "HdlcSession",
    "LogicalDevice",
    "Method",
    "ObjectEntry",
    "ObjectList",
    "Profile",
    "RangeDescriptor",
    "RegisterValue",
    "Result",
    "Selection",
    "StreamLink",
    "StreamSession",
    "Tag",
    "Time",
    "logical_name",
    "read_clock",
    "read_objects",
    "read_profile",
    "read_register",
    "scaler_unit",
]
