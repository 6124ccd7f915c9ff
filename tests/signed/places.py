"""Where in a file a byte stands, in the words of its format: so that bytes outside the signed content can be listed.

A place names the member of a JSON document, the element or attribute of an XML document, the section of an OCMF record
or the field of a line; positions in lists are left out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

Span = tuple[int, int, str]

_JSON = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s",:\[\]{}]+|[\[\]{},:])', re.DOTALL)
_XML = re.compile(r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<[^>]*>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([\w.:-]+)\s*=\s*("[^"]*"|'[^']*')""")
_PCDF = re.compile(r"\(([A-Za-z]+):([^()]*)\)")


def spans(data: bytes) -> list[Span]:
    """Start, end and place of every part of a file; what is not named is ``between``."""
    text = data.decode("latin-1")
    if data.startswith(b"PK\3\4"):
        return []
    start = text.lstrip("\ufeff\xef\xbb\xbf \t\r\n")[:8]
    if start.startswith("<"):
        return list(_xml(text))
    if start.startswith(("{", "[")):
        return list(_json(text, 0, ""))
    if start.lower().startswith("ocmf"):
        return list(_ocmf(text))
    if start.startswith("AP;"):
        return list(_alfen(text))
    return list(_pcdf(text))


def place(found: list[Span], at: int) -> str:
    """The place of the byte at ``at``: the innermost part that holds it."""
    holding = [span for span in found if span[0] <= at < span[1]]
    return min(holding, key=lambda span: span[1] - span[0])[2] if holding else "between"


def _json(text: str, at: int, path: str) -> Iterator[Span]:
    """Members and their values, one after the other, without recursion."""
    stack: list[str] = []
    name, expects_name = path, False
    kinds: list[str] = []
    while match := _JSON.match(text, at):
        token, start, at = match[1], match.start(1), match.end()
        if token in "{[":
            stack.append(name)
            kinds.append(token)
            name, expects_name = (f"{name}[]" if token == "[" else name), token == "{"
        elif token in "}]":
            if not stack:
                return
            name, expects_name = stack.pop(), False
            kinds.pop()
            if not stack:
                return
        elif token == ",":
            expects_name = bool(kinds) and kinds[-1] == "{"
            if expects_name:
                name = stack[-1]
        elif token == ":":
            expects_name = False
        elif expects_name:
            holder = stack[-1] if kinds[-1] == "{" and stack else ""
            name = f"{holder}/{token.strip(chr(34))}" if holder else token.strip('"')
            yield start, at, f"name of {name}"
        else:
            yield start, at, name
            yield from _inside(token, start, name)


def _inside(text: str, start: int, name: str) -> Iterator[Span]:
    """The payload of OCMF records inside a text, plain or in Base64: it is signed, the rest of the text is not."""
    for match in re.finditer(r"OCMF\|", text):
        end = text.find("}|", match.end())
        if end >= 0:
            yield start + match.end(), start + end + 1, f"payload in {name}"
    for match in re.finditer(r"[A-Za-z0-9+/]{40,}={0,2}", text):
        try:
            data = base64.b64decode(match[0], validate=True)
        except ValueError:
            continue
        end = data.find(b"}|")
        if data.startswith(b"OCMF|") and end >= 0:  # whole groups of four letters
            place = start + match.start()
            yield place + -(-5 // 3) * 4, place + (end + 1) // 3 * 4, f"payload in {name}"


def _ocmf(text: str) -> Iterator[Span]:
    for match in re.finditer(r"OCMF\s*\|", text, re.IGNORECASE):
        begin = match.end()
        middle = text.find("}|", begin)
        while middle >= 0 and text[middle + 2 : middle + 3] != "{" and not text[middle + 2 :].lstrip().startswith("{"):
            middle = text.find("}|", middle + 1)
        if middle < 0:
            return
        yield match.start(), match.end(), "header"
        yield begin, middle + 1, "payload"
        yield middle + 1, middle + 2, "pipe"
        end = text.find("}", middle + 2)
        yield from ((start, stop, f"section {name}") for start, stop, name in _json(text, middle + 2, ""))
        if text[end + 1 : end + 2] == "|":
            stop = text.find("\n", end)
            yield end + 2, stop if stop >= 0 else len(text), "fourth section"


def _alfen(text: str) -> Iterator[Span]:
    names = ("head", "type", "version", "key", "data set", "signature")
    at = 0
    for line in text.splitlines(keepends=True):
        place = at
        for name, cell in zip(names, line.rstrip("\r\n").split(";"), strict=False):
            yield place, place + len(cell), name
            place += len(cell) + 1
        at += len(line)


def _pcdf(text: str) -> Iterator[Span]:
    for match in _PCDF.finditer(text):
        yield match.start(2), match.end(2), match[1]


def _xml(text: str) -> Iterator[Span]:
    path: list[str] = []
    at = 0
    for match in _XML.finditer(text):
        if match.start() > at and text[at : match.start()].strip():
            name = "/".join(path[-2:])
            yield at, match.start(), name
            yield from _inside(text[at : match.start()], at, name)
        tag, at = match[0], match.end()
        if tag.startswith("<?"):
            yield match.start(), match.end(), "declaration"
        elif tag.startswith("<!"):
            yield match.start(), match.end(), f"comment in {'/'.join(path[-1:])}"
        elif tag.startswith("</"):
            yield match.start(), match.end(), f"end tag {'/'.join(path[-1:])}"
            if path:
                path.pop()
        else:
            begins = re.match(r"<\s*([\w.:-]+)", tag)
            path.append(begins[1] if begins else "?")
            yield match.start(), match.end(), f"tag {path[-1]}"
            for attribute in _ATTRIBUTE.finditer(tag):
                start = match.start()
                yield start + attribute.start(2), start + attribute.end(2), f"{path[-1]}@{attribute[1]}"
                yield start + attribute.start(1), start + attribute.end(1), f"name of {path[-1]}@{attribute[1]}"
            if tag.endswith("/>"):
                path.pop()
