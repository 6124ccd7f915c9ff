"""Where keys for the register come from: arguments, front codes as text or photo, lists, records, gateways."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattproof.cli import output
from wattproof.errors import InvalidValue, UsageError

if TYPE_CHECKING:
    from wattproof.signed.report import Report

#: A line of a list: serial number, and a key without blanks.
_LINE = re.compile(r"(?P<serial>\S{1,200})[ \t;,]+(?P<key>\S{40,})")
_MOST_BYTES = 32 << 20
#: Keys of one run that are remembered until they are put into the register.
MOST_SEEN = 50_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A key that was found: SubjectPublicKeyInfo, the meter's serial number, where, and when if that is known."""

    key: bytes
    serial: str
    source: str
    time: str | None = None


def given(text: str, serial: str, source: str | None) -> Offer:
    """A key of the command line, or with a leading @ of a file. Raises ``UsageError``, ``InvalidValue``."""
    from wattproof.signed.register import read_key

    data: str | bytes = _file(text[1:]) if text.startswith("@") else text
    if isinstance(data, bytes) and data.isascii():
        data = data.decode("ascii")
    return Offer(read_key(data).spki, serial, source or (text[1:] if text.startswith("@") else "command line"))


def read(name: str, serial: str | None, source: str | None) -> list[Offer]:
    """All keys in a file or a gateway's data directory (``-``: standard input).

    ``serial`` is for keys that come without one; keys that come with another are left out. Raises ``UsageError`` if
    there is none.
    """
    path = Path(name)
    try:
        folder = name != "-" and path.is_dir()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {name}: {error}") from error
    if folder:
        found = _of_gateway(path)
    else:
        data = _file(name)
        codes = _codes(data, name)
        found = _of_text(data, serial) if codes is None else _of_codes(codes, serial, name)
        found = found or _of_records(data, name)
    offers = [
        Offer(offer.key, offer.serial, source or offer.source or name, offer.time)
        for offer in found
        if serial in (None, "", offer.serial) or not offer.serial
    ]
    if not offers:
        raise UsageError(f"{name} holds no key" + (f" of meter {serial}" if serial else " that could be imported"))
    return offers


def _file(name: str) -> bytes:
    try:
        if name == "-":
            if sys.stdin is None:
                raise ValueError("standard input is closed")
            return sys.stdin.buffer.read(_MOST_BYTES)
        with Path(name).open("rb") as file:
            return file.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read {name}: {reason}") from error


# -- texts --------------------------------------------------------------------------------------------------------


def _of_text(data: bytes, serial: str | None) -> list[Offer]:
    """One key and nothing else, lines of serial number and key, or JSON objects that name both."""
    from wattproof.signed.keys import decode

    whole = decode(data.decode("ascii").strip() if data.isascii() else data).key
    if whole is not None:
        if serial is None:
            raise UsageError("the file holds a key, but not whose it is: give the meter's --serial, or --any-meter")
        return [Offer(whole.spki, serial, "")]
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    found = []
    for line in text.splitlines():
        if line.lstrip().startswith("{"):
            found += list(_of_object(line))
            continue
        match = _LINE.fullmatch(line.strip())
        key = decode(match["key"]).key if match else None
        if match and key is not None:
            found.append(Offer(key.spki, match["serial"], ""))
    return found or list(_of_object(text))


def _of_object(text: str) -> Iterator[Offer]:
    """JSON with ``serial`` and ``public_key``, also below ``meters``: what ``wattproof simulate --json`` prints."""
    from wattproof.signed.keys import decode

    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    items = [document, *_list_in(document, "meters"), *_list_in(document, "keys")]
    for item in items:
        if isinstance(item, dict):
            serial, stated = item.get("serial"), item.get("public_key")
            key = decode(stated).key if type(stated) is str else None
            if type(serial) is str and serial.strip() and key is not None:
                yield Offer(key.spki, serial.strip(), "")


