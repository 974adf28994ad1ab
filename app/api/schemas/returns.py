"""Giving money back: how much of an invoice, why, and by which way."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from app.api.schemas.corrections import CreditNoteDetailShown
from app.api.schemas.values import Body, no_null
from models.credit_note import REASON_MAX
from services.payments.crediting import GiveBack


class GiveBackBody(Body):
    """A credit note for part of an invoice, or all of it. Where the payment provider collected it, it does the same."""

    amount: Annotated[str, Field(pattern=r"^[0-9]{1,16}(\.[0-9]{1,4})?$", examples=["25.00"])] = Field(
        description="In the invoice's currency, above zero and no more than is left of it."
    )
    reason: Annotated[str, BeforeValidator(no_null), Field(min_length=1, max_length=REASON_MAX)] = Field(
        description="Why, as the customer will read it."
    )
    way: GiveBack = Field(
        description="`reduce` what is open; of what is paid: `refund` to the card, keep as `balance` for the next "
        "invoice, or given back `elsewhere`."
    )


class GivenBackShown(CreditNoteDetailShown):
    """The credit note. What the payment provider has to do follows within seconds."""
