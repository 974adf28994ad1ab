"""The parts an assembled sandbox has: every module that lists operations, due work or fields to include."""

import importlib
import pkgutil
from types import ModuleType

from services.stripe_sandbox import billing, resources
from services.stripe_sandbox.expansion import Includable
from services.stripe_sandbox.operations import Operation
from services.stripe_sandbox.world import Work


def modules() -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for package in (billing, resources)
        for found in pkgutil.iter_modules(package.__path__)
    ]


def operations() -> list[Operation]:
    return [operation for module in modules() for operation in getattr(module, "OPERATIONS", ())]


def works() -> dict[str, Work]:
    """Due work by its name in `_due`."""
    return {name: work for module in modules() for name, work in getattr(module, "WORKS", {}).items()}


def includable() -> dict[tuple[str, str], Includable]:
    """Fields that are only there when expanded, by object name and field."""
    return {field: include for module in modules() for field, include in getattr(module, "INCLUDABLE", {}).items()}
