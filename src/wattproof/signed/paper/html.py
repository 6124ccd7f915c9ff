"""A report as one HTML file: nothing is loaded, nothing runs, no text of a record becomes markup.

The only style sheet is allowed by its hash, everything else is forbidden by the policy in the head. Light and dark on
screens, black on white on paper. Source: verifier specification, 1.13 (escaping), 3.5, 3.6.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape

from wattproof.signed.colours import Colour
from wattproof.signed.paper.plot import Plot
from wattproof.signed.paper.sheet import Document, Evidence, Note, Sheet, document
from wattproof.signed.paper.words import COLUMNS, MOMENTS, PARTS
from wattproof.signed.report import Report
from wattproof.signed.texts import NOTICE, Text
from wattproof.signed.wording import COLOUR_NAMES, SEVERITIES, Language
from wattproof.version import __version__

_MARKS = {Colour.GREEN: "✔", Colour.YELLOW: "!", Colour.RED: "✘", Colour.GREY: "?"}

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1d21;--paper:#fff;--soft:#5b636d;--line:#d5d9de;--wash:#f4f6f8;
--green:#136c34;--yellow:#8a5a00;--red:#b3201b;--grey:#565d66}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaed;--paper:#16191d;--soft:#a3abb5;--line:#3a4048;--wash:#20242a;
--green:#5ccb85;--yellow:#f0b849;--red:#ff8078;--grey:#aeb5be}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:52rem;background:var(--paper);color:var(--ink);
font:15px/1.4 system-ui,sans-serif}
article{margin:0 0 3rem}
header{border:2px solid;border-radius:.5rem;padding:.6rem .9rem;display:flex;gap:.9rem;align-items:center}
header b{font-size:2rem;line-height:1}
h1{font-size:1.15rem;margin:0}h2{font-size:.95rem;margin:1rem 0 .3rem}h3{font-size:.85rem;margin:.7rem 0 .2rem}
p{margin:.25rem 0}
.green{color:var(--green)}.yellow{color:var(--yellow)}.red{color:var(--red)}.grey{color:var(--grey)}
.other{color:var(--soft);font-size:.86em}.source{color:var(--soft);overflow-wrap:anywhere;font-size:.86em}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{text-align:left;vertical-align:top;padding:.15rem .6rem .15rem 0;border-bottom:1px solid var(--line);
overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .9rem;margin:.4rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}dd.big{font-size:1.25rem;font-weight:600}
ul{margin:.2rem 0;padding-left:1.1rem}
svg{display:block;width:100%;height:auto;margin:.4rem 0;color:var(--ink)}
code{font:.72rem/1.3 ui-monospace,monospace;overflow-wrap:anywhere;display:block;background:var(--wash);
padding:.2rem .4rem}
footer{color:var(--soft);font-size:.82rem;border-top:1px solid var(--line);margin-top:1rem;padding-top:.4rem}
@page{size:A4;margin:9mm}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--soft:#444;--line:#bbb;--wash:#fff;
--green:#136c34;--yellow:#7a4f00;--red:#a01510;--grey:#444}
body{font-size:7.8pt;line-height:1.2;padding:0;max-width:none}
article{margin:0;break-after:page}article:last-of-type{break-after:auto}
header{padding:1mm 3mm}header b{font-size:16pt}h1{font-size:11pt}p{margin:.4mm 0}dl{margin:.6mm 0}
th,td{padding-top:.2mm;padding-bottom:.2mm}
h2{margin:2mm 0 .6mm}h3{margin:1.4mm 0 .4mm}svg{max-height:28mm}
.facts{grid-template-columns:max-content 1fr max-content 1fr}.facts .big{grid-column:2/5}
code{font-size:5.4pt;line-height:1.15;padding:0}table{font-size:7.5pt}h3{font-size:8pt}h2{font-size:9pt}
ul{margin:0}.other{font-size:.9em}
h3{break-after:avoid}dl{gap:0 3mm}dd.big{font-size:12pt}footer{margin-top:2mm;padding-top:1mm;font-size:6.5pt}
footer p{margin:0}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"

#: Size of the drawing, and what stands around the curve.
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 170, 12, 22, 12, 26
_MOST_DOTS = 60


def write_html(report: Report | Document, language: Language = "en") -> bytes:
    """The report as a whole HTML file in UTF-8. The same report gives the same bytes."""
    found = report if isinstance(report, Document) else document(report)
    return "".join(_Page(language).parts(found)).encode("utf-8", "replace")


class _Page:
    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.second: Language = "en" if language == "de" else "de"

    def first(self, text: Text) -> str:
        return escape(text.de if self.language == "de" else text.en)

    def other(self, text: Text) -> str:
        return escape(text.en if self.language == "de" else text.de)

    def both(self, text: Text) -> str:
        """The asked language, and the other one smaller where it differs."""
        first, other = self.first(text), self.other(text)
        return first if first == other else f'{first} <span class="other" lang="{self.second}">{other}</span>'

    def parts(self, found: Document) -> Iterator[str]:
        yield (
            f'<!DOCTYPE html>\n<html lang="{self.language}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
            f"<title>{self.first(PARTS['title'])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        )
        if len(found.sheets) != 1 or found.unreadable:
            yield from self.overview(found)
        for sheet in found.sheets:
            yield from self.sheet(sheet)
        yield "</body>\n</html>\n"

    # -- the page in front of several -----------------------------------------------------------------------------

    def overview(self, found: Document) -> Iterator[str]:
        yield f"<article>\n<h1>{self.both(PARTS['overview'])}</h1>\n<p>"
        names = [(self.both(COLOUR_NAMES[colour]), found.counts[colour.value]) for colour in Colour]
        yield ", ".join(f"{count} {name}" for name, count in names) + "</p>\n"
        if found.left_out:
            yield f"<p>{found.left_out} {self.both(PARTS['left out'])}</p>\n"
        if found.unreadable:
            yield f"<h2>{self.both(PARTS['unreadable'])}</h2>\n<ul>"
            yield "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in found.unreadable)
            yield "</ul>\n"
        if found.sheets:
            heads = (
                PARTS["verdict"],
                PARTS["source"],
                PARTS["session"],
                *(PARTS[n] for n in ("begin", "end", "energy")),
            )
            yield self.table(heads, (self.overview_row(sheet) for sheet in found.sheets))
        yield self.footer() + "</article>\n"

    def overview_row(self, sheet: Sheet) -> list[str]:
        mark = (
            f'<span class="{sheet.colour.value}">{_MARKS[sheet.colour]} {self.first(COLOUR_NAMES[sheet.colour])}</span>'
        )
        return [mark, *map(escape, (sheet.source, sheet.name, sheet.begin, sheet.end, sheet.used))]

    def table(self, heads: Iterable[Text], rows: Iterable[list[str]]) -> str:
        head = "".join(f"<th>{self.both(text)}</th>" for text in heads)
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>\n</table>\n"

    def footer(self) -> str:
        return (
            f"<footer><p>{self.first(NOTICE)}</p>"
            f'<p lang="{self.second}">{self.other(NOTICE)}</p><p>wattproof {escape(__version__)}</p></footer>\n'
        )

    # -- one session ----------------------------------------------------------------------------------------------

    def sheet(self, sheet: Sheet) -> Iterator[str]:
        colour = sheet.colour.value
        yield (
            f'<article>\n<header class="{colour}"><b aria-hidden="true">{_MARKS[sheet.colour]}</b><div>'
            f"<h1>{self.first(sheet.headline)}</h1>"
            f'<p class="other" lang="{self.second}">{self.other(sheet.headline)}</p></div></header>\n'
            f'<p class="source">{self.first(PARTS["source"])}: {escape(sheet.source)} · {escape(sheet.name)}</p>\n'
        )
        yield "".join(f"<p>{self.both(text)}</p>\n" for text in sheet.statements)
        yield self.facts(sheet)
        if sheet.plot is not None:
            yield self.drawing(sheet.plot)
        if sheet.readings:
            rows = (
                [self.both(MOMENTS.get(row[0], Text(row[0], row[0]))), *map(escape, row[1:])] for row in sheet.readings
            )
            yield f"<h2>{self.both(PARTS['readings'])}</h2>\n" + self.table(COLUMNS, rows)
        if sheet.notes:
            yield f"<h2>{self.both(PARTS['notes'])}</h2>\n" + self.notes(sheet.notes)
        yield f"<h2>{self.both(PARTS['evidence'])}</h2>\n<p>{self.both(PARTS['how'])}</p>\n"
        for evidence in sheet.evidence:
            yield self.evidence(evidence)
        yield self.footer() + "</article>\n"

    def facts(self, sheet: Sheet) -> str:
        rows = []
        for position, (label, text) in enumerate(sheet.facts):
            big = ' class="big"' if position == 0 and sheet.used else ""
            rows.append(f"<dt>{self.both(label)}</dt><dd{big}>{escape(text)}</dd>")
        return f'<dl class="facts">{"".join(rows)}</dl>\n' if rows else ""

    def notes(self, notes: list[Note]) -> str:
        items = (
            f"<li>{self.first(SEVERITIES[note.severity])} {escape(note.code)}: {self.both(note.text)}</li>"
            for note in notes
        )
        return f"<ul>{''.join(items)}</ul>\n"

    def evidence(self, found: Evidence) -> str:
        lines = [
            f'<h3>{self.both(found.title)}: <span class="{found.colour.value}">{self.both(found.verdict)}</span></h3>\n'
        ]
        if found.reason is not None:
            lines.append(f"<p>{self.both(found.reason)}</p>\n")
        left = f" ({found.left_out} {self.both(PARTS['bytes left out'])})" if found.left_out else ""
        print_of_key = f", {self.first(PARTS['fingerprint'])} {found.fingerprint}" if found.fingerprint else ""
        rows = [
            (PARTS["algorithm"], escape(found.algorithm), ""),
            (PARTS["signed"], "", found.signed),
            (PARTS["hash"], escape(found.hash_name), found.hash),
            (PARTS["signature"], "", found.signature),
            (PARTS["key"], self.both(found.origin) + print_of_key, found.key),
        ]
        lines.append("<dl>")
        for label, text, code in rows:
            extra = left if label is PARTS["signed"] else ""
            shown = f"<code>{code}</code>" if code else ""
            lines.append(f"<dt>{self.both(label)}</dt><dd>{text or ('' if code else '-')}{extra}{shown}</dd>")
        lines.append("</dl>\n")
        if found.notes:
            lines.append(self.notes(found.notes))
        return "".join(lines)

    # -- the curve ------------------------------------------------------------------------------------------------

    def drawing(self, found: Plot) -> str:
        """The readings as a line of SVG, which needs no style but the colour of the text."""
        width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        points = [(_LEFT + x * width, _TOP + (1 - y) * height) for x, y in found.points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = ""
        if len(points) <= _MOST_DOTS:
            dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points)
        bottom, right = _TOP + height, _LEFT + width
        label = f"{self.first(PARTS['curve'])}: {escape(found.lowest)} - {escape(found.highest)}"
        texts = (
            (_LEFT, _TOP - 8, "start", found.highest),
            (right - 4, bottom - 5, "end", found.lowest),
            (_LEFT, _HEIGHT - 8, "start", found.first),
            (right, _HEIGHT - 8, "end", found.last),
        )
        words = "".join(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>' for x, y, anchor, text in texts
        )
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}" fill="currentColor" font-size="12">'
            f'<g fill="none" stroke="currentColor"><path stroke-opacity=".35" d="M{_LEFT} {_TOP}V{bottom}H{right}'
            f'M{_LEFT} {_TOP}H{right}" stroke-dasharray="2 3"/><polyline stroke-width="2" points="{line}"/></g>'
            f"{dots}{words}</svg>\n"
        )
