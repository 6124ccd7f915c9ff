"""Changes that know structure: JSON, XML, OCMF sections, fields of texts, encoded octets, SML check sums, archives.

Which of them fit an input is seen from the input, not from the name of a format: a format that is added is changed in
the same ways. Nothing here signs anything; that is :mod:`.resign`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.guided import json_trees, members
from tests.fuzz.guided.encoded import ENCODINGS, TOKEN, octets, readings_of, repaired
from wattproof.signed.formats import sml

Change = Callable[[bytes, Random], bytes]

# -- JSON ----------------------------------------------------------------------------------------------------------


def _within(text: str, source: Random) -> str:
    """A text changed inside: as a record or document of its own, else by one piece."""
    changed = _by_content(text.encode("utf-8", "surrogatepass"), source, 1) if len(text) > 40 else None
    if changed is not None:
        return changed.decode("utf-8", "replace")
    at = source.randrange(len(text) + 1)
    return text[:at] + source.choice((*json_trees.TEXTS, text)) + text[at + source.randrange(3) :]


def json_change(data: bytes, source: Random) -> bytes:
    """A JSON document with up to three changes. Raises ``ValueError`` if it is none."""
    value = json_trees.load(data.decode())
    for _ in range(source.randrange(1, 4)):
        value = json_trees.change(value, source, _within)
    return json_trees.dump(value).encode("utf-8", "surrogatepass")


# -- OCMF ----------------------------------------------------------------------------------------------------------

_RECORD = re.compile(r"OCMF\|(\{.*?\})\|(\{[^{}]*\})", re.DOTALL)


def ocmf_change(data: bytes, source: Random) -> bytes:
    """OCMF records with a changed section, or records taken out, doubled or in another order."""
    text = data.decode()
    found = list(_RECORD.finditer(text))
    if not found:
        raise ValueError("no record")
    if len(found) > 1 and source.random() < 0.25:
        one, two = source.choice(found), source.choice(found)
        return (text[: one.start()] + two[0] + text[one.end() :]).encode()
    match, section = source.choice(found), source.choice((1, 1, 1, 2))
    value = json_trees.load(match[section])
    for _ in range(source.randrange(1, 4)):
        value = json_trees.change(value, source, _within)
    return (text[: match.start(section)] + json_trees.dump(value) + text[match.end(section) :]).encode(
        "utf-8", "surrogatepass"
    )


# -- XML -----------------------------------------------------------------------------------------------------------

_TAG = re.compile(r"<(/?)([A-Za-z_][\w.:-]*)([^<>]*?)(/?)>|<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_ADDED = ("<!-- x -->", "<![CDATA[x]]>", "<?x?>", "&#48;", "&lt;", "<x/>", " ", "\n", "<!DOCTYPE x>", "\u00fc", "&#0;")


def _elements(text: str) -> list[tuple[int, int, int, int, str]]:
    """Start, start of content, end of content, end, name of every element, roughly."""
    found, stack = [], []
    for match in _TAG.finditer(text):
        if match[2] is None:
            continue
        if match[4]:
            found.append((match.start(), match.end(), match.end(), match.end(), match[2]))
        elif not match[1]:
            stack.append((match.start(), match.end(), match[2]))
        elif stack and stack[-1][2] == match[2]:
            start, inner, name = stack.pop()
            found.append((start, inner, match.start(), match.end(), name))
    return found


def xml_change(data: bytes, source: Random) -> bytes:
    """An XML document with one change of an element. Raises ``ValueError`` if there is none."""
    text = data.decode()
    elements = _elements(text)
    if not elements:
        raise ValueError("no element")
    start, inner, end, after, name = source.choice(elements)
    other = source.choice(elements)
    kind = source.randrange(8)
    if kind == 0:
        text = text[:after] + text[start:after] + text[after:]
    elif kind == 1:
        text = text[:start] + text[after:]
    elif kind == 2:  # the content of another one
        text = text[:inner] + text[other[1] : other[2]] + text[end:]
    elif kind == 3:  # another one in its place
        text = text[:start] + text[other[0] : other[3]] + text[after:]
    elif kind == 4:
        at = source.randrange(inner, end + 1)
        text = text[:at] + source.choice(_ADDED) + text[at:]
    elif kind == 5:  # another name or attribute
        text = (
            text[:start] + text[start:inner].replace(name, other[4]) + text[inner:end] + f"</{other[4]}>" + text[after:]
        )
    elif kind == 6:
        attributes = re.findall(r'[\w:]+="[^"]*"', text)
        stated = source.choice(attributes) if attributes else 'encoding="hex"'
        text = text[: inner - 1].rstrip("/") + f" {stated}>" + text[inner:]
    else:
        content = text[inner:end]
        if content and "<" not in content:
            text = text[:inner] + _number_or_text(content, source) + text[end:]
    return text.encode("utf-8", "surrogatepass")


def _number_or_text(content: str, source: Random) -> str:
    if re.fullmatch(r"-?[0-9.]{1,20}", content):
        return str(json_trees.number(content, source))
    plain = content.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return _within(plain, source).replace("&", "&amp;").replace("<", "&lt;").replace("\0", "")


# -- fields of texts, encoded octets ---------------------------------------------------------------------------------

_FIELD = re.compile(rb"\([A-Z]{2,3}:[^()]*\)|[^;\r\n]+")


def field_change(data: bytes, source: Random) -> bytes:
    """Fields of a line doubled, taken out, put elsewhere. Raises ``ValueError`` if there are none."""
    found = list(_FIELD.finditer(data))
    if len(found) < 2:
        raise ValueError("no fields")
    one, two = sorted(source.sample(found, 2), key=lambda match: match.start())
    return source.choice(
        (
            data[: one.start()] + two[0] + data[one.end() : two.start()] + one[0] + data[two.end() :],
            data[: one.start()] + two[0] + data[one.end() :],
            data[: one.end()] + one[0] + data[one.end() :],
            data[: one.start()] + data[one.end() :],
            data + b"\n" + data[one.start() : two.end()],
        )
    )


_SEPARATORS = re.compile(rb"[|;:,(){}\[\]<>=*\"]")
_WHITE = (b" ", b"\r", b"\n", b"\t", b"\xc2\xa0", b"\xef\xbb\xbf", b"\0", b"\xe2\x80\x8b", b"\x0b", b"\x85")


def separator_change(data: bytes, source: Random) -> bytes:
    """A separator doubled, taken out, put elsewhere, written as an escape, or white space beside it."""
    found = list(_SEPARATORS.finditer(data))
    if not found:
        raise ValueError("no separator")
    match, other = source.choice(found), source.choice(found)
    start, end, mark = match.start(), match.end(), match[0]
    return source.choice(
        (
            data[:end] + mark + data[end:],
            data[:start] + data[end:],
            data[:start] + other[0] + data[end:],
            data[:start] + b"\\u%04x" % mark[0] + data[end:],
            data[:start] + b"&#%d;" % mark[0] + data[end:],
            data[:start] + source.choice(_WHITE) + data[start:],
            data[:end] + source.choice(_WHITE) + data[end:],
        )
    )


def token_change(data: bytes, source: Random) -> bytes:
    """Octets that stand in hexadecimal, Base64 or Base32 changed as octets, or slack added to their text."""
    found = list(TOKEN.finditer(data))
    if not found:
        raise ValueError("nothing encoded")
    match = source.choice(found)
    readings = readings_of(match[0])
    if not readings or source.random() < 0.2:
        text = match[0]
        added = source.choice((b"=", b"==", b" ", b"\n", b"0", b"-", b"A"))
        at = source.randrange(len(text) + 1)
        new = source.choice((text[:at] + added + text[at:], text.rstrip(b"="), text.swapcase(), b"0x" + text))
    else:
        name, inner = source.choice(readings)
        changed = _by_content(inner, source, 1)
        new = ENCODINGS[name][1](changed if changed is not None else octets(inner, source))
    return data[: match.start()] + new + data[match.end() :]


_PIECES = re.compile(rb'"[^"\\]*"|\{[^{}]*\}|<(\w+)[^<>]*>[^<>]*</\1>|\([A-Z]{2,3}:[^()]*\)|[^;\s]{8,}')


def pieces(data: bytes) -> list[tuple[int, int]]:
    """Places of texts, innermost objects and elements, fields and longer words."""
    found = [match.span() for match in _PIECES.finditer(data)]
    return found + [match.span() for match in TOKEN.finditer(data)]


# -- what holds documents ------------------------------------------------------------------------------------------


def line_change(data: bytes, source: Random) -> bytes:
    """Lines of a stream doubled, taken out, in another order, or one of them changed."""
    lines = data.split(b"\n")
    if len(lines) < 2:
        raise ValueError("one line")
    at = source.randrange(len(lines))
    kind = source.randrange(4)
    if kind == 0:
        lines.insert(source.randrange(len(lines)), lines[at])
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines.reverse()
    else:
        lines[at] = changed(lines[at], source)
    return b"\n".join(lines)


# -- the right one ---------------------------------------------------------------------------------------------------


def _by_content(data: bytes, source: Random, depth: int = 0) -> bytes | None:
    """A change that fits what the data look like; ``None`` if none does."""
    start = data.lstrip()[:5]
    kinds: list[Change] = []
    if start.startswith(b"OCMF"):
        kinds = [ocmf_change, ocmf_change, token_change, separator_change]
    elif start[:1] == b"<":
        kinds = [xml_change, xml_change, token_change, separator_change]
    elif start[:1] in (b"{", b"["):
        kinds = [json_change, json_change, token_change, line_change, separator_change]
    elif start.startswith(b"PK\3\4"):
        kinds = [_members(members.zip_change)]
    elif start.startswith(b"\x1f\x8b"):
        kinds = [_members(members.gzip_change)]
    elif data[257:262] == b"ustar":
        kinds = [_members(members.tar_change)]
    elif start.startswith(sml.ESCAPE):
        kinds = [octets]
    elif depth == 0:
        kinds = [field_change, token_change, line_change, separator_change]
    if not kinds:
        return None
    try:
        return source.choice(kinds)(data, source)
    except (ValueError, RecursionError):
        return None


def _members(change: Callable[[bytes, Random, Change], bytes]) -> Change:
    return lambda data, source: change(data, source, changed)


def changed(data: bytes, source: Random) -> bytes:
    """``data`` with a change that fits it, else with some octets changed; check sums are right again."""
    found = _by_content(data, source) if source.random() < 0.9 else None
    new = found if found is not None else octets(data, source)
    return repaired(new) if source.random() < 0.8 else new
