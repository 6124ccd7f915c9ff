"""Reports on paper: one page a session, for a person who is no engineer, and for the court.

========================================  ==========================================================
``sheet.sheets(report)``                  what stands on each page, in both languages
``html.write_html(report, language)``     one file that needs nothing else and runs nothing
``pdf.write_pdf(report, language)``       the same as PDF (extra ``documents``)
========================================  ==========================================================

A page carries both languages, the asked one first, so that it depends on no locale. Source: verifier specification, 3.5
and 3.6.
"""
