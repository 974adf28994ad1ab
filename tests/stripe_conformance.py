"""What goes to and comes from the Stripe sandbox, held against the published shape of Stripe's API.

A test takes the fixture `conformance`, or `sandbox`, which checks every exchange by itself. Each check is counted
under its operation, and one line at the end of the run says how many operations were exercised and whether all conform.
"""

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

SPEC = "spec3.endive.json.gz"
PROBLEMS_SHOWN_MAX = 12
FAILURES_SHOWN_MAX = 20


@dataclass
class Tally:
    """What one process has checked: operations and kinds of event, with how often each did and did not conform."""

    version: str = ""
    exchanges: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def note(self, counted: Counter[str], name: str, problems: list[str]) -> None:
        """Count one check; one with problems raises them together as AssertionError."""
        counted[name] += 1
        if problems:
            self.wrong[name] += 1
            shown = "\n  ".join(problems[:PROBLEMS_SHOWN_MAX])
            raise AssertionError(f"{name} does not conform to {self.version}:\n  {shown}")

    def add(self, other: Mapping[str, Any]) -> None:
        """Add what another process counted, as `as_plain_data` gave it."""
        self.version = other["version"] or self.version
        for name in ("exchanges", "events", "wrong"):
            getattr(self, name).update(other[name])

    def as_plain_data(self) -> dict[str, Any]:
        """This tally as what can be sent from a worker to the process that reports."""
        counts = {name: dict(getattr(self, name)) for name in ("exchanges", "events", "wrong")}
        return {"version": self.version, **counts}

    def sentence(self) -> str:
        """What to say at the end of the run."""
        counted = (
            f"Stripe: {len(self.exchanges):,} operations exercised in {self.exchanges.total():,} exchanges "
            f"and {self.events.total():,} events"
        )
        if not self.wrong:
            return f"{counted}; all conform to {self.version}"
        names = ", ".join(f"{name} ({count:,})" for name, count in self.wrong.most_common(FAILURES_SHOWN_MAX))
        return f"{counted}; not conforming to {self.version}: {names}"


class Routes:
    """Which operation of the specification a method and a path mean; literal segments win over templated ones."""

    def __init__(self, paths: Mapping[str, Mapping[str, Any]]) -> None:
        self._by_shape: dict[tuple[str, int], list[tuple[tuple[str, ...], str, Any]]] = {}
        for template in sorted(paths, key=lambda template: (template.count("{"), -len(template))):
            segments = tuple("" if part.startswith("{") else part for part in template.split("/"))
            for method, operation in paths[template].items():
                shape = (method, len(segments))
                self._by_shape.setdefault(shape, []).append((segments, template, operation))

    def find(self, method: str, path: str) -> tuple[str | None, Any]:
        """The template and the operation, or (None, None)."""
        parts = path.split("/")
        for segments, template, operation in self._by_shape.get((method.lower(), len(parts)), ()):
            if all(part == want if want else part for want, part in zip(segments[1:], parts[1:], strict=True)):
                return template, operation
        return None, None


class Conformance:
    """Checks exchanges and events against the specification in `folder`, and counts what it checked."""

    def __init__(self, folder: Path, tally: Tally | None = None) -> None:
        self._spec, self._routes = _specification(folder)
        self.tally = tally if tally is not None else Tally()
        self.tally.version = self._spec.version

    def check_exchange(self, method: str, target: str, body: bytes, status: int, response: dict[str, Any]) -> None:
        """Raise AssertionError where the request, if it was granted, or the response is not what Stripe takes or gives.

        `target` is path and query. A refusal is checked for the shape of its error alone: what was refused may well
        be wrong, or unknown to Stripe.
        """
        template, _ = self._routes.find(method, urlsplit(target).path)
        name = f"{method.upper()} {template or urlsplit(target).path}"
        if status >= 400:
            problems = self._spec.check_error(response)
        else:
            problems = self._spec.check_request(method, target, body)
            problems = problems or self._spec.check_response(method, target, response, status)
        if template is None and status in {401, 404} and not problems:
            return  # an operation that Stripe does not have either was refused as it should be
        self.tally.note(self.tally.exchanges, name, [str(problem) for problem in problems])

    def check_event(self, event: dict[str, Any]) -> None:
        """Raise AssertionError where a snapshot event, or the object in it, has not Stripe's shape."""
        problems = [str(problem) for problem in self._spec.check_event(event)]
        self.tally.note(self.tally.events, str(event.get("type", "an event without type")), problems)

    def check_object(self, thing: dict[str, Any]) -> None:
        """Raise AssertionError where an object is not what Stripe gives under its `object` name; it is not counted."""
        problems = self._spec.check_object(thing)
        assert not problems, "\n  ".join([f"{thing.get('object')}:", *map(str, problems[:PROBLEMS_SHOWN_MAX])])


@cache
def _specification(folder: Path) -> tuple[Any, Routes]:
    """The checker that lies beside the specification, loaded once a process and given a faster way to look up paths."""
    found = importlib.util.spec_from_file_location("stripe_shape_checker", folder / "validate.py")
    assert found is not None
    assert found.loader is not None
    checker = importlib.util.module_from_spec(found)
    sys.modules[found.name] = checker  # its dataclasses look themselves up there
    found.loader.exec_module(checker)
    specification = checker.Spec.load(folder / SPEC)
    routes = Routes(specification.doc["paths"])
    specification.find = routes.find
    return specification, routes


# ------------------------------------------------------------------------------------------------ the plugin

OF_THIS_PROCESS = Tally()
_together = Tally()


@pytest.fixture(scope="session")
def conformance_or_none(project_root: Path) -> Conformance | None:
    """The checker of this process, or None where Stripe's shapes are not to be had: then nothing is checked."""
    folder = project_root.parent / "shared" / "stripe"
    return Conformance(folder, OF_THIS_PROCESS) if (folder / SPEC).is_file() else None


@pytest.fixture(scope="session")
def conformance(shared_folder: Path, conformance_or_none: Conformance | None) -> Conformance:
    """The checker of this process; what it checks is told of at the end of the run."""
    if conformance_or_none is None:
        pytest.skip(f"needs {shared_folder.name}/stripe beside the project: Stripe's shapes are not part of it")
    return conformance_or_none


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what this process checked: to the controller, where there is one."""
    plain = OF_THIS_PROCESS.as_plain_data()
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        _together.add(plain)
    else:
        output["stripe_conformance"] = json.dumps(plain)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended; add what it checked."""
    sent = getattr(node, "workeroutput", {}).get("stripe_conformance")
    if sent is not None:
        _together.add(json.loads(sent))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line about all processes, where anything was checked."""
    if _together.exchanges or _together.events:
        terminalreporter.write_line(_together.sentence(), red=bool(_together.wrong), green=not _together.wrong)
