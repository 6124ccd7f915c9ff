"""A virtual BSM on the bench: requests, named points and time, without any wire."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.points import MAP, OCMF_BLOCKS, SNAPSHOT_BLOCKS
from wattproof.meters.bsm.virtual.meter import BsmMeter, create
from wattproof.signed.formats import bsm
from wattproof.virtual.base import SimulationOptions

SECOND = 10**9
#: 2022-07-08 10:00:28 +02:00
EPOCH, TZO = 1657267228, 120


class Bench:
    """One meter and the present moment."""

    def __init__(self, meter: BsmMeter, now: int = 0) -> None:
        self.meter = meter
        self.now = now
        self.journal: list[tuple[str, dict[str, Any]]] = []
        meter.journal = lambda event, details: self.journal.append((event, dict(details)))

    # time

    def wait(self, seconds: float | Fraction) -> None:
        """Let meter seconds pass."""
        self.now += int(Fraction(seconds) * SECOND) if isinstance(seconds, Fraction) else round(seconds * SECOND)
        self.meter.advance(self.now)

    # requests

    def ask(self, pdu: bytes) -> bytes | None:
        return self.meter.execute(pdu, self.now)

    def read(self, address: int, count: int = 1) -> bytes:
        answer = self.ask(struct.pack(">BHH", 3, address, count))
        assert answer is not None and answer[0] == 3 and answer[1] == 2 * count == len(answer) - 2, answer
        return bytes(answer[2:])

    def put(self, address: int, data: bytes) -> bytes | None:
        return self.ask(struct.pack(">BHHB", 16, address, len(data) // 2, len(data)) + data)

    def raw(self, name: str) -> Any:
        """The raw value of a point by its path, ``None`` if unavailable."""
        (bound,) = MAP.find(name)
        data = b"".join(
            self.read(bound.address + at, min(125, bound.registers - at)) for at in range(0, bound.registers, 125)
        )
        return bound.point.type.decode(data)

    def set(self, name: str, value: Any) -> bytes | None:
        (bound,) = MAP.find(name)
        return self.put(bound.address, bound.point.type.encode(value))

    def set_time(self, epoch: int = EPOCH, tzo: int = TZO) -> bytes | None:
        return self.put(40260, struct.pack(">Ih", epoch, tzo))

    # snapshots

    def trigger(self, kind: SnapshotType) -> bytes | None:
        return self.put(SNAPSHOT_BLOCKS[kind].address_of("St"), b"\0\2")

    def status(self, kind: SnapshotType) -> int:
        return self.meter.registers.status(kind)

    def ocmf_status(self, kind: SnapshotType) -> int:
        return int(self.raw(f"{OCMF_BLOCKS[kind].name}.St"))

    def snapshot(self, kind: SnapshotType, limit: float = 60) -> int:
        """Create one and wait for its end; the final status."""
        assert self.trigger(kind) == struct.pack(">BHH", 16, SNAPSHOT_BLOCKS[kind].address_of("St"), 1)
        end = self.now + round(limit * SECOND)
        while self.meter.maker.job is not None and self.now < end:
            event = self.meter.next_event()
            self.now = min(end, event if event is not None else end)
            self.meter.advance(self.now)
        assert self.meter.maker.job is None, "still creating"
        return self.status(kind)

    def area(self, kind: SnapshotType) -> bytes:
        """All 254 registers of a snapshot."""
        start = SNAPSHOT_BLOCKS[kind].address
        return b"".join(self.read(start + at, count) for at, count in ((0, 125), (125, 125), (250, 4)))

    def field(self, kind: SnapshotType, name: str) -> Any:
        return self.raw(f"{SNAPSHOT_BLOCKS[kind].name}.{name}")

    def text(self, kind: SnapshotType) -> bytes:
        return bytes((self.raw(f"{OCMF_BLOCKS[kind].name}.O") or "").encode("latin-1"))

    def verifies(self, kind: SnapshotType) -> bool:
        """Whether the snapshot's signature holds with the public key in the registers."""
        area = self.area(kind)
        return self.signed(bsm.signature(area), bsm.hash_input(area))

    def text_verifies(self, kind: SnapshotType) -> bool:
        _, payload, rest = self.text(kind).split(b"|")
        return self.signed(bytes.fromhex(rest.split(b'"SD":"')[1][:-2].decode()), payload)

    def signed(self, signature: bytes, data: bytes) -> bool:
        length = self.raw("bs_meter.BPK")
        key = load_der_public_key(self.raw("bs_meter.PK")[:length])
        assert isinstance(key, ec.EllipticCurvePublicKey)
        try:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    # control

    def control(self, **controls: object) -> None:
        self.meter.patch(self.now, controls, {})

    def fault(self, when: str | None = None, **faults: object) -> None:
        self.meter.patch(self.now, {}, {name.replace("_", "-"): value for name, value in faults.items()}, when)

    @property
    def state(self) -> dict[str, Any]:
        self.meter.advance(self.now)
        return self.meter.state()

    def charge(self) -> None:
        """Set the time and turn on."""
        self.set_time()
        assert self.snapshot(SnapshotType.TURN_ON) == 0


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Makes a meter: ``bench(variant="cm11", energy="1.5", load="none")``; other names are options of ``--set``."""

    def make(
        *, variant: str | None = None, load: str | None = None, speed: int | Fraction = 1, state: bytes | None = None,
        faults: tuple[str, ...] = (), serial: str | None = "001BZR9900000001", seed: int = 1, key: bytes | None = None,
        unit: int | None = None, wall: int | None = EPOCH, now: int = 0, **settings: str
    ) -> Bench:  # fmt: skip
        if state is not None:
            settings.setdefault("start_delay", "0")
        options = SimulationOptions(
            "bsm", variant=variant, serial=serial, unit=unit, seed=seed, speed=Fraction(speed), load=load,
            settings={name.replace("_", "-"): text for name, text in settings.items()},
            faults=faults, key=key, state=state, start=now, wall=wall,
        )  # fmt: skip
        return Bench(create(options), now)

    return make
