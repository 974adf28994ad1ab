"""The published keys, as they are shown: a JWK Set (RFC 7517) of Ed25519 keys (RFC 8037)."""

from typing import Literal

from pydantic import Field

from app.api.schemas.values import Shown

_SECONDS = "Whole seconds since 1970, UTC."


class JwkShown(Shown):
    """One public key and the time it signs in. Members that do not apply are left out."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str = Field(description="The public key in base64url.", examples=["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"])
    kid: str = Field(description="Its RFC 7638 thumbprint.", examples=["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"])
    use: Literal["sig"]
    iat: int = Field(description=f"When it was made. {_SECONDS}")
    nbf: int = Field(description=f"When it began to sign. {_SECONDS}")
    exp: int | None = Field(None, description=f"After this it signs nothing more; absent while it signs. {_SECONDS}")


class JwkSetShown(Shown):
    """Present and retired keys, the one that signs first."""

    keys: list[JwkShown]
