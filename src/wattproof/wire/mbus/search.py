"""Finding meters: wild-card search by secondary address, scan of primary addresses (abb-meters.md 1.5, 1.6).

Two ``E5`` sent together look like one, so ``E5`` never proves that one meter is there; only a good telegram does. Even
that can deceive: two telegrams in the very same moment, one of which has no bit set that the other has not, look like
that one. No master can tell; meters answer after 35 to 80 ms as they like, so it hardly happens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wattproof.errors import ProtocolError
from wattproof.wire.mbus import abb, frames
from wattproof.wire.mbus.addresses import ANY, ANY_MANUFACTURER, SecondaryAddress
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.frames import SELECTED, Long
from wattproof.wire.mbus.master import REPETITIONS, Exchange, Outcome, Steps, selection, unfit
from wattproof.wire.mbus.receivers import Damaged, Expect
from wattproof.wire.mbus.telegrams import Answer, Identification, Telegram, decode_answer
from wattproof.wire.mbus.timing import Pause, Wait

#: Digits of an identification number.
DIGITS = 8
#: Selections after which a search gives up: enough for a full bus, and an end where a line is nothing but noise.
SELECTION_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one primary address holds: a telegram, or a problem in words."""

    address: int
    answer: Answer | None = None
    problem: str = ""

    @property
    def identification(self) -> SecondaryAddress | None:
        """Who it is, as far as its telegram says."""
        return None if self.answer is None else identity(self.answer)


def identity(answer: Answer) -> SecondaryAddress | None:
    """The secondary address in a telegram; fixed data have only the number."""
    if isinstance(answer, FixedData):
        return SecondaryAddress(answer.number)
    header = answer.header if isinstance(answer, Telegram) else None
    return header.address if isinstance(header, Identification) else None


def scan(addresses: Iterable[int]) -> Steps[list[Finding]]:
    """Ask every primary address who it is. Silent addresses are left out, collisions are told."""
    found: list[Finding] = []
    for address in addresses:
        outcome = yield Exchange(frames.snd_nke(address), Expect.ACK, Wait.ACK, settle=True)
        if outcome is None:
            continue
        outcomes: list[Outcome] = []
        yield from _asked(address, outcomes)
        found.append(_finding(address, outcomes))
    return found


def _asked(address: int, outcomes: list[Outcome]) -> Steps[None]:
    """REQ_UD2 with FCB 1 until a good telegram comes, at most three times; ``outcomes`` takes what came."""
    pause = Pause.BEFORE_REQ_UD2
    for _ in range(1 + REPETITIONS):
        request = frames.req_ud2(address, fcb=True)
        outcome = yield Exchange(request, Expect.RESPONSE, Wait.RESPONSE, pause, settle=True)
        outcomes.append(outcome)
        if outcome is not None and not unfit(outcome, address, Expect.RESPONSE):
            return
        pause = Pause.REPETITION


def _finding(address: int, outcomes: list[Outcome]) -> Finding:
    last = outcomes[-1]
    problems = [problem for outcome in outcomes if (problem := unfit(outcome, address, Expect.RESPONSE))]
    if isinstance(last, Long) and not unfit(last, address, Expect.RESPONSE):
        try:
            return Finding(address, decode_answer(last))
        except ProtocolError as error:
            return Finding(address, problem=f"its telegram cannot be read: {error}")
    if any(isinstance(outcome, Damaged) for outcome in outcomes):
        return Finding(address, problem=f"two meters with the same address: {problems[-1]}")
    return Finding(address, problem=problems[-1] if problems else "it acknowledges, but sends no telegram")


