"""A pytest plugin: a run ends with the table of faults, each with its tests and their results.

`@pytest.mark.fault("F09")` on a test, a class or a module says which fault it is about.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

_PROPERTY = "fault"
_RESULTS = ("passed", "failed", "error", "skipped")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("fault"):
            # Unlike marks, properties come back from the processes of a parallel run.
            item.user_properties.extend((_PROPERTY, number) for number in mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    results: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for result in _RESULTS:
        for report in terminalreporter.getreports(result):
            for number in _faults(report):
                results[number, report.nodeid.partition("[")[0]][result] += 1
    if results:
        terminalreporter.section("faults")
    for (number, test), counts in sorted(results.items()):
        said = ", ".join(f"{counts[result]} {result}" for result in _RESULTS if counts[result])
        terminalreporter.write_line(f"{number}  {said:<10}  {test}")


def _faults(report: object) -> Iterator[str]:
    for name, value in getattr(report, "user_properties", ()):
        if name == _PROPERTY:
            yield str(value)
