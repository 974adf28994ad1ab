"""Every letter in every language: it renders, its amounts are worded, and no value breaks out of its place."""

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from models import NoticeType
from services.errors import Unprocessable
from services.mails.content import Content, templates, word_content
from services.mails.kinds import DESK_KIND_OF, KIND_OF, TERMS, MailKind, kind_of, template_of
from services.mails.layouts import Frame, as_html, as_text
from services.mails.letters import Attachment, Letter, compose, read_sender
from services.mails.phrases import LANGUAGES, one_line, phrases
from services.rules.money import Money
from tests.mail_facts import FACTS, HOSTILE, hostile

AT = datetime(2026, 11, 1, 15, 4, 5, tzinfo=UTC)
SENDER = read_sender("Tallystick Billing <billing@tallystick.example>", "answers@tallystick.example")
TIMEZONE = "America/Toronto"


def frame(language: str = "en", **changed: str) -> Frame:
    given = {
        "brand": "Tallystick",
        "language": language,
        "customer": "Northwind Mining",
        "action_url": "https://portal.example/invoices/inv_1/",
        "settings_url": "https://portal.example/notifications/",
    }
    return Frame(**(given | changed))


def content(template: str, language: str = "en", facts: dict[str, Any] | None = None) -> Content:
    return word_content(template, facts or FACTS[template], language=language, timezone=TIMEZONE)


def letter(what: Content, around: Frame, **changed: Any) -> Letter:
    given: dict[str, Any] = {
        "message_id": "<mail_1.abc@tallystick.example>",
        "written_at": AT,
        "sender": SENDER,
        "recipient": "owner@northwind.example",
        "content": what,
        "frame": around,
    }
    return Letter(**(given | changed))


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_every_type_that_is_written_about_has_a_template_in_every_language() -> None:
    named = {template_of(each, kind) for kinds in (KIND_OF, DESK_KIND_OF) for each, kind in kinds.items()}
    assert named == set(templates()) == set(FACTS)
    assert {*KIND_OF.values(), *DESK_KIND_OF.values()} == set(MailKind) == set(TERMS)
    assert {*KIND_OF, *DESK_KIND_OF} <= set(NoticeType)
    for_programs = {
        "invoice.uncollectible", "subscription.started", "subscription.activated", "subscription.past_due",
        "gain_share.baseline_withdrawn",
    }  # fmt: skip
    untold = set(NoticeType) - set(KIND_OF) - set(DESK_KIND_OF)
    assert untold == for_programs, "somebody is to be told of it, or it is named here"


def test_customers_and_our_own_people_are_written_to_about_different_things() -> None:
    ours = {kind for kind, terms in TERMS.items() if terms.is_for_operators}
    assert set(DESK_KIND_OF.values()) == ours
    assert not ours & set(KIND_OF.values())
    assert not [kind for kind in ours if TERMS[kind].is_essential or TERMS[kind].goes_to_contacts]


@pytest.mark.parametrize("proposed_by", ["seller", "customer"])
def test_a_proposal_is_for_the_other_party_and_the_answer_for_the_one_that_made_it(proposed_by: str) -> None:
    ours, theirs = MailKind.GAIN_SHARE_DESK, MailKind.GAIN_SHARE
    other, own = (theirs, ours) if proposed_by == "seller" else (ours, theirs)
    data = {"proposed_by": proposed_by}
    assert kind_of("gain_share.baseline_proposed", data) == other
    assert {kind_of(f"gain_share.baseline_{word}", data) for word in ("accepted", "declined")} == {own}
    assert kind_of("gain_share.baseline_withdrawn", data) is None
    assert kind_of("gain_share.rejected", {}) == ours
    assert kind_of("gain_share.approved", {}) == theirs


def test_what_can_be_stopped_by_a_link_is_neither_essential_nor_sent_to_people_without_an_account() -> None:
    assert not [kind for kind, terms in TERMS.items() if terms.has_unsubscribe and terms.is_essential]
    assert not [kind for kind, terms in TERMS.items() if terms.has_unsubscribe and terms.goes_to_contacts]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(FACTS))
