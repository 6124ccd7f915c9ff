"""Serial devices: opened, configured, and the RS-485 driver enabled by the kernel.

On POSIX systems termios does all of it and nothing has to be installed; elsewhere see `wattproof.io.portable`. A
pseudo-terminal is a serial device without a wire: it has no parity and no modem lines, and Linux refuses to set them
with EINVAL or ENOTTY. That is tolerated there and is an error on a real device (BSM specification 2.1).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios

from wattproof.errors import InvalidURL, SettingsRefused, Unreachable
from wattproof.io.settings import SerialSettings

__all__ = ["BAUD_RATES", "SerialSettings", "enable_rs485", "is_pseudo_terminal", "open_device", "set_line"]

#: linux/serial.h
TIOCSRS485 = 0x542F
SER_RS485_ENABLED = 1 << 0
SER_RS485_RTS_ON_SEND = 1 << 1

#: Rates that termios has constants for on this system.
BAUD_RATES = {
    int(name[1:]): getattr(termios, name) for name in dir(termios) if name.startswith("B") and name[1:].isdigit()
}


def open_device(path: str, settings: SerialSettings) -> int:
    """Open a serial device or pseudo-terminal exclusively and set it; the file descriptor, non-blocking and raw.

    Raises:
        Unreachable: no such device, no permission, no terminal, taken by another process, or it refuses the settings.
        InvalidURL: a bit rate that the system does not know.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise _unreachable(path, error) from error
    try:
        if not os.isatty(descriptor):
            raise Unreachable(f"cannot use {path}: it is no serial device")
        _take(descriptor, path)
        set_line(descriptor, path, settings)
        _set_modem(descriptor, path, settings)
        if settings.rs485:
            enable_rs485(descriptor, path)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def set_line(descriptor: int, path: str, settings: SerialSettings) -> None:
    """Set bit rate and character format of an open device, without echo and without any translation.

    Raises:
        InvalidURL: a bit rate that the system does not know.
        SettingsRefused: the device refuses.
    """
    if settings.baudrate not in BAUD_RATES:
        known = ", ".join(str(rate) for rate in sorted(BAUD_RATES) if rate >= 300)
        raise InvalidURL(f"{path}: no bit rate {settings.baudrate} on this system; ?baudrate= is one of {known}")
    rate = BAUD_RATES[settings.baudrate]
    control = termios.CREAD | termios.CLOCAL | (termios.CS7 if settings.databits == 7 else termios.CS8)
    if settings.stopbits == 2:
        control |= termios.CSTOPB
    parity = {"N": 0, "E": termios.PARENB, "O": termios.PARENB | termios.PARODD}[settings.parity]
    try:
        _, _, _, _, _, _, characters = termios.tcgetattr(descriptor)
        characters[termios.VMIN] = 1
        characters[termios.VTIME] = 0
        wanted: list[object] = [0, 0, control | parity, 0, rate, rate, characters]
        try:
            termios.tcsetattr(descriptor, termios.TCSANOW, wanted)  # type: ignore[arg-type]
        except termios.error as error:
            if not (is_pseudo_terminal(descriptor) and error.args[0] == errno.EINVAL):
                raise
            wanted[2] = termios.CREAD | termios.CLOCAL | termios.CS8
            termios.tcsetattr(descriptor, termios.TCSANOW, wanted)  # type: ignore[arg-type]
    except termios.error as error:
        raise SettingsRefused(
            f"{path} refuses {settings.baudrate} bit/s {settings.databits}{settings.parity}{settings.stopbits}: "
            f"{error.args[-1]}; try other ?baudrate=, ?parity=, ?databits= or ?stopbits="
        ) from error


def is_pseudo_terminal(descriptor: int) -> bool:
    """Whether a descriptor is the slave side of a pseudo-terminal (Linux: character devices with major 136 to 143)."""
    with contextlib.suppress(OSError):
        return 136 <= os.major(os.fstat(descriptor).st_rdev) <= 143
    return False


def enable_rs485(descriptor: int, path: str) -> None:
    """Let the kernel switch the RS-485 driver on while it sends (RTS on send).

    Raises:
        Unreachable: the device's driver cannot.
    """
    setting = struct.pack("=8I", SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND, 0, 0, 0, 0, 0, 0, 0)
    try:
        fcntl.ioctl(descriptor, TIOCSRS485, setting)
    except OSError as error:
        raise Unreachable(
            f"{path} has no RS-485 driver enable ({error.strerror}): leave ?rs485=1 away if the converter switches "
            f"by itself, or use ?rts= for its direction"
        ) from error


def _take(descriptor: int, path: str) -> None:
    """Keep other processes away: two masters on one line garble each other.

    The lock is advisory, as other serial libraries take it. TIOCEXCL would outlive us on a pseudo-terminal whose
    other side stays open.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unreachable(f"cannot use {path}: another process has it open; a line has one master") from error


def _set_modem(descriptor: int, path: str, settings: SerialSettings) -> None:
    for level, line, option in ((settings.dtr, termios.TIOCM_DTR, "dtr"), (settings.rts, termios.TIOCM_RTS, "rts")):
        if level is None:
            continue
        try:
            fcntl.ioctl(descriptor, termios.TIOCMBIS if level else termios.TIOCMBIC, struct.pack("I", line))
        except OSError as error:
            if is_pseudo_terminal(descriptor):
                continue
            raise Unreachable(f"{path} has no modem line {option.upper()}: leave ?{option}= away") from error


def _unreachable(path: str, error: OSError) -> Unreachable:
    remedies = {
        errno.ENOENT: "no such device: is the converter plugged in, is the name right (ls /dev/serial/by-id)?",
        errno.EACCES: "no permission: add yourself to the group of the device (dialout), then log in anew",
        errno.EBUSY: "another process has it open; a line has one master",
    }
    words = remedies.get(error.errno or 0, error.strerror or str(error))
    return Unreachable(f"cannot open {path}: {words}")
