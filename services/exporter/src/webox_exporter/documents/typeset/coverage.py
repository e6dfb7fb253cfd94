"""Which scripts the fonts of this machine can print."""

from webox_exporter.documents.typeset.chains import sans
from webox_exporter.documents.typeset.scripts import SAMPLES


def printable() -> tuple[list[str], list[str]]:
    """The names of the scripts whose sample the fonts have whole, and of the others."""
    can = [name for name, sample in SAMPLES.items() if _has(sample)]
    return can, [name for name in SAMPLES if name not in can]


def _has(sample: str) -> bool:
    return not any(run.missing for run in sans().runs(sample))
