"""The one-time password and its file."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from wattproof.errors import StorageError
from wattproof.gateway.auth import firststart
from wattproof.gateway.auth.firststart import first_password, first_start, one_time_password
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.records import User
from wattproof.gateway.store.base import Store

WORD = re.compile(r"[a-hjkmnp-z2-9]{5}(-[a-hjkmnp-z2-9]{5}){3}")


def test_it_has_twenty_characters_that_nobody_confuses():
    words = {one_time_password() for _ in range(200)}
    assert len(words) == 200
    assert all(WORD.fullmatch(word) for word in words)
    assert {character for word in words for character in word} == {*firststart.ALPHABET, "-"}


@pytest.mark.proves("G-301", "G-302")
async def test_the_first_start_makes_one_user_and_a_file_and_the_second_nothing(
    tmp_path: Path, store: Store, verifier: Verifier, caplog: pytest.LogCaptureFixture
):
    before = os.umask(0)
    try:
        shown = await first_start(store, store.commit, verifier, tmp_path, "abcde-fghjk-mnpqr-stuvw")
    finally:
        os.umask(before)
    assert shown == "abcde-fghjk-mnpqr-stuvw"
    path = tmp_path / "initial-password"
    assert path.read_text() == shown + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [user] = await store.users()
    assert (user.name, user.admin, user.due) == ("admin", True, True)
    assert await verifier.verify(user.hash, shown)

    assert await first_start(store, store.commit, verifier, tmp_path, one_time_password()) is None
    assert await store.users() == [user]
    assert path.read_text() == shown + "\n"
    assert "abcde" not in caplog.text


@pytest.mark.proves("G-301")
async def test_the_file_has_its_mode_from_its_creation(
    tmp_path: Path, store: Store, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
):
    modes: list[tuple[int, int]] = []
    real = os.open

    def watched(path: os.PathLike[str], flags: int, mode: int = 0o777, **more: int) -> int:
        if Path(path).name == "initial-password":
            modes.append((flags & os.O_EXCL, mode))
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", watched)
    (tmp_path / "initial-password").write_text("left by somebody")  # readable by all
    await first_start(store, store.commit, verifier, tmp_path, "x")
    assert modes == [(os.O_EXCL, 0o600)]
    assert (tmp_path / "initial-password").read_text() == "x\n"


async def test_a_password_changed_just_before_the_power_failed_leaves_no_file(
    tmp_path: Path, store: Store, verifier: Verifier
):
    await first_start(store, store.commit, verifier, tmp_path, "x")
    await store.commit(User("admin", "another", generation=2, admin=True))
    assert await first_start(store, store.commit, verifier, tmp_path, "y") is None
    assert not (tmp_path / "initial-password").exists()


async def test_without_a_file_there_is_no_user(tmp_path: Path, store: Store, verifier: Verifier):
    with pytest.raises(StorageError, match="initial-password"):
        await first_start(store, store.commit, verifier, tmp_path / "missing", "x")
    assert await store.users() == []


@pytest.mark.proves("G-305")
@pytest.mark.parametrize(
    ("compat", "listen", "known"),
    [
        ("g13", ["https://127.0.0.1:8443"], True),
        ("g13", ["https://localhost:8443", "https://[::1]:0", "https://127.9.9.9:1"], True),
        ("g13", ["https://127.0.0.1:8443", "https://192.168.1.12"], False),
        ("g13", ["https://0.0.0.0:8443"], False),
        ("g13", ["https://[::]:8443"], False),
        ("g13", ["https://gateway.example:8443"], False),
        ("none", ["https://127.0.0.1:8443"], False),
    ],
)
def test_only_an_imitation_for_this_machine_alone_has_a_known_password(compat: str, listen: list[str], known: bool):
    password = first_password(compat, listen)
    assert password == "admin" if known else WORD.fullmatch(password)
