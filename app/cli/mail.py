"""`tallystick mail status|send|retry`: where letters to customers go, what became of them, and sending them now."""

from typing import Annotated

import typer

from app import mailing
from app.cli.output import AsJson, print_record, print_table, refuse
from app.cli.preparing import ready_database
from app.unit_of_work import now
from services.database import reading, transaction
from services.gateways.mail import InvalidMailAddress
from services.mails import sending, views

commands = typer.Typer(help="Letters to customers: where they go, what became of them.", no_args_is_help=True)

MailId = Annotated[str, typer.Argument(metavar="MAIL_ID", help="The letter's id, mail_…, as `mail status` lists it.")]


@commands.command()
def status(as_json: AsJson = False) -> None:
    """Say where letters go and how many have each status, and list those that failed."""
    ready_database()
    with reading() as session:
        view = views.list_mails(session, at=now())
    if not as_json:
        typer.echo(". ".join(filter(None, (view.route.title, view.route.detail))))
    counts = {each.status: each.count for each in view.counts}
    print_record({**counts, "customers held up": view.route.held_up}, as_json=as_json)
    if not as_json and view.rows:
        typer.echo()
        rows = [{"id": row.id, "to": row.address, "subject": row.subject, "error": row.note} for row in view.rows]
        print_table(rows, as_json=False, empty="")


@commands.command()
def send(as_json: AsJson = False) -> None:
    """Write the letters that are due and hand them over now. Exit code 1 where no mail server is set."""
    ready_database()
    try:
        server = mailing.check_mail_settings()
    except InvalidMailAddress as error:
        refuse(str(error))
    written = mailing.prepare_due_mails(at=now())
    sent = mailing.send_due_mails(at=now(), clock=now)
    print_record({"written": written["mails"], **sent}, as_json=as_json)
    if server is None:
        refuse("No mail server is set: letters wait. Set TALLYSTICK_SMTP_URL.")


@commands.command()
def retry(mail_id: MailId, as_json: AsJson = False) -> None:
    """Put a letter that failed or was given up back in line; it goes out with the next."""
    ready_database()
    with transaction() as session:
        mail = sending.find_mail(session, mail_id=mail_id)
        mail = sending.retry_mail(session, tenant_id=mail.tenant_id, mail_id=mail_id, at=now())
    print_record({"id": mail.id, "to": mail.address, "status": mail.status.value}, as_json=as_json)
