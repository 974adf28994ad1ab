"""The pages a person sees: checkout, customer portal, hosted invoice, and the sandbox's own home."""

from starlette.routing import BaseRoute

from services.stripe_sandbox.world import World


def page_routes(world: World) -> list[BaseRoute]:
    """Every page, the files they use, the invoices' PDFs, and a page for what is not there."""
    from services.stripe_sandbox.pages import routes  # noqa: PLC0415 - the pages are in this package themselves

    return routes.page_routes(world)
