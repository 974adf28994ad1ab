"""A report as PDF. The same report gives the same bytes, on every machine."""

from pathlib import Path
from typing import Final

from services.billing_documents.typesetting import set_sheet
from services.gain_share.report.layout import lay_out
from services.gain_share.report.report import RunReport

TEMPLATE: Final = Path(__file__).with_name("report.typ").read_bytes()


def render_report(report: RunReport) -> bytes:
    """The report as PDF/A-3b, dated by the last step it tells of."""
    return set_sheet(TEMPLATE, lay_out(report), at=report.made_at)
