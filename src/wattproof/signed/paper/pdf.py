"""A report as PDF, by reportlab (extra ``documents``): the pages of :mod:`.html`, made for paper.

The built-in fonts know the letters of western Europe; any other character of a record is shown as its code. Nothing in
the file is active, and the same report gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

from wattproof.errors import UsageError
from wattproof.signed.colours import Colour
from wattproof.signed.paper.plot import Plot
from wattproof.signed.paper.sheet import Document, Evidence, Note, Sheet, document
from wattproof.signed.paper.words import COLUMNS, MOMENTS, PARTS
from wattproof.signed.report import Report
from wattproof.signed.texts import NOTICE, Text
from wattproof.signed.wording import COLOUR_NAMES, SEVERITIES, Language
from wattproof.version import __version__

_COLOURS = {Colour.GREEN: "#136c34", Colour.YELLOW: "#7a4f00", Colour.RED: "#a01510", Colour.GREY: "#444444"}
_SOFT, _LINE = "#555555", "#bbbbbb"
_MARGIN, _LINE_DIGITS = 34.0, 160  # points; hexadecimal digits of one line
_PLOT_HEIGHT = 90.0


def require() -> None:
    """Raises ``UsageError`` that says what to install unless reportlab is there."""
    try:
        import reportlab  # noqa: F401
    except ImportError as error:
        raise UsageError("a report as PDF needs the extra: pip install 'wattproof[documents]'") from error


def write_pdf(report: Report | Document, language: Language = "en", *, compress: bool = True) -> bytes:
    """The report as PDF. Raises ``UsageError`` without reportlab."""
    require()
    return _Writer(language).write(report if isinstance(report, Document) else document(report), compress)


class _Writer:
    """Turns sheets into the flowables of reportlab, each page of one session after the other."""

    def __init__(self, language: Language) -> None:
        from reportlab.lib.pagesizes import A4
        from reportlab.lib.styles import ParagraphStyle

        self.language: Language = language
        self.width = A4[0] - 2 * _MARGIN
        self.page = A4

        def style(name: str, size: float, **options: Any) -> Any:
            return ParagraphStyle(name, fontName="Helvetica", fontSize=size, leading=size * 1.22, **options)

        self.text = style("text", 8.2, spaceAfter=1.5)
        self.cell = style("cell", 7.2)
        self.small = style("small", 7, textColor=_SOFT)
        self.heading = style("heading", 9.5, spaceBefore=5, spaceAfter=1.5)
        self.record = style("record", 8.2, spaceBefore=3.5, keepWithNext=1)
        self.title = style("title", 13)
        self.big = style("big", 12)
        self.code = ParagraphStyle("code", fontName="Courier", fontSize=5.5, leading=6.3)

    # -- texts ----------------------------------------------------------------------------------------------------

    def first(self, text: Text) -> str:
        return _printable(text.de if self.language == "de" else text.en)

    def other(self, text: Text) -> str:
        return _printable(text.en if self.language == "de" else text.de)

    def both(self, text: Text) -> str:
        first, other = self.first(text), self.other(text)
        return first if first == other else f'{first} <font size="-1" color="{_SOFT}">{other}</font>'

    def paragraph(self, markup: str, style: Any = None) -> Any:
        from reportlab.platypus import Paragraph

        return Paragraph(markup, style or self.text)

    # -- the file -------------------------------------------------------------------------------------------------

    def write(self, found: Document, compress: bool) -> bytes:
        from reportlab.platypus import PageBreak, SimpleDocTemplate

        story: list[Any] = []
        if len(found.sheets) != 1 or found.unreadable:
            story += self.overview(found)
        for sheet in found.sheets:
            if story:
                story.append(PageBreak())
            story += self.sheet(sheet)
        file = io.BytesIO()
        template = SimpleDocTemplate(
            file,
            pagesize=self.page,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=_MARGIN * 0.8,
            bottomMargin=_MARGIN * 1.5,
            title=self.first(PARTS["title"]),
            creator=f"wattproof {__version__}",
            lang=self.language,
            invariant=1,
            pageCompression=int(compress),
        )
        template.build(story, onFirstPage=self.frame, onLaterPages=self.frame)
        return file.getvalue()

    def frame(self, canvas: Any, template: Any) -> None:
        """The notice in both languages and the number, at the foot of every page."""
        canvas.saveState()
        canvas.setFont("Helvetica", 6.4)
        canvas.setFillColor(_SOFT)
        notices = (NOTICE.de, NOTICE.en) if self.language == "de" else (NOTICE.en, NOTICE.de)
        for line, text in enumerate(notices):
            canvas.drawString(_MARGIN, _MARGIN * 0.95 - 8 * line, text)
        canvas.drawRightString(
            self.page[0] - _MARGIN, _MARGIN * 0.95 - 16, f"wattproof {__version__} - {template.page}"
        )
        canvas.restoreState()

    def overview(self, found: Document) -> list[Any]:
        counts = ", ".join(f"{found.counts[colour.value]} {self.both(COLOUR_NAMES[colour])}" for colour in Colour)
        story = [self.paragraph(self.both(PARTS["overview"]), self.title), self.paragraph(counts)]
        if found.left_out:
            story.append(self.paragraph(f"{found.left_out} {self.both(PARTS['left out'])}"))
        if found.unreadable:
            story.append(self.paragraph(self.both(PARTS["unreadable"]), self.heading))
            story += [self.paragraph(_printable(f"{name}: {reason}")) for name, reason in found.unreadable]
        if found.sheets:
            heads = [PARTS[name] for name in ("verdict", "source", "session", "begin", "end", "energy")]
            rows = [
                [
                    f'<font color="{_COLOURS[sheet.colour]}">{self.first(COLOUR_NAMES[sheet.colour])}</font>',
                    *map(_printable, (sheet.source, sheet.name, sheet.begin, sheet.end, sheet.used)),
                ]
                for sheet in found.sheets
            ]
            story.append(self.table(heads, rows, (0.09, 0.25, 0.2, 0.17, 0.17, 0.12)))
        return story

    def table(self, heads: Iterable[Text], rows: Iterable[list[str]], shares: tuple[float, ...]) -> Any:
        from reportlab.platypus import Table, TableStyle

        cells = [[self.paragraph(self.both(text), self.cell) for text in heads]]
        cells += [[self.paragraph(cell, self.cell) for cell in row] for row in rows]
        style = TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 1),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ]
        )
        return Table(cells, [self.width * share for share in shares], style=style, repeatRows=1, hAlign="LEFT")

    # -- one session ----------------------------------------------------------------------------------------------

    def sheet(self, sheet: Sheet) -> list[Any]:
        story = [self.headline(sheet)]
        where = f"{self.first(PARTS['source'])}: {_printable(sheet.source)} - {_printable(sheet.name)}"
        story.append(self.paragraph(where, self.small))
        story += [self.paragraph(self.both(text)) for text in sheet.statements]
        if sheet.facts:
            story.append(self.facts(sheet))
        if sheet.plot is not None:
            story.append(_drawing(sheet.plot, self.width))
        if sheet.readings:
            story.append(self.paragraph(self.both(PARTS["readings"]), self.heading))
            rows = [
                [self.both(MOMENTS.get(row[0], Text(row[0], row[0]))), *map(_printable, row[1:])]
                for row in sheet.readings
            ]
            story.append(self.table(COLUMNS, rows, (0.18, 0.28, 0.22, 0.2, 0.12)))
        if sheet.notes:
            story.append(self.paragraph(self.both(PARTS["notes"]), self.heading))
            story += self.notes(sheet.notes)
        story.append(self.paragraph(self.both(PARTS["evidence"]), self.heading))
        story.append(self.paragraph(self.both(PARTS["how"])))
        for evidence in sheet.evidence:
            story += self.evidence(evidence)
        return story

    def headline(self, sheet: Sheet) -> Any:
        from reportlab.platypus import Table, TableStyle

        colour = _COLOURS[sheet.colour]
        words = [
            self.paragraph(f'<font color="{colour}"><b>{self.first(sheet.headline)}</b></font>', self.title),
            self.paragraph(self.other(sheet.headline), self.small),
        ]
        style = TableStyle([("BOX", (0, 0), (-1, -1), 1.2, colour), ("BOTTOMPADDING", (0, 0), (-1, -1), 5)])
        return Table([[words]], [self.width], style=style, hAlign="LEFT")

    def facts(self, sheet: Sheet) -> Any:
        from reportlab.platypus import Table, TableStyle

        cells = [
            [
                self.paragraph(self.both(label), self.cell),
                self.paragraph(_printable(text), self.big if sheet.used and not row else self.text),
            ]
            for row, (label, text) in enumerate(sheet.facts)
        ]
        style = TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, 0), 4 if sheet.used else 0),
            ]
        )
        return Table(cells, [self.width * 0.28, self.width * 0.72], style=style, hAlign="LEFT")

    def notes(self, notes: list[Note]) -> list[Any]:
        return [
            self.paragraph(
                f"{self.first(SEVERITIES[note.severity])} {_printable(note.code)}: {self.both(note.text)}", self.cell
            )
            for note in notes
        ]

    def evidence(self, found: Evidence) -> list[Any]:
        verdict = f'<font color="{_COLOURS[found.colour]}"><b>{self.both(found.verdict)}</b></font>'
        story = [self.paragraph(f"{self.both(found.title)}: {verdict}", self.record)]
        if found.reason is not None:
            story.append(self.paragraph(self.both(found.reason)))
        left = f" ({found.left_out} {self.both(PARTS['bytes left out'])})" if found.left_out else ""
        rows = (
            ("algorithm", f": {_printable(found.algorithm)}", ""),
            ("signed", left, found.signed),
            ("hash", f": {found.hash_name}", found.hash),
            ("signature", "", found.signature),
            ("key", f": {self.both(found.origin)}", found.key),
            ("fingerprint", "", found.fingerprint),
        )
        for name, text, digits in rows:
            if digits or name in ("algorithm", "key"):
                story.append(self.paragraph(self.both(PARTS[name]) + text, self.cell))
            if digits:
                story.append(self.digits(digits))
        return story + self.notes(found.notes)

    def digits(self, digits: str) -> Any:
        from reportlab.platypus import Preformatted

        lines = (digits[start : start + _LINE_DIGITS] for start in range(0, len(digits), _LINE_DIGITS))
        return Preformatted("\n".join(lines), self.code)


def _printable(text: str) -> str:
    """Text for a paragraph: nothing is markup, and what the font lacks is shown as its code."""
    shown = "".join(c if c.encode("cp1252", "ignore") else f"\\u{ord(c):04x}" for c in text)
    return escape(shown)


def _drawing(found: Plot, width: float) -> Any:
    """The readings as a line, with the texts at the ends of the axes."""
    from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String

    low, high = 14.0, _PLOT_HEIGHT - 12
    points = [(4 + x * (width - 8), low + y * (high - low)) for x, y in found.points]
    drawing = Drawing(width, _PLOT_HEIGHT)
    for y in (low, high):
        drawing.add(Line(4, y, width - 4, y, strokeColor=_colour(_LINE), strokeWidth=0.5, strokeDashArray=[2, 2]))
    drawing.add(PolyLine([number for point in points for number in point], strokeWidth=1.2))
    if len(points) <= 60:
        for x, y in points:
            drawing.add(Circle(x, y, 2, strokeWidth=0))
    for x, y, anchor, text in (
        (4, high + 4, "start", found.highest),
        (width - 6, low + 4, "end", found.lowest),
        (4, 3, "start", found.first),
        (width - 4, 3, "end", found.last),
    ):
        drawing.add(String(x, y, text.encode("cp1252", "replace").decode("cp1252"), fontSize=7, textAnchor=anchor))
    return drawing


def _colour(name: str) -> Any:
    from reportlab.lib.colors import HexColor

    return HexColor(name)
