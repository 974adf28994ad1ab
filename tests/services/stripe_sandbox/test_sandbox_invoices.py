"""Invoices: drafts and their lines, sums, states, the customer's balance, refunds, credit notes and previews."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import LocalSandbox

DAY = 86_400


def finalized(local: "LocalSandbox", invoice: dict[str, Any]) -> dict[str, Any]:
    return local.post(f"invoices/{invoice['id']}/finalize")


def paid(local: "LocalSandbox", amount: int = 5_000) -> dict[str, Any]:
    invoice = finalized(local, local.invoice(amount=amount))
    return local.post(f"invoices/{invoice['id']}/pay", expand=["payments"])


def test_an_invoice_goes_from_draft_to_open_to_paid(local: "LocalSandbox") -> None:
    draft = local.invoice()
    assert (draft["status"], draft["number"], draft["auto_advance"], draft["total"]) == ("draft", None, False, 5_000)
    opened = finalized(local, draft)
    assert (opened["status"], opened["amount_due"], opened["amount_remaining"]) == ("open", 5_000, 5_000)
    assert opened["number"].endswith("-0001")
    assert opened["attempted"] is False
    done = local.post(f"invoices/{draft['id']}/pay", expand=["payments.data.payment.payment_intent"])
    assert (done["status"], done["amount_paid"], done["amount_remaining"]) == ("paid", 5_000, 0)
    intent = done["payments"]["data"][0]["payment"]["payment_intent"]
    assert local.get(f"charges/{intent['latest_charge']}")["paid"] is True
    assert [one["id"] for one in local.get("charges", payment_intent=intent["id"])["data"]] == [intent["latest_charge"]]
    payments = local.get("invoice_payments", payment={"type": "payment_intent", "payment_intent": intent["id"]})
    assert local.get(f"invoice_payments/{payments['data'][0]['id']}")["status"] == "paid"
    assert local.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
    assert local.refused("POST", f"invoices/{draft['id']}/pay", 400)["code"] == "invoice_already_paid"
    assert local.refused("POST", f"invoices/{draft['id']}/finalize", 400)["code"] == "invoice_not_editable"
    assert local.refused("POST", f"invoices/{draft['id']}/void", 400)["code"] == "invoice_not_editable"


def test_one_that_advances_by_itself_is_collected_when_it_is_finalised(local: "LocalSandbox") -> None:
    invoice = finalized(local, local.invoice(auto_advance=True))
    assert invoice["status"] == "open"
    assert local.get(f"invoices/{invoice['id']}")["status"] == "paid"
    waiting = local.invoice(auto_advance=True)
    local.advance(hours=1)
    assert local.get(f"invoices/{waiting['id']}")["status"] == "paid"


def test_nothing_to_pay_is_paid_at_once(local: "LocalSandbox") -> None:
    invoice = finalized(local, local.post("invoices", customer=local.customer(None)["id"]))
    assert (invoice["status"], invoice["total"]) == ("paid", 0)
    assert local.get("payment_intents")["data"] == []


def test_lines_are_priced_counted_and_rounded(local: "LocalSandbox") -> None:
    customer = local.customer()
    draft = local.post("invoices", customer=customer["id"], currency="usd")
    once = local.price(250, None)
    common = {"customer": customer["id"], "invoice": draft["id"]}
    local.post("invoiceitems", **common, pricing={"price": once["id"]}, quantity=3)
    local.post("invoiceitems", **common, unit_amount_decimal="0.5", quantity=1_001, description="Calls")
    local.post("invoiceitems", **common, unit_amount_decimal="100", quantity_decimal="1.25")
    local.post("invoiceitems", **common, price_data={"currency": "usd", "product": once["product"], "unit_amount": 10})
    lines = local.get(f"invoices/{draft['id']}/lines")["data"]
    assert [line["amount"] for line in lines] == [750, 501, 125, 10]
    assert [line["quantity_decimal"] for line in lines] == ["3", "1001", "1.25", "1"]
    assert lines[0]["pricing"]["price_details"] == {"price": once["id"], "product": once["product"]}
    assert local.get(f"invoices/{draft['id']}")["total"] == 1_386
    for wrong in ({"amount": 1, "quantity": 2}, {"amount": 1, "unit_amount_decimal": "1"}):
        assert local.refused("POST", "invoiceitems", 400, **common, **wrong)["code"] == "parameters_exclusive"
    assert local.refused("POST", "invoiceitems", 400, **common, unit_amount_decimal="1e3")
    assert local.refused("POST", "invoiceitems", 400, **common)["param"] == "amount"
    recurring = {"price": local.price()["id"]}
    assert local.refused("POST", "invoiceitems", 400, **common, pricing=recurring)["param"] == "pricing[price]"


def test_lines_are_paged_in_their_order(local: "LocalSandbox") -> None:
    customer = local.customer()
    draft = local.post("invoices", customer=customer["id"])
    lines = [{"amount": amount, "description": f"Line {amount}"} for amount in range(1, 13)]
    filled = local.post(f"invoices/{draft['id']}/add_lines", lines=lines, invoice_metadata={"run": "7"})
    assert (len(filled["lines"]["data"]), filled["lines"]["has_more"], filled["total"]) == (10, True, 78)
    assert filled["metadata"] == {"run": "7"}
    assert local.event_types().count("invoice.updated") == 1
    first = local.get(f"invoices/{draft['id']}/lines", limit=5)
    second = local.get(f"invoices/{draft['id']}/lines", limit=100, starting_after=first["data"][-1]["id"])
    assert [line["amount"] for line in first["data"] + second["data"]] == list(range(1, 13))
    assert (first["has_more"], second["has_more"]) == (True, False)
    too_many = [{"amount": 1}] * 239
    local.refused("POST", f"invoices/{draft['id']}/add_lines", 400, lines=too_many)
    local.refused("POST", f"invoices/{draft['id']}/add_lines", 400, lines=[{"amount": 1}, {"quantity": 1}])
    assert local.get(f"invoices/{draft['id']}")["total"] == 78
    back = local.get(f"invoices/{draft['id']}/lines", limit=2, ending_before=first["data"][4]["id"])
    assert [line["amount"] for line in back["data"]] == [3, 4]


def test_lines_of_a_draft_are_changed_and_removed(local: "LocalSandbox") -> None:
    draft = local.invoice()
    line = draft["lines"]["data"][0]
    updated = local.post(f"invoices/{draft['id']}/update_lines", lines=[{"id": line["id"], "amount": 6_000}])
    assert updated["total"] == 6_000
    assert local.post(f"invoices/{draft['id']}/lines/{line['id']}", description="Other")["description"] == "Other"
    item = line["parent"]["invoice_item_details"]["invoice_item"]
    assert local.get(f"invoiceitems/{item}")["amount"] == 6_000
    local.post(f"invoiceitems/{item}", amount=100, metadata={"a": "b"})
    assert local.get(f"invoices/{draft['id']}")["total"] == 100
    emptied = local.post(f"invoices/{draft['id']}/remove_lines", lines=[{"id": line["id"], "behavior": "unassign"}])
    assert emptied["total"] == 0
    pending = local.get("invoiceitems", pending=True)["data"]
    assert [one["id"] for one in pending] == [item]
    again = local.post(f"invoices/{draft['id']}/add_lines", lines=[{"invoice_item": item}])
    assert again["total"] == 100
    assert local.delete(f"invoiceitems/{item}")["deleted"] is True
    assert local.get(f"invoices/{draft['id']}")["total"] == 0


def test_pending_items_are_included_only_when_asked_for(local: "LocalSandbox") -> None:
    customer = local.customer()
    local.post("invoiceitems", customer=customer["id"], amount=300, currency="usd")
    assert local.post("invoices", customer=customer["id"])["total"] == 0
    included = local.post("invoices", customer=customer["id"], pending_invoice_items_behavior="include")
    assert included["total"] == 300
    local.subscription(customer)
    assert local.get("invoiceitems", pending=True)["data"] == []


def test_only_a_one_off_draft_can_be_deleted(local: "LocalSandbox") -> None:
    draft = local.invoice()
    assert local.delete(f"invoices/{draft['id']}") == {"id": draft["id"], "object": "invoice", "deleted": True}
    local.refused("GET", f"invoices/{draft['id']}", 404)
    assert local.get("invoiceitems")["data"] == []
    assert local.refused("DELETE", f"invoices/{paid(local)['id']}", 400)["code"] == "invoice_not_editable"


def test_a_finalised_invoice_keeps_its_amount(local: "LocalSandbox") -> None:
    invoice = finalized(local, local.invoice())
    path = f"invoices/{invoice['id']}"
    assert local.post(path, description="Thanks", metadata={"a": "b"})["description"] == "Thanks"
    assert local.refused("POST", path, 400, default_tax_rates="")["code"] == "invoice_not_editable"
    error = local.refused("POST", "invoiceitems", 400, customer=invoice["customer"], invoice=invoice["id"], amount=1)
    assert error["code"] == "invoice_not_editable"
    item = local.get("invoiceitems", invoice=invoice["id"])["data"][0]
    assert local.refused("DELETE", f"invoiceitems/{item['id']}", 400)["code"] == "invoice_not_editable"


def test_tax_comes_on_top_or_is_contained(local: "LocalSandbox") -> None:
    on_top = local.post("tax_rates", display_name="Sales tax", inclusive=False, percentage="7.25")
    contained = local.post("tax_rates", display_name="VAT", inclusive=True, percentage=19)
    customer = local.customer()
    draft = local.invoice(customer, 1_000, default_tax_rates=[on_top["id"]])
    assert (draft["subtotal"], draft["total"], draft["total_taxes"][0]["amount"]) == (1_000, 1_073, 73)
    local.post("invoiceitems", customer=customer["id"], invoice=draft["id"], amount=1_190, tax_rates=[contained["id"]])
    both = local.get(f"invoices/{draft['id']}")
    assert (both["total"], both["total_excluding_tax"]) == (2_263, 2_000)
    assert {tax["tax_behavior"]: tax["amount"] for tax in both["total_taxes"]} == {"exclusive": 73, "inclusive": 190}


def test_a_discount_spares_lines_that_are_not_discountable(local: "LocalSandbox") -> None:
    coupon = local.post("coupons", percent_off="12.5", duration="forever")
    customer = local.customer()
    draft = local.post("invoices", customer=customer["id"], discounts=[{"coupon": coupon["id"]}])
    common = {"customer": customer["id"], "invoice": draft["id"]}
    local.post("invoiceitems", **common, amount=1_001)
    local.post("invoiceitems", **common, amount=999)
    local.post("invoiceitems", **common, amount=500, discountable=False)
    local.post("invoiceitems", **common, amount=-100)
    invoice = local.get(f"invoices/{draft['id']}", expand=["discounts.source.coupon"])
    assert invoice["total_discount_amounts"][0]["amount"] == 250
    assert [sum(one["amount"] for one in line["discount_amounts"]) for line in invoice["lines"]["data"]] == [
        125, 125, 0, 0,
    ]  # fmt: skip
    assert (invoice["subtotal"], invoice["total"]) == (2_400, 2_150)
    assert invoice["discounts"][0]["source"]["coupon"]["percent_off"] == 12.5


def test_a_fixed_discount_takes_no_more_than_there_is(local: "LocalSandbox") -> None:
    coupon = local.post("coupons", amount_off=6_000, currency="usd", duration="once")
    invoice = finalized(local, local.invoice(discounts=[{"coupon": coupon["id"]}]))
    assert (invoice["status"], invoice["total"]) == ("paid", 0)
    assert invoice["total_discount_amounts"][0]["amount"] == 5_000


@pytest.mark.parametrize(
    ("duration", "totals"),
    [
        ({"duration": "once"}, [1_000, 2_000, 2_000]),
        ({"duration": "forever"}, [1_000, 1_000, 1_000]),
        ({"duration": "repeating", "duration_in_months": 2}, [1_000, 1_000, 2_000]),
    ],
)
def test_a_discount_of_a_subscription_lasts_as_long_as_it_says(
    local: "LocalSandbox", duration: dict[str, Any], totals: list[int]
) -> None:
    coupon = local.post("coupons", percent_off=50, **duration)
    code = local.post("promotion_codes", promotion={"type": "coupon", "coupon": coupon["id"]}, code="HALF")
    subscription = local.subscription(discounts=[{"promotion_code": code["id"]}])
    local.advance(days=60)
    invoices = local.get("invoices", subscription=subscription["id"])["data"]
    assert [invoice["total"] for invoice in reversed(invoices)] == totals
    assert local.get(f"promotion_codes/{code['id']}")["times_redeemed"] == 1


def test_credit_on_the_balance_pays_first_and_comes_back_when_voided(local: "LocalSandbox") -> None:
    customer = local.customer()
    path = f"customers/{customer['id']}"
    local.post(f"{path}/balance_transactions", amount=-3_000, currency="usd", description="Goodwill")
    assert local.get(path)["balance"] == -3_000
    invoice = finalized(local, local.invoice(customer))
    assert (invoice["starting_balance"], invoice["ending_balance"], invoice["amount_due"]) == (-3_000, 0, 2_000)
    assert local.get(path)["balance"] == 0
    local.post(f"invoices/{invoice['id']}/void")
    assert local.get(path)["balance"] == -3_000
    transactions = local.get(f"{path}/balance_transactions")["data"]
    assert [one["type"] for one in transactions] == ["unapplied_from_invoice", "applied_to_invoice", "adjustment"]
    assert local.get(f"{path}/balance_transactions/{transactions[0]['id']}")["amount"] == -3_000


def test_an_invoice_below_zero_becomes_credit(local: "LocalSandbox") -> None:
    customer = local.customer(None)
    invoice = finalized(local, local.invoice(customer, -700))
    assert (invoice["status"], invoice["total"], invoice["amount_due"]) == ("paid", -700, 0)
    assert local.get(f"customers/{customer['id']}")["balance"] == -700


def test_a_declined_payment_leaves_the_invoice_open(local: "LocalSandbox") -> None:
    invoice = finalized(local, local.invoice(local.customer("pm_card_chargeCustomerFail")))
    error = local.refused("POST", f"invoices/{invoice['id']}/pay", 402)
    assert (error["type"], error["code"]) == ("card_error", "card_declined")
    assert error["payment_intent"]["status"] == "requires_payment_method"
    again = local.get(f"invoices/{invoice['id']}")
    assert (again["status"], again["attempt_count"], again["attempted"]) == ("open", 1, True)
    done = local.post(f"invoices/{invoice['id']}/pay", payment_method="pm_card_visa")
    assert (done["status"], done["attempt_count"]) == ("paid", 2)
    assert len(local.get("payment_intents")["data"]) == 1


def test_paid_out_of_band_needs_no_card(local: "LocalSandbox") -> None:
    invoice = finalized(local, local.invoice(local.customer(None)))
    assert local.refused("POST", f"invoices/{invoice['id']}/pay", 400)["code"] == "resource_missing"
    done = local.post(f"invoices/{invoice['id']}/pay", paid_out_of_band=True, expand=["payments"])
    assert (done["status"], done["amount_paid"], done["amount_paid_off_stripe"]) == ("paid", 5_000, 5_000)
    assert [payment["status"] for payment in done["payments"]["data"]] == ["canceled"]
    assert local.get("charges")["data"] == []


def test_more_than_one_payment_holds_is_only_sent(local: "LocalSandbox") -> None:
    error = local.refused("POST", f"invoices/{local.invoice(amount=100_000_000)['id']}/finalize", 400)
    assert error["code"] == "amount_too_large"
    stuck = local.invoice(amount=100_000_000, auto_advance=True)
    local.advance(hours=1)
    invoice = local.get(f"invoices/{stuck['id']}")
    assert (invoice["status"], invoice["last_finalization_error"]["code"]) == ("draft", "amount_too_large")
    assert local.events("invoice.finalization_failed")
    sent = local.invoice(amount=100_000_000, collection_method="send_invoice", days_until_due=30)
    opened = local.post(f"invoices/{sent['id']}/send")
    assert (opened["status"], opened["due_date"]) == ("open", local.now() + 30 * DAY)
    assert local.event_types()[-1] == "invoice.sent"
    assert local.refused("POST", f"invoices/{sent['id']}/pay", 400)["code"]


def test_an_open_invoice_is_voided_or_written_off(local: "LocalSandbox") -> None:
    voided = local.post(f"invoices/{finalized(local, local.invoice())['id']}/void")
    assert (voided["status"], voided["status_transitions"]["voided_at"]) == ("void", local.now())
    assert local.refused("POST", f"invoices/{voided['id']}/pay", 400)
    lost = local.post(f"invoices/{finalized(local, local.invoice())['id']}/mark_uncollectible")
    assert lost["status"] == "uncollectible"
    assert local.post(f"invoices/{lost['id']}/pay")["status"] == "paid"
    assert local.refused("POST", f"invoices/{local.invoice()['id']}/mark_uncollectible", 400)
    assert local.refused("POST", f"invoices/{local.invoice()['id']}/send", 400)


def test_invoices_are_found_by_customer_status_and_subscription(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    draft = local.invoice()
    assert [one["id"] for one in local.get("invoices", status="draft")["data"]] == [draft["id"]]
    assert [one["id"] for one in local.get("invoices", customer=draft["customer"])["data"]] == [draft["id"]]
    found = local.get("invoices", subscription=subscription["id"], collection_method="charge_automatically")["data"]
    assert [one["id"] for one in found] == [subscription["latest_invoice"]["id"]]


def test_a_charge_is_refunded_in_parts(local: "LocalSandbox") -> None:
    invoice = paid(local)
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    first = local.post("refunds", payment_intent=intent, amount=2_000, reason="requested_by_customer")
    charge = local.get(f"charges/{first['charge']}", expand=["refunds"])
    assert (charge["amount_refunded"], charge["refunded"], len(charge["refunds"]["data"])) == (2_000, False, 1)
    assert local.refused("POST", "refunds", 400, charge=charge["id"], amount=3_001)["param"] == "amount"
    local.post("refunds", charge=charge["id"])
    assert local.get(f"charges/{charge['id']}")["refunded"] is True
    assert local.refused("POST", "refunds", 400, charge=charge["id"])["code"] == "charge_already_refunded"
    assert local.post(f"refunds/{first['id']}", metadata={"a": "b"})["metadata"] == {"a": "b"}
    assert len(local.get("refunds", charge=charge["id"])["data"]) == 2
    assert local.get(f"refunds/{first['id']}")["amount"] == 2_000
    assert local.refused("POST", "refunds", 400, amount=1)["code"] == "parameter_missing"


def test_a_credit_note_lowers_what_an_open_invoice_still_wants(local: "LocalSandbox") -> None:
    invoice = finalized(local, local.invoice())
    preview = local.get("credit_notes/preview", invoice=invoice["id"], amount=2_000)
    assert preview["total"] == 2_000
    assert local.get("credit_notes")["data"] == []
    note = local.post("credit_notes", invoice=invoice["id"], amount=2_000, memo="Late", reason="order_change")
    assert (note["type"], note["pre_payment_amount"], note["number"]) == (
        "pre_payment",
        2_000,
        f"{invoice['number']}-CN-01",
    )
    after = local.get(f"invoices/{invoice['id']}")
    assert (after["total"], after["amount_due"], after["amount_remaining"]) == (5_000, 3_000, 3_000)
    assert after["pre_payment_credit_notes_amount"] == 2_000
    voided = local.post(f"credit_notes/{note['id']}/void")
    assert (voided["status"], local.get(f"invoices/{invoice['id']}")["amount_remaining"]) == ("void", 5_000)
    assert local.refused("POST", f"credit_notes/{note['id']}/void", 400)
    local.post("credit_notes", invoice=invoice["id"], amount=5_000)
    assert local.get(f"invoices/{invoice['id']}")["status"] == "paid"


def test_a_payment_after_a_credit_note_is_of_the_rest(local: "LocalSandbox") -> None:
    invoice = finalized(local, local.invoice())
    local.post("credit_notes", invoice=invoice["id"], amount=1_500)
    done = local.post(f"invoices/{invoice['id']}/pay")
    assert (done["amount_paid"], local.get("charges")["data"][0]["amount"]) == (3_500, 3_500)


def test_what_was_paid_is_refunded_credited_or_settled_elsewhere(local: "LocalSandbox") -> None:
    invoice = paid(local)
    error = local.refused("POST", "credit_notes", 400, invoice=invoice["id"], amount=3_000, refund_amount=1_000)
    assert "must equal" in error["message"]
    note = local.post(
        "credit_notes", invoice=invoice["id"], amount=3_000, refund_amount=1_000, credit_amount=1_500,
        out_of_band_amount=500, expand=["refunds.refund"],
    )  # fmt: skip
    assert (note["type"], note["post_payment_amount"], note["out_of_band_amount"]) == ("post_payment", 3_000, 500)
    assert note["refunds"][0]["refund"]["amount"] == 1_000
    assert local.get(f"customers/{invoice['customer']}")["balance"] == -1_500
    assert local.get(f"invoices/{invoice['id']}")["post_payment_credit_notes_amount"] == 3_000
    error = local.refused("POST", "credit_notes", 400, invoice=invoice["id"], amount=2_001, credit_amount=2_001)
    assert error["param"] == "amount"


def test_a_credited_line_takes_its_share_of_tax_and_discount(local: "LocalSandbox") -> None:
    rate = local.post("tax_rates", display_name="VAT", inclusive=False, percentage=20)
    coupon = local.post("coupons", percent_off=10)
    draft = local.invoice(
        amount=1_000, default_tax_rates=[rate["id"]], discounts=[{"coupon": coupon["id"]}],
    )  # fmt: skip
    assert draft["total"] == 1_080
    invoice = finalized(local, draft)
    line = invoice["lines"]["data"][0]["id"]
    note = local.post(
        "credit_notes", invoice=invoice["id"],
        lines=[
            {"type": "invoice_line_item", "invoice_line_item": line, "amount": 500},
            {"type": "custom_line_item", "description": "Sorry", "unit_amount": 10, "quantity": 2},
        ],
    )  # fmt: skip
    assert (note["subtotal"], note["discount_amount"], note["total"]) == (520, 50, 560)
    lines = local.get(f"credit_notes/{note['id']}/lines")["data"]
    assert [one["amount"] for one in lines] == [500, 20]
    preview = local.get(
        "credit_notes/preview/lines", invoice=invoice["id"],
        lines=[{"type": "custom_line_item", "description": "x", "unit_amount": 1, "quantity": 1}],
    )  # fmt: skip
    assert [one["amount"] for one in preview["data"]] == [1]
    assert local.post(f"credit_notes/{note['id']}", memo="m", metadata={"a": "b"})["memo"] == "m"
    assert [one["id"] for one in local.get("credit_notes", invoice=invoice["id"])["data"]] == [note["id"]]
    assert local.get(f"credit_notes/{note['id']}")["total"] == 560


def test_a_preview_shows_the_renewal_and_keeps_nothing(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.post("invoiceitems", customer=subscription["customer"], amount=300, currency="usd")
    before = local.event_types()
    preview = local.post("invoices/create_preview", subscription=subscription["id"])
    assert (preview["status"], preview["billing_reason"], preview["total"]) == ("draft", "upcoming", 2_300)
    assert preview["id"].startswith("upcoming_in_")
    assert (local.event_types(), len(local.get("invoices")["data"])) == (before, 1)
    assert local.get("invoiceitems", pending=True)["data"]


def test_a_preview_of_a_change_shows_what_it_would_bill(local: "LocalSandbox") -> None:
    subscription, dearer = local.subscription(), local.price(5_000)
    local.advance(days=14)
    item = {"id": subscription["items"]["data"][0]["id"], "price": dearer["id"]}
    at_once = local.post(
        "invoices/create_preview", subscription=subscription["id"],
        subscription_details={"items": [item], "proration_behavior": "always_invoice"},
    )  # fmt: skip
    assert (at_once["total"], at_once["status"], at_once["attempted"]) == (1_500, "draft", False)
    later = local.post(
        "invoices/create_preview", subscription=subscription["id"],
        subscription_details={"items": [item], "proration_behavior": "none"},
    )  # fmt: skip
    assert later["total"] == 5_000
    assert local.reread(subscription)["items"]["data"][0]["price"]["unit_amount"] == 2_000
    fresh = local.post(
        "invoices/create_preview", customer=subscription["customer"],
        subscription_details={"items": [{"price": dearer["id"], "quantity": 2}]},
        invoice_items=[{"amount": 50, "currency": "usd", "description": "Set-up"}],
    )  # fmt: skip
    assert fresh["total"] == 10_050
    local.post(f"subscriptions/{subscription['id']}", cancel_at_period_end=True)
    error = local.refused("POST", "invoices/create_preview", 400, subscription=subscription["id"])
    assert error["code"] == "invoice_upcoming_none"
