"""How an answer goes over the wire, well or badly: one function a behaviour, one table."""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from webox_double.answers import THOUGHTS, answer_pieces
from webox_double.behaviour import Behaviour
from webox_double.demo import DEMO_MODELS
from webox_double.wire import EndReason, Question, Wire, to_json

DEMO_SECONDS = 0.6
LONGEST_HANG_SECONDS = 3600
BOMB_MEGABYTES = 256
MEGABYTE = 1_000_000
PLACE_OF_A_PIECE = "@piece@"
_REASONS: Mapping[str, EndReason] = {
    "length": "length",
    "refusal": "refusal",
    "tool_call": "tool_calls",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call is to receive."""

    wire: Wire
    question: Question
    behaviour: Behaviour
    pieces: list[str]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def opening(self) -> list[bytes]:
        first, *rest = self.wire.opening(self.question)
        thinks = self.behaviour.fault == "reasoning"
        return [first, *(self.wire.thinking(self.question, THOUGHTS) if thinks else ()), *rest]

    def chunks(self) -> Iterator[bytes]:
        refuses = self.behaviour.fault == "refusal"
        chunk = self.wire.refusal if refuses else self.wire.chunk
        return (chunk(self.question, piece) for piece in self.pieces)

    @property
    def reason(self) -> EndReason:
        return _REASONS.get(self.behaviour.fault, "stop")

    def closing(self) -> list[bytes]:
        return self.wire.closing(self.question, self.text, self.reason)

    def everything(self) -> bytes:
        return b"".join([*self.opening(), *self.chunks(), *self.closing()])


def answer_to(wire: Wire, question: Question, behaviour: Behaviour) -> Answer:
    """Of a fault that has struck often enough the behaviour is `ok`, the text stays the model's."""
    return Answer(wire, question, behaviour, answer_pieces(question.model, question.text))


async def stream(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Sends the answer as server-sent events, in its behaviour's manner."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    if answer.behaviour.fault == "gzip_bomb":
        response.headers["Content-Encoding"] = "gzip"
    await response.prepare(request)
    fault = answer.behaviour.fault
    manner = _demo if answer.question.model in DEMO_MODELS else MANNERS.get(fault, _ok)
    await manner(response, answer)
    if fault == "cut":
        abort(request)
    else:
        await response.write_eof()
    return response


def abort(request: web.Request) -> None:
    """Ends the connection at once, in the middle of the body."""
    if request.transport is not None:
        request.transport.abort()


async def hang() -> None:
    """Until the client leaves."""
    await asyncio.sleep(LONGEST_HANG_SECONDS)


async def _ok(response: web.StreamResponse, answer: Answer) -> None:
    await response.write(answer.everything())


async def _demo(response: web.StreamResponse, answer: Answer) -> None:
    pause = DEMO_SECONDS / max(len(answer.pieces), 1)
    await _send(response, answer.opening())
    began = asyncio.get_running_loop().time()
    for number, chunk in enumerate(answer.chunks(), start=1):
        await response.write(chunk)
        await _until(began + number * pause)
    await _send(response, answer.closing())


async def _until(moment: float) -> None:
    """Sleeps until the loop's time `moment`: what was late once makes nothing after it late."""
    await asyncio.sleep(moment - asyncio.get_running_loop().time())


async def _hang_mid(response: web.StreamResponse, answer: Answer) -> None:
    await _send(response, _first_half(answer))
    await hang()


async def _bad_json(response: web.StreamResponse, answer: Answer) -> None:
    await _send(response, [*_first_half(answer), b'data: {"broken": \n\n', *answer.closing()])


async def _error_after_200(response: web.StreamResponse, answer: Answer) -> None:
    error = answer.wire.error_event(529, "Overloaded")
    await _send(response, [*_first_half(answer), error])


async def _no_terminator(response: web.StreamResponse, answer: Answer) -> None:
    await _send(response, [*answer.opening(), *answer.chunks(), *answer.closing()[:-1]])


async def _split_utf8(response: web.StreamResponse, answer: Answer) -> None:
    """Every character of several bytes arrives in two reads."""
    whole = answer.everything()
    inside = [at for at in range(1, len(whole)) if whole[at] & 0xC0 == 0x80]  # noqa: PLR2004 - a continuation byte
    starts = [0, *[at for at in inside if at - 1 not in inside]]
    await _trickle(response, [whole[a:b] for a, b in _spans(starts, len(whole))], seconds=0.001)


async def _crlf(response: web.StreamResponse, answer: Answer) -> None:
    """Lines end in CR LF, and every pair arrives in two reads."""
    lines = answer.everything().split(b"\n")
    pieces = [b"\n" + line + b"\r" for line in lines[:-1]]
    pieces[0] = pieces[0][1:]
    await _trickle(response, [*pieces, b"\n"], seconds=0.001)


async def _unknown_event(response: web.StreamResponse, answer: Answer) -> None:
    unknown = answer.wire.unknown()
    for chunk in [*answer.opening(), *answer.chunks(), *answer.closing()]:
        await _send(response, [*unknown, chunk])


async def _dup_chunk(response: web.StreamResponse, answer: Answer) -> None:
    closing = answer.closing()
    twice = [event for event in closing[:-1] for _ in range(2)]
    await _send(response, [*answer.opening(), *answer.chunks(), *twice, closing[-1]])


async def _large(response: web.StreamResponse, answer: Answer) -> None:
    await _send(response, answer.opening())
    for chunk in answer.chunks():
        await response.write(chunk)
    await _send(response, answer.closing())


async def _drip(response: web.StreamResponse, answer: Answer) -> None:
    whole = answer.everything()
    seconds = answer.behaviour.argument(0, 1) / 1000
    pieces = [whole[a:b] for a, b in _spans(range(0, len(whole), 16), len(whole))]
    await _trickle(response, pieces, seconds)


async def _paced(response: web.StreamResponse, answer: Answer) -> None:
    """Pieces of `<number>:<nanoseconds since 1970> `, each sent when it is due.

    A benchmark has a thousand of them a second: all but the piece is written once.
    """
    count, pause = answer.behaviour.argument(0, 20), answer.behaviour.argument(1, 50) / 1000
    event = answer.wire.chunk(answer.question, PLACE_OF_A_PIECE)
    before, _, after = event.partition(PLACE_OF_A_PIECE.encode())
    began, pieces = asyncio.get_running_loop().time(), []
    await _send(response, answer.opening())
    for number in range(int(count)):
        await _until(began + number * pause)
        pieces.append(f"{number}:{time.time_ns()} ")
        await response.write(before + pieces[-1].encode() + after)
    await _send(response, answer.wire.closing(answer.question, "".join(pieces), "stop"))


async def _cut(response: web.StreamResponse, answer: Answer) -> None:
    kept = int(answer.behaviour.argument(0, 2))
    await _send(response, [*answer.opening(), *list(answer.chunks())[:kept]])


async def _gzip_bomb(response: web.StreamResponse, answer: Answer) -> None:
    """A line that never ends: 256 MB of it in 250 kB."""
    del answer
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    await response.write(packer.compress(b"data: "))
    filler = b"0" * MEGABYTE
    for _ in range(BOMB_MEGABYTES):
        await response.write(packer.compress(filler))
        await asyncio.sleep(0)
    await response.write(packer.flush())


Manner = Callable[[web.StreamResponse, Answer], Awaitable[None]]
MANNERS: dict[str, Manner] = {
    "hang_mid": _hang_mid,
    "badjson": _bad_json,
    "error_after_200": _error_after_200,
    "no_terminator": _no_terminator,
    "split_utf8": _split_utf8,
    "crlf": _crlf,
    "unknown_event": _unknown_event,
    "dup_chunk": _dup_chunk,
    "10mb": _large,
    "drip": _drip,
    "cut": _cut,
    "stream": _paced,
    "gzip_bomb": _gzip_bomb,
}


def _first_half(answer: Answer) -> list[bytes]:
    chunks = list(answer.chunks())
    return [*answer.opening(), *chunks[: max(1, len(chunks) // 2)]]


def _spans(starts: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    return zip(starts, [*starts[1:], end], strict=True)


async def _send(response: web.StreamResponse, events: Sequence[bytes]) -> None:
    if events:
        await response.write(b"".join(events))


async def _trickle(response: web.StreamResponse, pieces: Sequence[bytes], seconds: float) -> None:
    for piece in pieces:
        if piece:
            await response.write(piece)
        await asyncio.sleep(seconds)


def whole_answer(answer: Answer) -> bytes:
    """The body for a client that does not stream."""
    fault, wire = answer.behaviour.fault, answer.wire
    if fault == "error_after_200":
        return to_json(wire.error(529, "Overloaded"))
    body = to_json(wire.whole(answer.question, answer.text, answer.reason))
    return body[: len(body) // 2] if fault in {"badjson", "no_terminator"} else body