def _list_in(document: Any, name: str) -> list[Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []


# -- photos --------------------------------------------------------------------------------------------------------


def _codes(data: bytes, name: str) -> list[bytes] | None:
    """The codes in an image, or in the images and attachments of a PDF file; ``None`` if it is neither.

    Raises ``UsageError`` for one that cannot be read, or if the extra is not installed.
    """
    from wattproof.signed.limits import DEFAULT
    from wattproof.signed.recognise import wrapper
    from wattproof.signed.sources.source import HEAD, Refused

    kind = wrapper(data[:HEAD])
    if kind not in ("QR", "PDF"):
        return None
    try:
        if kind == "QR":
            from wattproof.signed.sources import images

            return images.read(data, DEFAULT)
        from wattproof.signed.sources import pdf

        found = pdf.read(io.BytesIO(data), DEFAULT)
        if found.without_images and not found.documents:
            raise ImportError("no reader of images")
        return [content for _, content, _ in found.documents]
    except ImportError as error:
        raise UsageError(f"reading {name} needs the extra: pip install 'wattproof[documents]'") from error
    except Refused as refused:
        raise UsageError(f"cannot read {name}: {refused}") from refused


def _of_codes(codes: list[bytes], serial: str | None, name: str) -> list[Offer]:
    """What codes say. Of keys without a serial number there may be one: whose a second one is, nobody says.

    A key beside a record in the same image is the record's, and is found with it.
    """
    from wattproof.signed.keys import decode
    from wattproof.signed.recognise import names_record, stripped

    if any(names_record(stripped(code)) for code in codes):
        return []
    bare, found = {}, []
    for code in codes:
        key = decode(code.decode("ascii").strip() if code.isascii() else code).key
        if key is not None:
            bare[key.spki] = code
        else:
            found += _of_text(code, serial)
    if len(bare) > 1:
        raise UsageError(f"{name} shows {len(bare)} keys: take a photo of one meter at a time")
    return [*(offer for code in bare.values() for offer in _of_text(code, serial)), *found]


# -- records ------------------------------------------------------------------------------------------------------


def _of_records(data: bytes, name: str) -> list[Offer]:
    """Keys beside or inside valid records: they prove that record and key belong together, so they are seen there."""
    from wattproof.signed.calls import examine

    return record_keys(examine(data, source=name).records)


def record_keys(records: list[Any]) -> list[Offer]:
    """The key and the signer's serial number of every valid record whose key came with it.

    A serial number that is too long for the register is nobody's.
    """
    from wattproof.signed.register import MOST_TEXT
    from wattproof.signed.registered import signer

    found: dict[tuple[bytes, str], Offer] = {}
    for record in records:
        signature = record.signature
        if signature.verdict != "valid" or signature.key_source == "trusted" or not signature.public_key:
            continue
        serial = signer(record)
        if serial and len(serial) <= MOST_TEXT:
            key = (signature.public_key, serial)
            found.setdefault(key, Offer(*key, f"a record in {record.source}"[:MOST_TEXT]))
    return list(found.values())


class Seen:
    """Keys that came with valid records of a run, gathered part by part."""

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, str], Offer] = {}
        self._left_out = False

    def add(self, report: Report) -> None:
        """The keys of one report."""
        for offer in record_keys(report.records):
            self._keep((offer.key, offer.serial), offer)

    def _keep(self, key: tuple[bytes, str], offer: Offer) -> None:
        if key not in self._found:
            if len(self._found) < MOST_SEEN:
                self._found[key] = offer
            else:
                self._left_out = True

    def collector(self) -> Callable[[], Seen]:
        """Gathers the same elsewhere."""
        return Seen

    def result(self) -> Seen:
        """What was gathered."""
        return self

    def merge(self, other: Seen) -> None:
        """The keys of other reports."""
        for key, offer in other._found.items():
            self._keep(key, offer)
        self._left_out = self._left_out or other._left_out

    def keep(self, path: Path) -> None:
        """Put them into the register, as first seen. Raises ``StorageError``."""
        from wattproof.cli.keys import pin

        if self._found:
            pin(path, [(offer.key, offer.serial, offer.source) for offer in self._found.values()])
        if self._left_out:
            output.warn(f"only the first {MOST_SEEN:,} keys are kept in the register: pin smaller files")


# -- gateways -----------------------------------------------------------------------------------------------------


def _of_gateway(data: Path) -> list[Offer]:
    """The keys that a gateway saw when it took signed records, with the time when it first did."""
    try:
        from wattproof.cli.gateway import settings_of
        from wattproof.cli.simulate import run_loop
        from wattproof.gateway.store.opening import FILE
    except ImportError as error:
        raise UsageError("a gateway's store needs the extra: pip install 'wattproof[gateway]'") from error
    if not (data / FILE).is_file() and not (data / "gateway.toml").is_file():
        raise UsageError(f"{data} is no data directory of a gateway: it holds neither {FILE} nor gateway.toml")
    found: list[Offer] = []
    run_loop(_collect(settings_of(None, data), found))
    return found


async def _collect(settings: Any, found: list[Offer]) -> int:
    from wattproof.gateway.store.opening import open_reader

    reader = await open_reader(settings.store_url, settings.data, password_file=settings.store_password_file)
    try:
        for meter in await reader.meters(active=False):
            rows = await reader.keys(meter.serial)
            found += [offer for row in rows if (offer := _seen_by_gateway(row, settings.data)) is not None]
    finally:
        await reader.close()
    return 0


def _seen_by_gateway(row: Any, data: Path) -> Offer | None:
    from wattproof.signed.register import read_key

    try:
        key = read_key(bytes(row.key)).spki
    except InvalidValue as error:
        output.warn(f"the gateway's key of meter {row.serial} is left out: {error}")
        return None
    seen = datetime.fromtimestamp(row.seen / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Offer(key, row.serial, f"gateway {data}", seen)
