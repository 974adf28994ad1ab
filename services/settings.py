"""Configuration, from the environment or a `.env` file. Every name starts with `TALLYSTICK_`."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent
CATALOGS = PROJECT_ROOT / "models" / "catalogs"
DEFAULT_ADDRESS = "http://localhost:3000"
HISTORY_DAYS_MIN = 30
"""Longer than anything is tried again."""

PORT_VARIABLE = "TALLYSTICK_PORT"
"""Set by the server itself, to the port it was started on."""


class Settings(BaseSettings):
    """What an operator can set. `.env.example` explains each."""

    model_config = SettingsConfigDict(env_prefix="TALLYSTICK_", env_file=".env", extra="ignore")

    database_url: str = "sqlite:///data/tallystick.db"
    redis_url: str | None = None
    master_key: str | None = Field(default=None, repr=False)
    public_url: str = DEFAULT_ADDRESS
    stripe_secret_key: str | None = Field(default=None, repr=False)
    stripe_webhook_secret: str | None = Field(default=None, repr=False)
    stripe_address: str | None = None
    smtp_url: str | None = Field(default=None, repr=False)
    mail_from: str = "Tallystick <billing@localhost>"
    mail_reply_to: str | None = None
    catalog: str = "reliability"
    reserved_config: Path | None = None
    accounts: str | None = None
    log_format: str = Field(default="auto", pattern="^(auto|json|console)$")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    period_grace_minutes: int = Field(default=60, ge=0, le=7 * 24 * 60)
    payment_days: int = Field(default=30, ge=0, le=365)
    history_kept_days: int = Field(default=90, ge=0, le=3_650)
    test_clocks: bool = False
    loopback_calls: bool = False
    seller_name: str = Field(default="Tallystick", min_length=1, max_length=200)
    seller_email: str = Field(default="", max_length=254)
    seller_country: str = Field(default="CA", pattern="^[A-Z]{2}$")
    scheduler: bool = True
    scheduler_seconds: int = Field(default=30, ge=1, le=3600)

    @field_validator(
        "stripe_secret_key",
        "stripe_webhook_secret",
        "stripe_address",
        "smtp_url",
        "mail_reply_to",
        "accounts",
        "reserved_config",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("history_kept_days")
    @classmethod
    def _keeps_what_may_be_asked_again(cls, days: int) -> int:
        if 0 < days < HISTORY_DAYS_MIN:
            raise ValueError(f"TALLYSTICK_HISTORY_KEPT_DAYS is 0, to keep all, or at least {HISTORY_DAYS_MIN}")
        return days

    @model_validator(mode="after")
    def _no_test_clocks_in_production(self) -> Self:
        if self.test_clocks and (self.public_url.startswith("https://") or _is_live(self.stripe_secret_key)):
            raise ValueError("TALLYSTICK_TEST_CLOCKS is for development: not with https:// or a live key")
        return self

    @model_validator(mode="after")
    def _calls_no_loopback_in_production(self) -> Self:
        if self.loopback_calls and self.cookies_are_secure:
            raise ValueError(
                "TALLYSTICK_LOOPBACK_CALLS lets customers have this machine call itself: for development only, not "
                "with an https:// TALLYSTICK_PUBLIC_URL"
            )
        return self

    @property
    def portal_address(self) -> str:
        """Where browsers reach the portal, without a slash at its end.

        Where no address was set and the portal listens on another port than the usual one, it follows that port.
        """
        port = os.environ.get(PORT_VARIABLE)
        is_set = "public_url" in self.model_fields_set and self.public_url != DEFAULT_ADDRESS
        return f"http://localhost:{port}" if port and not is_set else self.public_url.rstrip("/")

    @property
    def cookies_are_secure(self) -> bool:
        """Whether browsers reach us over TLS, so that the session cookie may demand it."""
        return self.public_url.startswith("https://")


def _is_live(key: str | None) -> bool:
    return key is not None and "_live_" in key


@lru_cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
