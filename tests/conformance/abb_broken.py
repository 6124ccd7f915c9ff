"""A broken ABB meter for each statement about M-Bus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.conformance import abb_spoilt as spoil
from tests.conformance.abb import DAYS, MBUS, Bench
from tests.conformance.abb_spoilt import Prepare
from wattproof.drivers.cosem.place import HDLC
from wattproof.wire.mbus import frames
from wattproof.wire.mbus.frames import Long
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.telegrams import Telegram


@dataclass(frozen=True)
class Mutation:
    """How a meter breaks a statement. ``options`` are those of the bench."""

    prepare: Prepare | None = None
    buses: tuple[str, ...] = (MBUS,)
    options: dict[str, Any] = field(default_factory=dict)


def fault(*names: str, buses: tuple[str, ...] = (MBUS,), **options: Any) -> Mutation:
    return Mutation(None, buses, {"faults": names, **options})


def mbus(prepare: Prepare, **options: Any) -> Mutation:
    return Mutation(prepare, (MBUS,), options)


def over(prepare: Prepare, *buses: str, **options: Any) -> Mutation:
    """COSEM over HDLC unless another way is named."""
    return Mutation(prepare, buses or (HDLC,), options)


def recorded(prepare: Prepare, *buses: str) -> Mutation:
    """With something recorded."""
    return Mutation(prepare, buses or (MBUS,), {"age": DAYS})


# M-Bus -----------------------------------------------------------------------------------------------------------


def _once_more(number: str, fcb: str) -> Prepare:
    """A request gets the telegram that the other frame count bit got."""
    wanted, other, kept = bytes.fromhex(number), bytes.fromhex(fcb), {}

    def turn(request: bytes, answer: bytes | None) -> bytes | None:
        if other in request:
            kept["last"] = answer
        return kept.get("last", answer) if wanted in request else answer

    return spoil.mbus(turn)


def _executes_again(bench: Bench) -> None:
    face: Any = bench.meter.face(MBUS)

    def turn(request: bytes, answer: bytes | None) -> bytes | None:
        face.slave._executed = None
        return answer

    bench.works.turns[MBUS] = turn


def _another_code(found: Long) -> Long:
    return replace(found, data=b"\x02") if found.ci == 0x70 else found


def _endless(told: Telegram) -> Telegram:
    """The last telegram does not say that it is the last."""
    return told if told.more_follow else replace(told, body=told.body._replace(tail=b""))


def _swapped(found: Sequence[Record]) -> Sequence[Record]:
    return [*found[:1], *found[2:4], *found[1:2], *found[4:]]


def _is_profile(found: Sequence[Record]) -> bool:
    return bool(found) and found[0].quantity == "storage_interval" and len(found) > 2


def _is_demand(found: Sequence[Record]) -> bool:
    return len(found) > 1 and found[1].quantity == "demand_sub_interval"


def _is_previous(found: Sequence[Record]) -> bool:
    return bool(found) and all(record.storage for record in found)


def _is_log(found: Sequence[Record]) -> bool:
    return bool(found) and found[0].quantity.endswith("log_event")


def _one_log() -> Callable[[Sequence[Record]], Sequence[Record]]:
    """The telegrams of logs are all the same, whatever the offset."""
    kept: list[Sequence[Record]] = []

    def change(found: Sequence[Record]) -> Sequence[Record]:
        kept.extend([found] if _is_log(found) else [])
        return kept[0] if _is_log(found) else found

    return change


def _more_than_the_interval(found: Sequence[Record]) -> Sequence[Record]:
    alone = len(found) == 1 and found[0].quantity == "storage_interval"
    return [*found, *found] if alone else found


def _accepts_damage(data: bytes) -> bytes | None:
    return b"\xe5"


M_BUS: dict[str, Mutation] = {
    "A-001": mbus(spoil.silent_to("68 03 03 68")),
    "A-002": mbus(spoil.careless(_accepts_damage)),
    "A-003": mbus(spoil.frame(lambda found: replace(found, control=0x0B))),
    "A-006": fault("fcb-ignored"),
    "A-007": fault("fcb-stuck"),
    "A-008": mbus(_once_more("10 5B FD", "10 7B FD")),
    "A-009": mbus(
        spoil.telegram(
            lambda told: replace(told, body=told.body._replace(records=told.records[1:])),
            lambda request: not request[1] & frames.FCV,
        )
    ),
    "A-010": mbus(_executes_again),
    "A-013": Mutation(options={"answer_delay": "0"}),
    "A-016": mbus(spoil.silent_after("BC")),
    "A-081": fault("access-stuck"),
    "A-004": mbus(spoil.silent_to("10 7B FE", "10 5B FE")),
    "A-011": mbus(spoil.says("E5", "10 40 FF")),
    "A-012": mbus(spoil.says("E5", "10 7B FD")),
    "A-020": fault("unselectable"),
    "A-021": mbus(spoil.says("E5", "FD 52")),
    "A-022": mbus(spoil.says("E5", "10 40 FD")),
    "A-023": mbus(spoil.silent_to("FD 56")),
    "A-042": mbus(spoil.bytes_of("42 04 20 02", "43 04 20 02")),
    "A-033": mbus(spoil.bytes_of("8E 10 84 00", "8E 90 00 84 00")),
    "A-034": mbus(spoil.bytes_of(b"001-255 44A".hex(), b"A44 552-100".hex())),
    "A-035": mbus(spoil.telegram(_endless)),
    "A-036": mbus(spoil.value(1, b"\xaa")),
    "A-037": mbus(spoil.value(146, b"\x77")),
    "A-043": mbus(spoil.bytes_of("FF F9 C4 00", "FF F9 C3 00")),
    "A-044": mbus(spoil.bytes_of("FD 9A 15 00", "FD 9A 15 01")),
    "A-057": mbus(spoil.bytes_of("FD 9A 15 00", "FD 9A 00 00")),
    "A-060": recorded(spoil.without_first(_is_previous)),
    "A-071": mbus(spoil.records(_swapped)),
    "A-072": fault("refuse-writes"),
    "A-038": mbus(spoil.value(69, (4600).to_bytes(4, "little"))),
    "A-062": mbus(spoil.bytes_of("FF A9 00 00", "FF A9 00 01")),
    "A-082": mbus(spoil.header(status=0x08)),
    "A-159": mbus(spoil.value(122, bytes.fromhex("999999990000"))),
    "A-170": mbus(spoil.value(9, b"\x00")),
    "A-171": mbus(spoil.value(13, (10**6).to_bytes(8, "little"))),
    "A-172": mbus(spoil.value(96, (10**6).to_bytes(4, "little"))),
    "A-173": mbus(spoil.value(104, (10**5).to_bytes(4, "little"))),
    "A-073": mbus(spoil.bytes_of("FF A0 15 00", "FF A0 00 00"), variant="A43"),
    "A-197": mbus(spoil.bytes_of(b"001-255 44A".hex(), b"001-255 99A".hex())),
    "A-198": mbus(spoil.records(lambda found: [*found, found[0]]), variant="A43-012-100"),
    "A-199": mbus(spoil.lacks(170)),
    "A-063": recorded(spoil.without_first(_is_demand)),
    "A-065": recorded(spoil.without_first(_is_previous)),
    "A-066": recorded(spoil.without_first(_is_log)),
    "A-067": recorded(spoil.records(_one_log())),
    "A-076": recorded(spoil.without_first(_is_profile)),
    "A-077": recorded(spoil.records(_more_than_the_interval)),
    "A-079": mbus(spoil.records(lambda found: found[:-1] if found[0].quantity.endswith("harmonic") else found)),
    "A-040": mbus(spoil.frame(_another_code)),
    "A-074": fault("refuse-writes"),
    "A-075": mbus(spoil.says("E5", "01 FF 6A 02")),
    "A-080": mbus(spoil.frame(_another_code)),
}
