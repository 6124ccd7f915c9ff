"""PDF files: every attachment is a document, every image of every page may hold codes. Source: 0.4 and 0.5, row e.

Read with pypdf, which has limits of its own beside these. Page text is not searched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pypdf
from pypdf.generic import DictionaryObject, StreamObject

from wattproof.signed.limits import Limits
from wattproof.signed.sources.source import Budget, Refused, Unreadable, said

logging.getLogger("pypdf").addHandler(logging.NullHandler())  # what it says about broken files is said in findings

#: Bytes of a page's description that are searched for images inside it.
_LONGEST_CONTENT = 4 * 1024 * 1024
_DEEPEST_FORM = 8


@dataclass(slots=True)
class Found:
    """What a PDF file holds: ``documents`` as (name, content, container), and parts that were ``refused``.

    ``without_images``: it has images, but the library that reads them is not there.
    """

    documents: list[tuple[str, bytes, str]] = field(default_factory=list)
    refused: list[tuple[str, Refused]] = field(default_factory=list)
    without_images: bool = False


def read(file: BinaryIO, limits: Limits) -> Found:
    """The attachments of a PDF file and the codes in its images. Raises :class:`.source.Refused`."""
    found = Found()
    try:
        with pypdf.apply_configuration(jbig2dec_binary=None):  # no other program is started
            reader = pypdf.PdfReader(file)
            if reader.is_encrypted:
                raise Refused("F-ARCHIVE", "the PDF file is encrypted")
            budget = Budget(limits.unpacked)
            _attachments(reader, limits, budget, found)
            _images(reader, limits, budget, found)
    except (Refused, Unreadable):
        raise
    except RecursionError:
        raise Refused("F-ARCHIVE", "the PDF file nests too deeply") from None
    except Exception as error:  # whatever the library makes of damaged input
        raise Refused("F-ARCHIVE", f"the PDF file is damaged: {said(error)}") from None
    return found


def _attachments(reader: pypdf.PdfReader, limits: Limits, budget: Budget, found: Found) -> None:
    for number, attachment in enumerate(reader.attachment_list):
        if number >= limits.attachments:
            raise Refused("F-ARCHIVE", f"more than {limits.attachments} attachments in one PDF file")
        content = attachment.content
        budget.take(len(content))
        found.documents.append((attachment.name, content, "PDF"))


def _images(reader: pypdf.PdfReader, limits: Limits, budget: Budget, found: Found) -> None:
    if len(reader.pages) > limits.pages:
        raise Refused("F-ARCHIVE", f"more than {limits.pages} pages in one PDF file")
    seen: set[Any] = set()
    total = 0
    for page_number, page in enumerate(reader.pages, 1):
        for number, image in enumerate(_page_images(page, seen), 1):
            total += 1
            if total > limits.images:
                raise Refused("F-ARCHIVE", f"more than {limits.images} images in one PDF file")
            name = f"page{page_number}/image{number}"
            try:
                from wattproof.signed.sources import images
            except ImportError:
                found.without_images = True
                return
            try:
                picture = image
                if isinstance(image, StreamObject):
                    width, height = int(image.get("/Width", 0)), int(image.get("/Height", 0))
                    images.check_size(width, height, limits)
                    budget.take(width * height)
                    picture = image.decode_as_image()
                images.check_size(picture.width, picture.height, limits)
                found.documents += [(name, code, "QR") for code in images.codes(picture, limits)]
            except Refused as refused:
                if refused.code == "F-ARCHIVE":
                    raise
                found.refused.append((name, refused))
            except Unreadable:
                raise
            except Exception as error:
                found.refused.append((name, Refused("F-FORMAT", f"the image cannot be read: {said(error)}")))


def _page_images(page: Any, seen: set[Any]) -> Iterator[Any]:
    """Images that a page refers to, each of the file once, then those written into its description."""
    yield from _referred(page, seen, 0)
    content = page.get_contents()
    data = content.get_data() if content is not None else b""
    if b"BI" in data and b"EI" in data and len(data) <= _LONGEST_CONTENT:
        for name in page.images.keys():  # noqa: SIM118 (a sequence with keys)
            if isinstance(name, str) and name.startswith("~"):
                yield page.images[name].image


def _referred(holder: Any, seen: set[Any], depth: int) -> Iterator[StreamObject]:
    resources = _object(holder.get("/Resources"))
    listed = _object(resources.get("/XObject")) if isinstance(resources, DictionaryObject) else None
    if not isinstance(listed, DictionaryObject):
        return
    for name in listed:
        item = _object(listed[name])
        if not isinstance(item, StreamObject):
            continue
        reference = item.indirect_reference
        mark = (reference.idnum, reference.generation) if reference is not None else id(item)
        if mark in seen:
            continue
        seen.add(mark)
        if item.get("/Subtype") == "/Image":
            yield item
        elif depth < _DEEPEST_FORM:
            yield from _referred(item, seen, depth + 1)


def _object(value: Any) -> Any:
    return value.get_object() if value is not None else None
