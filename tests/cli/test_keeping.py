"""The files of a charging session: room that is set aside, and what is said when a disk is full."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wattproof.cli.keeping import RESERVED, Keeping, free, refuse_taken, write_durably
from wattproof.errors import StorageError, UsageError


class Disk:
    """Notes the size of what is synchronised, and has no room for it while :attr:`full` says so."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.full: Callable[[], bool] = lambda: False
        self._sync = os.fsync

    def sync(self, descriptor: int) -> None:
        if self.full():
            raise OSError(28, "No space left on device")
        self.sizes.append(os.fstat(descriptor).st_size)
        self._sync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    found = Disk()
    monkeypatch.setattr("os.fsync", found.sync)
    return found


def test_space_is_really_taken_before_a_session_and_leaves_no_file(tmp_path: Path, disk: Disk) -> None:
    keeping = Keeping(tmp_path / "session.xml")
    keeping.reserve()
    assert disk.sizes[0] == RESERVED
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.xml.partial.json"]
    keeping.release()
    keeping.drop()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_space_is_found_before_a_session(tmp_path: Path, disk: Disk) -> None:
    disk.full = lambda: True
    with pytest.raises(StorageError, match="No space left"):
        Keeping(tmp_path / "session.xml").reserve()
    assert list(tmp_path.iterdir()) == []


def test_the_end_goes_into_the_space_that_was_set_aside(tmp_path: Path, disk: Disk) -> None:
    keeping = Keeping(tmp_path / "session.xml")
    keeping.reserve()
    disk.full = lambda: keeping._space is not None
    keeping.store(b"begin and end")
    assert keeping.stored
    assert keeping.partial.read_bytes() == b"begin and end"
    keeping.write(tmp_path / "session.xml", b"session")
    assert (tmp_path / "session.xml").read_bytes() == b"session"


def test_a_write_that_failed_is_not_claimed(tmp_path: Path, disk: Disk) -> None:
    keeping = Keeping(tmp_path / "session.xml")
    keeping.reserve()
    keeping.store(b"begin")
    disk.full = lambda: True
    with pytest.raises(StorageError):
        keeping.store(b"begin and end")
    assert not keeping.stored
    assert keeping.partial.read_bytes() == b"begin"
    keeping.release()


def test_earlier_sessions_keep_their_files(tmp_path: Path) -> None:
    path = tmp_path / "S-T1.xml"
    assert free(path, ".xml") == path
    path.touch()
    assert free(path, ".xml") == tmp_path / "S-T1-2.xml"
    for taken, words in ((path, "not overwritten"), (tmp_path, "directory")):
        with pytest.raises(UsageError, match=words):
            refuse_taken(taken)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe with a name")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """A file of another kind, /dev/stdout among them, was replaced by a plain one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_durably(pipe, b"whole")
        assert os.read(reader, 100) == b"whole" and pipe.is_fifo()
    finally:
        os.close(reader)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_a_directory_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (Path(), Path(".."), tmp_path):
        with pytest.raises(StorageError, match="Is a directory"):
            write_durably(name, b"")
    assert not list(tmp_path.iterdir())
