"""GET /v1/plans: what is for sale. Public, as a price list is."""

from starlette.responses import Response

from app import unit_of_work
from app.api.commands import rendered
from app.api.documentation import PUBLIC, problems
from app.api.exact_route import api_router
from app.api.schemas.plans import PriceBookShown
from services.database import Session
from services.price_books.books import book_in_force

router = api_router("/v1/plans", "Plans")


@router.get("", response_model=PriceBookShown, responses=problems(PUBLIC))
async def list_plans() -> Response:
    """The price book in force: plans in the order they are shown, meters, and what beyond the included costs."""

    def show(session: Session) -> str:
        return rendered(PriceBookShown.of(book_in_force(session)))

    return Response(await unit_of_work.read(show), media_type="application/json")
