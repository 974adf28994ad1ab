"""Reading the page's own address in the browser, without a round trip to the server, and leaving for another site."""

import json

import reflex as rx
from reflex.event import EventSpec
from reflex.utils.imports import ImportVar
from reflex.vars import VarData


def query_value(name: str) -> rx.Var[str]:
    """The value of `?name=` in the address, "" when absent; empty until the page has mounted.

    It is read in an effect because the pages are prerendered without a query, and the first render must match.
    """
    variable = f"query_{name}"
    setter = f"setQuery_{name}"
    hooks = {
        f'const [{variable}, {setter}] = useState("");': None,
        f'useEffect(() => {{ {setter}(new URLSearchParams(window.location.search).get("{name}") ?? ""); }}, []);': None,
    }
    imports = {"react": [ImportVar(tag="useState"), ImportVar(tag="useEffect")]}
    return rx.Var(variable, _var_type=str, _var_data=VarData(hooks=hooks, imports=imports)).to(str)


def leave_for(url: str) -> EventSpec:
    """Go to an address outside the portal in the same tab, with a full navigation.

    `rx.redirect` either opens a tab of its own, which browsers block after a round trip, or takes an address on this
    host for one of the portal's pages: the local payment pages are on this host.
    """
    assert url.startswith(("https://", "http://"))
    return rx.call_script(f"window.location.assign({json.dumps(url)})")
