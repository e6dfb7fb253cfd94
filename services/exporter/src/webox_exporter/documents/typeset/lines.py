"""Words in lines of a given width: as many as fit, each line cut at its last good place."""

from collections.abc import Iterator
from operator import attrgetter

from webox_exporter.documents.typeset.direction import in_visual_order
from webox_exporter.documents.typeset.wording import (
    ENDING,
    Word,
    cut,
    may_not_begin_a_line,
    without_space,
)

Line = list[Word]
_ROUNDING = 0.01


def fill(words: list[Word], width: float) -> Iterator[Line]:
    """The words in lines, at least one; spaces at a line's end hang over the margin."""
    line: Line = []
    taken = 0.0
    good = 0  # the line may be cut before this word
    for word in words:
        if word.may_end and good < len(line) and _breaks_between(line[-1], word):
            good = len(line)
        while taken + word.bare > width + _ROUNDING and not word.is_space:
            if good:
                yield _trimmed(line[:good])
                line = line[good:]
                taken = sum(each.width for each in line)
                good = 0
                continue
            head, tail = _divided(word, width - taken, must=not line)
            yield [*line, head] if head else line
            line, taken = [], 0.0
            if tail is None:
                break
            word = tail  # noqa: PLW2901 - what is left of it
        else:
            line.append(word)
            taken += word.width
            if word.may_end:
                good = len(line)
    yield _trimmed(line)


def _divided(word: Word, room: float, *, must: bool) -> tuple[Word | None, Word | None]:
    """What of the word goes on this line, and what is left; nothing does on the line's last bit."""
    if must or (room > 2 * word.look.size and not word.missing):
        return cut(word, room)
    return None, word


def _breaks_between(before: Word, after: Word) -> bool:
    """Before an ideograph there is a place too: it ends a line without a space after it."""
    if before.is_space or after.missing or after.text[-1] in ENDING:
        return False
    return not may_not_begin_a_line(after.text[0])


def _trimmed(line: Line) -> Line:
    end = len(line)
    while end and line[end - 1].is_space:
        end -= 1
    if end and line[end - 1].width != line[end - 1].bare:
        return [*line[: end - 1], without_space(line[end - 1])]
    return line[:end]


def width_of(line: Line) -> float:
    """How wide the line is, in points."""
    return sum(word.width for word in line)


def visual(line: Line) -> Line:
    """The line's words from left to right, as they are drawn."""
    if any(word.level for word in line):
        return in_visual_order(line, attrgetter("level"))
    return line
