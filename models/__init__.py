"""What Tallystick remembers: one concept a file, columns and constraints, no queries.

Importing this package registers every table on `metadata`, which is what migrations compare against.
"""

from models.alert import Alert, AlertKind
from models.api_key import ApiKey
from models.asset import AssetSnapshot, Site
from models.asset_source import AssetPull, AssetSource, PullStatus
from models.base import metadata, table_of
from models.billing_profile import BillingProfile, Language, SellerProfile
from models.checkout import Checkout, CheckoutStatus
from models.contract import Contract, ContractOrigin
from models.credit import CreditEntry, CreditGrant, EntryKind, GrantKind
from models.credit_note import CreditNote, CreditNoteLine
from models.credit_purchase import AutoTopUp, CreditPurchase, PurchaseStatus
from models.dunning import Dunning, DunningOutcome, PaymentReminder
from models.evidence import EvidenceFile
from models.gain_share import Party
from models.gain_share_run import GainShareRun, GainShareStatus, GainShareStep, StepKind
from models.idempotency import IdempotencyRecord
from models.invoice import BillingReason, Invoice, InvoiceLine, InvoiceStatus, LineKind
from models.job_worker import JobWorker
from models.kpi import BaselineStatus, KpiBaseline, KpiMeasurement, MeasurementSource
from models.mail import MailCursor, MailKind, MailMessage, MailPreference, MailStatus
from models.maintenance import LogFile, MaintenanceImport, MaintenanceRow, RowOutcome
from models.member import Membership, Role, User, WebSession
from models.notice import Notice, NoticeType
from models.pending_line import PendingLine
from models.price_book import PlanVersion, PriceBook, PriceBookVersion
from models.receipt import Receipt, ReceiptLog, ReceiptSignature, TraceHop, UsageTally
from models.reconciliation import InvoiceCheck
from models.refund import Refund, RefundStatus
from models.reservation import Reservation, ReservationStatus
from models.scheduled_change import ChangeKind, ChangeStatus, ScheduledChange
from models.signing_key import KeyRotation, SigningKey
from models.spend_control import SpendControl, SpendControlChange
from models.stripe_account import CatalogKind, StripeAccount, StripeCatalogEntry, StripeCustomer, StripeSubscription
from models.stripe_call import StripeCall, StripeCallKind, StripeCallStatus
from models.stripe_event import EventSource, StripeEvent, StripeEventStatus
from models.stripe_invoice import StripeCreditNote, StripeInvoice, StripeInvoicePart
from models.subscription import (
    BillingPeriod,
    Collection,
    Interval,
    PeriodStatus,
    PoolUsage,
    Subscription,
    SubscriptionDiscount,
    SubscriptionStatus,
)
from models.tax import CreditNoteTax, InvoiceTax, TaxCategory, TaxRateRow
from models.tenant import Tenant, TenantHead
from models.tenant_clock import TenantClock
from models.usage import UsageDaily, UsageEvent
from models.webhook_endpoint import (
    DeliveryKind,
    DeliveryStatus,
    DisabledReason,
    EndpointStatus,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
    "Alert",
    "AlertKind",
    "ApiKey",
    "AssetPull",
    "AssetSnapshot",
    "AssetSource",
    "AutoTopUp",
    "BaselineStatus",
    "BillingPeriod",
    "BillingProfile",
    "BillingReason",
    "CatalogKind",
    "ChangeKind",
    "ChangeStatus",
    "Checkout",
    "CheckoutStatus",
    "Collection",
    "Contract",
    "ContractOrigin",
    "CreditEntry",
    "CreditGrant",
    "CreditNote",
    "CreditNoteLine",
    "CreditNoteTax",
    "CreditPurchase",
    "DeliveryKind",
    "DeliveryStatus",
    "DisabledReason",
    "Dunning",
    "DunningOutcome",
    "EndpointStatus",
    "EntryKind",
    "EventSource",
    "EvidenceFile",
    "GainShareRun",
    "GainShareStatus",
    "GainShareStep",
    "GrantKind",
    "IdempotencyRecord",
    "Interval",
    "Invoice",
    "InvoiceCheck",
    "InvoiceLine",
    "InvoiceStatus",
    "InvoiceTax",
    "JobWorker",
    "KeyRotation",
    "KpiBaseline",
    "KpiMeasurement",
    "Language",
    "LineKind",
    "LogFile",
    "MailCursor",
    "MailKind",
    "MailMessage",
    "MailPreference",
    "MailStatus",
    "MaintenanceImport",
    "MaintenanceRow",
    "MeasurementSource",
    "Membership",
    "Notice",
    "NoticeType",
    "Party",
    "PaymentReminder",
    "PendingLine",
    "PeriodStatus",
    "PlanVersion",
    "PoolUsage",
    "PriceBook",
    "PriceBookVersion",
    "PullStatus",
    "PurchaseStatus",
    "Receipt",
    "ReceiptLog",
    "ReceiptSignature",
    "Refund",
    "RefundStatus",
    "Reservation",
    "ReservationStatus",
    "Role",
    "RowOutcome",
    "ScheduledChange",
    "SellerProfile",
    "SigningKey",
    "Site",
    "SpendControl",
    "SpendControlChange",
    "StepKind",
    "StripeAccount",
    "StripeCall",
    "StripeCallKind",
    "StripeCallStatus",
    "StripeCatalogEntry",
    "StripeCreditNote",
    "StripeCustomer",
    "StripeEvent",
    "StripeEventStatus",
    "StripeInvoice",
    "StripeInvoicePart",
    "StripeSubscription",
    "Subscription",
    "SubscriptionDiscount",
    "SubscriptionStatus",
    "TaxCategory",
    "TaxRateRow",
    "Tenant",
    "TenantClock",
    "TenantHead",
    "TraceHop",
    "UsageDaily",
    "UsageEvent",
    "UsageTally",
    "User",
    "WebSession",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "metadata",
    "table_of",
]
