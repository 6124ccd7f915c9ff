"""Settings and meters as they are now: the store, remembered while changes are heard of (g13-api.md 9.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from wattproof.gateway.local import Notice
from wattproof.gateway.records import Meter
from wattproof.gateway.store.base import Reader

T = TypeVar("T")


class _Table(Generic[T]):
    """One thing that is read from the store as a whole."""

    def __init__(self, read: Callable[[], Awaitable[T]], current: Callable[[], bool]) -> None:
        self._read, self._current = read, current
        self._version = 0
        self._known: T | None = None

    async def get(self) -> T:
        if self._known is not None and self._current():
            return self._known
        version, current = self._version, self._current()
        found = await self._read()
        # What has been read before a change was told is good for this request, and for no later one.
        if current and self._current() and version == self._version:
            self._known = found
        return found

    def forget(self) -> None:
        self._version += 1
        self._known = None


class Tables:
    """``current`` says whether every change is told to this process before it is acknowledged to anybody; while it is
    not, each question goes to the store."""

    def __init__(self, reader: Reader, current: Callable[[], bool]) -> None:
        async def meters() -> Mapping[str, Meter]:
            return {meter.serial: meter for meter in await reader.meters()}

        self._settings: _Table[Mapping[str, Any]] = _Table(reader.settings, current)
        self._meters: _Table[Mapping[str, Meter]] = _Table(meters, current)
        #: Grows with every change.
        self.version = 0

    async def settings(self) -> Mapping[str, Any]:
        """All settings by name."""
        return await self._settings.get()

    async def setting(self, name: str, default: Any = None) -> Any:
        """One setting."""
        found = (await self._settings.get()).get(name)
        return default if found is None else found

    async def meters(self) -> Mapping[str, Meter]:
        """Registered meters by serial, in the order of location and serial."""
        return await self._meters.get()

    async def meter(self, serial: str) -> Meter | None:
        """A registered meter."""
        return (await self._meters.get()).get(serial)

    def take(self, notice: Notice) -> None:
        """Forget what a notice says has changed; one that does not say what has changed everything."""
        self.version += 1
        kinds = (notice.value or {}).get("kinds")
        if kinds is None or "settings" in kinds:
            self._settings.forget()
        if kinds is None or "meters" in kinds:
            self._meters.forget()
