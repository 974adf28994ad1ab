"""What portal configurations and sessions take, and what a configuration offers before it is told to offer more."""

from typing import Final

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    ID,
    INTEGER,
    METADATA,
    STRING,
    Table,
    clearable,
    list_of,
    list_of_shapes,
    one_of,
    required,
    shape,
)

PRORATION: Final = one_of("always_invoice", "create_prorations", "none")
REASONS: Final = one_of(
    *("customer_service", "low_quality", "missing_features", "other"),
    *("switched_service", "too_complex", "too_expensive", "unused"),
)
CANCELLATION_REASON: Final = shape(
    {"enabled": required(BOOLEAN), "options": required(list_of(REASONS)), "feedback_options": list_of(REASONS)}
)
PORTAL_PRODUCT: Final[Table] = {
    "product": required(ID),
    "prices": required(list_of(ID)),
    "adjustable_quantity": shape({"enabled": required(BOOLEAN), "minimum": INTEGER, "maximum": INTEGER}),
}
FEATURES: Final[Table] = {
    "customer_update": shape(
        {
            "enabled": BOOLEAN,
            "allowed_updates": list_of(one_of("address", "email", "name", "phone", "shipping", "tax_id")),
        }
    ),
    "invoice_history": shape({"enabled": required(BOOLEAN)}),
    "payment_method_update": shape({"enabled": required(BOOLEAN), "payment_method_configuration": clearable(ID)}),
    "subscription_cancel": shape(
        {
            "enabled": BOOLEAN,
            "mode": one_of("at_period_end", "immediately"),
            "proration_behavior": PRORATION,
            "cancellation_reason": CANCELLATION_REASON,
        }
    ),
    "subscription_update": shape(
        {
            "enabled": BOOLEAN,
            "billing_cycle_anchor": one_of("now", "unchanged"),
            "default_allowed_updates": list_of(one_of("price", "promotion_code", "quantity")),
            "products": list_of_shapes(PORTAL_PRODUCT),
            "proration_behavior": PRORATION,
            "schedule_at_period_end": shape(
                {
                    "conditions": list_of_shapes(
                        {"type": required(one_of("decreasing_item_amount", "shortening_interval"))}
                    )
                }
            ),
            "trial_update_behavior": one_of("continue_trial", "end_trial"),
        }
    ),
}
CONFIGURATION_FIELDS: Final[Table] = {
    "business_profile": shape({"headline": STRING, "privacy_policy_url": ID, "terms_of_service_url": ID}),
    "default_return_url": STRING,
    "features": shape(FEATURES),
    "login_page": shape({"enabled": required(BOOLEAN)}),
    "metadata": METADATA,
    "name": STRING,
}
FLOWS: Final = one_of(
    *("customer_update", "payment_method_update", "subscription_cancel"),
    *("subscription_pause", "subscription_update", "subscription_update_confirm"),
)
PAGE_OF_FLOW: Final = {"payment_method_update": "/card", "customer_update": "/details"}
"""Where a flow begins, below the portal's own page; one that cancels begins on that."""

FLOW_PARTS: Final = (
    *("customer_update", "subscription_cancel", "subscription_pause"),
    *("subscription_update", "subscription_update_confirm"),
)
SESSION_FIELDS: Final[Table] = {
    "customer": required(ID),
    "configuration": ID,
    "flow_data": shape(
        {
            "type": required(FLOWS),
            "after_completion": shape(
                {
                    "type": required(one_of("hosted_confirmation", "portal_homepage", "redirect")),
                    "redirect": shape({"return_url": required(ID)}),
                    "hosted_confirmation": shape({"custom_message": STRING}),
                }
            ),
            "subscription_cancel": shape({"subscription": required(ID)}),
        }
    ),
    "locale": ID,
    "return_url": ID,
}

DEFAULT_FEATURES: Final[Document] = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {
            "enabled": False,
            "feedback_options": None,
            "options": ["too_expensive", "missing_features", "switched_service", "unused", "other"],
        },
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "products": None,
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}
