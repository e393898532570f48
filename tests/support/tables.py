"""The tables of all homeworks: what students get wrong, and right in other ways."""

import importlib
import pkgutil

from tests import homeworks

NAMES = [module.name for module in pkgutil.iter_modules(homeworks.__path__)]
TABLES = {n: importlib.import_module(f"tests.homeworks.{n}") for n in NAMES}
