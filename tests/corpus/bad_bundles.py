"""Bundles that must not pass, each with its answer: changed by hands without our key, and lied in with it."""

from collections.abc import Iterator

from tests.corpus.bad_bills import (
    adjustment_cases,
    amount_cases,
    billing_cases,
    line_cases,
    promotion_cases,
    usage_cases,
)
from tests.corpus.bad_files import document_cases, file_cases, header_cases, link_cases, proof_cases
from tests.corpus.bad_signatures import key_cases, remembered_cases, signature_cases
from tests.corpus.bad_taxes import tax_cases
from tests.corpus.bad_top_ups import top_up_cases
from tests.corpus.good_bundles import Case


def bad_cases() -> Iterator[Case]:
    """Every one of them, by what is wrong."""
    for cases in (
        file_cases, document_cases, header_cases, link_cases, proof_cases, signature_cases, key_cases,
        remembered_cases, usage_cases, line_cases, promotion_cases, adjustment_cases, amount_cases, billing_cases,
        top_up_cases, tax_cases,
    ):  # fmt: skip
        yield from cases()
