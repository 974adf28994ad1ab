"""What is logged, how it looks, and what never is: secrets and card numbers."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from services.settings import settings

REDACTED: Final = "[redacted]"
DEPTH_MAX: Final = 8
TEXT_MAX: Final = 16 * 1024
"""Characters of one text; libraries log what strangers send whole. The end is kept too: errors are named there."""

_SECRET_NAMES: Final = re.compile(
    r"authorization|cookie|passw|secret|api[-_]?key|x-signet|token|master_key|card_?number|\bcvc\b|\bpan\b", re.I
)
_SECRETS: Final = re.compile(
    r"tally_[a-z0-9]{8}_[A-Za-z0-9_-]+"
    r"|\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]+|\bsk_[A-Za-z0-9_]{8,}"
    r"|\bwhsec_[A-Za-z0-9+/=_-]+"
    r"|\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
    r"|\$argon2[a-z]*\$[^\s\"']+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?<=tallystick_session=)[^\s;,\"']+"
    r"|(?<=['\"]cookie['\"]: ['\"])[^'\"]+",  # a request's headers, as an event's own repr has them
    re.I,
)
_DIGIT_RUN: Final = re.compile(r"(?<!\d)[2-6]\d(?:[ -]?\d){11,17}(?!\d)")


def configure_logging() -> None:
    """Lines for a person where there is a terminal, JSON otherwise, for our own logs and those of libraries."""
    wanted = settings().log_format
    is_console = wanted == "console" or (wanted == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if is_console else structlog.processors.JSONRenderer(sort_keys=True)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name("tallystick")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [*(kept for kept in root.handlers if kept.get_name() != "tallystick"), handler]
    root.setLevel(logging.WARNING)
    for ours in ("app", "services", "tallystick"):
        logging.getLogger(ours).setLevel(settings().log_level)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets out of a log entry: by the name of the field, and by what they look like in any text."""
    for name, value in event.items():
        if not name.startswith("_"):  # the formatter's own objects
            event[name] = REDACTED if _is_secret_name(name) and value is not None else _clean(value, 0)
    return event


def redact_text(text: str) -> str:
    """The text without keys, tokens, password hashes, credentials in addresses and card numbers."""
    return _DIGIT_RUN.sub(_unless_card, _SECRETS.sub(REDACTED, text))


def _clean(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        text = str(value)
        return value if redact_text(text) == text else REDACTED
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return REDACTED if depth >= DEPTH_MAX else _clean_inside(value, depth)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return _shorten(redact_text(text))


def _shorten(text: str) -> str:
    kept = TEXT_MAX // 2
    return text if len(text) <= TEXT_MAX else f"{text[:kept]} [{len(text) - 2 * kept:,} cut] {text[-kept:]}"


def _clean_inside(value: Any, depth: int) -> Any:
    if not isinstance(value, Mapping):
        return [_clean(item, depth + 1) for item in value]
    return {
        redact_text(str(name)): REDACTED if _is_secret_name(str(name)) else _clean(inside, depth + 1)
        for name, inside in value.items()
    }


def _is_secret_name(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _unless_card(run: "re.Match[str]") -> str:
    digits = [int(character) for character in run.group() if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return REDACTED if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else run.group()
