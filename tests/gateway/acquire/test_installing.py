"""The command that installs the gateway's own firmware (8.4)."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.acquire.conftest import Open
from tests.gateway.acquire.test_firmware import image, upload
from tests.gateway.acquire.world import WHO, World
from wattproof.gateway.acquire.installing import LIMIT
from wattproof.gateway.images import INSTALLATION, needed
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Event, Setting

#: What no shell may touch.
LITERAL = ("$(touch made)", "a b", "*", "{other}", "; touch made")


def script(folder: Path, text: str) -> str:
    path = folder / "install"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def opened(world: Open, *command: str) -> AbstractAsyncContextManager[World]:
    return world(buses=(), install_command=command)


async def install(world: World) -> None:
    await world.acquire.table()["install_firmware"](who=WHO)


async def ended(world: World) -> None:
    watch = world.acquire.installation._watch
    assert watch is not None
    await asyncio.wait_for(watch, 20)


async def refused(world: World) -> tuple[Failing, str]:
    with pytest.raises(CommandFailed) as raised:
        await install(world)
    return raised.value.kind, raised.value.text


async def told(world: World) -> list[tuple[int, str]]:
    """Events of the installation and of the restart, oldest first."""
    events = [event for _, event in reversed(await world.store.events()) if isinstance(event, Event)]
    return [(event.id, event.detail) for event in events if event.id in (10, 16, 17)]


async def uploaded(world: World) -> Path:
    await upload(world, b"firmware", "gateway")
    found: dict[str, Any] = await world.store.setting("image")
    return world.site.config.data / "image" / found["sha256"]


@pytest.mark.proves("G-126", "G-336")
async def test_the_command_runs_without_a_shell_and_the_gateway_starts_anew(world: Open, tmp_path: Path) -> None:
    text = f'cd {tmp_path}\nprintf "%s\\n" "$@" >arguments\nenv >environment\necho one\necho "  version 2  "\necho'
    command = script(tmp_path, text)
    async with opened(world, command, "--from={image}", "{sha256}", *LITERAL) as made:
        path = await uploaded(made)
        assert await made.store.setting(INSTALLATION) is None
        await install(made)
        assert path.name in needed(await made.store.settings())
        await ended(made)
        assert (tmp_path / "arguments").read_text().splitlines() == [f"--from={path}", path.name, *LITERAL]
        names = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().splitlines()}
        assert "PATH" in names and names <= {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}, "what the shell itself sets"
        assert await told(made) == [(16, "version 2"), (10, "admin")]
        assert made.acquire.ending.is_set() and not (tmp_path / "made").exists()
        done = [(entry.user, entry.action, entry.detail) async for _, _, entry in made.store.audit()]
        assert done == [("admin", "firmware", path.name), ("admin", "reboot", "")]
    async with opened(world, command) as made:
        assert await told(made) == [(16, "version 2"), (10, "admin")]


@pytest.mark.proves("G-126", "G-336")
async def test_what_is_missing_is_named(world: Open, tmp_path: Path) -> None:
    async with opened(world) as made:
        assert await refused(made) == (Failing.INVALID, "no gateway image")
        await upload(made, image())
        assert await refused(made) == (Failing.INVALID, "no gateway image")
        await uploaded(made)
        assert await refused(made) == (Failing.INVALID, "firmware installation is not configured")
        assert await told(made) == []
    async with opened(world, str(tmp_path / "nothing")) as made:
        assert await refused(made) == (Failing.INTERNAL, "the install command cannot be started")
        ((id, detail),) = await told(made)
        assert id == 17 and "nothing" in detail


@pytest.mark.proves("G-126", "G-336")
@pytest.mark.parametrize(
    ("text", "detail"), [("echo one; echo no space left >&2; echo; exit 3", "no space left"), ("exit 4", "exit code 4")]
)
async def test_a_command_that_fails_is_told_with_its_last_line(
    world: Open, tmp_path: Path, text: str, detail: str
) -> None:
    async with opened(world, script(tmp_path, text)) as made:
        await uploaded(made)
        for count in (1, 2):
            await install(made)
            await ended(made)
            assert await told(made) == [(17, detail)] * count
        assert not made.acquire.ending.is_set()


@pytest.mark.proves("G-336")
async def test_a_command_that_does_not_end_is_ended(world: Open, tmp_path: Path) -> None:
    async with opened(world, script(tmp_path, f"echo working\n: >{tmp_path}/there\nsleep 1000")) as made:
        await uploaded(made)
        await install(made)
        assert await refused(made) == (Failing.CONFLICT, "firmware installation in progress")
        for _ in range(2000):
            if (tmp_path / "there").exists():
                break
            await asyncio.sleep(0.005)
        await made.pass_(LIMIT - 1)
        assert await told(made) == []
        await made.pass_(2)
        await ended(made)
        assert await told(made) == [(17, f"no end within {LIMIT:g} s: working")]
        await install(made)
        await made.acquire.installation.close()
        ended_with_it = "the gateway ended before the install command"
        events = await told(made)
        assert len(events) == 2 and events[1][0] == 17 and events[1][1].startswith(ended_with_it)
    async with opened(world) as made:
        await made.run(made.site.commit(Setting(INSTALLATION, {"image": None})))
    async with opened(world) as made:
        assert (await told(made))[2:] == [(17, ended_with_it)], "as after a kill"
        assert await made.store.setting(INSTALLATION) is None
