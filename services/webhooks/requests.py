"""One request to an endpoint, and what came of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sending:
    """One request, ready to be sent."""

    tenant_id: str
    endpoint_id: str
    delivery_id: str
    attempt: int
    claim: str | None
    url: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request: a status with the start of the body, or the reason why there is none."""

    status: int | None
    response: str = ""
    error: str | None = None
    duration_ms: int = 0

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
