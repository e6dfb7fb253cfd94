#!/usr/bin/env python3
# ruff: noqa: RUF001 - every script is what this is about
"""Twelve searches in nine scripts, with their answers as a person reads them.

    make up                                                        # in another terminal
    python examples/search-in-every-script.py http://127.0.0.1:8000

It starts a conversation for each of ten questions, and asks for them again: with a typo, without
accents, by another form of a word, by the beginning of one, by a part of an identifier. What
matches is shown between brackets. It ends with a status other than 0 if an answer is not the one
expected.

It needs Python's standard library only, and makes an account of its own, unless WEBOX_TOKEN holds
a token.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

PATIENCE_SECONDS = 60
QUESTIONS = {
    "fr": "Comment les étudiants étudient-ils le cœur d'une œuvre sans la lire en entier ?",
    "en": "Why does parseHTTPResponse() keep running after read_all_rows has failed?",
    "ru": "Объясни, как работает машинное обучение и зачем нужны ещё одни данные",
    "el": "Ποια είναι η ιστορία της ελληνικής γλώσσας;",
    "ar": "كيف أتعلم البرمجة بسرعة مع مَرْحَبًا بالعالم؟",
    "he": "איך כותבים שיר על שָׁלוֹם בעברית?",
    "hi": "मशीन लर्निंग क्या है और इसे कैसे सीखें?",
    "zh": "请介绍人工智能的未来发展方向",
    "ja": "機械学習とプログラミングの関係について教えてください",
    "ko": "한국어 문법을 쉽게 배우고 싶어요",
}


@dataclass(frozen=True)
class Query:
    script: str
    text: str
    expected: str
    why: str


QUERIES = (
    Query("Latin", "etudier coeur", "fr", "another form, no accents, no ligature"),
    Query("Latin", "étudients", "fr", "a typo"),
    Query("Latin", "response run", "en", "a part of an identifier, and a stem"),
    Query("Latin", '"read_all_rows" -python', "en", "a phrase, and a word not wanted"),
    Query("Cyrillic", "МАШИННОЕ еще", "ru", "capitals, е for ё"),
    Query("Greek", "ελληνικης γλωσσας", "el", "no accents, another sigma"),
    Query("Arabic", "مرحبا البرم", "ar", "no vowel marks, and the beginning of a word"),
    Query("Hebrew", "שלום", "he", "no points"),
    Query("Devanagari", "मशीन लर्निंग", "hi", "two words"),
    Query("Han", "人工智能", "zh", "a word of a text without spaces"),
    Query("Kana", "ﾌﾟﾛｸﾞﾗﾐﾝｸﾞ", "ja", "half width for full width"),
    Query("Hangul", "문법", "ko", "the beginning of a longer word"),
)


class Webox:
    def __init__(self, address: str, token: str | None) -> None:
        self._address = address.rstrip("/")
        self._token = token

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a successful answer."""
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else json.dumps(body).encode()
        # An address that whoever runs this has given.
        request = Request(self._address + path, content, headers, method=method)  # noqa: S310
        try:
            with urlopen(request, timeout=PATIENCE_SECONDS) as response:  # noqa: S310
                return json.load(response)
        except HTTPError as error:
            sys.exit(f"{method} {path} answered {error.code}: {error.read()[:300]!r}")
        except URLError as error:
            sys.exit(f"{self._address} does not answer ({error.reason}): start it with `make up`")

    def sign_in(self) -> None:
        email = f"every-script-{os.getpid()}-{time.time_ns()}@example.com"
        account = {"email": email, "password": os.urandom(16).hex()}
        self.ask("POST", "/api/auth/register", account | {"name": "Every script"})
        self._token = self.ask("POST", "/api/auth/login", account)["access_token"]

    def search(self, text: str, **more: Any) -> Any:
        return self.ask("GET", f"/api/chat/search?{urlencode({'q': text, **more})}")


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
    token = os.environ.get("WEBOX_TOKEN") or None
    webox = Webox(address, token)
    if token is None:
        webox.sign_in()
    conversations = {name: _started(webox, text) for name, text in QUESTIONS.items()}
    wrong = 0
    for number, query in enumerate(QUERIES, start=1):
        answer = _answer(webox, query, conversations[query.expected])
        rows = answer["results"]
        wrong += not rows or rows[0]["conversation_id"] != conversations[query.expected]
        _show(number, query, answer)
    if wrong:
        sys.exit(f"{wrong} of {len(QUERIES)} answers are not the ones expected")
    print(f"All {len(QUERIES)} found what they should.")


def _started(webox: Webox, text: str) -> int:
    return int(webox.ask("POST", "/api/chat/send", {"message": text})["conversation_id"])


def _answer(webox: Webox, query: Query, expected: int) -> Any:
    """What is found once the conversation is; else what is found in the end."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = webox.search(query.text)
        found = [each["conversation_id"] for each in answer["results"]]
        if expected in found or time.monotonic() > give_up_at:
            return answer
        time.sleep(0.1)


def _show(number: int, query: Query, answer: Any) -> None:
    print(f"{number}. {query.text}   ({query.script}: {query.why})")
    for row in answer["results"]:
        print(f"   {_marked(row['title'], row['highlights']['title'])}")
        print(f"      {row['date']}  {_marked(row['snippet'], row['highlights']['snippet'])}")
    print(f"   {answer['total']} found in {answer['took_ms']} ms\n")


def _marked(text: str, spans: list[list[int]]) -> str:
    for start, end in reversed(spans):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    return text


if __name__ == "__main__":
    main()
