"""People, what they may do for which customer, and where they are signed in.

A person is found by e-mail or cookie before any tenant is known, so `users` and `web_session` are directory tables:
they are not owned by a tenant.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice

EMAIL_MAX = 254


class Role(StrEnum):
    """What a person may do for a customer: look, answer for the bills, or also manage people and keys."""

    VIEWER = "viewer"
    BILLING_ADMIN = "billing_admin"
    OWNER = "owner"


class User(SQLModel, table=True):
    """A person. `is_operator` marks our own side, who may work for any customer.

    `language` is what they want to be written to in; None takes the customer's. `wants_desk_mail` is an operator's
    choice: to be written to about what customers decide.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("language IN ('en', 'fr')", name="language"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    email: str = Field(unique=True, max_length=EMAIL_MAX)
    password_hash: str = Field(max_length=255)
    is_operator: bool = False
    language: str | None = Field(default=None, max_length=2)
    wants_desk_mail: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)


class Membership(TenantOwned, table=True):
    """That a person belongs to a customer, and in which role."""

    __tablename__ = "membership"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        ForeignKeyConstraint(["user_id"], ["users.id"]),
        Index("ix_membership_user_id", "user_id"),
    )

    user_id: str = Field(primary_key=True, max_length=ID_MAX)
    role: Role = Field(sa_type=choice(Role))
    created_at: datetime = Field(sa_type=UtcDateTime)


class WebSession(SQLModel, table=True):
    """A signed-in browser. Only the SHA-256 of the cookie is kept; `tenant_id` is the customer being looked at.

    `subscription_id` is which of its subscriptions: a wish that is held to the customer's own whenever it is read.
    """

    __tablename__ = "web_session"
    __table_args__ = (
        ForeignKeyConstraint(["user_id"], ["users.id"]),
        CheckConstraint("expires_at > created_at", name="lifetime"),
        Index("ix_web_session_user_id", "user_id"),
    )

    digest: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(max_length=ID_MAX)
    tenant_id: str | None = Field(default=None, max_length=ID_MAX, foreign_key="tenant.id")
    subscription_id: str | None = Field(default=None, max_length=ID_MAX)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
