# ruff: noqa: RUF001 - every script is what this is about
"""The matching table: what is written, what is asked, in every script, in one index."""

from search_support.library import Library

Table = list[tuple[str, str, tuple[str, ...]]]
"""A kind of text, the text, and queries that find this one and no other of the table."""

EVERYWHERE: Table = [
    ("French", "Comment améliorer ma stratégie de contenu ?", ("strategie", "CONTENU amel")),
    ("ligatures", "Le cœur de l'œuvre, ﬁdèle", ("coeur", "œuvre", "fidele", "OEUVRE")),
    ("German", "Die Straße nach Köln ist gesperrt", ("strasse", "STRASSE koln")),
    ("Polish", "Zażółć gęślą jaźń po łódzku", ("zazolc", "lodzku")),
    ("Turkish", "Işık ve İstanbul", ("isik", "istanbul")),
    ("Vietnamese", "Tiếng Việt rất đẹp", ("tieng viet", "dep")),
    ("Cyrillic", "Ещё раз о машинном обучении", ("еще", "ОБУЧЕНИИ", "машинном обуч")),
    ("Greek", "Η Ελληνική γλώσσα είναι ωραία", ("ελληνικη", "ΓΛΏΣΣΑ", "ωραια")),
    ("Arabic", "مَرْحَبًا بكم في البرمجة", ("مرحبا", "البرمجة", "البرمـــجة")),
    ("Hebrew", "שָׁלוֹם, איך לומדים תכנות", ("שלום", "תכנות")),
    ("Devanagari", "मशीन लर्निंग क्या है", ("मशीन", "लर्निंग")),
    ("Thai", "การเรียนรู้ของเครื่อง", ("เรียนรู้", "เครื่อง")),
    ("Chinese", "人工智能的未来发展", ("人工智能", "未来", "智能的未来")),
    ("Japanese", "機械学習とプログラミングについて", ("機械学習", "ﾌﾟﾛｸﾞﾗﾐﾝｸﾞ", "プログラミング")),
    ("Korean", "한국어 문법을 배우고 싶어요", ("한국어", "문법")),
    ("full width", "ＷＥＢＯＸ ２０２５", ("webox", "2025")),
    ("snake_case", "call read_all_rows(cursor) here", ("read_all_rows", "all_rows", "cursor")),
    ("a call", "then foo.bar() fails with E1101", ("foo.bar()", "foo.bar", "e1101")),
    ("numbers", "about 3.14159 or 1,000,000 or 42", ("3.14159", "1,000,000", "42")),
    ("an e-mail address", "to jane.doe+x@example.org", ("jane.doe+x@example.org", "jane.doe")),
    ("an address", "see https://docs.example.net/a-b?c=1", ("docs.example.net", "a-b")),
    ("versions", "upgrade to v2.7.18-rc1 today", ("v2.7.18-rc1", "v2.7.18")),
    ("emoji beside words", "🚀décollage🚀 réussi", ("decollage", "🚀decollage")),
]
EMBEDDED: Table = [
    ("camelCase", "use getUserProfile or XMLHttpRequest", ("getUserProfile", "profile", "request")),
    ("French stems", "Ils étudient les chevaux", ("étudier", "cheval", "etudiant")),
    ("English stems", "She was running faster searches", ("run", "runs", "searching")),
]


async def check(library: Library, table: Table) -> None:
    made = {kind: await library.conversation(text) for kind, text, _ in table}
    for kind, text, queries in table:
        for query in queries:
            found = await library.found(query, tolerant=False)
            assert found == [made[kind]], f"{kind}: {query!r} in {text!r}"


async def test_every_script_and_kind(library: Library) -> None:
    await check(library, EVERYWHERE)


async def test_other_forms_of_words(embedded: Library) -> None:
    await check(embedded, EMBEDDED)
