"""The state file on a disk that loses, tears and refuses writes at every possible point."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import StorageError
from wattproof.io.journal import DirectoryLock, StateFile, encode_record, newest_record

PATH = Path("/state/meter.journal")


class PowerCut(Exception):
    """The machine died in the middle of a disk operation."""


class FragileDisk:
    """A file system in memory that forgets on a power cut what was not synced.

    Every operation is a list of steps. ``cut_after`` lets that many steps happen, then the power is gone. What is
    durable afterwards is decided by ``survivor``: of un-synced bytes any prefix, with any of them turned to rubbish;
    a rename before the directory's sync either happened or not.
    """

    def __init__(self, files: dict[Path, bytes] | None = None) -> None:
        self.durable: dict[Path, bytes] = dict(files or {})
        self.cached = dict(self.durable)
        self.unsynced_renames: list[tuple[Path, Path]] = []
        self.steps = 0
        self.cut_after: int | None = None
        self.failures: dict[str, OSError] = {}
        self.room: int | None = None

    def step(self, name: str) -> None:
        if self.cut_after is not None and self.steps >= self.cut_after:
            raise PowerCut(name)
        self.steps += 1
        if name in self.failures:
            raise self.failures.pop(name)

    def read(self, path: Path) -> bytes | None:
        if "read" in self.failures:
            raise self.failures.pop("read")
        return self.cached.get(path)

    def append(self, path: Path, data: bytes) -> None:
        if path not in self.cached:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._write(path, self.cached[path], data)

    def create(self, path: Path, data: bytes) -> None:
        self.step("open")
        self.cached[path] = b""
        self._write(path, b"", data)

    def _write(self, path: Path, before: bytes, data: bytes) -> None:
        for end in (len(data) // 3, len(data) - 1, len(data)):
            self.step("write")
            others = sum(len(content) for name, content in self.cached.items() if name != path)
            if self.room is not None and others + len(before) + end > self.room:
                self.cached[path] = before + data[: max(0, self.room - others - len(before))]
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.cached[path] = before + data[:end]
        self.step("sync")
        self.durable[path] = self.cached[path]

    def rename(self, source: Path, target: Path) -> None:
        self.step("rename")
        self.cached[target] = self.cached.pop(source)
        self.unsynced_renames.append((source, target))
        self.step("sync-directory")
        self.durable[target] = self.durable.pop(source)
        self.unsynced_renames.clear()

    def survivor(self, rng: random.Random) -> FragileDisk:
        """What is found at the next power-up."""
        files = dict(self.durable)
        for path, cached in self.cached.items():
            known = files.get(path, b"")
            if not self.unsynced_renames and cached.startswith(known) and len(cached) > len(known):
                tail = bytearray(cached[len(known) :])
                del tail[rng.randint(0, len(tail)) :]
                for position in range(len(tail)):
                    if rng.random() < rng.choice((0.0, 0.0, 0.3)):
                        tail[position] = rng.randrange(256)
                files[path] = known + bytes(tail)
        for source, target in self.unsynced_renames:
            if rng.random() < 0.5:
                files[target] = files.pop(source)
        return FragileDisk(files)


def states(count: int, size: int = 40) -> list[bytes]:
    return [f"state {number} ".encode() + bytes((number + i) & 0xFF for i in range(size)) for number in range(count)]


def test_the_last_appended_state_comes_back() -> None:
    disk = FragileDisk()
    for state in states(20):
        StateFile(PATH, disk=disk).recover()
        file = StateFile(PATH, disk=disk)
        file.recover()
        file.append(state)
        again = StateFile(PATH, disk=disk)
        assert again.recover() == state
        assert not again.damaged


def test_a_new_path_has_no_state() -> None:
    assert StateFile(PATH, disk=FragileDisk()).recover() is None


@pytest.mark.parametrize("limit", [0, 150, 10_000])
def test_acknowledged_states_survive_a_power_cut_at_every_step(limit: int) -> None:
    wanted = states(6)
    dry = FragileDisk()
    file = StateFile(PATH, limit=limit, disk=dry)
    for state in wanted:
        file.append(state)
    rng = random.Random(7)
    for cut in range(dry.steps):
        for _ in range(20):
            disk = FragileDisk()
            disk.cut_after = cut
            file = StateFile(PATH, limit=limit, disk=disk)
            acknowledged = -1
            with pytest.raises(PowerCut):
                for number, state in enumerate(wanted):
                    file.append(state)
                    acknowledged = number
            found = StateFile(PATH, limit=limit, disk=disk.survivor(rng))
            state_found = found.recover()
            number_found = -1 if state_found is None else wanted.index(state_found)
            assert number_found in (acknowledged, acknowledged + 1)


def test_life_goes_on_after_a_torn_tail() -> None:
    rng = random.Random(1)
    wanted = states(40)
    disk = FragileDisk()
    acknowledged = -1
    position = 0
    while position < len(wanted):
        file = StateFile(PATH, limit=400, disk=disk)
        recovered = file.recover()
        if recovered is not None:
            assert wanted.index(recovered) >= acknowledged
        disk.cut_after = disk.steps + rng.randint(1, 25)
        try:
            while position < len(wanted):
                file.append(wanted[position])
                acknowledged = position
                position += 1
        except PowerCut:
            disk = disk.survivor(rng)
    assert StateFile(PATH, disk=disk).recover() == wanted[-1]


@pytest.mark.parametrize("step", ["open", "write", "sync", "rename", "sync-directory"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("limit", [0, 10_000])
def test_a_failed_write_is_reported_and_loses_nothing(step: str, code: int, limit: int) -> None:
    first, second, third = states(3)
    disk = FragileDisk()
    file = StateFile(PATH, limit=limit, disk=disk)
    file.append(first)
    disk.failures[step] = OSError(code, os.strerror(code))
    happened = False
    try:
        file.append(second)
    except StorageError as error:
        happened = True
        assert str(PATH) in str(error)
        assert os.strerror(code) in str(error)
        assert error.exit_code == 5
    assert happened == (limit == 0 or step in ("write", "sync"))
    rng = random.Random(3)
    for _ in range(50):
        assert StateFile(PATH, disk=disk.survivor(rng)).recover() in (first, second)
    file.append(third)
    assert StateFile(PATH, disk=disk.survivor(rng)).recover() == third


def test_a_full_disk_keeps_the_last_state_and_recovers_when_there_is_room() -> None:
    first, second = states(2)
    disk = FragileDisk()
    file = StateFile(PATH, disk=disk)
    file.append(first)
    disk.room = len(disk.cached[PATH]) + 10
    for _ in range(3):
        with pytest.raises(StorageError, match="No space left"):
            file.append(second)
        assert StateFile(PATH, disk=FragileDisk(disk.durable)).recover() == first
        assert StateFile(PATH, disk=FragileDisk(disk.cached)).recover() == first
    disk.room = None
    file.append(second)
    assert StateFile(PATH, disk=FragileDisk(disk.durable)).recover() == second


def test_a_record_that_failed_to_sync_but_reached_the_disk_never_outlives_a_later_one() -> None:
    first, second, third = states(3)
    disk = FragileDisk()
    file = StateFile(PATH, disk=disk)
    file.append(first)
    disk.failures["sync"] = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(StorageError):
        file.append(second)
    disk.durable[PATH] = disk.cached[PATH]  # it was written after all
    file = StateFile(PATH, disk=disk)
    assert file.recover() == second
    file.append(third)
    assert StateFile(PATH, disk=disk).recover() == third


def test_an_unreadable_file_is_an_error_and_no_new_meter() -> None:
    for rubbish in (b"", b"x", bytes(500), b"WPj1" * 50, encode_record(1, b"abc")[:-1]):
        with pytest.raises(StorageError, match="damaged"):
            StateFile(PATH, disk=FragileDisk({PATH: rubbish})).recover()
    disk = FragileDisk({PATH: encode_record(1, b"abc")})
    disk.failures["read"] = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(StorageError, match="cannot read"):
        StateFile(PATH, disk=disk).recover()


def test_rubbish_between_records_is_passed_over() -> None:
    data = b"".join(encode_record(number, state) + b"\0WPj1 rubbish" for number, state in enumerate(states(5)))
    file = StateFile(PATH, disk=FragileDisk({PATH: data}))
    assert file.recover() == states(5)[-1]
    assert file.damaged


def test_the_file_stays_small() -> None:
    disk = FragileDisk()
    file = StateFile(PATH, limit=2_000, disk=disk)
    for state in states(500):
        file.append(state)
        assert len(disk.durable[PATH]) <= 2_000
    assert list(disk.durable) == [PATH]


@settings(max_examples=200)
@given(st.binary(max_size=300), st.lists(st.binary(max_size=50), max_size=4), st.integers(0, 2**32))
def test_reading_never_fails_and_never_invents(noise: bytes, payloads: list[bytes], seed: int) -> None:
    records = [encode_record(number, payload) for number, payload in enumerate(payloads)]
    random.Random(seed).shuffle(records)
    found = newest_record(noise + b"".join(records))
    if found is not None:
        sequence, payload, _ = found
        assert sequence == len(payloads) - 1
        assert payload == payloads[-1]
    whole = newest_record(b"".join(records))
    assert (whole is None) == (not payloads)


@settings(max_examples=100)
@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_flipped_bit_is_noticed(payload: bytes, data: st.DataObject) -> None:
    record = bytearray(encode_record(5, payload))
    bit = data.draw(st.integers(0, len(record) * 8 - 1))
    record[bit // 8] ^= 1 << bit % 8
    assert newest_record(bytes(record)) is None


def test_the_real_disk(tmp_path: Path) -> None:
    path = tmp_path / "meter.journal"
    file = StateFile(path, limit=300)
    assert file.recover() is None
    for state in states(30):
        file.append(state)
    assert StateFile(path).recover() == states(30)[-1]
    assert path.stat().st_size <= 300
    with path.open("ab") as handle:
        handle.write(b"torn")
    file = StateFile(path)
    assert file.recover() == states(30)[-1]
    file.append(b"next")
    assert StateFile(path).recover() == b"next"
    assert [entry.name for entry in tmp_path.iterdir()] == ["meter.journal"]


def test_a_real_full_disk() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    file = StateFile(Path("/dev/full"))
    file._intact = True
    with pytest.raises(StorageError, match="No space left"):
        file.append(b"state")


def test_kill_in_the_middle_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "meter.journal"
    code = (
        "import sys; from pathlib import Path; from wattproof.io.journal import StateFile\n"
        f"file = StateFile(Path({str(path)!r}), limit=4000); file.recover()\n"
        "for number in range(10**9):\n"
        "    file.append(str(number).encode()); sys.stdout.write(f'{number}\\n'); sys.stdout.flush()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(100):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    last = max([99, *(int(line) for line in rest)])
    state = StateFile(path).recover()
    assert state is not None
    assert int(state) in (last, last + 1)


def test_a_directory_in_use_is_refused_with_the_holder(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with DirectoryLock(folder):
        with pytest.raises(StorageError, match=f"in use by process {os.getpid()}"):
            DirectoryLock(folder)
        code = (
            f"from pathlib import Path; from wattproof.io.journal import DirectoryLock as L; L(Path({str(folder)!r}))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "is in use by process" in result.stderr
    DirectoryLock(folder).close()


def test_a_file_in_the_way_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot use the state directory"):
        DirectoryLock(tmp_path / "file" / "x")
