"""Which firmware a BSM runs, from the texts and the hash it presents.

The texts are what the meter says; they are no proof of authenticity. Source: specification of the BSM, section 23.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.meters.bsm.profiles import PROFILES, Profile

#: Revisions of a profile beside the one that the profile itself states.
OTHER_REVISIONS = {"d939f6f": "fw17"}
#: Releases of the measuring module that only one profile has.
RELEASES = {"1.7": "fw17", "1.8": "cm11"}
DIRTY = "-dirty"


@dataclass(frozen=True, slots=True)
class Firmware:
    """``profile`` is ``None`` where the build is not known. ``behaves_as``: the variant whose behaviour to expect."""

    measuring: str
    communication: str
    profile: Profile | None
    hash_matches: bool | None  # None: no hash is published for this build
    development: bool

    @property
    def behaves_as(self) -> str | None:
        """Name of a variant that can be simulated, ``None`` for an unknown build."""
        if self.profile is None:
            return None
        return self.profile.name if self.profile.selectable else "cm13"

    @property
    def certified(self) -> bool:
        """Whether it presents itself as a certified build, hash included."""
        return bool(self.profile and self.profile.certified and not self.development and self.hash_matches)

    @property
    def text(self) -> str:
        """``VrM, VrC`` as the signed records have it."""
        return f"{self.measuring}, {self.communication}"


def identify(measuring: str, communication: str, firmware_hash: bytes = b"") -> Firmware:
    """The firmware of a meter with these texts VrM and VrC and this hash (model 64902).

    >>> identify("1.9:32CA:AFF4", "6d1dd3c").behaves_as
    'cm12'
    """
    development = communication.endswith(DIRTY)
    revision = communication.removesuffix(DIRTY)[:7].lower()
    name = OTHER_REVISIONS.get(revision) or next(
        (profile.name for profile in PROFILES.values() if profile.communication == revision),
        RELEASES.get(measuring.partition(":")[0]),
    )
    profile = PROFILES[name] if name else None
    published = profile.firmware_hash if profile else b""
    matches = firmware_hash == published if published and firmware_hash else None
    return Firmware(measuring, communication, profile, matches, development)
