"""Firmware variants of the BSM: what each presents and how each behaves (section 23, BD-20, BD-38, BD-50)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wattproof.errors import UnknownName

MANUFACTURER = "BAUER Electronic"
TYPE = "BSM-WS36A-H01-1311-0000"


@dataclass(frozen=True, slots=True)
class Profile:
    """One firmware. Texts are configuration and prove nothing; the flags are its behaviour."""

    name: str
    measuring: str  # VrM: release:checksum:checksum
    communication: str  # VrC: first seven digits of the revision
    revision: str  # full revision, empty where not published
    firmware_hash: bytes  # 64902 B, empty where not published
    scale: int  # Wh_SF, RCR_SF, TotWh_SF
    kilo: bool  # OCMF in kWh with two decimals, else integer Wh
    states_type: bool  # OCMF XT
    states_metadata: bool  # OCMF X2, X3
    counts_starts: bool  # RCnt + 1 at start-up
    needs_enable: bool  # DOE must be high at turn-on, DI must go low after it
    start_and_end: bool  # snapshot types 3 and 4
    steady_light: bool  # display light permanent
    certified: bool = True
    selectable: bool = True

    @property
    def digit_wh(self) -> int:
        """Watt hours of one raw energy step as shown: 10 Wh in every profile."""
        return 10

    @property
    def raw_per_digit(self) -> int:
        """Raw register units of one shown step: 1 with scale 1, 10 with scale 0."""
        return 10 if self.scale == 0 else 1


FW17 = Profile(
    name="fw17",
    measuring="1.7:97B4:505A",
    communication="c938f31",
    revision="",
    firmware_hash=b"",
    scale=0,
    kilo=False,
    states_type=False,
    states_metadata=False,
    counts_starts=True,
    needs_enable=True,
    start_and_end=False,
    steady_light=False,
    certified=False,
)
CM11 = Profile(
    name="cm11",
    measuring="1.8:23DB:9D6A",
    communication="08d1aa3",
    revision="08d1aa312bb0b367f1ed23a433abb92a97844c5e",
    firmware_hash=bytes.fromhex("d1922c43218d12e13743486fd41bb105c716534b9390eccaa5723402e7b2169d"),
    scale=0,
    kilo=False,
    states_type=True,
    states_metadata=False,
    counts_starts=True,
    needs_enable=True,
    start_and_end=True,
    steady_light=False,
)
CM12 = replace(
    CM11,
    name="cm12",
    measuring="1.9:32CA:AFF4",
    communication="6d1dd3c",
    revision="6d1dd3cbb90636f2a7105ef1cc29d9d7852704eb",
    firmware_hash=bytes.fromhex("fc99b5088ccf8d9754bcc6d2df6354140388cd3599f8f85f3a7d9e3fa0fa3c7c"),
    needs_enable=False,
)
CM13 = replace(
    CM12,
    name="cm13",
    communication="01d484f",
    revision="01d484fff6a5ee086b3728a4b255582dd344d196",
    firmware_hash=bytes.fromhex("11b49f84cf423009674d78f0af72a39a2a59b49e2a46e9ed587d48a54434531d"),
    scale=1,
    kilo=True,
    states_metadata=True,
    counts_starts=False,
    steady_light=True,
)
#: The build of the capture of 2022: behaves as CM 1.3. Known for its records, not offered for simulation.
F1D3D06 = replace(
    CM13, name="f1d3d06", communication="f1d3d06", revision="", firmware_hash=b"", certified=False, selectable=False
)

PROFILES = {profile.name: profile for profile in (FW17, CM11, CM12, CM13, F1D3D06)}
SELECTABLE = tuple(name for name, profile in PROFILES.items() if profile.selectable)
DEFAULT = "cm13"


def profile(name: str) -> Profile:
    """The profile of that name, ``UnknownName`` otherwise."""
    found = PROFILES.get(name)
    if found is None:
        raise UnknownName(f"no BSM profile {name!r}: take one of {', '.join(SELECTABLE)}")
    return found