@dataclass(slots=True)
class Search:
    """One wild-card search; run its :meth:`steps`. It may be watched and cancelled while it runs.

    ``found``: meters in the order of their numbers, for telegrams of fixed data with the number alone. ``duplicates``:
    numbers that several meters share. ``unknown``: numbers of meters that tell no identification. ``complete`` is
    false if the search was cancelled or had to give up.

    ``probe_silence``: ask with REQ_UD2 also where no ``E5`` came, so that a lost one costs no meter. ``versions``:
    where a number is shared, walk through all versions. ``limit``: most selections.
    """

    probe_silence: bool = True
    versions: bool = False
    limit: int = SELECTION_LIMIT
    found: list[SecondaryAddress] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    selections: int = 0
    complete: bool = False
    _cancelled: bool = field(default=False, init=False)

    def cancel(self) -> None:
        """End after the exchange under way, with everything deselected."""
        self._cancelled = True

    def steps(self, prefix: str = "") -> Steps[Search]:
        """Search all numbers that begin with these digits; gives the search itself."""
        yield from self._below(prefix)
        self.complete = not self._stopped
        yield Exchange(frames.snd_nke(SELECTED), Expect.ACK, Wait.ACK)
        return self

    @property
    def _stopped(self) -> bool:
        return self._cancelled or self.selections >= self.limit

    def _below(self, prefix: str) -> Steps[None]:
        for digit in "0123456789":
            number = prefix + digit
            crowded = yield from self._is_crowded(SecondaryAddress(number.ljust(DIGITS, "F")))
            if self._stopped:
                return
            if crowded and len(number) < DIGITS:
                yield from self._below(number)
            elif crowded:
                yield from self._shared(number)

    def _is_crowded(self, mask: SecondaryAddress) -> Steps[bool]:
        """Whether several meters answer below a mask; one that answers alone is recorded."""
        if self._stopped:
            return False
        self.selections += 1
        yield Exchange(frames.snd_nke(SELECTED), Expect.ACK, Wait.ACK)
        outcome = yield Exchange(selection(mask), Expect.ACK, Wait.ACK, settle=True)
        if outcome is None and not self.probe_silence:
            return False
        if outcome is not None and unfit(outcome, SELECTED, Expect.ACK):
            return True
        return (yield from self._several_send(mask, silent=outcome is None))

    def _several_send(self, mask: SecondaryAddress, silent: bool) -> Steps[bool]:
        """REQ_UD2 to whoever is selected: nobody or one (``False``), or more than one."""
        pause = Pause.BEFORE_REQ_UD2
        for _ in range(1 if silent else 1 + REPETITIONS):
            request = frames.req_ud2(SELECTED, fcb=True)
            outcome = yield Exchange(request, Expect.RESPONSE, Wait.RESPONSE, pause, settle=True)
            if isinstance(outcome, Long) and not unfit(outcome, SELECTED, Expect.RESPONSE):
                return self._heard(mask, outcome)
            if outcome is not None:
                return True
            pause = Pause.REPETITION
        return not silent

    def _heard(self, mask: SecondaryAddress, frame: Long) -> bool:
        """Record who sent a good telegram; ``True`` if it does not say who it is, or is not the one selected."""
        try:
            address = identity(decode_answer(frame))
        except ProtocolError:
            address = None
        if address is None and "F" not in mask.number:
            self.unknown.append(mask.number)
            return False
        if address is None or not _fits(mask, address):
            return True
        if address not in self.found:
            self.found.append(address)
        return False

    def _shared(self, number: str) -> Steps[None]:
        """Several meters with one number: find out as much as manufacturer and version tell apart."""
        before = len(self.found)
        crowded = yield from self._is_crowded(SecondaryAddress(number, abb.CODE))
        if self.versions:
            crowded = False
            for version in range(ANY):
                crowded = (yield from self._is_crowded(SecondaryAddress(number, version=version))) or crowded
        told_apart = self.versions and not crowded and len(self.found) - before > 1
        if not told_apart and not self._stopped:
            self.duplicates.append(number)


def _fits(mask: SecondaryAddress, address: SecondaryAddress) -> bool:
    """Whether a meter that answered can be the one selected; fixed data tell the number alone."""
    if address.manufacturer == ANY_MANUFACTURER:
        return SecondaryAddress(mask.number).matches(SecondaryAddress(address.number))
    return mask.matches(address)
