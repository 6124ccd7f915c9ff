"""How a serial line is set, apart from any system's way of doing it."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.io.url import MeterURL

#: Bit rate, parity and data bits by scheme, where 19200 8E1 is not the custom. A pseudo-terminal has no parity; an
#: optical head begins with 300 7E1 (IEC 62056-21, 5.2), Modbus ASCII has 7 data bits (Modbus over Serial Line 1.02,
#: 2.5.2.1), M-Bus 2400 8E1 (EN 13757-2).
_CUSTOMS = {
    "pty": (19200, "N", 8),
    "ascii": (19200, "E", 7),
    "iec": (300, "E", 7),
    "mbus": (2400, "E", 8),
    "hdlc": (9600, "N", 8),
}
#: What has a custom of its own on a pseudo-terminal too.
_FRAMED = frozenset({"mbus", "hdlc"})


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How a device is set. ``dtr`` and ``rts``: level of the modem line, ``None`` leaves it as it is."""

    baudrate: int = 19200
    parity: str = "E"
    databits: int = 8
    stopbits: int = 1
    rs485: bool = False
    dtr: bool | None = None
    rts: bool | None = None

    @classmethod
    def of(cls, url: MeterURL) -> SerialSettings:
        """From the options of an address; what it leaves open is the custom of its scheme, 19200 8E1 for RTU."""
        custom = url.framing if url.scheme == "pty" and url.framing in _FRAMED else url.scheme
        baudrate, parity, databits = _CUSTOMS.get(custom, (19200, "E", 8))
        return cls(
            baudrate=url.whole("baudrate", baudrate),
            parity=url.options.get("parity", parity).upper(),
            databits=url.whole("databits", databits),
            stopbits=url.whole("stopbits", 1),
            rs485=bool(url.switch("rs485", False)),
            dtr=url.switch("dtr"),
            rts=url.switch("rts"),
        )

    @property
    def bits(self) -> int:
        """Bits of one character on the wire, start bit included."""
        return 1 + self.databits + (self.parity != "N") + self.stopbits
