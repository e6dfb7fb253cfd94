import psycopg
import pytest
import redis
from sqlalchemy.engine import make_url

from webox_local.servers import Servers
from webox_local.testing import MakeDatabase


def connect(url: str) -> psycopg.Connection:
    parts = make_url(url)
    return psycopg.connect(
        host=str(parts.query["host"]),
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
        autocommit=True,
    )


class TestDatabaseUrl:
    def test_is_an_empty_postgresql_18_in_utf8(self, database_url: str) -> None:
        with connect(database_url) as connection:
            version = connection.execute("SHOW server_version_num").fetchone()
            tables = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
            folded = connection.execute("SELECT lower('ÉTÉ')").fetchone()
        assert version is not None
        assert version[0].startswith("18")
        assert tables.fetchall() == []
        assert folded == ("été",)

    def test_role_may_make_tables_but_is_no_superuser(self, database_url: str) -> None:
        with connect(database_url) as connection:
            connection.execute("CREATE TABLE thing (id int)")
            row = connection.execute("SHOW is_superuser").fetchone()
        assert row == ("off",)

    def test_refuses_a_wrong_password(self, database_url: str) -> None:
        wrong = make_url(database_url).set(password="wrong").render_as_string(hide_password=False)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(wrong)


class TestMakeDatabase:
    def test_copies_a_template(self, make_database: MakeDatabase) -> None:
        template = make_database()
        with connect(template) as connection:
            connection.execute("CREATE TABLE thing AS SELECT 42 AS answer")
        with connect(make_database(template=template)) as connection:
            assert connection.execute("SELECT answer FROM thing").fetchone() == (42,)


class TestRedisUrls:
    def test_each_test_has_a_database_of_its_own(self, redis_url: str, broker_url: str) -> None:
        number = redis_url.partition("db=")[2].partition("&")[0]
        assert f"virtual_host={number}&" not in broker_url
        with redis.Redis.from_url(redis_url) as client:
            assert client.dbsize() == 0
            client.set("left", "behind")

    def test_reused_number_is_emptied(self, servers: Servers, redis_url: str) -> None:
        with redis.Redis.from_url(redis_url) as client:
            assert client.dbsize() == 0
            policy = client.config_get("maxmemory-policy")
        assert policy == {"maxmemory-policy": "noeviction"}
        assert servers.redis.socket.parent.stat().st_mode & 0o777 == 0o700
