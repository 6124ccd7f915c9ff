"""XML of untrusted origin: no document types, no entities, limited depth, names without namespaces.

The parser is the standard library's expat, driven by handlers that refuse a DOCTYPE when it begins, so that no entity
is ever declared, expanded or fetched. Source: specification of the verifier, 0.4 and 2.1.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from xml.parsers import expat

from wattproof.signed.limits import DEFAULT, Limits

ASCII_SPACE = " \t\r\n\v\f"
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_BEFORE_ROOT = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_SINGLE_BYTE = re.compile(r"iso8859-\d+|cp125\d|koi8-[a-z]|mac-[a-z]+|cp\d{3}")


class XmlProblem(ValueError):
    """XML that is not read: ``code`` is ``F-XML``, ``F-XML-DTD``, ``F-XML-DEPTH`` or ``F-SIZE``."""

    def __init__(self, code: str, message: str, where: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.where = where


@dataclass(slots=True)
class Element:
    """An element: local name, attributes by local name, its own text (without that of its children), children."""

    name: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Own text, trimmed of ASCII white space."""
        return "".join(self.pieces).strip(ASCII_SPACE)

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> list[Element]:
        """Every child of that name."""
        return [child for child in self.children if child.name == name]


@dataclass(slots=True)
class Document:
    """A parsed file. ``encoding`` is the declared one, ``namespaced`` whether the root lies in a namespace."""

    root: Element
    encoding: str | None
    namespaced: bool

    @property
    def single_byte_encoding(self) -> str | None:
        """Python's name of the declared encoding if it has one byte a character."""
        if self.encoding is None:
            return None
        try:
            name = codecs.lookup(self.encoding).name
        except LookupError:
            return None
        return name if _SINGLE_BYTE.fullmatch(name) else None


def root_name(data: bytes) -> str | None:
    """Local name of the first element, without parsing; ``None`` if the bytes do not begin like XML."""
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while match := _BEFORE_ROOT.match(data, at):
        at = match.end()
    if data.startswith(b"<!DOCTYPE", at):
        at = data.find(b">", data.find(b"]", at) if b"[" in data[at : data.find(b">", at)] else at) + 1
        while at and (match := _BEFORE_ROOT.match(data, at)):
            at = match.end()
    found = _ROOT.match(data, at)
    return found[1].decode("ascii", "replace") if found else None


def parse(data: bytes, limits: Limits = DEFAULT, *, wrap: str | None = None) -> Document:
    """Reads a whole file. ``wrap`` puts a root of that name around a fragment that has none (or several).

    Raises :class:`XmlProblem`.
    """
    if len(data) > limits.document:
        raise XmlProblem("F-SIZE", f"{len(data)} bytes are more than the {limits.document} of one document")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        raise XmlProblem("F-XML", "UTF-16 is not read: convert the file to UTF-8")
    reader = _Reader(limits)
    try:
        if wrap is None:
            reader.parser.Parse(data, True)
        else:
            declaration = re.match(rb"\s*<\?xml.*?\?>", data, re.DOTALL)
            start = declaration.end() if declaration else 0
            opening = f"<{wrap}>".encode("ascii")
            reader.parser.Parse(data[:start].lstrip() + opening + data[start:] + f"</{wrap}>".encode("ascii"), True)
    except expat.ExpatError as error:
        message = f"not well-formed XML: {expat.ErrorString(error.code)}"
        raise XmlProblem("F-XML", message, f"line {error.lineno}") from None
    except (LookupError, UnicodeError, ValueError) as error:
        if isinstance(error, XmlProblem):
            raise
        raise XmlProblem("F-XML", f"the declared encoding cannot be read: {error}") from None
    if reader.root is None:
        raise XmlProblem("F-XML", "no element")
    return Document(reader.root, reader.encoding, reader.namespaced)


class _Reader:
    """Builds elements from expat's events."""

    def __init__(self, limits: Limits) -> None:
        self.root: Element | None = None
        self.encoding: str | None = None
        self.namespaced = False
        self._open: list[Element] = []
        self._limits = limits
        self._count = 0
        parser = self.parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.encoding = encoding

    def _doctype(self, *_: object) -> None:
        raise XmlProblem("F-XML-DTD", "a DOCTYPE is refused", f"line {self.parser.CurrentLineNumber}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if len(self._open) >= self._limits.xml_depth:
            raise XmlProblem("F-XML-DEPTH", f"XML nested deeper than {self._limits.xml_depth} levels", f"line {line}")
        self._count += 1
        if self._count > self._limits.xml_elements:
            raise XmlProblem(
                "F-SIZE", f"more than {self._limits.xml_elements} elements in one document", f"line {line}"
            )
        plain = {key.rpartition(":")[2]: value for key, value in attributes.items() if not key.startswith("xmlns")}
        element = Element(name.rpartition(":")[2], plain, line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
            self.namespaced = ":" in name or "xmlns" in attributes
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].pieces.append(text)
