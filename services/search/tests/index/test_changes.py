"""How an index takes changes and is rebuilt, on both engines."""

from search_support.library import ALICE, BOB, START, Library

from webox_search.index.base import Document


class TestChanges:
    async def test_a_document_is_replaced(self, library: Library) -> None:
        conversation = await library.conversation(title="Ancien")
        await library.index.upsert(
            [
                Document(
                    kind="title",
                    user_id=ALICE,
                    conversation_id=conversation,
                    created_at=START,
                    text="Nouveau",
                    version=2,
                )
            ]
        )
        await library.index.commit()

        assert await library.found("ancien") == []
        assert await library.found("nouveau") == [conversation]

    async def test_a_deleted_conversation_is_gone(self, library: Library) -> None:
        gone = await library.conversation("marketing", title="marketing")
        kept = await library.conversation("marketing")

        await library.index.delete_conversation(gone)
        await library.index.commit()

        assert await library.found("marketing") == [kept]

    async def test_a_deleted_user_is_gone(self, library: Library) -> None:
        await library.conversation("marketing", user_id=BOB)
        kept = await library.conversation("marketing", user_id=ALICE)

        await library.index.delete_user(BOB)
        await library.index.commit()

        assert await library.found("marketing", user_id=BOB) == []
        assert await library.found("marketing", user_id=ALICE) == [kept]

    async def test_a_deleted_document_is_gone(self, library: Library) -> None:
        await library.conversation("marketing")
        (row,) = await library.rows("marketing")

        await library.index.delete_documents([f"message-{row.message_id}"])
        await library.index.commit()

        assert await library.found("marketing") == []

    async def test_of_changes_in_one_commit_the_last_wins(self, library: Library) -> None:
        conversation = await library.conversation("marketing")
        document = Document(
            kind="message",
            user_id=ALICE,
            conversation_id=conversation,
            created_at=START,
            text="publicité",
            version=1,
            message_id=9,
            role="user",
        )

        await library.index.delete_conversation(conversation)
        await library.index.upsert([document])
        await library.index.commit()

        assert await library.found("marketing") == []
        assert await library.found("publicité") == [conversation]


class TestRebuild:
    async def test_the_old_index_serves_until_the_new_one_is_done(self, library: Library) -> None:
        old = await library.conversation("marketing")
        rebuild = await library.index.begin_rebuild()

        during = await library.found("marketing")
        await rebuild.finish()

        assert during == [old]
        assert await library.found("marketing") == []

    async def test_changes_meanwhile_reach_both(self, library: Library) -> None:
        rebuild = await library.index.begin_rebuild()
        meanwhile = await library.conversation("marketing")

        during = await library.found("marketing")
        await rebuild.finish()

        assert during == await library.found("marketing") == [meanwhile]

    async def test_an_abandoned_one_leaves_the_old(self, library: Library) -> None:
        old = await library.conversation("marketing")
        rebuild = await library.index.begin_rebuild()
        await rebuild.abandon()

        assert await library.index.ensure()
        assert await library.found("marketing") == [old]

    async def test_health_counts(self, library: Library) -> None:
        await library.conversation("un", "deux")

        health = await library.index.health()

        assert (health.ready, health.documents) == (True, 3)
        assert health.size_bytes > 0


async def test_what_changes_while_an_index_is_built_is_in_it_once(library: Library) -> None:
    message = Document(
        kind="message",
        user_id=ALICE,
        conversation_id=1,
        created_at=START,
        text="marketing",
        version=1,
        message_id=2,
        role="user",
    )
    rebuild = await library.index.begin_rebuild()
    await library.index.upsert([message])
    await rebuild.upsert([message])
    await rebuild.finish()

    (row,) = await library.rows("marketing")
    assert row.more_matches == 0
    assert (await library.index.health()).documents == 1
