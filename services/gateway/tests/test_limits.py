"""Requests that are too big, too slow or no HTTP at all."""

import asyncio
import json
from typing import Any

import pytest

from webox_gateway.door import protocol
from webox_gateway.testing import Gateway, Person, StartGateway

MIB = 1024 * 1024


def post(person: Person, rest: bytes, path: bytes = b"/api/chat/send") -> bytes:
    return (
        b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + person.token.encode() + b"\r\n" + rest
    )


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    found: dict[str, Any] = json.loads(body)
    return found


class TestBodies:
    async def test_one_mebibyte_passes_and_one_byte_more_does_not(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for path in ("/api/chat/send", "/api/auth/tokens"):
            headers = {**person.bearer, "Content-Type": "application/json"}
            fits = await gateway.client.post(path, content=b" " * MIB, headers=headers)
            assert fits.status_code in {200, 400}
            over = await gateway.client.post(path, content=b" " * (MIB + 1), headers=headers)
            assert over.status_code == 413
            assert "1 MiB" in over.json()["detail"]
        assert [len(seen["body"]) for seen in gateway.upstreams["chat"].seen] == [MIB]

    async def test_a_huge_one_is_refused_before_it_is_read(self, gateway: Gateway) -> None:
        person = await gateway.user()
        answer = await gateway.raw(
            post(person, b"Content-Length: 209715200\r\nConnection: close\r\n\r\nabc")
        )
        assert problem(answer)["status"] == 413

    async def test_the_answer_reaches_a_client_that_sends_on(self, gateway: Gateway) -> None:
        person = await gateway.user()
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(post(person, b"Transfer-Encoding: chunked\r\n\r\n"))
        sent = 0
        while sent < 32 * MIB:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536
        writer.write(b"0\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert problem(answer)["status"] == 413
        assert gateway.upstreams["chat"].seen == []

    async def test_one_that_trickles_is_ended(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(body_seconds=0.3)
        person = await gateway.user()
        started = asyncio.get_running_loop().time()
        answer = await gateway.raw(post(person, b"Content-Length: 10\r\n\r\nabc"), wait=10)
        assert problem(answer)["status"] == 408
        assert asyncio.get_running_loop().time() - started < 8

    async def test_a_chunked_body_arrives_whole(self, gateway: Gateway) -> None:
        person = await gateway.user()
        answer = await gateway.raw(
            post(
                person,
                b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n',
            )
        )
        assert answer.startswith(b"HTTP/1.1 200")
        [seen] = gateway.upstreams["chat"].seen
        assert seen["body"] == '{"a":1}'
        assert dict(seen["headers"])["content-length"] == "7"
        assert "transfer-encoding" not in dict(seen["headers"])

    async def test_deep_json_is_no_500(self, gateway: Gateway) -> None:
        for deep in (b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000):
            answer = await gateway.client.post(
                "/api/auth/login", content=deep, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 400


class TestHeads:
    async def test_32_kib_of_headers_pass_and_more_do_not(self, gateway: Gateway) -> None:
        fits = await gateway.client.get("/healthz", headers={"X-Big": "a" * 30_000})
        assert fits.status_code == 200
        over = await gateway.client.get("/healthz", headers={"X-Big": "a" * 33_000})
        assert over.status_code == 431
        assert over.json()["status"] == 431

    async def test_an_endless_head_is_cut(self, gateway: Gateway) -> None:
        endless = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: aaaaaaaaaaaaaaaa\r\n" * 6000
        assert problem(await gateway.raw(endless))["status"] == 431

    async def test_one_that_trickles_is_closed(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(protocol, "_HEAD_SECONDS", 0.2)
        for start in (b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nX-A: b\r\n"):
            assert await gateway.raw(start) == b""

    async def test_a_second_request_may_take_its_time_only_to_begin(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(protocol, "_HEAD_SECONDS", 0.2)
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await gateway.raw(request + b"GET /hea")
        assert answer.count(b"HTTP/1.1") == 1


class TestFraming:
    @pytest.mark.parametrize(
        "framing",
        [
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
            b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            b"Content-Length: -1\r\n\r\n",
            b"Content-Length: 2x\r\n\r\n{}",
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        ],
    )
    async def test_ambiguous_bodies_are_400(self, gateway: Gateway, framing: bytes) -> None:
        person = await gateway.user()
        answer = await gateway.raw(post(person, framing))
        assert problem(answer)["status"] == 400
        assert gateway.upstreams["chat"].seen == []

    @pytest.mark.parametrize(
        "nonsense",
        [
            b"\x00\x01\x02\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nA B: c\r\n\r\n",
        ],
    )
    async def test_what_is_no_http_is_400(self, gateway: Gateway, nonsense: bytes) -> None:
        found = problem(await gateway.raw(nonsense))
        assert found["status"] == 400
        assert found["request_id"]

    async def test_pipelined_requests_are_answered_in_order(self, gateway: Gateway) -> None:
        answer = await gateway.raw(
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        first, second = answer.index(b"HTTP/1.1 200"), answer.index(b"HTTP/1.1 404")
        assert first < second
