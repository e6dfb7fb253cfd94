"""How well search ranks: judged queries over manual pages in six languages.

A page is a conversation, its title the page's, each paragraph a message. The queries are drawn from
the pages by a seed: words of a title, words of a paragraph, words side by side in quotes, capitals
without accents, families of words (`run`, `running`). They are judged by Python's word characters,
not by Webox's own words: a page is worth 3 if its title has all words of the query, 2 if they stand
side by side in a paragraph, 1 if a paragraph has them all; in quotes only side by side counts.

NDCG@10 has gains of 2^grade - 1. Recall is how many of the pages with a grade are among the first
50, of 50 at most. Typos are single edits at random places of rare words of five letters and more.
Meilisearch is measured as well where WEBOX_TEST_MEILISEARCH_URL points to one.
"""

import asyncio
import math
import os
import random
import re
import statistics
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from bench import manual_pages
from bench.manual_pages import LANGUAGES, NEEDED, Page
from webox_search.index.base import Document, SearchIndex, SearchQuery
from webox_search.index.embedded import EmbeddedIndex

SEED = 20251124
PAGES_A_LANGUAGE, PARAGRAPHS_A_PAGE, QUERIES_A_KIND, TYPOS = 200, 15, 15, 600
SHOWN, LOOKED_AT = 10, 50
LEAST_NDCG, LEAST_TYPO_RECALL = 0.85, 0.90
RARE = 5
USER = 1

FAMILIES = {
    "fr": [
        ("afficher", "affiche", "affichage"), ("créer", "créé", "création"),
        ("supprimer", "supprime", "suppression"), ("utiliser", "utilise", "utilisation"),
        ("modifier", "modifie", "modification"), ("installer", "installe", "installation"),
        ("comparer", "compare", "comparaison"), ("définir", "définit", "définition"),
        ("fichier", "fichiers"), ("répertoire", "répertoires"),
    ],
    "en": [
        ("list", "lists", "listed"), ("copy", "copies", "copied"), ("print", "prints", "printing"),
        ("describe", "describes", "described"), ("convert", "converts", "converted"),
        ("create", "creates", "created"), ("connect", "connected", "connecting"),
        ("remove", "removes", "removed"), ("device", "devices"), ("directory", "directories"),
    ],
}  # fmt: skip

