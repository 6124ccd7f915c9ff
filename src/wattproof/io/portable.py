"""Serial devices where there is no termios (Windows): through serialx, which the extra ``serial`` installs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from wattproof.errors import Unreachable
from wattproof.io.clock import BlockingClock
from wattproof.io.link import CHUNK, ByteLink, TransportLink, ended
from wattproof.io.settings import SerialSettings
from wattproof.model.clock import Clock


def _serialx(name: str) -> Any:
    try:
        import serialx
    except ImportError as error:
        raise Unreachable(
            f"cannot open {name}: this system has no termios; install the extra (pip install 'wattproof[serial]'), or "
            f"reach the line through a serial server (rtu://HOST:PORT)"
        ) from error
    return serialx


def _arguments(serialx: Any, name: str, settings: SerialSettings) -> dict[str, Any]:
    if settings.rs485:
        raise Unreachable(f"cannot open {name}: this system's driver has no RS-485 driver enable; leave ?rs485=1 away")
    levels = {None: serialx.PinState.UNDEFINED, True: serialx.PinState.HIGH, False: serialx.PinState.LOW}
    return {
        "baudrate": settings.baudrate,
        "parity": serialx.Parity(settings.parity),
        "stopbits": serialx.StopBits(settings.stopbits),
        "byte_size": settings.databits,
        "dtr_on_open": levels[settings.dtr],
        "rts_on_open": levels[settings.rts],
        "exclusive": True,
    }


async def open_link(path: str, settings: SerialSettings, *, name: str, clock: Clock | None = None) -> ByteLink:
    """Open a device on the running event loop. Raises ``Unreachable``, also if serialx is not installed."""
    serialx = _serialx(name)
    arguments = _arguments(serialx, name, settings)
    try:
        _, link = await serialx.create_serial_connection(
            asyncio.get_running_loop(), lambda: TransportLink(name, clock), path, **arguments
        )
    except (OSError, ValueError) as error:
        raise Unreachable(f"cannot open {name}: {error}; check its name, its settings and who else has it") from error
    opened: ByteLink = link
    return opened


def open_link_blocking(path: str, settings: SerialSettings, *, name: str, clock: Clock | None = None) -> ByteLink:
    """The same without an event loop. Raises ``Unreachable``."""
    serialx = _serialx(name)
    try:
        device = serialx.serial_for_url(path, **_arguments(serialx, name, settings))
        device.open()
    except (OSError, ValueError) as error:
        raise Unreachable(f"cannot open {name}: {error}; check its name, its settings and who else has it") from error
    return PortableLink(device, name, clock)


class PortableLink:
    """A link over a blocking device of serialx; no method ever suspends."""

    def __init__(self, device: Any, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.clock: Clock = clock or BlockingClock()
        self.heard = 0
        self._device = device
        self._over = False

    @property
    def closed(self) -> bool:
        return self._over

    async def send(self, data: bytes) -> None:
        if self._over:
            raise ended(self.name)
        try:
            while data:
                data = data[self._device.write(data, timeout=10.0) :]
        except OSError as error:
            self._over = True
            raise ended(self.name, error) from error

    async def receive(self, timeout: float) -> bytes:
        if self._over:
            raise ended(self.name)
        data = self._read(max(1, self._waiting()), timeout)
        # What arrived with the first byte is at hand already.
        return data + self._read(self._waiting(), 0.0) if data and self._waiting() else data

    def discard(self) -> bytes:
        return b"" if self._over or not self._waiting() else self._read(self._waiting(), 0.0)

    def wake(self) -> None:
        """Nothing to do: nobody else runs while this thread waits."""

    async def rest(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self._device.close()

    def _waiting(self) -> int:
        try:
            return min(CHUNK, int(self._device.num_unread_bytes()))
        except OSError as error:
            self._over = True
            raise ended(self.name, error) from error

    def _read(self, most: int, timeout: float) -> bytes:
        buffer = bytearray(most)
        try:
            count = self._device.readinto(buffer, timeout=max(0.0, timeout))
        except TimeoutError:
            return b""
        except OSError as error:
            self._over = True
            raise ended(self.name, error) from error
        if count:
            self.heard = self.clock.now()
        return bytes(buffer[:count])
