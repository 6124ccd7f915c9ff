"""State diagrams as SVG: a chain of states from top to bottom, jumps as arcs at the right."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, STEP, LEFT, TOP = 150, 34, 92, 150, 20
STYLE = (
    "rect{fill:none;stroke:currentColor;rx:8}path{fill:none;stroke:currentColor}"
    "text{font:13px sans-serif;fill:currentColor}.when{font-size:12px}"
    "@media(prefers-color-scheme:dark){svg{color:#ddd}}"
)


def draw_states(states: Sequence[str], edges: Sequence[tuple[str, str, str]]) -> str:
    """An SVG of the states in order and the labelled edges between them."""
    place = {state: TOP + number * STEP for number, state in enumerate(states)}
    parts = [_box(state, y) for state, y in place.items()]
    steps = [edge for edge in edges if _is_step(states, edges, edge)]
    jumps = [edge for edge in edges if edge not in steps]
    parts += [_step(place[source], label) for source, _, label in steps]
    for number, (source, target, label) in enumerate(jumps):
        parts.append(_jump(place[source], place[target], label, number))
    height = TOP + STEP * (len(states) - 1) + HEIGHT + 20
    width = LEFT + WIDTH + 420
    arrow = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:currentColor"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<style>{STYLE}</style>{arrow}{''.join(parts)}</svg>\n"
    )


def _is_step(states: Sequence[str], edges: Sequence[tuple[str, str, str]], edge: tuple[str, str, str]) -> bool:
    """To the state below; of several edges between the same two states the first one."""
    first = next(other for other in edges if other[:2] == edge[:2])
    return states.index(edge[1]) == states.index(edge[0]) + 1 and edge == first


def _box(state: str, y: int) -> str:
    middle = LEFT + WIDTH // 2
    return (
        f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{HEIGHT}"/>'
        f'<text x="{middle}" y="{y + 22}" text-anchor="middle">{escape(state)}</text>'
    )


def _step(y: int, label: str) -> str:
    x = LEFT + WIDTH // 2
    return (
        f'<path d="M{x} {y + HEIGHT}V{y + STEP}" marker-end="url(#tip)"/>'
        f'<text class="when" x="{x - 8}" y="{y + HEIGHT + 32}" text-anchor="end">{escape(label)}</text>'
    )


def _jump(start: int, end: int, label: str, number: int) -> str:
    right, out = LEFT + WIDTH, LEFT + WIDTH + 34 + 26 * number
    a, b = start + HEIGHT // 2, end + 6 + 7 * number
    return (
        f'<path d="M{right} {a}H{out}V{b}H{right}" marker-end="url(#tip)"/>'
        f'<text class="when" x="{out + 6}" y="{a - 4 + 14 * (number % 2)}">{escape(label)}</text>'
    )
