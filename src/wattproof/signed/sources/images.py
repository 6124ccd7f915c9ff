"""QR and Data Matrix codes in images, through zxing-cpp and Pillow. Source: verifier specification, 0.4 and 0.5, row f.

The size of an image is read from its header before a single pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import zxingcpp
from PIL import Image, ImageSequence, UnidentifiedImageError

from wattproof.signed.limits import Limits
from wattproof.signed.sources.source import Refused, said

_FORMATS: Any = [zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix]
_OPENED = ("PNG", "JPEG", "TIFF", "WEBP")
_MOST_FRAMES = 20


def read(data: bytes, limits: Limits) -> list[bytes]:
    """The content of every code in an image file. Raises :class:`.source.Refused`."""
    if len(data) > limits.document:
        raise Refused("F-SIZE", f"more than the {limits.document} bytes that one document may have")
    found: list[bytes] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_OPENED) as image:
                for frame in _frames(image, limits):
                    found += codes(frame, limits)
                    _check_count(found, limits)
    except Refused:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _too_large(limits) from None
    except UnidentifiedImageError:
        raise Refused("F-FORMAT", "the image cannot be read") from None
    except Exception as error:  # whatever a decoder makes of damaged input
        raise Refused("F-FORMAT", f"the image cannot be read: {said(error)}") from None
    return found


def _frames(image: Image.Image, limits: Limits) -> Iterator[Image.Image]:
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number >= _MOST_FRAMES:
            raise Refused("F-SIZE", f"more than {_MOST_FRAMES} pages in one image")
        check_size(frame.width, frame.height, limits)
        if number == 0 and image.format == "JPEG":
            image.draft("L", image.size)
        yield frame


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raises :class:`.source.Refused` for an image of too many pixels."""
    if width * height > limits.pixels:
        raise _too_large(limits)


def _too_large(limits: Limits) -> Refused:
    return Refused("F-SIZE", f"more than the {limits.pixels} pixels that an image may have")


def _check_count(found: list[bytes], limits: Limits) -> None:
    if len(found) > limits.codes:
        raise Refused("F-SIZE", f"more than {limits.codes} codes in one image")


def codes(image: Image.Image, limits: Limits) -> list[bytes]:
    """The content of every code in a decoded image, from top to bottom and left to right."""
    grey = image if image.mode == "L" else _on_white(image).convert("L")
    pixels = memoryview(grey.tobytes()).cast("B", (grey.height, grey.width))
    barcodes = [
        code
        for code in zxingcpp.read_barcodes(pixels, formats=_FORMATS, text_mode=zxingcpp.TextMode.Plain)
        if code.valid
    ]
    barcodes.sort(key=lambda code: (code.position.top_left.y, code.position.top_left.x))
    found = [_content(code) for code in barcodes]
    _check_count(found, limits)
    return found


def _content(code: zxingcpp.Barcode) -> bytes:
    """The bytes of a code, as far as they are UTF-8 or no text at all; else its text, whatever it is written in."""
    data = bytes(code.bytes)
    if code.content_type is zxingcpp.ContentType.Binary:
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return str(code.text).encode("utf-8", "surrogatepass")
    return data


def _on_white(image: Image.Image) -> Image.Image:
    """Transparent pixels are the paper."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image
    clear = image.convert("RGBA")
    paper = Image.new("RGBA", clear.size, "white")
    paper.alpha_composite(clear)
    return paper
