"""The gateway's own firmware: the configured command is run with the image that was uploaded (#26; g13-api.md 8.4).

No shell is involved and nothing of a request becomes a part of the command. It ends with the gateway: it must not
restart the gateway itself, its exit code 0 does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from wattproof.gateway.acquire.registration import Who
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.events import Id
from wattproof.gateway.images import GATEWAY, IMAGE, INSTALLATION, path_of
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Audit, Setting, Write

#: Seconds that the command may take.
LIMIT = 600.0
#: Characters of its last line that are kept.
LINE = 255
_NAMES = re.compile(r"\{(image|sha256)\}")
_log = logging.getLogger(__name__)


class Installation:
    """Runs the command. ``reboot`` starts the gateway anew, in the name of somebody."""

    def __init__(self, site: Site, reboot: Callable[[Who], Awaitable[None]]) -> None:
        self._site = site
        self._reboot = reboot
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._closing = False

    async def install(self, who: Who) -> None:
        """Start the command; what comes of it is told by events 16 and 17.

        Raises ``CommandFailed``: ``invalid``, there is no image or no command; ``conflict``, it runs already;
        ``internal``, it cannot be started.
        """
        async with self._beginning:
            image = await self._site.store.setting(IMAGE)
            if image is None or image["kind"] != GATEWAY:
                raise CommandFailed(Failing.INVALID, "no gateway image")
            command = self._site.config.install_command
            if not command:
                raise CommandFailed(Failing.INVALID, "firmware installation is not configured")
            if self._watch is not None and not self._watch.done():
                raise CommandFailed(Failing.CONFLICT, "firmware installation in progress")
            arguments = arguments_of(command, path_of(self._site.config.data, image), image["sha256"])
            await self._site.commit(Setting(INSTALLATION, {"image": dict(image)}), self._audit(who, image))
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *arguments,
                    stdin=DEVNULL,
                    stdout=PIPE,
                    stderr=STDOUT,
                    env={"PATH": os.environ.get("PATH", os.defpath)},
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                await self._failed(str(error))
                raise CommandFailed(
                    Failing.INTERNAL, "the install command cannot be started", detail=str(error)
                ) from error
            self._watch = asyncio.create_task(self._to_its_end(self._process, image, who), name="installation")

    async def recover(self) -> None:
        """After a start: tell of a command whose end nobody saw."""
        if await self._site.store.setting(INSTALLATION) is not None:
            await self._failed("the gateway ended before the install command")

    async def _to_its_end(self, process: Process, image: Mapping[str, Any], who: Who) -> None:
        heard = asyncio.ensure_future(_last_line(process))
        in_time = await self._site.timetable.within(heard, LIMIT)
        if not in_time:
            _kill(process)
        line = await heard
        try:
            if process.returncode == 0:
                ended = self._site.record(Id.UPDATE_COMPLETE, line or str(image["name"]))
                await self._site.commit(Setting(INSTALLATION), ended)
                await self._reboot(who)
            elif self._closing:
                await self._failed(_joined("the gateway ended before the install command", line))
            elif not in_time:
                await self._failed(_joined(f"no end within {LIMIT:g} s", line))
            else:
                await self._failed(line or f"exit code {process.returncode}")
        except CommandFailed as error:
            _log.error("the end of the installation (%s) is not stored: %s", line, error)

    async def _failed(self, detail: str) -> None:
        _log.error("the firmware of the gateway is not installed: %s", detail)
        await self._site.commit(Setting(INSTALLATION), self._site.record(Id.UPDATE_FAILED, detail))

    def _audit(self, who: Who, image: Mapping[str, Any]) -> Write:
        user, address = who.get("user", ""), who.get("address", "")
        return Audit(self._site.now, user, address, "firmware", str(image["name"]), str(image["sha256"]))

    async def close(self) -> None:
        """End the command, if it runs."""
        self._closing = True
        if self._watch is None or self._watch is asyncio.current_task():
            return
        if not self._watch.done() and self._process is not None:
            _kill(self._process)
        await asyncio.wait([self._watch])


def arguments_of(command: tuple[str, ...], image: Path, sha256: str) -> list[str]:
    """The arguments of the command, each as it is but for the two names in it.

    >>> arguments_of(("install", "--from={image}", "{sha256}", "{other} $HOME"), Path("/data/image/12ab"), "12ab")
    ['install', '--from=/data/image/12ab', '12ab', '{other} $HOME']
    """
    values = {"image": str(image.absolute()), "sha256": sha256}
    return [_NAMES.sub(lambda name: values[name[1]], part) for part in command]


async def _last_line(process: Process) -> str:
    """The last line that is not empty of what a process says, once it has ended."""
    kept = b""
    while process.stdout is not None and (chunk := await process.stdout.read(4096)):
        kept = (kept + chunk)[-4096:]
    await process.wait()
    lines = [line.strip() for line in kept.decode(errors="replace").splitlines() if line.strip()]
    return "".join(letter for letter in lines[-1] if letter.isprintable())[:LINE] if lines else ""


def _kill(process: Process) -> None:
    """End a process and all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _joined(reason: str, line: str) -> str:
    return f"{reason}: {line}" if line else reason
