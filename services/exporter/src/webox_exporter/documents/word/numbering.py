"""Lists of a document: bullets share one numbering, each ordered list has its own."""

from dataclasses import dataclass, field

DEEPEST = 8
"""Levels there are, counted from 0; deeper lists stay there."""
STEP = 360
"""How far in a level is, in twips (1/20 point)."""

_BULLETS = 9001
_ABSTRACT_BULLETS, _ABSTRACT_DECIMALS = 9001, 9002
_MARKS = ("•", "\N{EN DASH}", "▪")


@dataclass(frozen=True, slots=True)
class Ordered:
    number: int
    level: int
    start: int


@dataclass(slots=True)
class Numbering:
    ordered: list[Ordered] = field(default_factory=list)

    def bullets(self) -> int:
        return _BULLETS

    def begin(self, level: int, start: int) -> int:
        """A new ordered list, whose first item has the number `start`."""
        number = _BULLETS + 1 + len(self.ordered)
        self.ordered.append(Ordered(number, level, start))
        return number

    def abstracts(self) -> list[str]:
        """The kinds of lists, as markup."""
        return [
            _abstract(_ABSTRACT_BULLETS, [("bullet", _MARKS[n % 3]) for n in range(DEEPEST + 1)]),
            _abstract(_ABSTRACT_DECIMALS, [("decimal", f"%{n + 1}.") for n in range(DEEPEST + 1)]),
        ]

    def lists(self) -> list[str]:
        """The lists, as markup."""
        return [_list(_BULLETS, _ABSTRACT_BULLETS, ""), *map(_ordered, self.ordered)]


def indent_of(level: int) -> int:
    """How far in the text of an item is."""
    return STEP * (level + 1)


def _abstract(number: int, levels: list[tuple[str, str]]) -> str:
    described = "".join(
        f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{mark}"/><w:lvlJc w:val="left"/><w:pPr>'
        f'<w:ind w:left="{indent_of(level)}" w:hanging="{STEP}"/></w:pPr></w:lvl>'
        for level, (kind, mark) in enumerate(levels)
    )
    return (
        f'<w:abstractNum w:abstractNumId="{number}"><w:multiLevelType w:val="multilevel"/>'
        f"{described}</w:abstractNum>"
    )


def _ordered(each: Ordered) -> str:
    override = (
        f'<w:lvlOverride w:ilvl="{each.level}"><w:startOverride w:val="{each.start}"/>'
        "</w:lvlOverride>"
    )
    return _list(each.number, _ABSTRACT_DECIMALS, override)


def _list(number: int, abstract: int, override: str) -> str:
    return f'<w:num w:numId="{number}"><w:abstractNumId w:val="{abstract}"/>{override}</w:num>'
