"""A model's calls of tools, which Webox does not make: they are shown as text."""

import json

from webox_chat.providers.text import LONGEST_REPLY_BYTES

_COST_OF_A_CALL = 100


class ToolCalls:
    """Calls as they grow; what would pass a reply's length is left out."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[list[str], list[str]]] = {}
        self._room = LONGEST_REPLY_BYTES

    def add(self, position: int | None, name: str, arguments: str) -> None:
        """The next piece of a call; without a position a name begins a new one."""
        if position is None:
            if not (name or self._calls):
                return
            position = len(self._calls) - (not name)
        self._room -= len(name) + len(arguments) + _COST_OF_A_CALL * (position not in self._calls)
        if self._room < 0:
            return
        names, values = self._calls.setdefault(position, ([], []))
        names.append(name)
        values.append(arguments)

    def take(self) -> str:
        """The calls so far as blocks of Markdown, empty for none; they are forgotten."""
        blocks = [_block("".join(names), "".join(each)) for names, each in self._calls.values()]
        self._calls.clear()
        return "\n\n".join(blocks)


def _block(name: str, arguments: str) -> str:
    """One call; arguments that are not JSON are shown as they are."""
    try:
        value = json.loads(arguments) if arguments.strip() else {}
        call = json.dumps({"name": name, "arguments": value}, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        call = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False, indent=2)
    return f"```json\n{call}\n```"
