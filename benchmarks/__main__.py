"""`make bench ARGS="name …"`: each measurement is a module of this folder with `measure() -> list[Result]`; this prints them as one table.

Speeds are ratios of two things done side by side in one run, on the embedded server; only start-up and health are in seconds. `name:size`
measures at another of the sizes that the module knows."""

import sys
from importlib import import_module

from rich.console import Console
from rich.table import Table

#: Without `weighing`, which trains fifteen times on 400,000 events, `scaling`, which starts a redis, and `week`, which lives seven days:
#: they are asked for by name.
MODULES = (
    "startup",
    "preferences",
    "revenue",
    "facts",
    "functions",
    "money",
    "attribution",
    "funnel",
    "people",
    "health",
    "history",
)


def main(chosen: list[str]) -> None:
    table = Table("measurement", "median", "lowest", "highest", "unit", "of")
    for name, _, size in (one.partition(":") for one in chosen or MODULES):
        for result in import_module(f"benchmarks.{name}").measure(*filter(None, [size])):
            low, middle, high = result.spread()
            table.add_row(result.name, f"{middle:.2f}", f"{low:.2f}", f"{high:.2f}", result.unit, result.of)
    Console(width=140).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
