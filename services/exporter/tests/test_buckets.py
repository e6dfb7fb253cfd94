"""The file store on a bucket: a real server that speaks S3's protocol, on this machine."""

import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from moto.server import ThreadedMotoServer

from webox_exporter.errors import LostJobError
from webox_exporter.files import FileStore
from webox_exporter.settings import ExporterSettings

from .conftest import Exporter, FakeChat, message

PART = 5 * 1024 * 1024
BLOCK = bytes(range(256)) * 4096
EXPORT = UUID("01a21f0f-9238-72dc-9068-e45b0d891cda")


@dataclass
class Bucket:
    http: httpx.AsyncClient
    url: str

    async def uploads(self) -> list[str]:
        """Keys of the uploads that were begun and neither completed nor aborted."""
        listed = await self.http.get("?uploads")
        return re.findall("<Upload>.*?<Key>(.*?)</Key>", listed.text)

    async def keys(self) -> list[str]:
        return re.findall("<Key>(.*?)</Key>", (await self.http.get("?list-type=2")).text)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    name = f"exports-{uuid4()}"
    for variable, value in {
        "AWS_ENDPOINT": server,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "canary-key-id",
        "AWS_SECRET_ACCESS_KEY": "canary-secret",
    }.items():
        monkeypatch.setenv(variable, value)
    async with httpx.AsyncClient(base_url=f"{server}/{name}") as http:
        (await http.put("")).raise_for_status()
        yield Bucket(http, f"s3://{name}/of/webox")


@pytest.fixture
def store(bucket: Bucket) -> FileStore:
    return FileStore(bucket.url)


def stored(store: FileStore, blocks: int, name: str = "1") -> Any:
    with store.writing(f"{EXPORT}/{name}.part") as writer:
        for _ in range(blocks):
            writer.write(BLOCK)
    return store.publish(f"{EXPORT}/{name}.part", f"{EXPORT}/{name}.txt", writer)


async def read(store: FileStore, key: str, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in await store.open(key, start, end)])


@pytest.mark.parametrize("blocks", [1, 12])
async def test_written_read_and_removed(store: FileStore, bucket: Bucket, blocks: int) -> None:
    content = BLOCK * blocks  # more than one part, and less
    file = stored(store, blocks)
    assert file.size_bytes == len(content)
    assert file.sha256 == hashlib.sha256(content).hexdigest() == await store.sha256(file.key)
    assert await bucket.keys() == [f"of/webox/{EXPORT}/1.txt"]
    assert await store.sizes() == {file.key: len(content)}
    for start, end in ((0, len(content)), (1, 2), (len(content) - 3, len(content)), (5, 5)):
        assert await read(store, file.key, start, end) == content[start:end]
    if blocks > 5:
        assert await read(store, file.key, PART - 2, PART + 2) == content[PART - 2 : PART + 2]
    assert await bucket.uploads() == []
    await store.remove_all(EXPORT)
    assert await bucket.keys() == []
    with pytest.raises(FileNotFoundError):
        await store.open(file.key, 0, 1)
    store.remove(file.key)


def broken_off(blocks: int) -> Iterator[bytes]:
    yield from [BLOCK] * blocks
    raise LostJobError


@pytest.mark.parametrize("blocks", [1, 12])
async def test_broken_off_leaves_nothing(store: FileStore, bucket: Bucket, blocks: int) -> None:
    with pytest.raises(LostJobError), store.writing(f"{EXPORT}/1.part") as writer:
        writer.writelines(broken_off(blocks))
    assert await bucket.keys() == []
    assert await bucket.uploads() == []


async def test_a_later_attempt_removes_the_earlier(store: FileStore, bucket: Bucket) -> None:
    stored(store, 1, "1")
    kept = stored(store, 1, "2")
    await store.remove_all(EXPORT, keep=kept.key)
    assert await bucket.keys() == [f"of/webox/{kept.key}"]


@pytest.mark.usefixtures("bucket")
async def test_a_bucket_that_is_not_there() -> None:
    missing = FileStore("s3://nowhere/at/all")
    with pytest.raises(OSError), missing.writing("a.part") as writer:  # noqa: PT011 - its text is S3's
        writer.write(BLOCK)
    with pytest.raises(FileNotFoundError):
        await missing.open("a", 0, 1)


class TestThroughTheService:
    @pytest.fixture
    def settings(self, settings: ExporterSettings, bucket: Bucket) -> ExporterSettings:
        return settings.model_copy(update={"files_url": bucket.url})

    async def test_a_download_by_parts(
        self, exporter: Exporter, chat: FakeChat, bucket: Bucket
    ) -> None:
        chat.add(1, [message(number, "mot " * 20_000) for number in range(100)])
        job = await exporter.done({"format": "txt", "conversation_ids": [1]})
        whole = await exporter.downloaded(job)
        assert len(whole) > PART
        response = await exporter.get(job["download_url"], headers={"Range": "bytes=10-19"})
        assert (response.status_code, response.content) == (206, whole[10:20])
        assert response.headers["etag"] == f'"{job["sha256"]}"'
        known = {"If-None-Match": response.headers["etag"]}
        assert (await exporter.get(job["download_url"], headers=known)).status_code == 304
        await exporter.request("DELETE", f"/api/exports/{job['id']}")
        assert await bucket.keys() == []
