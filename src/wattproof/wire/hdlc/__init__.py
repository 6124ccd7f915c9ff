"""HDLC frame format type 3 without I/O, both roles (IEC 62056-46; abb-meters.md 2.1 to 2.3).

==============  ===========================================================
``addresses``   addresses of one, two and four bytes
``controls``    the control field as a table
``frames``      frames to bytes and back
``receiver``    bytes of a line to frames, whatever lies between them
``parameters``  what SNRM asks for and UA grants
``llc``         the header of messages, and their segments
``server``      the server's end of a link: frame in, frame out
``client``      the client's end, as conversations
==============  ===========================================================

>>> receiver = Receiver()
>>> snrm = Frame(Address.server(17), Address.client(16), control(Kind.SNRM), Parameters(512, 512).encode())
>>> [str(frame) for frame in receiver.receive(b"noise" + snrm.encode())]
['SNRM 16 > 1/17, 23 bytes']
"""

from wattproof.wire.hdlc.addresses import Address
from wattproof.wire.hdlc.client import ClientLink, Timing
from wattproof.wire.hdlc.controls import Control, Kind, control
from wattproof.wire.hdlc.frames import Frame, decode
from wattproof.wire.hdlc.parameters import Parameters
from wattproof.wire.hdlc.receiver import Receiver
from wattproof.wire.hdlc.server import ServerLink, Upper

__all__ = [
    "Address",
    "ClientLink",
    "Control",
    "Frame",
    "Kind",
    "Parameters",
    "Receiver",
    "ServerLink",
    "Timing",
    "Upper",
    "control",
    "decode",
]
