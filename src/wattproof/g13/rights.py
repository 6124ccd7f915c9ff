"""Who may use a resource: a small vocabulary that yields the access matrix (g13-api.md 1.4, 2, 13.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Access levels of a user on a meter in the spelling of the interface, lowest first.
LEVELS = ("No Access", "View Only", "Configure")
NO_ACCESS, VIEW_ONLY, CONFIGURE_METER = LEVELS


@dataclass(frozen=True, slots=True)
class Right:
    """What a user must be or have; one of it is enough. Everybody must have logged in first.

    ``anyone``: nothing else is needed. ``own``: it is about the user himself. ``admin``: he is gateway admin.
    ``level``: his access to the meter in the path, or, with ``each``, to every meter named in the body.
    """

    name: str
    anyone: bool = False
    own: bool = False
    admin: bool = False
    level: str | None = None
    each: bool = False

    def allows(self, *, admin: bool = False, own: bool = False, access: Iterable[str] = ()) -> bool:
        """Whether a logged-in user may: is he gateway admin, is it his own name, his access to each meter concerned.

        A gateway admin has no access to meters by that alone (GD-44).

        >>> VIEW.allows(admin=True), VIEW.allows(access=["Configure"])
        (False, True)
        >>> VIEW_EACH.allows(access=["Configure", "No Access"])
        False
        """
        if self.anyone or (self.admin and admin) or (self.own and own):
            return True
        levels = [LEVELS.index(level) for level in access]
        return self.level is not None and bool(levels) and min(levels) >= LEVELS.index(self.level)


LOGIN = Right("login", anyone=True)
VIEW = Right("view", level=VIEW_ONLY)
CONFIGURE = Right("configure", level=CONFIGURE_METER)
ADMIN = Right("gateway admin", admin=True)
SELF_OR_ADMIN = Right("self or gateway admin", own=True, admin=True)
VIEW_EACH = Right("view on each device", level=VIEW_ONLY, each=True)
CONFIGURE_EACH_OR_ADMIN = Right(
    "configure on each device or gateway admin", admin=True, level=CONFIGURE_METER, each=True
)
CONFIGURE_OR_ADMIN = Right("configure or gateway admin", admin=True, level=CONFIGURE_METER)
RIGHTS = (
    LOGIN,
    VIEW,
    CONFIGURE,
    ADMIN,
    SELF_OR_ADMIN,
    VIEW_EACH,
    CONFIGURE_EACH_OR_ADMIN,
    CONFIGURE_OR_ADMIN,
)
