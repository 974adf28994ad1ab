"""Laws of metering as a whole: however events are cut into batches, and however often they are sent, one outcome."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import PoolUsage, UsageDaily
from services.closing.close import close_period, preview_invoice
from services.database import transaction
from services.metering import UsageInput, record_usage
from services.rules.quantities import to_micro
from tests.given import NOON, assert_books_agree, customer

METERS = ("LLM_token_usage", "vision_frame_batch", "optimizer_job", "simulator_run")

sent = st.builds(
    lambda n, meter, units, hours: UsageInput(
        None,
        meter,
        to_micro(units),
        event_id=f"e{n}-{meter}-{units}-{hours}",
        occurred_at=NOON - timedelta(hours=hours),
    ),
    st.integers(0, 5),
    st.sampled_from(METERS),
    st.decimals(min_value=Decimal("0.000001"), max_value=300_000, places=6),
    st.integers(0, 24 * 15),
)


def outcome(session: Session, tenant_id: str) -> tuple[object, ...]:
    daily = session.exec(select(UsageDaily).where(UsageDaily.tenant_id == tenant_id)).all()
    pools = session.exec(select(PoolUsage).where(PoolUsage.tenant_id == tenant_id)).all()
    preview = preview_invoice(session, tenant_id=tenant_id, at=NOON)
    return (
        sorted((d.day, d.event_type, d.units_micro, d.credits_micro, d.events) for d in daily),
        [(p.used_micro, p.overage_micro) for p in pools],
        preview.invoice.total_minor,
    )


@settings(max_examples=25)
@given(st.lists(sent, min_size=1, max_size=12), st.data())
def test_batches_and_retries_do_not_change_the_bill(
    sqlite_engine: Engine, events: list[UsageInput], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(events)))
    again = data.draw(st.lists(st.sampled_from(events), max_size=6))
    outcomes = []
    for batches in ([events], [events[:cut], events[cut:], again]):
        with transaction(sqlite_engine) as session:
            one = customer(session, name=f"Customer {datetime.now(UTC).timestamp()}")
            for batch in batches:
                record_usage(session, tenant_id=one.tenant_id, events=batch, at=NOON)
            assert_books_agree(session, one.tenant_id)
            outcomes.append(outcome(session, one.tenant_id))
            invoice = close_period(session, tenant_id=one.tenant_id, at=datetime(2026, 12, 1, 6, tzinfo=UTC))
            assert invoice.total_minor == outcomes[-1][2]
            assert_books_agree(session, one.tenant_id)
    assert outcomes[0] == outcomes[1]
