"""A new firmware for an ABB meter: image transfer (abb-meters.md 2.12; IEC 62056-62, class 18).

::

    initiate -> blocks -> missing blocks again -> verify -> activate -> the meter restarts -> compare its version

Each request is a turn of its own on the line, so polling of other meters goes on in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from wattproof.errors import CosemRefused, FrameError, InvalidValue, LinkError, ProtocolError, Refused, ResponseTimeout
from wattproof.meters.abb.cosem.asking import NOTHING, Asking, told
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.image_transfer import ImageBlock, ImageInitiation
from wattproof.wire.cosem.image_transfer import ImageStatus as Status
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import flag, number, text

T = TypeVar("T")
NAME = "0-0:44.0.0"
BLOCK_SIZE, FIRST_MISSING, ENABLED, STATUS = (Attribute.of(18, NAME, attribute) for attribute in (2, 4, 5, 6))
INITIATE, TRANSFER, VERIFY, ACTIVATE = (Method.of(18, NAME, method) for method in (1, 2, 3, 4))
FIRMWARE = Attribute.of(1, "1-0:0.2.0")
#: Seconds between two looks at a step that takes its time, and until it is given up.
LOOK, STEP_LIMIT = 1.0, 120.0
#: The same for a meter that restarts.
KNOCK, RESTART_LIMIT = 5.0, 300.0
#: How often a block that the meter misses is sent again.
ATTEMPTS = 3


class Phase(StrEnum):
    """Where an update stands."""

    INITIATING = "initiating"
    TRANSFERRING = "transferring"
    VERIFYING = "verifying"
    ACTIVATING = "activating"
    RESTARTING = "restarting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class UpdateProgress:
    """``blocks`` of ``total`` are at the meter, as far as it has said so. ``phase`` is what comes next, and has not
    been asked for yet. ``version``: the firmware that runs, told with `Phase.DONE`."""

    phase: Phase
    blocks: int = 0
    total: int = 0
    version: str | None = None

    @property
    def percent(self) -> int:
        """0 to 100, by blocks."""
        return 100 if self.phase is Phase.DONE else 99 * self.blocks // self.total if self.total else 0


class Turn(Protocol):
    """Carries out one request to the meter when it is its turn, and returns what it returns."""

    async def __call__(self, work: Callable[[], Awaitable[T]], /) -> T:
        """Raises what ``work`` raises."""
        ...


async def at_once(work: Callable[[], Awaitable[T]], /) -> T:
    """Nobody else has to be asked."""
    return await work()


class ImageTransfer(Asking):
    """The part of the driver that updates the firmware."""

    def update_firmware(
        self,
        image: bytes,
        identifier: str = "image",
        *,
        version: str | None = None,
        resume: Phase | None = None,
        turn: Turn = at_once,
    ) -> AsyncGenerator[UpdateProgress, None]:
        """Send an image, let the meter verify and activate it, and wait until it is back.

        Args:
            image: the bytes as the maker gives them.
            identifier: what the meter is told it is.
            version: the firmware that must run afterwards; ``None``: another one than before.
            resume: the last phase that was told of an update with this image that was broken off. A transfer goes on
                from the first block that is missing; a meter caught in activation is judged by its version.
            turn: how a request gets its turn, where somebody keeps an order above that of the line.

        Raises:
            InvalidValue: there are no bytes, or no ``version`` to judge by.
            MeterRefused: the meter takes no image, finds it wrong, or runs another version than it should.
            ResponseTimeout: a step does not end, or the meter does not come back.
        """
        if not image:
            raise InvalidValue("the image is empty: give the bytes of the firmware")
        if resume in (Phase.ACTIVATING, Phase.RESTARTING) and version is None:
            raise InvalidValue("an activation that was broken off is judged by the version: say which one")
        return _Update(self, image, identifier, version, turn).run(resume)

    async def firmware(self) -> str:
        """The firmware that runs, asked for now."""
        return text(await self.get(FIRMWARE)).rstrip("\0 ")

    async def image_status(self) -> Status:
        """Where the image transfer of the meter stands."""
        try:
            return Status(number(await self.get(STATUS)))
        except ValueError as error:
            raise FrameError(f"the status of the image transfer is none: {error}") from None

    async def image_block_size(self) -> int:
        """Bytes of a block of an image. Raises ``MeterRefused``: the meter takes none."""
        size, enabled = await self.get_all((BLOCK_SIZE, ENABLED))
        if isinstance(size, Result):
            raise MeterRefused(Cause.OBJECT_UNDEFINED, f"the meter takes no firmware over COSEM: {size.text}")
        if isinstance(enabled, Data) and not flag(enabled):
            raise MeterRefused(Cause.READ_WRITE_DENIED, "the image transfer is not enabled at the meter")
        if not number(size):
            raise FrameError("the meter says that a block of an image has 0 bytes")
        return number(size)

    async def first_missing_block(self) -> int:
        """Number of the first block that the meter misses, counted from 0; the number of blocks if it has all."""
        return number(await self.get(FIRST_MISSING))

    async def initiate_image(self, image: bytes, identifier: str) -> None:
        """Begin a transfer; the meter forgets another one."""
        await self.act(INITIATE, ImageInitiation(identifier.encode("ascii", "replace"), len(image)).data)

    async def send_image_block(self, image: bytes, size: int, block: int) -> bool:
        """Send a block; whether the meter has said that it has it. One whose answer is lost is not worth an error: the
        meter tells afterwards what it misses."""
        return await self.act_on_image(TRANSFER, ImageBlock(block, image[block * size : (block + 1) * size]).data)

    async def act_on_image(self, method: Method, parameter: Data = NOTHING) -> bool:
        """A method after which attributes tell what has become of it; "temporary failure" says that it goes on."""

        def service(client: Client) -> Conversation[bool]:
            yield from client.action(method, parameter)
            return True

        try:
            with told():
                return await self.station.tell(service, _is_there, priority=self.priority) is True
        except MeterRefused as error:
            refused = error.__cause__
            if not isinstance(refused, CosemRefused) or refused.result != Result.TEMPORARY_FAILURE:
                raise
            return False

    def forget_identity(self) -> None:
        """Another firmware may have another type, other objects and other scales."""
        self._identity = self._objects = None
        self._scales.clear()


class _Update:
    """One update of one meter. ``done``: blocks that the meter has."""

    def __init__(self, driver: ImageTransfer, image: bytes, identifier: str, version: str | None, turn: Turn) -> None:
        self._driver = driver
        self._image = image
        self._identifier = identifier
        self._version = version
        self._turn = turn
        self._size = self._total = self._done = 0

    async def run(self, resume: Phase | None) -> AsyncGenerator[UpdateProgress, None]:
        """See `ImageTransfer.update_firmware`."""
        before: str | None = None
        found: str | None = None
        if resume in (Phase.ACTIVATING, Phase.RESTARTING):
            found = await self._activated_meanwhile()
        else:
            before = await self._turn(self._driver.firmware)
            self._size = await self._turn(self._driver.image_block_size)
            self._total = -(-len(self._image) // self._size)
            if not await self._goes_on(resume):
                yield self._at(Phase.INITIATING)
                await self._turn(lambda: self._driver.initiate_image(self._image, self._identifier))
            yield self._at(Phase.TRANSFERRING)
            async for progress in self._send():
                yield progress
            yield self._at(Phase.VERIFYING)
            await self._step(VERIFY, Status.VERIFYING, Status.VERIFIED, "verification")
        if found is None:
            yield self._at(Phase.ACTIVATING)
            await self._step(ACTIVATE, Status.ACTIVATING, Status.ACTIVATED, "activation")
            yield self._at(Phase.RESTARTING)
            found = await self._restarted()
        if found != self._version if self._version is not None else found == before:
            raise self._another(found)
        self._driver.forget_identity()
        yield UpdateProgress(Phase.DONE, self._total, self._total, found)

    def _at(self, phase: Phase) -> UpdateProgress:
        return UpdateProgress(phase, self._done, self._total)

    def _another(self, found: str) -> MeterRefused:
        wanted = self._version or "a new one"
        return MeterRefused(Cause.OTHER_REASON, f"the meter runs firmware {found} after the update, not {wanted}")

    async def _goes_on(self, resume: Phase | None) -> bool:
        """Whether a transfer that was broken off stands at the meter, and from where it goes on."""
        if resume not in (Phase.TRANSFERRING, Phase.VERIFYING):
            return False
        status = await self._turn(self._driver.image_status)
        if status is Status.VERIFICATION_FAILED and resume is Phase.VERIFYING:
            raise MeterRefused(Cause.OTHER_REASON, _failed("verification", status))
        if status in (Status.VERIFYING, Status.VERIFIED):
            self._done = self._total
            return True
        if status is not Status.INITIATED:
            return False
        self._done = min(await self._turn(self._driver.first_missing_block), self._total)
        return True

    async def _activated_meanwhile(self) -> str | None:
        """The firmware that runs after an activation that nobody watched, ``None`` if it has not ended."""
        found = await self._restarted()
        if found == self._version:
            return found
        status = await self._turn(self._driver.image_status)
        if status is Status.ACTIVATION_FAILED:
            raise MeterRefused(Cause.OTHER_REASON, _failed("activation", status))
        return None if status in (Status.VERIFIED, Status.ACTIVATING) else found

    async def _send(self) -> AsyncGenerator[UpdateProgress, None]:
        """All blocks from the first one that is missing on, then those that the meter still misses."""
        for block in range(self._done, self._total):
            self._done += await self._send_block(block)
            yield self._at(Phase.TRANSFERRING)
        sent_again: Counter[int] = Counter()
        while (missing := await self._turn(self._driver.first_missing_block)) < self._total:
            sent_again[missing] += 1
            if sent_again[missing] > ATTEMPTS:
                raise MeterRefused(
                    Cause.OTHER_REASON, f"the meter still misses block {missing} of {self._total} of the image"
                )
            self._done = min(self._done + await self._send_block(missing), self._total)
            yield self._at(Phase.TRANSFERRING)
        self._done = self._total

    async def _send_block(self, block: int) -> bool:
        return await self._turn(lambda: self._driver.send_image_block(self._image, self._size, block))

    async def _step(self, method: Method, running: Status, wanted: Status, what: str) -> None:
        """Verification or activation: begun, and looked at until it ends."""
        clock = self._driver.station.clock
        limit = clock.now() + round(STEP_LIMIT * 1e9)
        status = await self._begun(method, wanted)
        while status in {running, Status.INITIATED, Status.VERIFIED} - {wanted}:
            if clock.now() >= limit:
                raise ResponseTimeout(f"{what} of the image does not end within {STEP_LIMIT:g} s")
            await clock.sleep(LOOK)
            status = await self._look(wanted)
        if status is not wanted and not (wanted is Status.ACTIVATED and status is Status.NOT_INITIATED):
            raise MeterRefused(Cause.OTHER_REASON, _failed(what, status))

    async def _begun(self, method: Method, wanted: Status) -> Status:
        try:
            await self._turn(lambda: self._driver.act_on_image(method))
        except (LinkError, ProtocolError):
            if wanted is not Status.ACTIVATED:
                raise
        return await self._look(wanted)

    async def _look(self, wanted: Status) -> Status:
        """Where the meter stands. One that is silent while it should activate the image restarts already."""
        try:
            return await self._turn(self._driver.image_status)
        except (LinkError, ProtocolError):
            if wanted is Status.ACTIVATED:
                return wanted
            raise

    async def _restarted(self) -> str:
        """The firmware of the meter once it answers again."""
        clock = self._driver.station.clock
        limit = clock.now() + round(RESTART_LIMIT * 1e9)
        while True:
            self._driver.station.forgive()
            try:
                return await self._turn(self._driver.firmware)
            except (LinkError, ProtocolError, Refused) as error:
                if clock.now() >= limit:
                    raise ResponseTimeout(
                        f"the meter does not come back within {RESTART_LIMIT:g} s: {error}"
                    ) from error
            await clock.sleep(KNOCK)


def _failed(what: str, status: Status) -> str:
    return f"{what} of the image failed: status {status.name.lower()}"


def _is_there(client: Client) -> Conversation[bool]:
    """Whether the meter answers at all."""
    yield from client.get(STATUS)
    return True