def test_each_letter_is_whole(template: str, language: str) -> None:
    worded = content(template, language)
    assert worded.subject
    assert worded.preview
    assert worded.heading
    assert worded.paragraphs
    assert worded.action
    everything = as_text(worded, frame(language)) + as_html(worded, frame(language))
    assert "{{" not in everything
    assert "amount_minor" not in everything
    assert Content.from_json(worded.as_json()) == worded


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(FACTS))
def test_no_value_breaks_out_of_its_place(template: str, language: str) -> None:
    worded = content(template, language, hostile(FACTS[template]))
    around = frame(language, customer=HOSTILE, brand=HOSTILE)
    page = as_html(worded, around)
    assert "<script" not in page
    assert '"onload=' not in page
    assert "\u202e" not in page
    message = parsed(compose(letter(worded, around)))
    assert message["Bcc"] is None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert len(worded.facts) == len(content(template, language).facts)
    assert len(worded.paragraphs) == len(content(template, language).paragraphs)


@pytest.mark.parametrize("template", sorted(FACTS))
def test_lines_of_the_plain_text_are_short_but_for_addresses(template: str) -> None:
    lines = as_text(content(template), frame()).splitlines()
    assert [line for line in lines if len(line) > 72 and "https://" not in line] == []


def test_an_invoice_says_amounts_and_dates_as_each_language_does() -> None:
    english, french = content("invoice_finalized"), content("invoice_finalized", "fr")
    assert english.subject == "Invoice INV-000042: $10,600.00, due 1 December 2026"
    assert french.subject == "Facture INV-000042\xa0: 10\xa0600,00\xa0$, à payer au plus tard le 1er décembre 2026"
    assert ("Period", "1 November 2026 to 30 November 2026") in english.facts
    assert ("Total", "10\xa0600,00\xa0$") in french.facts


def test_an_invoice_that_is_charged_by_itself_asks_for_nothing() -> None:
    facts = FACTS["invoice_finalized"] | {"is_automatic": True}
    assert content("invoice_finalized", facts=facts).subject == "Invoice INV-000042: $10,600.00"
    assert "You need not do anything" in " ".join(content("invoice_finalized", facts=facts).paragraphs)


def test_a_failed_payment_says_what_happens_next_and_when_service_stops() -> None:
    worded = content("invoice_payment_failed")
    assert "We try again on 4 November 2026." in worded.paragraphs[1]
    assert "Your service goes on until 9 November 2026." in worded.paragraphs[2]
    assert ("Service stops", "9 November 2026 at 10:04\u202fa.m.") in worded.facts


@pytest.mark.parametrize(("day", "subject"), [(0, "$10,600.00 still"), (3, "Reminder: "), (7, "Last reminder: ")])
def test_each_reminder_says_how_late_it_is(day: int, subject: str) -> None:
    assert content(
        "invoice_payment_reminder", facts=FACTS["invoice_payment_reminder"] | {"day": day}
    ).subject.startswith(subject)


def test_dates_are_those_of_the_customers_clock() -> None:
    assert phrases("en", "Pacific/Auckland")["day"](AT) == "2 November 2026"
    assert phrases("fr", "Pacific/Auckland")["last_day"](AT - timedelta(hours=4, minutes=4, seconds=5)) == (
        "1er novembre 2026"
    )


def test_currencies_without_cents_and_with_three_decimals_are_worded_exactly() -> None:
    worded = phrases("en", "UTC")["money"]
    assert worded(Money(1_250, "JPY")) == "JP¥1,250"
    assert worded(Money(1_250, "KWD")) == "KWD1.250"


def test_a_value_is_one_line_whatever_is_in_it() -> None:
    assert one_line("a\r\nBcc: x\u2028y\u202ez\x00\x85") == "a  Bcc: x yz"
    assert one_line("café\u00a0! \ud800") == "café\u00a0! ?"


def test_headers_are_fixed_by_the_row() -> None:
    message = parsed(compose(letter(content("invoice_paid"), frame())))
    assert message["From"] == "Tallystick Billing <billing@tallystick.example>"
    assert message["Reply-To"] == "answers@tallystick.example"
    assert message["Message-ID"] == "<mail_1.abc@tallystick.example>"
    assert message["Date"] == "Sun, 01 Nov 2026 15:04:05 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert compose(letter(content("invoice_paid"), frame())) == compose(letter(content("invoice_paid"), frame()))


