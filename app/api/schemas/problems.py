"""The shape of every refusal."""

from pydantic import BaseModel, ConfigDict, Field


class FieldProblem(BaseModel):
    field: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details. `code` is stable; `detail` says what to do."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:tallystick:problem:unknown_plan"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["unknown_plan"])
    field: str | None = Field(default=None, description="The field to change.")
    request_id: str | None = Field(default=None, description="Also in the X-Request-Id header and in our log.")
    errors: list[FieldProblem] | None = None
    error: str | None = Field(default=None, description="The detail again, where a quota or a feature is the matter.")
    tier: str | None = Field(default=None, description="The plan the customer is on.")
    feature: str | None = None
    upgrade_url: str | None = None
    cap: str | None = Field(default=None, description="The customer's own spending limit, where that is the matter.")
    current: str | None = Field(default=None, description="What use beyond the allowance costs so far in the period.")
    raise_cap_url: str | None = None
    alert: str | None = Field(default=None, description="`CAP_REACHED` on the first refusal of a period.")
