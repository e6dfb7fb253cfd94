"""A message and its replies as this process knows them while they are made."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from webox_chat.live.frames import TextPiece
from webox_chat.live.texts import GrowingText
from webox_chat.messages.stored import StoredMessage
from webox_chat.replies.schemas import StoredReply


class LiveReply:
    """A reply, and its text so far: what SQL has of it once it is final."""

    def __init__(self, stored: StoredReply) -> None:
        self.attempt = stored.attempt
        self.text = GrowingText(stored.content)
        self.stored = stored

    @property
    def id(self) -> int:
        return self.stored.id

    @property
    def is_final(self) -> bool:
        return self.stored.is_final

    def take_piece(self, piece: TextPiece) -> bool:
        """Whether it fits: false when text before it is missing."""
        if self.is_final or piece.attempt < self.attempt:
            return True
        if piece.attempt > self.attempt:
            self.attempt, self.text = piece.attempt, GrowingText()
        known = len(self.text) - piece.offset
        if known < 0:
            return False
        self.text.append(piece.text[known:])
        return True

    def take_stored(self, stored: StoredReply) -> None:
        """What SQL said a moment ago: all there is to say, once it is final."""
        if self.is_final:
            # A look into SQL may have begun before the end that came by a frame, and a frame may
            # come after a look that has seen the reply superseded.
            if self.stored.superseded_by is None:
                self.stored = replace(self.stored, superseded_by=stored.superseded_by)
            return
        if stored.is_final and (
            stored.attempt != self.attempt or len(stored.content) != len(self.text)
        ):
            self.attempt, self.text = stored.attempt, GrowingText(stored.content)
        self.stored = stored


class Transcript:
    """All that viewers of a message can be shown. `on_change` is called for each of them."""

    def __init__(self, message: StoredMessage, replies: Sequence[StoredReply]) -> None:
        self.message = message
        self.replies = {each.id: LiveReply(each) for each in replies}
        self.is_broken = False
        """Nobody keeps it up to date any more."""

        self._watching: set[Callable[[], None]] = set()

    def watch(self, on_change: Callable[[], None]) -> None:
        self._watching.add(on_change)

    def leave(self, on_change: Callable[[], None]) -> None:
        self._watching.discard(on_change)

    @property
    def current(self) -> list[LiveReply]:
        """Those that no other came after, in the order the providers were named."""
        living = [each for each in self.replies.values() if each.stored.superseded_by is None]
        return sorted(living, key=lambda each: each.stored.position)

    @property
    def is_final(self) -> bool:
        return all(each.is_final for each in self.current)

    def take_pieces(self, pieces: Sequence[TextPiece]) -> bool:
        """Whether nothing is missing after them."""
        fits = [
            reply.take_piece(piece)
            for piece in pieces
            if (reply := self.replies.get(piece.reply_id)) is not None
        ]
        self._changed()
        return all(fits)

    def take_stored(self, replies: Sequence[StoredReply]) -> None:
        for stored in replies:
            known = self.replies.get(stored.id)
            if known is None:
                self.replies[stored.id] = LiveReply(stored)
            else:
                known.take_stored(stored)
        self._changed()

    def end_deleted(self) -> None:
        """The conversation is gone: what was unfinished is cancelled, with the text so far."""
        self.take_stored(
            [
                replace(
                    each.stored, status="cancelled", attempt=each.attempt, content=str(each.text)
                )
                for each in self.replies.values()
                if not each.is_final
            ]
        )

    def break_off(self) -> None:
        self.is_broken = True
        self._changed()

    def _changed(self) -> None:
        for changed in tuple(self._watching):
            changed()