def test_a_letter_that_can_be_stopped_says_so_in_its_headers_and_in_both_parts() -> None:
    address = "https://portal.example/unsubscribe/v1.abc?x=1&y=2"
    data = compose(letter(content("credits_low"), frame(unsubscribe_url=address)))
    assert f"List-Unsubscribe: <{address}>\r\n".encode() in data
    message = parsed(data)
    assert message["List-Unsubscribe"] == f"<{address}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, page = (part.get_content() for part in message.iter_parts())
    assert address in plain
    assert 'href="https://portal.example/unsubscribe/v1.abc?x=1&amp;y=2"' in page


def test_a_long_link_stands_in_its_header_as_it_is() -> None:
    address = f"https://billing.a-rather-long-name.example/unsubscribe/{'x' * 200}"
    data = compose(letter(content("credits_low"), frame(unsubscribe_url=address)))
    assert f"List-Unsubscribe: <{address}>\r\n".encode() in data
    message_id = f"<{'0' * 32}@{'mail.' * 12}example>"
    data = compose(letter(content("credits_low"), frame(), message_id=message_id))
    assert message_id.encode() in data
    assert b"=?utf-8?" not in data.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("address", ["https://x.example/\r\nBcc: y", "https://x.example/> <z", "https://é.example/"])
def test_a_link_that_would_be_more_than_a_link_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a header"):
        compose(letter(content("credits_low"), frame(unsubscribe_url=address)))


def test_an_attachment_goes_with_both_parts() -> None:
    file = Attachment("INV-000042.pdf", "application/pdf", b"%PDF-1.7 \x00\xff")
    message = parsed(compose(letter(content("invoice_finalized"), frame(), attachments=[file])))
    assert message.get_content_type() == "multipart/mixed"
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("INV-000042.pdf", file.data)
    assert message.get_body(("html",)) is not None


@pytest.mark.parametrize("recipient", ["a@b.example\r\nBcc: c@d.example", "a@b.example\nX: y"])
def test_an_address_that_would_add_a_header_is_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        compose(letter(content("invoice_paid"), frame(), recipient=recipient))


def test_a_letter_asks_nothing_of_the_network() -> None:
    page = as_html(content("invoice_finalized"), frame())
    assert not re.search(r"<img|<link|url\(|@import|<script", page)


@pytest.mark.parametrize("given", ["", "Tallystick", "x@", "Tallystick <a b@c.example>", "Tällystick <bé@c.example>"])
def test_a_sender_that_is_no_mailbox_is_refused_by_name(given: str) -> None:
    with pytest.raises(Unprocessable, match="TALLYSTICK_MAIL_FROM"):
        read_sender(given, None)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("template", "more"), [
    ("invoice_payment_failed", {}), ("invoice_payment_reminder", {"day": 3}), ("invoice_payment_reminder", {"day": 7}),
])  # fmt: skip
def test_where_a_free_plan_follows_no_letter_speaks_of_a_stop(
    template: str, more: dict[str, Any], language: str
) -> None:
    said = content(template, language, FACTS[template] | more | {"moves_to_plan": "Gratis"})
    words = as_text(said, frame(language))
    assert words.count("Gratis") >= 2
    assert not re.search("suspend|stops|Arrêt|s’arrête", said.subject + words)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("template", "more"), [
    ("invoice_payment_failed", {}), ("invoice_payment_reminder", {"day": 3}), ("invoice_payment_reminder", {"day": 7}),
])  # fmt: skip
def test_who_was_moved_for_another_invoice_is_told_that_it_stays_so_and_not_that_it_moves(
    template: str, more: dict[str, Any], language: str
) -> None:
    said = content(template, language, FACTS[template] | more | {"moves_to_plan": "Gratis", "was_moved": True})
    words = " ".join(f"{said.subject} {as_text(said, frame(language))}".split())
    assert re.search("stays on Gratis until both are|garde Gratis jusqu’à ce que les deux", words)
    assert not re.search("suspend|stops|Arrêt|s’arrête|move to|moved to|Passage|passe |passez", words)