_WORD = re.compile(r"\w+")
_JAPANESE = re.compile("[\u30a0-\u30ff\u4e00-\u9fff]{2,}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Corpus:
    """Pages by number, each with its words, and in how many pages a word is."""

    pages: list[Page]
    words: list[list[list[str]]] = field(default_factory=list)
    """Of each page its title's words first, then each paragraph's."""
    spread: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for page in self.pages:
            texts = [page.title, *page.paragraphs]
            self.words.append([_WORD.findall(text.casefold()) for text in texts])
            self.spread.update({word for text in self.words[-1] for word in text})


@dataclass(frozen=True)
class Judged:
    kind: str
    language: str
    text: str
    grades: dict[int, int]


def main() -> None:
    corpus = _corpus()
    if corpus is None:
        print(f"not run: it {NEEDED}")
        return
    asyncio.run(_measure(corpus))


def _corpus() -> Corpus | None:
    chance, chosen = random.Random(SEED), []
    for language in LANGUAGES:
        found = [page for page in manual_pages.pages(language) if len(page.title) < 200]
        if len(found) < PAGES_A_LANGUAGE // 2:
            return None
        for page in chance.sample(found, min(PAGES_A_LANGUAGE, len(found))):
            first = page.paragraphs[:PARAGRAPHS_A_PAGE]
            chosen += [Page(page.language, page.name, page.title, first)]
    return Corpus(chosen)


async def _measure(corpus: Corpus) -> None:
    queries = list(_judged(corpus, random.Random(SEED)))
    paragraphs = sum(len(page.paragraphs) for page in corpus.pages)
    print(f"{len(corpus.pages)} pages, {paragraphs:,} paragraphs, {len(queries)} judged queries")
    with tempfile.TemporaryDirectory(prefix="webox-bench-") as folder:
        await _report("embedded", EmbeddedIndex(Path(folder)), corpus, queries)
    if url := os.environ.get("WEBOX_TEST_MEILISEARCH_URL"):
        await _report("Meilisearch", _meilisearch(url), corpus, queries)
    else:
        print("Meilisearch: not run, WEBOX_TEST_MEILISEARCH_URL is not set")


def _meilisearch(url: str) -> SearchIndex:
    from webox_search.index.meilisearch import MeilisearchIndex  # noqa: PLC0415 - where it is had

    key = os.environ.get("WEBOX_TEST_MEILISEARCH_KEY")
    return MeilisearchIndex(url, key, name=f"bench-{uuid4().hex}")


async def _report(
    engine: str, index: SearchIndex, corpus: Corpus, queries: Sequence[Judged]
) -> None:
    rebuild = await index.begin_rebuild()
    await rebuild.upsert(list(_documents(corpus)))
    await rebuild.finish()
    ndcg, recall = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for query in queries:
        found = await _found(index, query.text)
        for group in (query.kind, query.language, "all"):
            ndcg[group].append(_ndcg(found, query.grades))
            recall[group].append(_recall(found, query.grades))
    print(f"{engine}:")
    for group, values in ndcg.items():
        print(
            f"  {group}: NDCG@{SHOWN} {statistics.mean(values):.3f}, "
            f"recall {statistics.mean(recall[group]):.3f} of {len(values)} queries"
        )
    found_again, tried = await _typos(index, corpus, random.Random(SEED))
    print(
        f"  all: NDCG@{SHOWN} {statistics.mean(ndcg['all']):.3f} (at least {LEAST_NDCG}); "
        f"single edits found {found_again / tried:.1%} (at least {LEAST_TYPO_RECALL:.0%}) "
        f"of {tried}"
    )
    await index.close()


def _documents(corpus: Corpus) -> Iterator[Document]:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for number, page in enumerate(corpus.pages, start=1):
        at = start + timedelta(hours=number)
        yield Document("title", USER, number, at, page.title, 1)
        for place, text in enumerate(page.paragraphs):
            yield Document(
                "message", USER, number, at, text, 1, message_id=number * 1_000 + place, role="user"
            )


async def _found(index: SearchIndex, text: str) -> list[int]:
    page = await index.search(SearchQuery(USER, text, limit=LOOKED_AT))
    return [row.conversation_id - 1 for row in page.rows]


def _judged(corpus: Corpus, chance: random.Random) -> Iterator[Judged]:
    for language in LANGUAGES:
        own = [number for number, page in enumerate(corpus.pages) if page.language == language]
        makers = _of_japanese if language == "ja" else _of_words
        for kind, text, wanted in makers(corpus, own, chance):
            grades = _grades(corpus, wanted, only_beside=kind == "side by side")
            yield Judged(kind, language, text, grades)
        for family in FAMILIES.get(language, []):
            for member in family:
                yield Judged("another form", language, member, _family_grades(corpus, family))


def _of_words(
    corpus: Corpus, own: Sequence[int], chance: random.Random
) -> Iterator[tuple[str, str, list[str]]]:
    for _ in range(QUERIES_A_KIND):
        title = chance.choice(own)
        words = _telling(corpus, corpus.words[title][0], chance, 2)
        yield "words of a title", " ".join(words), words
        paragraph = chance.choice(corpus.words[chance.choice(own)][1:])
        words = _telling(corpus, paragraph, chance, 2)
        yield "words of a paragraph", " ".join(words), words
        at = chance.randrange(max(1, len(paragraph) - 2))
        yield "side by side", f'"{" ".join(paragraph[at : at + 3])}"', paragraph[at : at + 3]
        words = _telling(corpus, corpus.words[chance.choice(own)][0], chance, 1)
        yield "capitals, no accents", _bare(" ".join(words)), words


def _of_japanese(
    corpus: Corpus, own: Sequence[int], chance: random.Random
) -> Iterator[tuple[str, str, list[str]]]:
    for _ in range(2 * QUERIES_A_KIND):
        page = corpus.pages[chance.choice(own)]
        for kind, text in (
            ("words of a title", page.title),
            ("words of a paragraph", chance.choice(page.paragraphs)),
        ):
            if runs := _JAPANESE.findall(text):
                run = chance.choice(runs)[:6]
                yield kind, run, [run]


def _telling(corpus: Corpus, text: list[str], chance: random.Random, count: int) -> list[str]:
    """Words that not every page has, in the order of the text."""
    words = [word for word in dict.fromkeys(text) if len(word) > 2 and not word.isdigit()] or text
    rarest = sorted(words, key=lambda word: corpus.spread[word])[: count * 2]
    chosen = set(chance.sample(rarest, min(count, len(rarest))))
    return [word for word in words if word in chosen]


def _bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(each for each in decomposed if not unicodedata.combining(each)).upper()


def _grades(corpus: Corpus, wanted: list[str], *, only_beside: bool) -> dict[int, int]:
    """By page, those that are worth something."""
    if _JAPANESE.fullmatch(wanted[0]):
        return _grades_of_substring(corpus, wanted[0])
    graded = (
        (number, _grade(texts, wanted, only_beside=only_beside))
        for number, texts in enumerate(corpus.words)
    )
    return {number: grade for number, grade in graded if grade}


def _grade(texts: list[list[str]], wanted: list[str], *, only_beside: bool) -> int:
    title, *paragraphs = texts
    if _has(title, wanted, beside=only_beside):
        return 3
    if len(wanted) > 1 and any(_has(text, wanted, beside=True) for text in paragraphs):
        return 2
    return int(any(_has(text, wanted, beside=only_beside) for text in paragraphs))


def _has(text: list[str], wanted: list[str], *, beside: bool) -> bool:
    if not set(wanted) <= set(text):
        return False
    return not beside or f" {' '.join(wanted)} " in f" {' '.join(text)} "


def _grades_of_substring(corpus: Corpus, wanted: str) -> dict[int, int]:
    return {
        number: 3 if wanted in page.title else 1
        for number, page in enumerate(corpus.pages)
        if wanted in page.title or any(wanted in text for text in page.paragraphs)
    }


def _family_grades(corpus: Corpus, family: Sequence[str]) -> dict[int, int]:
    """Any member in the title is worth 3, in a paragraph 1."""
    grades = {}
    for number, (title, *paragraphs) in enumerate(corpus.words):
        if not set(family).isdisjoint(title):
            grades[number] = 3
        elif any(not set(family).isdisjoint(text) for text in paragraphs):
            grades[number] = 1
    return grades


def _ndcg(found: Sequence[int], grades: dict[int, int]) -> float:
    """https://en.wikipedia.org/wiki/Discounted_cumulative_gain, exponential gains."""
    best = _dcg(sorted(grades.values(), reverse=True))
    return _dcg([grades.get(each, 0) for each in found]) / best


def _dcg(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(rank + 2) for rank, grade in enumerate(grades[:SHOWN]))


def _recall(found: Sequence[int], grades: dict[int, int]) -> float:
    return len(set(found) & set(grades)) / min(len(grades), LOOKED_AT)


async def _typos(index: SearchIndex, corpus: Corpus, chance: random.Random) -> tuple[int, int]:
    """How many rare words were found in spite of an edit, and how many were tried."""
    candidates = [
        (number, word)
        for number, texts in enumerate(corpus.words)
        for word in sorted({word for text in texts for word in text})
        if len(word) >= 5 and word.isalpha() and corpus.spread[word] <= RARE
        if not _JAPANESE.search(word) and not re.search("[\u3040-\u30ff]", word)
    ]
    found = 0
    for number, word in chance.sample(candidates, TYPOS):
        edited = _edited(word, chance)
        while edited == word or edited in corpus.spread:
            edited = _edited(word, chance)
        found += number in await _found(index, edited)
    return found, TYPOS


def _edited(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    letter = chance.choice(word + _ALPHABET)
    return chance.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
        )
    )


if __name__ == "__main__":
    main()
