"""What a service manager wants to hear (sd_notify of systemd): ready, alive, stopping. Elsewhere nothing happens."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send a state such as ``READY=1`` to the service manager; false where there is none.

    Source: sd_notify(3): a datagram to the socket named by ``NOTIFY_SOCKET``, ``@`` for the abstract name space.
    """
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as link:
        try:
            link.sendto(state.encode(), "\0" + place[1:] if place.startswith("@") else place)
        except OSError:
            return False
    return True


def watchdog_interval() -> float | None:
    """Seconds between signs of life, half of what the service manager allows; ``None`` where it does not watch.

    Source: sd_watchdog_enabled(3): ``WATCHDOG_USEC`` for the process ``WATCHDOG_PID``.
    """
    limit, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not limit.isdigit() or int(limit) == 0 or (process and process != str(os.getpid())):
        return None
    return int(limit) / 2_000_000
