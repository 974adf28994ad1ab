"""Payments as they can be read: PaymentIntents, charges, invoice payments and disputes. Invoices make them."""

from typing import Any

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import ID, Table, one_of, shape
from services.stripe_sandbox.world import World


def reading(kind: str, path: str, noun: str, **filters: Any) -> list[Operation]:
    """Retrieve and list. Filters are indexed fields."""

    def read(world: World, call: Call) -> Document:
        return world.get(kind, call.id, noun=noun)

    def list_all(world: World, call: Call) -> Document:
        return page(world, call, kind, where=call.given(*filters))

    return [
        Operation("GET", f"/v1/{path}", list_all, list_table(**CREATED, **filters)),
        Operation("GET", f"/v1/{path}/{{id}}", read),
    ]


def read_invoice_payment(world: World, call: Call) -> Document:
    return world.get("invoice_payment", call.id)


def list_invoice_payments(world: World, call: Call) -> Document:
    params = call.params
    intent = params.get("payment", {}).get("payment_intent")
    return page(
        world, call, "invoice_payment",
        where={"invoice": params.get("invoice"), "payment.payment_intent": intent},
        keep=lambda payment: params.get("status", payment["status"]) == payment["status"],
    )  # fmt: skip


PAYMENT_FILTERS: Table = {
    **CREATED, "invoice": ID, "payment": shape({"payment_intent": ID, "type": one_of("payment_intent")}),
    "status": one_of("canceled", "open", "paid"),
}  # fmt: skip
OPERATIONS = [
    *reading("payment_intent", "payment_intents", "payment_intent", customer=ID),
    *reading("charge", "charges", "charge", customer=ID, payment_intent=ID),
    *reading("dispute", "disputes", "dispute", charge=ID, payment_intent=ID),
    Operation("GET", "/v1/invoice_payments", list_invoice_payments, list_table(**PAYMENT_FILTERS)),
    Operation("GET", "/v1/invoice_payments/{id}", read_invoice_payment),
]
