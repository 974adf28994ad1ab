"""What we write on the objects we make at Stripe, so that they can be told from others and found again."""

from typing import Final

TENANT: Final = "tallystick_tenant"
SUBSCRIPTION: Final = "tallystick_subscription"
CALL: Final = "tallystick_call"
ENDS: Final = "tallystick_ends"
CHECKOUT: Final = "tallystick_checkout"
INVOICE: Final = "tallystick_invoice"
PART: Final = "tallystick_part"
LINE: Final = "tallystick_line"
CREDIT_NOTE: Final = "tallystick_credit_note"
REFUND: Final = "tallystick_refund"
