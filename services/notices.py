"""Tell what happened, once, in the transaction that made it so; and read it again in the order it was told.

Business code announces and knows nobody who listens. Whoever listens (mail, outgoing webhooks) remembers up to which
number it has delivered, and reads on from there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from models import Notice, NoticeType, TenantHead, table_of
from services.bulk_rows import insert_final
from services.errors import NotFound
from services.identifiers import new_id
from services.notice_shapes import SHAPES
from services.notice_values import NoticeData

PAGE_MAX = 200


class News(NamedTuple):
    """What is told of one subject. `occurrence` tells apart what happens to it several times."""

    tenant_id: str
    type: NoticeType
    subject_id: str
    data: NoticeData
    occurrence: str = ""


def announce(
    session: Session,
    *,
    tenant_id: str,
    type: NoticeType,
    subject_id: str,
    data: NoticeData,
    at: datetime,
    occurrence: str = "",
) -> Notice:
    """Tell a fact under the tenant's next number. Telling it again changes nothing and answers with the first notice.

    `occurrence` tells apart what happens to one subject several times. Whoever writes what is told holds the lock on
    the tenant's head; it is taken here too, so numbers have no gaps in any case. What others remember of the tenant's
    books stays true. Raises NotFound for an unknown tenant.
    """
    told = _told_before(session, tenant_id, type, subject_id, occurrence)
    if told is not None:
        return told
    return announce_new(session, [News(tenant_id, type, subject_id, data, occurrence)], at=at)[0]


def announce_new(session: Session, news: Sequence[News], *, at: datetime) -> list[Notice]:
    """The same of subjects that were made in this transaction, no two of one tenant.

    Nothing was told of them before, so it is not looked for.
    """
    for each in news:
        assert isinstance(each.data, SHAPES[each.type]), f"{each.type} tells {SHAPES[each.type]}, not {each.data!r}"
    numbered = session.execute(_next_seq, {"tenants": [each.tenant_id for each in news]})
    numbers = {each.tenant_id: each.last_notice_seq for each in numbered}
    if len(numbers) < len(news):
        raise NotFound("There is no such customer.", field="tenant_id")
    notices = [
        Notice(
            tenant_id=each.tenant_id,
            seq=numbers[each.tenant_id],
            id=new_id("ntc"),
            type=each.type.value,
            subject_id=each.subject_id,
            occurrence=each.occurrence,
            version=each.data.version,
            data=each.data.model_dump(mode="json"),
            announced_at=at,
        )
        for each in news
    ]
    insert_final(session, notices)
    return notices


def _told_before(session: Session, tenant_id: str, type: NoticeType, subject_id: str, occurrence: str) -> Notice | None:
    """The notice, once nobody else can be telling it. Where the tenant is not known there is none."""
    session.execute(_lock, {"tenant": tenant_id})
    wanted = {"tenant": tenant_id, "type": type, "subject": subject_id, "occurrence": occurrence}
    told: Notice | None = session.execute(_told, wanted).scalar()
    return told


def read_notices(session: Session, *, tenant_id: str, after_seq: int = 0, limit: int = PAGE_MAX) -> list[Notice]:
    """The tenant's notices after a number, in order."""
    statement = select(Notice).where(Notice.tenant_id == tenant_id, col(Notice.seq) > after_seq)
    return list(session.exec(statement.order_by(col(Notice.seq)).limit(min(limit, PAGE_MAX + 1))))


def last_notice(session: Session, *, tenant_id: str) -> int:
    """The number of the newest notice; 0 before the first."""
    return int(
        session.execute(select_columns(_heads.c.last_notice_seq).where(_heads.c.tenant_id == tenant_id)).scalar_one()
    )


def read_notice(session: Session, *, tenant_id: str, notice_id: str) -> Notice:
    """One notice. Raises NotFound, also where it is another tenant's."""
    statement = select(Notice).where(Notice.tenant_id == tenant_id, Notice.id == notice_id)
    notice = session.exec(statement).first()
    if notice is None:
        raise NotFound("There is no such notice.", field="notice_id")
    return notice


_heads = table_of(TenantHead)
_lock = select_columns(_heads.c.last_notice_seq).where(_heads.c.tenant_id == bindparam("tenant")).with_for_update()
_next_seq = (
    update(_heads)
    .where(_heads.c.tenant_id.in_(bindparam("tenants", expanding=True)))
    .values(last_notice_seq=_heads.c.last_notice_seq + 1)
    .returning(_heads.c.tenant_id, _heads.c.last_notice_seq)
)


_told = select(Notice).where(
    Notice.tenant_id == bindparam("tenant"),
    Notice.type == bindparam("type"),
    Notice.subject_id == bindparam("subject"),
    Notice.occurrence == bindparam("occurrence"),
)
"""Built once: building it costs as much as running it."""
