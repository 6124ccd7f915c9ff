"""A virtual DMED4 on the bench: requests, REST, named points and time, without any wire."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.wires import HandTimers, Wire
from wattproof.io.http import Request
from wattproof.io.url import parse_url
from wattproof.meters.dmed4.points import MAP
from wattproof.meters.dmed4.virtual.creation import create
from wattproof.virtual.base import SimulationOptions
from wattproof.virtual.runtime import Runtime
from wattproof.wire.http1 import Response

SECOND = 10**9
#: 2023-09-29 06:47:22 UTC, the example of the manual.
EPOCH = 1695970042
FIELDS = (
    '{"FV":"1.0","GI":"Wattproof","GS":"42","IS":true,"IF":["RFID_PLAIN"],"IT":"ISO14443","ID":"1F2D3A4F5506C7",'
    '"TT":"Tariff 1","CT":"EVSEID","CI":"DE*ABC*E000123"}'
)


class Bench:
    """One meter and the present moment."""

    def __init__(self, meter: Any) -> None:
        self.meter = meter
        self.now = 0
        self.journal: list[tuple[str, dict[str, Any]]] = []
        meter.journal = lambda event, details: self.journal.append((event, dict(details)))
        self.site = meter.site()

    # time

    def wait(self, seconds: float | Fraction) -> Bench:
        """Let meter seconds pass."""
        self.now += int(Fraction(seconds) * SECOND) if isinstance(seconds, Fraction) else round(seconds * SECOND)
        self.meter.advance(self.now)
        return self

    # Modbus

    def ask(self, pdu: bytes | str) -> bytes | None:
        return self.meter.execute(bytes.fromhex(pdu) if isinstance(pdu, str) else pdu, self.now)

    def read(self, register: int, count: int = 1, function: int = 4) -> bytes:
        """Registers by the number that the manual prints."""
        answer = self.ask(struct.pack(">BHH", function, register - 1, count))
        assert answer is not None and answer[0] == function and answer[1] == 2 * count == len(answer) - 2, answer
        return bytes(answer[2:])

    def refused(self, pdu: bytes | str) -> int:
        """The exception code of a request that is refused."""
        data = bytes.fromhex(pdu) if isinstance(pdu, str) else pdu
        answer = self.ask(data)
        assert answer is not None and len(answer) == 2 and answer[0] == data[0] | 0x80, answer
        return int(answer[1])

    def put(self, register: int, value: int) -> bytes | None:
        return self.ask(struct.pack(">BHH", 6, register - 1, value & 0xFFFF))

    def put_many(self, register: int, data: bytes) -> bytes | None:
        return self.ask(struct.pack(">BHHB", 16, register - 1, len(data) // 2, len(data)) + data)

    def raw(self, name: str) -> Any:
        """The raw value of a point by its name."""
        (bound,) = MAP.find(name)
        data = b"".join(
            self.read(bound.address + 1 + at, min(120, bound.registers - at)) for at in range(0, bound.registers, 120)
        )
        return bound.point.type.decode(data)

    # REST

    def http(
        self,
        method: str,
        target: str,
        body: bytes | str | dict[str, Any] = b"",
        headers: dict[str, str] | None = None,
    ) -> Response:
        data = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
        self.meter.advance(self.now)
        path = unquote(target.partition("?")[0])
        return self.site.answer(Request(method, path, {}, headers or {}, data, "1.1", target), self.now)

    def get(self, path: str) -> Any:
        response = self.http("GET", f"/v1/{path}")
        assert response.status == 200, response
        return json.loads(response.body)

    def status_of(self, method: str, path: str, body: bytes | str | dict[str, Any] = b"") -> int:
        return self.http(method, f"/v1/{path}", body).status

    def log_in(self) -> Bench:
        assert self.status_of("PUT", "login?password=2000") == 200
        return self

    @property
    def memory(self) -> dict[str, Any]:
        """Everything that a refused request must leave as it is."""
        paths = ("charge_settings", "charge_status", "logbook/info", "system_status")
        return {"": self.meter.state(), **{path: self.get(path) for path in paths}}

    # the cycle

    def set_time(self, seconds: int = EPOCH, offset: int = 120) -> Bench:
        assert self.put_many(0x4080, seconds.to_bytes(4, "big")) is not None
        assert self.put(0x4284, offset) == struct.pack(">BHH", 6, 0x4283, offset & 0xFFFF)
        return self

    def message(self, text: str = FIELDS) -> int:
        return self.status_of("POST", "ocmf", {"OCMF_BUFF": "OCMF|" + text + '|{"SA":"","SE":"","SD":""}'})

    def command(self, letter: str) -> int:
        """The REST status of a command."""
        return self.status_of("PUT", f"charge_settings?command={letter}")

    def signed(self, letter: str) -> str:
        """A command, and the record that it makes."""
        assert self.command(letter) == 200
        self.wait(0.5)
        text = self.get("ocmf")["OCMF_BUFF"]
        assert text, self.get("charge_status")
        return str(text)

    def begin(self) -> str:
        assert self.message() == 200
        return self.signed("B")

    @property
    def word(self) -> int:
        """The signature status."""
        return int.from_bytes(self.read(0x4201), "big")

    @property
    def measurement(self) -> int:
        return int.from_bytes(self.read(0x4200), "big")

    @property
    def errors(self) -> int:
        return int.from_bytes(self.read(0x4000, 2), "big")

    def verifies(self, text: str) -> bool:
        """Whether a record's signature holds with the key of the registers."""
        _, payload, rest = text.split("|")
        point = b"\x04" + self.read(0x4600, 32)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        try:
            key.verify(bytes.fromhex(json.loads(rest)["SD"]), payload.encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        known = load_der_public_key(self.meter.public_key)
        return isinstance(known, ec.EllipticCurvePublicKey) and known.public_numbers() == key.public_numbers()

    # control

    def control(self, **controls: object) -> None:
        self.meter.patch(self.now, {name.replace("_", "-"): value for name, value in controls.items()}, {})

    def fault(self, name: str, value: object = True, when: str | None = None) -> None:
        self.meter.patch(self.now, {}, {name: value}, when)

    def power_cycle(self, seconds: float = 10) -> Bench:
        """Supply off and on, until the meter answers and is initialised."""
        self.control(power=False)
        self.wait(seconds)
        self.control(power=True)
        return self.wait(2)


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Makes a meter: ``bench("404D0150", energy="1.5", load="none")``; other names are options of ``--set``.

    ``rows``: the content of the file of ``load="csv:rows"``.
    """

    def make(
        variant: str | None = None, *, load: str | None = None, speed: int | Fraction = 1, state: bytes | None = None,
        log: tuple[bytes, ...] = (), faults: tuple[str, ...] = (), serial: str | None = "12345678", seed: int = 1,
        key: bytes | None = None, unit: int | None = None, wall: int | None = EPOCH, listen: tuple[str, ...] = (),
        rows: str = "", **settings: str
    ) -> Bench:  # fmt: skip
        options = SimulationOptions(
            "dmed4", variant=variant, serial=serial, unit=unit, seed=seed, speed=Fraction(speed), load=load,
            settings={
                (name if name.startswith("P0") else name.replace("_", "-")): text for name, text in settings.items()
            },
            faults=faults, key=key, state=state, log=log, wall=wall, listen=[parse_url(text) for text in listen],
            read_text=(lambda _: rows) if rows else None,
        )  # fmt: skip
        return Bench(create(options))

    return make


class Bus:
    """A meter of the bench on wires: real time is moved by hand, and the meter runs at its speed."""

    def __init__(self, *benches: Bench) -> None:
        self.timers = HandTimers()
        self.benches = benches
        self.runtimes = [Runtime(one.meter, self.timers) for one in benches]
        self.runtime = self.runtimes[0]
        self.meter = benches[0].meter
        self._wires: dict[tuple[str, bool | None], Wire] = {}

    def wire(self, framing: str = "tcp", network: bool | None = None) -> Wire:
        """A new wire."""
        return Wire(self.timers, *self.runtimes, framing=framing, network=network)

    def send(self, data: str | bytes, framing: str = "rtu", network: bool | None = None, seconds: float = 0.2) -> str:
        """Bytes on the wire of this framing (spaced hex, or the characters of ASCII), and those that come back."""
        wire = self._wires.setdefault((framing, network), self.wire(framing, network))
        if framing == "ascii":
            return wire.exchange(data.encode() if isinstance(data, str) else data, seconds).decode("ascii")
        return wire.exchange(bytes.fromhex(data) if isinstance(data, str) else data, seconds).hex(" ").upper()

    def registers(self, register: int, count: int = 1) -> bytes:
        """Registers by the number that the manual prints, past every wire."""
        answer = self.meter.execute(struct.pack(">BHH", 4, register - 1, count), self.runtime.advance())
        assert answer is not None and len(answer) == 2 + 2 * count, answer
        return bytes(answer[2:])


@pytest.fixture
def bus(bench: Callable[..., Bench]) -> Callable[..., Bus]:
    """Makes a meter on wires, with the keywords of ``bench``; answers at once unless ``answer_delay`` is given."""

    def make(*variant: str, **keywords: Any) -> Bus:
        return Bus(bench(*variant, **{"answer_delay": "0", **keywords}))

    return make
