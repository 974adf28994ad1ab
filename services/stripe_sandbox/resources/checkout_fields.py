"""What a checkout session takes when it is created, and how one looks before anything is known of it."""

from typing import Final

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    CURRENCY,
    ID,
    INTEGER,
    METADATA,
    STRING,
    Table,
    list_of,
    list_of_shapes,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.resources.checkout_lines import LINE_FIELDS

AUTO_OR_NEVER: Final = one_of("auto", "never")
INVOICE_DATA: Final = shape({"description": STRING, "footer": STRING, "metadata": METADATA})
CUSTOM_TEXT: Final = shape({"message": required(ID)})
FIELDS: Final[Table] = {
    "allow_promotion_codes": BOOLEAN,
    "allowed_payment_method_types": list_of(ID),
    "automatic_tax": shape({"enabled": required(BOOLEAN)}),
    "billing_address_collection": one_of("auto", "required"),
    "cancel_url": ID,
    "client_reference_id": ID,
    "currency": CURRENCY,
    "custom_text": shape(
        dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"), CUSTOM_TEXT)
    ),
    "customer": ID,
    "customer_creation": one_of("always", "if_required"),
    "customer_email": ID,
    "customer_update": shape({"address": AUTO_OR_NEVER, "name": AUTO_OR_NEVER, "shipping": AUTO_OR_NEVER}),
    "discounts": list_of_shapes({"coupon": ID, "promotion_code": ID}),
    "excluded_payment_method_types": list_of(ID),
    "expires_at": INTEGER,
    "integration_identifier": ID,
    "invoice_creation": shape({"enabled": required(BOOLEAN), "invoice_data": INVOICE_DATA}),
    "line_items": list_of_shapes(LINE_FIELDS),
    "locale": ID,
    "metadata": METADATA,
    "mode": one_of("payment", "setup", "subscription"),
    "origin_context": one_of("mobile_app", "web"),
    "payment_intent_data": shape({"description": STRING, "metadata": METADATA, "receipt_email": STRING}),
    "payment_method_collection": one_of("always", "if_required"),
    "phone_number_collection": shape({"enabled": required(BOOLEAN)}),
    "setup_intent_data": shape({"description": STRING, "metadata": METADATA}),
    "submit_type": one_of("auto", "book", "donate", "pay", "subscribe"),
    "subscription_data": shape(
        {
            "billing_cycle_anchor": INTEGER,
            "default_tax_rates": list_of(ID),
            "description": STRING,
            "metadata": METADATA,
            "proration_behavior": one_of("create_prorations", "none"),
            "trial_end": INTEGER,
            "trial_period_days": INTEGER,
            "trial_settings": shape(
                {
                    "end_behavior": required(
                        shape({"missing_payment_method": required(one_of("cancel", "create_invoice", "pause"))})
                    )
                }
            ),
        }
    ),
    "success_url": ID,
    "tax_id_collection": shape({"enabled": required(BOOLEAN), "required": one_of("if_supported", "never")}),
    "ui_mode": one_of("elements", "embedded_page", "form", "hosted_page"),
}
AS_GIVEN: Final = (
    *("allow_promotion_codes", "allowed_payment_method_types", "billing_address_collection", "cancel_url"),
    *("client_reference_id", "customer", "customer_email", "excluded_payment_method_types", "integration_identifier"),
    *("locale", "origin_context", "phone_number_collection", "submit_type", "success_url"),
)
FOR_LATER: Final = ("customer_update", "payment_intent_data", "setup_intent_data", "subscription_data")
BLANK: Final[Document] = {
    "object": "checkout.session",
    "adaptive_pricing": None,
    "after_expiration": None,
    "allow_promotion_codes": None,
    "allowed_payment_method_types": None,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "billing_address_collection": None,
    "cancel_url": None,
    "client_reference_id": None,
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "customer": None,
    "customer_account": None,
    "customer_email": None,
    "integration_identifier": None,
    "invoice": None,
    "livemode": False,
    "locale": None,
    "managed_payments": None,
    "optional_items": None,
    "origin_context": None,
    "payment_intent": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "submit_type": None,
    "subscription": None,
    "success_url": None,
    "ui_mode": "hosted_page",
    "wallet_options": None,
}
