"""What all parts of the ABB driver over COSEM share: requests, and a meter's no in the words of abb-meters.md 2.15."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, TypeVar

from wattproof.drivers.cosem.bus import Service
from wattproof.drivers.cosem.meter import CosemMeter, may
from wattproof.errors import (
    AssociationRefused,
    CosemRefused,
    FrameError,
    InvalidValue,
    LinkError,
    ProtocolError,
    ServiceRefused,
)
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.meters.abb.shapes.shape import Shape
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem.acse import Diagnostic
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data, integer
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.object_list import Access, ObjectList
from wattproof.wire.cosem.refusals import refusal
from wattproof.wire.cosem.results import Result

T = TypeVar("T")
#: The parameter of methods that need none.
NOTHING = integer(0)
#: Results of a meter that does not have what is asked for.
ABSENT = frozenset({Result.OBJECT_UNDEFINED, Result.OBJECT_CLASS_INCONSISTENT, Result.OBJECT_UNAVAILABLE})
CAUSES: Mapping[int, Cause] = {
    Result.READ_WRITE_DENIED: Cause.READ_WRITE_DENIED,
    **dict.fromkeys(ABSENT, Cause.OBJECT_UNDEFINED),
    Result.TYPE_UNMATCHED: Cause.TYPE_UNMATCHED,
    Result.SCOPE_OF_ACCESS_VIOLATED: Cause.SCOPE_OF_ACCESS_VIOLATED,
}
_DENIED = frozenset({Diagnostic.AUTHENTICATION_FAILURE, Diagnostic.AUTHENTICATION_REQUIRED})


@contextmanager
def told() -> Iterator[None]:
    """Raise what a meter refuses as ``MeterRefused``, with its cause."""
    try:
        yield
    except CosemRefused as error:
        raise MeterRefused(CAUSES.get(error.result, Cause.OTHER_REASON), str(error)) from error
    except AssociationRefused as error:
        cause = Cause.READ_WRITE_DENIED if error.diagnostic in _DENIED else Cause.OTHER_REASON
        raise MeterRefused(cause, str(error)) from error
    except ServiceRefused as error:
        raise MeterRefused(Cause.INVALID_RESPONSE, str(error)) from error


@contextmanager
def steps(done: Sequence[str], step: str) -> Iterator[None]:
    """Let an error within a write of several steps say which step failed, and which were done before."""
    before = f"; done before: {', '.join(done)}" if done else ""
    try:
        yield
    except MeterRefused as error:
        error.args = (f"{error} ({step}{before})",)
        error.done = tuple(done)
        raise
    except (LinkError, ProtocolError) as error:
        error.args = (f"{error}; this was {step}{before}",)
        raise


class Asking(CosemMeter):
    """An ABB meter behind a station; what the parts of its driver ask for goes through here."""

    family: ClassVar[str] = "abb"

    async def objects(self) -> ObjectList:
        """See `CosemMeter.objects`. Raises ``MeterRefused``, ``LinkError``, ``ProtocolError``, as everything here."""
        with told():
            return await super().objects()

    async def get_all(self, attributes: Sequence[Attribute]) -> list[Data | Result]:
        """See `CosemMeter.get_all`."""
        with told():
            return await super().get_all(attributes)

    async def get(self, attribute: Attribute) -> Data:
        """One attribute."""
        with told():
            return await self.station.ask(lambda client: client.get(attribute), priority=self.priority)

    async def get_setting(self, attribute: Attribute, shape: Shape[T]) -> T:
        """One attribute as the setting that it is."""
        return understood(shape, await self.get(attribute), attribute)

    async def get_settings(self, attributes: Sequence[Attribute], shape: Shape[T]) -> dict[Attribute, T]:
        """Several at once, without objects that the meter does not have."""
        found: dict[Attribute, T] = {}
        for attribute, data in zip(attributes, await self.get_all(attributes), strict=True):
            if data not in ABSENT:
                found[attribute] = understood(shape, given(data, attribute), attribute)
        return found

    async def set(self, attribute: Attribute, value: Data) -> None:
        """Write one attribute."""
        with told():
            await self.station.set(attribute, value, priority=self.priority)

    async def act(
        self, method: Method, parameter: Data = NOTHING, check: Service[bool] | None = None
    ) -> None:  # fmt: skip
        """Execute a method once. ``check`` reads back whether it was, where its answer is lost."""
        with told():
            await self.station.tell(lambda client: client.action(method, parameter), check, priority=self.priority)

    async def has(self, attribute: Attribute) -> bool:
        """Whether the meter has the object and this client may read the attribute."""
        entry = (await self.objects()).find(attribute.name)
        return entry is not None and may(entry, attribute.attribute_id, Access.READ)


def understood(shape: Shape[T], data: Data, attribute: Attribute) -> T:
    """What a meter sent, as the setting that should stand there. Raises ``FrameError``."""
    try:
        return shape.read(data)
    except (FrameError, InvalidValue) as error:
        raise FrameError(f"{attribute} holds something else than it should: {error}") from None


def given(data: Data | Result, attribute: Attribute) -> Data:
    """One of several values that were asked for together. Raises ``MeterRefused`` where it was refused."""
    if isinstance(data, Result):
        with told():
            raise refusal(data, f"GET of {attribute}")
    return data


def equals(attribute: Attribute, value: Data) -> Service[bool]:
    """Reads back whether an attribute has a value."""

    def check(client: Client) -> Conversation[bool]:
        return (yield from client.get(attribute)) == value

    return check


def differs(attribute: Attribute, value: Data) -> Service[bool]:
    """Reads back whether an attribute has another value than before."""

    def check(client: Client) -> Conversation[bool]:
        return (yield from client.get(attribute)) != value

    return check


def is_zero(attribute: Attribute) -> Service[bool]:
    """Reads back whether an attribute has become 0."""

    def check(client: Client) -> Conversation[bool]:
        return not (yield from client.get(attribute)).value

    return check
