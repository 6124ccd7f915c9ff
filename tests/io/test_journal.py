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

from tests.disks import FragileDisk, PowerCut
from wattproof.errors import StorageError
from wattproof.io.journal import DirectoryLock, StateFile, encode_record, newest_record

PATH = Path("/state/meter.journal")


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
    with pytest.raises(StorageError, match="cannot use the directory"):
        DirectoryLock(tmp_path / "file" / "x")
