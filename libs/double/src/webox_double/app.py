"""The routes of the double."""

import asyncio
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from webox_double.anthropic_wire import AnthropicWire
from webox_double.behaviour import FAULTS, Behaviour, Strikes, behaviour_of
from webox_double.calls import CallLog
from webox_double.demo import DEMO_MODELS
from webox_double.openai_wire import OpenAIWire
from webox_double.streams import abort, answer_to, hang, stream, whole_answer
from webox_double.wire import BadRequestError, Question, Wire, to_json

LARGEST_REQUEST = 64 * 1024 * 1024


class ProviderDouble:
    """The handlers, with the log of calls and the count of failures they share."""

    def __init__(self) -> None:
        self.log = CallLog()
        self._strikes = Strikes()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.add_routes(
            [
                web.post("/v1/chat/completions", partial(self._ask, OpenAIWire())),
                web.post("/v1/messages", partial(self._ask, AnthropicWire())),
                web.get("/v1/models", self._models),
                web.get("/calls", self._calls),
                web.delete("/calls", self._clear),
                web.route("*", "/redirected", self._redirected),
            ]
        )
        return app

    def clear(self) -> None:
        self.log.calls.clear()
        self._strikes.clear()

    async def _ask(self, wire: Wire, request: web.Request) -> web.StreamResponse:
        try:
            question = wire.read(request.headers, _object(await request.read()))
        except BadRequestError as error:
            return _json(wire.error(400, str(error)), status=400)
        key = wire.key(request.headers)
        try:
            with self.log.record(
                wire.name,
                question.model,
                key,
                question.messages,
                system=question.system,
                stop=question.stop,
            ):
                return await self._answer(wire, question, request)
        except ConnectionResetError:
            # The client left; the log says so, and nobody is there for another answer.
            return web.Response()

    async def _answer(
        self, wire: Wire, question: Question, request: web.Request
    ) -> web.StreamResponse:
        behaviour = behaviour_of(question.model)
        if not self._strikes.strikes_now(behaviour, wire.name, question.model, question.text):
            behaviour = Behaviour("ok", delay_seconds=behaviour.delay_seconds)
        if behaviour.delay_seconds:
            await asyncio.sleep(behaviour.delay_seconds)
        refusal = await _refusal(wire, behaviour, request)
        if refusal is not None:
            return refusal
        answer = answer_to(wire, question, behaviour)
        if question.stream:
            return await stream(request, answer)
        if behaviour.fault in {"hang_mid", "cut"}:
            return await _half_a_body(request, behaviour, whole_answer(answer))
        return web.Response(body=whole_answer(answer), content_type="application/json")

    async def _models(self, request: web.Request) -> web.Response:
        del request
        names = [*DEMO_MODELS, "ok", *sorted(FAULTS)]
        models = [{"id": name, "object": "model", "owned_by": "webox"} for name in names]
        return _json({"object": "list", "data": models})

    async def _calls(self, request: web.Request) -> web.Response:
        del request
        return _json({"calls": self.log.as_dicts()})

    async def _clear(self, request: web.Request) -> web.Response:
        del request
        self.clear()
        return web.Response(status=204)

    async def _redirected(self, request: web.Request) -> web.Response:
        """Where `redirect_private` points: whoever comes here has followed a redirect."""
        key = request.headers.get("Authorization") or request.headers.get("x-api-key") or ""
        with self.log.record("redirected", "", key, 0):
            return web.Response(text="followed")


async def _refusal(
    wire: Wire, behaviour: Behaviour, request: web.Request
) -> web.StreamResponse | None:
    """The behaviours that never reach an answer's first byte."""
    match behaviour.fault:
        case "hang_headers":
            await hang()
        case "401":
            # As careless as a provider can be: the key comes back in the message.
            message = f"Incorrect API key provided: {wire.key(request.headers)}."
            return _json(wire.error(401, message), status=401)
        case "429":
            seconds = f"{behaviour.argument(1, 1):g}"
            body = wire.error(429, "Rate limit reached, please slow down")
            return _json(body, status=429, headers={"Retry-After": seconds})
        case "500":
            return _json(wire.error(500, "The server had an error"), status=500)
        case "redirect_private":
            target = f"http://{request.host}/redirected"
            return web.Response(status=307, headers={"Location": target})
    return None


async def _half_a_body(
    request: web.Request, behaviour: Behaviour, body: bytes
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if behaviour.fault == "hang_mid":
        await hang()
    abort(request)
    return response


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadRequestError("the body must be an object")
    return value


def _json(
    value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=to_json(value), status=status, headers=headers, content_type="application/json"
    )
