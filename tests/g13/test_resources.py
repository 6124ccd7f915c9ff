"""The 91 rows: complete, and their rights are the access matrix of 13.3."""

from __future__ import annotations

import re

import pytest

from wattproof.g13.resources import BY_NUMBER, RESOURCES
from wattproof.g13.rights import LEVELS

#: 13.3: number, method, and what anonymous, no binding, View Only, Configure, gateway admin get. "ok, own meters" and
#: "own ids" are ok here: what is in the answer is another question. self: ok for the own name; all: for all meters.
MATRIX = """
 1 GET    401 ok   ok   ok   ok
 2 POST   401 ok   ok   ok   ok
 3 POST   401 ok   ok   ok   ok
 4 GET    401 ok   ok   ok   ok
 5 POST   401 403  403  403  ok
 6 POST   401 403  403  403  ok
 7 POST   401 403  403  403  ok
 8 POST   401 403  403  403  ok
 9 GET    401 ok   ok   ok   ok
10 POST   401 403  403  403  ok
11 GET    401 ok   ok   ok   ok
12 POST   401 403  403  403  ok
13 GET    401 ok   ok   ok   ok
14 DELETE 401 403  403  403  ok
15 POST   401 403  403  403  ok
16 POST   401 403  ok   ok   403
17 GET    401 403  403  403  ok
18 POST   401 self self self ok
19 PUT    401 403  403  403  ok
20 DELETE 401 403  403  403  ok
21 GET    401 self self self ok
22 PUT    401 403  403  403  ok
23 DELETE 401 403  403  403  ok
24 GET    401 ok   ok   ok   ok
25 POST   401 403  403  403  ok
26 PUT    401 403  403  403  ok
27 PUT    401 403  403  all  ok
28 GET    401 ok   ok   ok   ok
29 GET    401 ok   ok   ok   ok
30 GET    401 403  ok   ok   403
31 GET    401 ok   ok   ok   ok
32 POST   401 403  403  ok   ok
33 PUT    401 403  403  403  ok
34 DELETE 401 403  403  403  ok
35 GET    401 403  403  403  ok
36 POST   401 403  403  403  ok
37 DELETE 401 403  403  403  ok
38 GET    401 403  403  403  ok
39 PUT    401 403  403  403  ok
40 DELETE 401 403  403  403  ok
41 GET    401 403  ok   ok   403
42 POST   401 403  403  ok   403
43 GET    401 403  ok   ok   403
44 GET    401 403  ok   ok   403
45 POST   401 403  403  ok   403
46 GET    401 403  ok   ok   403
47 GET    401 403  ok   ok   403
48 POST   401 403  403  ok   403
49 GET    401 403  ok   ok   403
50 GET    401 403  ok   ok   403
51 GET    401 403  ok   ok   403
52 GET    401 403  ok   ok   403
53 POST   401 403  403  ok   403
54 GET    401 403  ok   ok   403
55 GET    401 403  ok   ok   403
56 GET    401 403  ok   ok   403
57 POST   401 403  403  ok   403
58 GET    401 403  ok   ok   403
59 GET    401 403  ok   ok   403
60 GET    401 403  ok   ok   403
61 GET    401 403  ok   ok   403
62 GET    401 403  ok   ok   403
63 GET    401 403  ok   ok   403
64 GET    401 403  ok   ok   403
65 GET    401 403  ok   ok   403
66 POST   401 403  403  ok   403
67 POST   401 403  403  ok   403
68 POST   401 403  403  ok   403
69 GET    401 403  ok   ok   403
70 GET    401 403  ok   ok   403
71 POST   401 403  403  ok   403
72 DELETE 401 403  403  ok   403
73 GET    401 403  ok   ok   403
74 GET    401 403  ok   ok   403
75 POST   401 403  403  ok   403
76 DELETE 401 403  403  ok   403
77 GET    401 403  ok   ok   403
78 GET    401 403  ok   ok   403
79 POST   401 403  403  ok   403
80 DELETE 401 403  403  ok   403
81 GET    401 403  ok   ok   403
82 POST   401 403  403  ok   403
83 GET    401 403  ok   ok   403
84 POST   401 403  403  ok   403
85 GET    401 403  ok   ok   403
86 POST   401 403  403  ok   403
87 GET    401 403  ok   ok   403
88 POST   401 403  403  ok   403
89 GET    401 403  ok   ok   403
90 POST   401 403  403  ok   403
91 GET    401 ok   ok   ok   ok
"""
ROWS = [line.split() for line in MATRIX.strip().splitlines()]
#: The roles of a logged-in user: gateway admin?, access to the meter.
ROLES = {"N": (False, "No Access"), "V": (False, "View Only"), "C": (False, "Configure"), "G": (True, "No Access")}


def test_there_are_91_resources_in_order_and_every_operation_has_its_own_name() -> None:
    assert [row.number for row in RESOURCES] == list(range(1, 92))
    assert len({row.operation for row in RESOURCES}) == 91
    assert all(re.fullmatch(r"[a-z_-]+", row.operation.lower()) for row in RESOURCES)
    assert all(row.summary and row.source for row in RESOURCES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_rights_yield_the_access_matrix(row: list[str]) -> None:
    resource = BY_NUMBER[int(row[0])]
    assert resource.method == row[1]
    assert row[2] == "401"  # whoever has not logged in has no right at all
    for (admin, access), cell in zip(ROLES.values(), row[3:], strict=True):
        right = resource.right
        if cell == "self":
            assert right.allows(admin=admin, own=True, access=[access])
            assert not right.allows(admin=admin, own=False, access=[access])
        elif cell == "all":
            assert right.allows(admin=admin, access=[access, access])
            assert not right.allows(admin=admin, access=[access, "View Only"])
        else:
            assert right.allows(admin=admin, access=[access]) is (cell == "ok")


def test_a_user_with_several_roles_has_the_union() -> None:
    for resource in RESOURCES:
        both = resource.right.allows(admin=True, access=["Configure"])
        assert both is any(
            resource.right.allows(admin=admin, access=[access])
            for admin, access in ((True, LEVELS[0]), (False, LEVELS[2]))
        )


def test_a_right_on_each_meter_needs_meters_and_all_of_them() -> None:
    right = BY_NUMBER[16].right
    assert right.each
    assert not right.allows(access=[])
    assert not right.allows(access=["Configure", "No Access"])
    assert right.allows(access=["Configure", "View Only"])
