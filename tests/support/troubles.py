"""Troubles planted in a database, and what health finds of them."""

from collections.abc import Sequence
from dataclasses import replace

import psycopg

from aclue_pipeline import health
from aclue_pipeline.checks import Judgement
from aclue_pipeline.health import findings
from aclue_pipeline.postgres import Database
from tests.support.catalogs import CATALOG


def run(db: Database, *statements: str) -> None:
    """Each statement by itself, as aclue; the statistics of it are there when this returns."""
    with db.autocommit() as connection:
        for statement in (*statements, "select pg_stat_force_next_flush()"):
            connection.exec_driver_sql(statement)
    db.close()


def by_others(db: Database, *statements: str, times: int = 1) -> None:
    """Each statement by itself, as the app would send it: nothing says that it is ours."""
    with psycopg.connect(db.url, autocommit=True) as pg:
        for statement in (*statements * times, "select pg_stat_force_next_flush()"):
            pg.execute(statement.encode())


def judged(db: Database, *names: str) -> list[Judgement]:
    return health.examine(db, CATALOG, names)


def told(db: Database, name: str, of: str, **instead: str) -> list[Judgement]:
    """What one look says of one object; `instead`: other bounds than its file has, where these would take hours to reach."""
    look = health.looks(CATALOG)[name]
    text = look.sql
    for old, new in instead.items():
        assert old in text, f"{look.path} has no bound {old}"
        text = text.replace(old, new)
    return [one for one in findings._ask(db, CATALOG, replace(look, sql=text)) if one.object == of]


def lines(judgements: Sequence[Judgement]) -> list[tuple[str, str, str]]:
    return [(one.check, health.severity(one), one.object) for one in judgements]
