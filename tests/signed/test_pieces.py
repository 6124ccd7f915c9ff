"""Files cut into pieces: every row once, transactions whole, and the same reports as from one reading."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.test_verify import KEY, record
from wattproof.signed import Examination
from wattproof.signed.limits import Limits
from wattproof.signed.sources import lines, pieces
from wattproof.signed.sources.source import from_bytes

SMALL = Limits(row=2000)
RECORDS = [record(PG=f"T{page}") for page in range(1, 5)]


def described(parts: Any) -> list[Any]:
    return [json.loads(json.dumps(part.as_dict())) for part in parts]


def whole(data: bytes, name: str = "a.jsonl", limits: Limits = SMALL) -> list[Any]:
    return described(Examination(KEY, limits=limits).parts(from_bytes(data), name))


def by_pieces(data: bytes, size: int, name: str = "a.jsonl", limits: Limits = SMALL) -> list[Any]:
    broken: list[bool] = []
    found: list[Any] = []
    cut = list(pieces.cut(name, io.BytesIO(data), size, limits))
    assert sum(piece.size for piece in cut) == len(data)
    for piece in cut:
        if broken:
            break
        if piece.kind == "WHOLE":
            return whole(data, name, limits)
        units = pieces.units(piece, io.BytesIO(data), lambda: broken.append(True), limits)
        found += described(Examination(KEY, limits=limits).judged(units))
    return found


rows = st.one_of(
    st.sampled_from(RECORDS).map(lambda text: json.dumps({"ocmf": text})),
    st.tuples(st.sampled_from(RECORDS), st.sampled_from("ABB")).map(
        lambda found: json.dumps({"ocmf": found[0], "transactionId": found[1]})
    ),
    st.sampled_from(["", " ", "\t\v", "{}", "1", "x" * 2100, " " * 2100, '{"ocmf":"' + "y" * 5000 + '"}', "\ufeff"]),
)


@settings(max_examples=60)
@given(
    st.lists(rows, min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 4000),
)
def test_pieces_of_lines_give_what_one_reading_gives(
    texts: list[str], end: str, closed: bool, marked: bool, size: int
) -> None:
    data = (("\ufeff" if marked else "") + end.join(texts) + (end if closed else "")).encode()
    assert by_pieces(data, size) == whole(data)


def test_a_transaction_is_never_cut() -> None:
    data = b"".join(
        json.dumps({"ocmf": RECORDS[number % 4], "transactionId": str(number // 3)}).encode() + b"\n"
        for number in range(30)
    )
    cut = list(pieces.cut("a.jsonl", io.BytesIO(data), 1, SMALL))
    assert len(cut) == 10 and [piece.before for piece in cut] == list(range(0, 30, 3))
    assert cut[0].start == 0 and cut[-1].stop == len(data)
    assert all(one.stop == other.start for one, other in pairwise(cut))


def parquet(path: Path, transactions: list[str | None], group: int, damaged: bool = False) -> bytes:
    import pyarrow
    import pyarrow.parquet

    texts = [RECORDS[number % 4] for number in range(len(transactions))]
    table = pyarrow.table({"transaction_id": transactions, "n": list(range(len(texts))), "ocmf": texts})
    pyarrow.parquet.write_table(table, path, row_group_size=group, use_dictionary=False, compression="none")
    data = bytearray(path.read_bytes())
    if damaged:
        groups = pyarrow.parquet.ParquetFile(path).metadata
        at = groups.row_group(groups.num_row_groups // 2).column(2).data_page_offset
        data[at : at + 20] = bytes(20)
    return bytes(data)


@pytest.mark.proves("T-099")
@pytest.mark.parametrize("group", [1, 4, 7, 1000])
@pytest.mark.parametrize("size", [1, 2000, 5000])
def test_pieces_of_parquet_give_what_one_reading_gives(group: int, size: int, tmp_path: Path) -> None:
    transactions = [None, "A", "A", "A", None, None, "A", "B", *(str(n // 2) for n in range(20)), None]
    data = parquet(tmp_path / "a.parquet", transactions, group)
    limits = Limits()
    cut = list(pieces.cut("a.parquet", io.BytesIO(data), size, limits))
    assert {piece.kind for piece in cut} == {"PARQUET"} and len(cut) > 2
    assert by_pieces(data, size, "a.parquet", limits) == whole(data, "a.parquet", limits)


def test_a_damaged_parquet_file_ends_at_the_same_row(tmp_path: Path) -> None:
    data = parquet(tmp_path / "a.parquet", [None] * 1500, 300, damaged=True)
    limits = Limits()
    once = whole(data, "a.parquet", limits)
    assert once[-1]["records"][0]["reason"] == "F-FORMAT" and 256 < len(once) < 1500
    assert len(list(pieces.cut("a.parquet", io.BytesIO(data), 50_000))) > 10
    assert by_pieces(data, 50_000, "a.parquet", limits) == once


def test_what_is_no_stream_stays_whole() -> None:
    for data in (RECORDS[0].encode() * 3, b"<values/>", b"a;b\nc;d\n", b"", b"PAR1" + bytes(40) + b"PAR1"):
        assert [piece.kind for piece in pieces.cut("x", io.BytesIO(data), 1)] == ["WHOLE"]


def test_a_line_without_end_is_not_kept() -> None:
    class Endless(io.RawIOBase):
        left = 40 << 20

        def read(self, size: int = -1, /) -> bytes:
            size = min(size, self.left)
            self.left -= size
            return b"x" * size

    found = list(pieces._ends(Endless(), 1000))
    assert len(found) == 1 and found[0][0] == 40 << 20 and len(found[0][1]) == 1001


def test_the_part_that_cannot_be_read_says_so_when_it_is_read(tmp_path: Path) -> None:
    data = b"".join(json.dumps({"ocmf": RECORDS[0]}).encode() + b"\n" for _ in range(3000))

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 1_500_000:
                raise OSError(5, "input/output error")
            return super().read(size)

    cut = list(pieces.cut("a.jsonl", Failing(data), 1 << 20))
    assert [piece.kind for piece in cut] == ["JSONL", "JSONL"]
    assert cut[1].start == cut[0].stop and cut[1].stop == len(data)
    with pytest.raises(pieces.Unreadable, match="input/output error"):
        list(pieces.units(cut[1], Failing(data), lambda: None))


def test_lines_and_cuts_agree_on_long_lines() -> None:
    for size in (SMALL.row - 1, SMALL.row, SMALL.row + 1):
        data = b" " * size + b"\n" + b"1\n"
        counted = len(list(lines.read(io.BytesIO(data), SMALL)))
        assert by_pieces(data, 1) == whole(data)
        assert sum(len(report["records"]) for report in whole(data)) == counted


def test_a_damaged_transaction_column_doubles_no_row(tmp_path: Path) -> None:
    data = bytearray(parquet(tmp_path / "a.parquet", [f"T{number}" for number in range(1500)], 300))
    import pyarrow.parquet

    at = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet").metadata.row_group(2).column(0).data_page_offset
    data[at : at + 20] = bytes(20)
    once = whole(bytes(data), "a.parquet", Limits())
    cut = list(pieces.cut("a.parquet", io.BytesIO(data), 50_000))
    assert len(cut) > 5 and sum(piece.size for piece in cut) == len(data)
    found: list[Any] = []
    broken: list[bool] = []
    for piece in cut:
        if not broken:
            units = pieces.units(piece, io.BytesIO(data), lambda: broken.append(True))
            found += described(Examination(KEY).judged(units))
    assert found == once and once[-1]["records"][0]["reason"] == "F-FORMAT" and 256 < len(once) < 1500


def test_what_cutting_cannot_read_is_in_the_last_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(json.dumps({"ocmf": RECORDS[number % 4]}).encode() + b"\n" for number in range(40))
    parse, count = lines.parse, [0]

    def failing(body: bytes, limits: Limits) -> Any:
        count[0] += 1
        if count[0] == 15:
            raise RecursionError
        return parse(body, limits)

    monkeypatch.setattr(pieces.lines, "parse", failing)
    cut = list(pieces.cut("a.jsonl", io.BytesIO(data), 1))
    monkeypatch.undo()
    assert 3 < len(cut) < 20 and sum(piece.size for piece in cut) == len(data)
    found = [
        part for piece in cut for part in Examination(KEY).judged(pieces.units(piece, io.BytesIO(data), lambda: 0))
    ]
    assert described(found) == whole(data, limits=Limits())
