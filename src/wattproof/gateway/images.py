"""Firmware images in the data directory, and the settings that say which of them are needed (g13-api.md 8.4, 8.5).

An image lies in ``image/`` under the SHA-256 of its bytes. Its description is ``{"name", "size", "sha256", "kind",
"time", "user"}``: the file's name as it was uploaded, which is only shown, and ``meter`` or ``gateway``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Folder below the data directory.
FOLDER = "image"
#: Settings: the image that was uploaded last; the update of meters under way, or the last one; the installation on the
#: gateway under way. The latter two name their image as ``image``.
IMAGE, UPDATE, INSTALLATION = "image", "firmware update", "firmware installation"
METER, GATEWAY = "meter", "gateway"
#: Bytes of the version in front of a meter's image, and of the check sum behind it (abb-meters.md 2.12).
VERSION, CHECK = 16, 4


def path_of(data: Path, image: Mapping[str, Any]) -> Path:
    """Where an image lies."""
    return data / FOLDER / str(image["sha256"])


def version_of(image: bytes) -> str:
    """The firmware that a meter's image makes of it."""
    return image[:VERSION].rstrip(b"\0").decode("ascii")


def needed(settings: Mapping[str, Any]) -> frozenset[str]:
    """Digests of the images that something needs, whatever has been uploaded since; ``settings`` by name."""
    found = [settings.get(IMAGE), *((settings.get(name) or {}).get("image") for name in (UPDATE, INSTALLATION))]
    return frozenset(str(image["sha256"]) for image in found if image)
