"""Pseudo-terminals: a serial line without a wire, linked where the other program expects its device."""

from __future__ import annotations

import contextlib
import os
import pty
import termios
import tty
from pathlib import Path

from wattproof.errors import PortInUse, StorageError


class PseudoTerminal:
    """A pair of master and slave; the slave is linked at ``path``, which goes away with `close`.

    Our side reads and writes `master`. The slave is kept open here too: otherwise every client that closes it would
    end the line for the next one (the master reads EIO while nobody has the slave open). ``path`` may be empty; then
    only `device`, the name the kernel gave, leads there.

    Raises:
        PortInUse: ``path`` exists and is no link that an earlier run has left behind.
        StorageError: the link cannot be made, or the system has no pseudo-terminal left.
    """

    def __init__(self, path: str = "") -> None:
        try:
            self.master, self._slave = pty.openpty()
        except OSError as error:
            raise StorageError(f"the system gives no pseudo-terminal: {error.strerror}") from error
        self.device = os.ttyname(self._slave)
        self.path = path or self.device
        self._linked = False
        self._open = True
        # Raw from the first byte on: otherwise the line would echo before the first client has set it.
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self.master, False)
        if path:
            try:
                self._link(Path(path))
            except BaseException:
                self.close()
                raise

    def _link(self, path: Path) -> None:
        if path.is_symlink() and not path.exists():
            path.unlink()  # dangling: its pseudo-terminal is gone
        try:
            path.symlink_to(self.device)
        except FileExistsError as error:
            raise PortInUse(f"{path} exists: remove it, or link the pseudo-terminal elsewhere (pty:///PATH)") from error
        except OSError as error:
            raise StorageError(f"cannot link the pseudo-terminal at {path}: {error.strerror}") from error
        self._linked = True

    def baudrate(self) -> int:
        """The bit rate that the client has set, in bit/s (a pseudo-terminal remembers it, though it paces nothing)."""
        speed = termios.tcgetattr(self._slave)[5]
        rates = (name for name in dir(termios) if name.startswith("B") and name[1:].isdigit())
        return next((int(name[1:]) for name in rates if getattr(termios, name) == speed), 0)

    def close(self) -> None:
        """Close both sides and remove the link; harmless when done before."""
        if not self._open:
            return
        self._open = False
        if self._linked:
            link = Path(self.path)
            with contextlib.suppress(OSError):
                if os.readlink(link) == self.device:  # noqa: PTH115 - the text of the link, not its end
                    link.unlink()
        os.close(self.master)
        os.close(self._slave)
