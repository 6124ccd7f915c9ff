"""A new firmware for an ABB meter: image transfer (abb-meters.md 2.12; IEC 62056-62, class 18).

::

    initiate -> blocks -> missing blocks again -> verify -> activate -> the meter restarts -> compare its version

Each block is a turn of its own on the line, so polling of other meters goes on in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from wattproof.errors import CosemRefused, FrameError, InvalidValue, LinkError, ProtocolError, Refused, ResponseTimeout
from wattproof.meters.abb.cosem.asking import NOTHING, Asking
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.image_transfer import ImageBlock, ImageInitiation
from wattproof.wire.cosem.image_transfer import ImageStatus as Status
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import flag, number, text

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
    """``blocks`` of ``total`` are at the meter. ``version``: the firmware that runs, told with `Phase.DONE`."""

    phase: Phase
    blocks: int = 0
    total: int = 0
    version: str | None = None

    @property
    def percent(self) -> int:
        """0 to 100, by blocks."""
        return 100 if self.phase is Phase.DONE else 99 * self.blocks // self.total if self.total else 0


class ImageTransfer(Asking):
    """The part of the driver that updates the firmware."""

    async def update_firmware(
        self, image: bytes, identifier: str = "image", *, version: str | None = None, resume: bool = False
    ) -> AsyncIterator[UpdateProgress]:
        """Send an image, let the meter verify and activate it, and wait until it is back.

        Args:
            image: the bytes as the maker gives them.
            identifier: what the meter is told it is.
            version: the firmware that must run afterwards; ``None``: another one than before.
            resume: go on from the first block that is missing, if a transfer was begun.

        Raises:
            InvalidValue: there are no bytes.
            MeterRefused: the meter takes no image, finds it wrong, or runs another version than it should.
            ResponseTimeout: a step does not end, or the meter does not come back.
        """
        if not image:
            raise InvalidValue("the image is empty: give the bytes of the firmware")
        before = await self.firmware()
        size, blocks = await self._begin(image, identifier, resume)
        total = -(-len(image) // size)
        yield UpdateProgress(Phase.INITIATING, blocks, total)
        async for sent in self._send(image, size, blocks, total):
            yield UpdateProgress(Phase.TRANSFERRING, sent, total)
        yield UpdateProgress(Phase.VERIFYING, total, total)
        await self._step(VERIFY, Status.VERIFYING, Status.VERIFIED, "verification")
        yield UpdateProgress(Phase.ACTIVATING, total, total)
        await self._step(ACTIVATE, Status.ACTIVATING, Status.ACTIVATED, "activation")
        yield UpdateProgress(Phase.RESTARTING, total, total)
        found = await self._restarted()
        if found != version if version is not None else found == before:
            wanted = "a new one" if version is None else version
            raise MeterRefused(Cause.OTHER_REASON, f"the meter runs firmware {found} after the update, not {wanted}")
        self._identity = None
        yield UpdateProgress(Phase.DONE, total, total, found)

    async def firmware(self) -> str:
        """The firmware that runs, asked for now."""
        return text(await self.get(FIRMWARE)).rstrip("\0 ")

    async def image_status(self) -> Status:
        """Where the image transfer of the meter stands."""
        try:
            return Status(number(await self.get(STATUS)))
        except ValueError as error:
            raise FrameError(f"the status of the image transfer is none: {error}") from None

    async def _begin(self, image: bytes, identifier: str, resume: bool) -> tuple[int, int]:
        """Block size, and the number of the first block to send."""
        size, enabled = await self.get_all((BLOCK_SIZE, ENABLED))
        if isinstance(size, Result):
            raise MeterRefused(Cause.OBJECT_UNDEFINED, f"the meter takes no firmware over COSEM: {size.text}")
        if isinstance(enabled, Data) and not flag(enabled):
            raise MeterRefused(Cause.READ_WRITE_DENIED, "the image transfer is not enabled at the meter")
        length = number(size)
        if not length:
            raise FrameError("the meter says that a block of an image has 0 bytes")
        if resume and await self.image_status() is Status.INITIATED:
            return length, min(number(await self.get(FIRST_MISSING)), -(-len(image) // length))
        await self.act(INITIATE, ImageInitiation(identifier.encode("ascii", "replace"), len(image)).data)
        return length, 0

    async def _send(self, image: bytes, size: int, first: int, total: int) -> AsyncIterator[int]:
        """All blocks from ``first`` on, then those that the meter misses; how many it has after each."""
        for block in range(first, total):
            await self._send_block(image, size, block)
            yield block + 1
        sent_again: Counter[int] = Counter()
        while (missing := number(await self.get(FIRST_MISSING))) < total:
            sent_again[missing] += 1
            if sent_again[missing] > ATTEMPTS:
                raise MeterRefused(
                    Cause.OTHER_REASON, f"the meter still misses block {missing} of {total} of the image"
                )
            await self._send_block(image, size, missing)
            yield missing

    async def _send_block(self, image: bytes, size: int, block: int) -> None:
        """Send a block. One whose answer is lost is not worth an error: the meter tells afterwards what it misses."""
        await self._act(TRANSFER, ImageBlock(block, image[block * size : (block + 1) * size]).data)

    async def _act(self, method: Method, parameter: Data = NOTHING) -> None:
        """A method after which other attributes tell what has become of it; "temporary failure" says it goes on."""
        try:
            await self.act(method, parameter, _is_there)
        except MeterRefused as error:
            refused = error.__cause__
            if not isinstance(refused, CosemRefused) or refused.result != Result.TEMPORARY_FAILURE:
                raise

    async def _step(self, method: Method, running: Status, wanted: Status, what: str) -> None:
        """Verification or activation: begun, and looked at until it ends."""
        await self._act(method)
        limit = self.station.clock.now() + round(STEP_LIMIT * 1e9)
        while True:
            try:
                status = await self.image_status()
            except (LinkError, ProtocolError):
                if wanted is Status.ACTIVATED:
                    return  # it restarts already
                raise
            if status is wanted or (wanted is Status.ACTIVATED and status is Status.NOT_INITIATED):
                return
            if status not in (running, Status.INITIATED, Status.VERIFIED):
                raise MeterRefused(Cause.OTHER_REASON, f"{what} of the image failed: status {status.name.lower()}")
            if self.station.clock.now() >= limit:
                raise ResponseTimeout(f"{what} of the image does not end within {STEP_LIMIT:g} s")
            await self.station.clock.sleep(LOOK)

    async def _restarted(self) -> str:
        """The firmware of the meter once it answers again."""
        limit = self.station.clock.now() + round(RESTART_LIMIT * 1e9)
        while True:
            self.station.forgive()
            try:
                return await self.firmware()
            except (LinkError, ProtocolError, Refused) as error:
                if self.station.clock.now() >= limit:
                    raise ResponseTimeout(
                        f"the meter does not come back within {RESTART_LIMIT:g} s: {error}"
                    ) from error
            await self.station.clock.sleep(KNOCK)


def _is_there(client: Client) -> Conversation[bool]:
    """Whether the meter answers at all."""
    yield from client.get(STATUS)
    return True
