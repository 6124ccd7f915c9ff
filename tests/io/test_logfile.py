"""The log file on a disk that loses, tears and refuses writes: what is acknowledged stays, nothing comes twice."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.disks import FragileDisk, PowerCut
from wattproof.errors import StorageError
from wattproof.io import logfile
from wattproof.io.journal import encode_record
from wattproof.io.logfile import LogFile

PATH = Path("/state/log.journal")


def entries(first: int, count: int = 1, size: int = 30) -> list[bytes]:
    return [b"entry %d " % number + bytes(number & 0xFF for _ in range(size)) for number in range(first, first + count)]


class Writer:
    """Somebody who appends, and knows everything that counts: the newest ``ring`` entries."""

    def __init__(self, disk: FragileDisk, ring: int = 1000) -> None:
        self.file = LogFile(PATH, disk=disk)
        self.kept = self.file.recover()[-ring:]
        self.ring = ring

    def append(self, new: Sequence[bytes]) -> None:
        kept = [*self.kept, *new][-self.ring :]
        self.file.append(new, lambda: kept)
        self.kept = kept


def test_entries_come_back_in_their_order() -> None:
    disk = FragileDisk()
    assert LogFile(PATH, disk=disk).recover() == []
    writer = Writer(disk)
    for first, count in ((0, 1), (1, 3), (4, 0), (4, 2)):
        writer.append(entries(first, count))
        assert LogFile(PATH, disk=disk).recover() == entries(0, first + count)
    again = Writer(disk)
    again.append(entries(6))
    assert LogFile(PATH, disk=disk).recover() == entries(0, 7)
    assert list(disk.durable) == [PATH]


@pytest.mark.parametrize("count", [1, 3])
def test_acknowledged_entries_survive_a_power_cut_at_every_step(count: int) -> None:
    dry = FragileDisk()
    writer = Writer(dry)
    for first in range(0, 6 * count, count):
        writer.append(entries(first, count))
    rng = random.Random(7)
    for cut in range(dry.steps + 1):
        disk = FragileDisk()
        disk.cut_after = cut
        acknowledged = 0
        writer = Writer(disk)
        try:
            for first in range(0, 6 * count, count):
                writer.append(entries(first, count))
                acknowledged = first + count
        except PowerCut:
            pass
        for _ in range(10):
            found = recovered(disk.survivor(rng))
            assert found == entries(0, len(found)), "an unbroken beginning"
            assert acknowledged <= len(found) <= acknowledged + count


def recovered(disk: FragileDisk) -> list[bytes]:
    """What is found; a file whose first write was torn is none yet, for it takes its name only afterwards."""
    return LogFile(PATH, disk=disk).recover()


@pytest.mark.parametrize("ring", [1000, 5])
def test_life_goes_on_after_a_torn_tail(ring: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "_SLACK", 300)
    rng = random.Random(1)
    disk, acknowledged, position = FragileDisk(), -1, 0
    while position < 60:
        writer = Writer(disk, ring)
        newest = [int(entry.split()[1]) for entry in writer.kept]
        assert newest == list(range(newest[0], newest[-1] + 1)) if newest else acknowledged < 0
        if newest:
            assert newest[-1] >= acknowledged and len(newest) >= min(ring, acknowledged + 1)
            position = newest[-1] + 1
        disk.cut_after = disk.steps + rng.randint(1, 25)
        try:
            while position < 60:
                writer.append(entries(position))
                acknowledged = position
                position += 1
        except PowerCut:
            disk = disk.survivor(rng)
    assert LogFile(PATH, disk=disk).recover()[-1] == entries(59)[0]


@pytest.mark.parametrize("step", ["open", "write", "sync", "rename", "sync-directory"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("anew", [False, True])
def test_a_failed_write_is_reported_and_loses_nothing(
    step: str, code: int, anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FragileDisk()
    writer = Writer(disk)
    writer.append(entries(0, 2))
    if anew:
        monkeypatch.setattr(logfile, "_SLACK", 0)
        monkeypatch.setattr(logfile, "_GROWTH", 0)
    disk.failures[step] = OSError(code, os.strerror(code))
    happened = False
    try:
        writer.append(entries(2))
    except StorageError as error:
        happened = True
        assert str(PATH) in str(error) and os.strerror(code) in str(error) and error.exit_code == 5
    assert happened == (anew or step in ("write", "sync"))
    rng = random.Random(3)
    for _ in range(50):
        assert recovered(disk.survivor(rng)) in (entries(0, 2), entries(0, 3))
    if happened:
        writer.append(entries(2))
    writer.append(entries(3))
    for _ in range(10):
        assert recovered(disk.survivor(rng)) == entries(0, 4), "once each"


def test_a_full_disk_keeps_what_was_acknowledged_and_goes_on_when_there_is_room() -> None:
    disk = FragileDisk()
    writer = Writer(disk)
    writer.append(entries(0))
    disk.room = len(disk.cached[PATH]) + 10
    for _ in range(3):
        with pytest.raises(StorageError, match="No space left"):
            writer.append(entries(1))
        assert recovered(FragileDisk(disk.durable)) == recovered(FragileDisk(disk.cached)) == entries(0)
    disk.room = None
    writer.append(entries(1))
    assert recovered(FragileDisk(disk.durable)) == entries(0, 2)


def test_a_disk_that_lied_about_syncing_costs_the_tail_alone() -> None:
    disk = FragileDisk()
    writer = Writer(disk)
    writer.append(entries(0, 5))
    honest = dict(disk.durable)
    for first in range(5, 10):
        writer.append(entries(first))
    whole = disk.durable[PATH]
    for lost in range(len(honest[PATH]), len(whole)):
        found = recovered(FragileDisk({PATH: whole[:lost]}))
        assert found == entries(0, len(found)) and len(found) >= 5
    after = FragileDisk({PATH: whole[: len(whole) - 3]})
    again = Writer(after)
    again.append(entries(9))
    assert recovered(after) == entries(0, 10)


def test_the_file_is_written_anew_when_most_of_it_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "_SLACK", 1000)
    disk = FragileDisk()
    writer = Writer(disk, ring=5)
    for first in range(500):
        writer.append(entries(first))
        assert len(disk.durable[PATH]) <= 1000
        assert recovered(disk)[-min(5, first + 1) :] == writer.kept
    assert list(disk.durable) == [PATH]


def test_numbers_go_on_after_a_rewrite_and_a_restart() -> None:
    disk = FragileDisk()
    Writer(disk).append(entries(0, 3))
    disk.cached[PATH] += b"torn"
    disk.durable[PATH] = disk.cached[PATH]
    Writer(disk).append(entries(3))
    Writer(disk).append(entries(4))
    numbers = [int.from_bytes(disk.durable[PATH][at + 4 : at + 12], "big") for at in begins(disk.durable[PATH])]
    assert numbers == sorted(set(numbers)) and len(numbers) == 5


def begins(data: bytes) -> list[int]:
    found, at = [], data.find(b"WPj1")
    while at >= 0:
        found.append(at)
        at = data.find(b"WPj1", at + 1)
    return found


def test_an_unreadable_file_is_an_error_and_no_empty_log() -> None:
    for rubbish in (b"x", bytes(500), b"WPj1" * 50, encode_record(1, b"abc")[:-1]):
        with pytest.raises(StorageError, match="damaged"):
            recovered(FragileDisk({PATH: rubbish}))
    disk = FragileDisk({PATH: encode_record(1, b"abc")})
    disk.failures["read"] = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(StorageError, match="cannot read"):
        recovered(disk)


def test_entries_that_were_damaged_later_are_missed(caplog: pytest.LogCaptureFixture) -> None:
    disk = FragileDisk()
    Writer(disk).append(entries(0, 6))
    data = disk.read(PATH)
    assert data is not None
    size = len(data) // 6
    disk.create(PATH, data[: size + 10] + bytes(2 * size) + data[3 * size + 10 :])
    assert LogFile(PATH, disk=disk).recover() == [*entries(0), *entries(4, 2)]
    assert "3 entries between those that are left are gone" in caplog.text
    caplog.clear()
    disk.create(PATH, data[: 5 * size + 10])
    assert LogFile(PATH, disk=disk).recover() == entries(0, 5)
    assert not caplog.text, "a torn tail is no damage"


def test_rubbish_between_entries_is_passed_over_and_goes_with_the_next_one() -> None:
    data = b"".join(encode_record(number, entry) + b"\0WPj1 rubbish" for number, entry in enumerate(entries(0, 4), 1))
    disk = FragileDisk({PATH: data})
    assert recovered(disk) == entries(0, 4)
    Writer(disk).append(entries(4))
    assert recovered(disk) == entries(0, 5) and b"rubbish" not in disk.durable[PATH]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 12))), max_size=15), st.integers(0, 999)
)
def test_whatever_happens_the_log_is_an_unbroken_beginning(steps: list[tuple[int, int | None]], seed: int) -> None:
    """Each step appends some entries; the power may go after so many operations of the disk."""
    rng, disk = random.Random(seed), FragileDisk()
    acknowledged = 0
    writer = Writer(disk)
    for count, cut in steps:
        disk.cut_after = None if cut is None else disk.steps + cut
        try:
            writer.append(entries(len(writer.kept), count))
            acknowledged = len(writer.kept)
        except PowerCut:
            disk = disk.survivor(rng)
            writer = Writer(disk)
            assert writer.kept == entries(0, len(writer.kept)) and len(writer.kept) >= acknowledged
            acknowledged = len(writer.kept)
    assert recovered(disk) == entries(0, acknowledged)


def test_the_real_disk_and_kill(tmp_path: Path) -> None:
    path = tmp_path / "log.journal"
    code = (
        "import sys; from pathlib import Path; from wattproof.io.logfile import LogFile\n"
        f"file = LogFile(Path({str(path)!r})); kept = file.recover()\n"
        "for number in range(10**9):\n"
        "    entry = str(number).encode(); kept.append(entry); file.append([entry], lambda: kept)\n"
        "    sys.stdout.write(f'{number}\\n'); sys.stdout.flush()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(50):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    last = max([49, *(int(line) for line in rest)])
    found = LogFile(path).recover()
    assert found in ([b"%d" % number for number in range(count)] for count in (last + 1, last + 2))
