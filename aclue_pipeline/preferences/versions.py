"""Model versions and their quality, from and to the database: which signals training sees, when a new version is due, and
where a measurement is kept. The fitting itself is training's, the measuring quality's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from psycopg.types.json import Jsonb

from aclue_pipeline.errors import MissingPrerequisite
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.postgres.locks import advisory_lock
from aclue_pipeline.preferences import quality, signals, store
from aclue_pipeline.preferences.arrays import Events, Items, Vocabulary
from aclue_pipeline.preferences.card import card_of
from aclue_pipeline.preferences.catalogue import items_of, vocabulary_of
from aclue_pipeline.preferences.evidence import Weighing
from aclue_pipeline.preferences.facets import CONTEXT_KINDS, FACETS
from aclue_pipeline.preferences.judging import Fitted, Verdict, as_baseline, judge
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.model import FORMAT, TasteModel
from aclue_pipeline.preferences.quality import Quality
from aclue_pipeline.preferences.store import save_model
from aclue_pipeline.preferences.training import train as fit
from aclue_pipeline.settings import get_settings

if TYPE_CHECKING:
    import pandas as pd

SEED: Final = 20_240_101
TRAINING_EVENTS: Final = 1_500_000  # more are not read: a sample of whole users, always the same ones
EVALUATION_EVENTS: Final = 400_000
GROWTH: Final = 1.25  # a new version is due when there are this many times the signals of the current one
USERS_OF_A_WORD: Final = 5
_SHARES: Final = 4096
#: As many signals at most, which is what a share of the users is chosen by.
_ROWS: Final = (
    "select (select count(*) from public.swipe_interactions) + (select count(*) from public.recommendation_feedback)"
)
_TOLD_APART: Final = """
    select distinct on (hashtext(word)) word, users
    from unnest(%s::text[], %s::bigint[]) as w (word, users)
    where hashtext(word) <> 0  -- which stands for nothing said
    order by hashtext(word), users desc, word
"""
#: Parameters that are settings of a version: the scale and the ranges beside them follow from the data.
_WEIGHING: Final = ("half_life_days", "source_weight", "time_gain", "time_half", "strength_slope")


@dataclass(frozen=True)
class Trained:
    """A version, the newest one, whether it is new, and what it was trained on; which one is current is judged."""

    version: str
    is_new: bool
    events: int
    users: int
    products: int


def train(db: Database, half_life_days: float | None = None, seed: int = SEED) -> Trained:
    """Train a model version, a candidate until `evaluate` judges it; the same data, beside the same current version,
    gives the same one, which is then not new.

    `half_life_days`: the setting by default, fitted where that is not set. Raises MissingPrerequisite where nobody has judged anything
    yet, AlreadyRunning while another version is trained or judged.
    """
    with _alone(db):
        with db.psycopg() as pg:
            events, items, vocabulary, rows = _data(pg, TRAINING_EVENTS)
            if not (events.value != 0).any():
                raise MissingPrerequisite("no user has judged a product yet; a taste model needs swipes or feedback")
            previous = store.load_model(pg) if (store.current_version(pg) or "").startswith(FORMAT) else None
        model = fit(events, items, vocabulary, _half_life(half_life_days), seed, previous)
        with db.psycopg() as pg:
            is_new = save_model(pg, model, rows, len(events), events.users, seed, card_of(model, events))
    return Trained(model.version, is_new, len(events), events.users, len(items))


def nothing_yet(db: Database) -> bool:
    """Whether nobody has judged a product yet, and no version is there from before: there is nothing to learn from."""
    with db.psycopg() as pg:
        statement = """select not exists (select from pipeline.taste_models)
            and not exists (select from pipeline.signals where value <> 0)"""
        return pg.execute(statement).fetchone() == (True,)


def ensure_model(db: Database) -> Trained:
    """The newest version, trained anew where there is none, an earlier release made it, or signals have grown by a quarter since; that it
    was refused, or another one is pinned, is no reason to train again.

    Signals are counted only where as many rows have gone into profiles: of those each delivery counts, so they are no fewer.
    """
    with db.psycopg() as pg:
        row = pg.execute(
            """select m.version, m.events, m.users, m.products,
                   case when m.events * %(growth)s
                           < least((select sum(greatest(f.events, 0)) from pipeline.profile_fingerprints f), %(most)s)
                       then (select least(count(*), %(most)s) from pipeline.signals) > m.events * %(growth)s else false end as has_grown
               from pipeline.taste_models m order by m.trained_at desc, m.version limit 1""",
            {"most": TRAINING_EVENTS, "growth": GROWTH},
        ).fetchone()
    if row is None or not row[0].startswith(FORMAT) or row[4]:
        return train(db)
    return Trained(row[0], False, row[1], row[2], row[3])


def ensure_judged(db: Database) -> bool:
    """Judge the newest version if nobody has, then measure the current one if nobody has; whether there was anything to do."""
    due = _is_due(db)
    if due:
        evaluate(db)
        if _is_due(db):  # another one is current than was judged
            evaluate(db)
    return due


def _is_due(db: Database) -> bool:
    with db.psycopg() as pg:
        return pg.execute(
            """select (select status from pipeline.taste_models order by trained_at desc, version limit 1) is not distinct from 'candidate'
                   or not exists (select from analytics.preference_quality q
                                  join pipeline.current_taste_model c on c.version = q.model_version)"""
        ).fetchone() == (True,)


def evaluate(db: Database) -> Quality:
    """Measure how well profiles predict what users judged next, and keep it under the newest version if that is a candidate, which is
    then accepted or refused, else under the current one.

    Where it is refused and nothing stands that could be kept, the best baseline stands in for it. Raises MissingPrerequisite where
    there is no version, AlreadyRunning while another one is trained or judged.
    """
    with _alone(db):
        with db.psycopg() as pg:
            events, items, vocabulary, _ = _data(pg, EVALUATION_EVENTS)
            newest, current = _to_judge(pg)

        def fitted(by: _Settings) -> Fitted:
            def version(part: Events) -> TasteModel:
                weighing = Weighing(**by.weighing | {"source_weight": np.array(by.weighing["source_weight"])})
                model = fit(part, items, vocabulary, None, by.seed, weighing=weighing)
                return as_baseline(model, by.baseline) if by.baseline else model

            return version

        other = fitted(current.by) if current is not None and current.by != newest.by else None
        must_beat = newest.is_candidate and (current is None or current.by.baseline is not None)
        verdict = judge(events, fitted(newest.by), other, must_beat, SEED)
        with db.psycopg() as pg:
            if _settle(pg, newest, verdict, current.version if current and current != newest else None):
                _keep(pg, newest.version, verdict.quality, verdict.figures["calendar"].get("intercepts_of_blocks"))
                if verdict.refused and must_beat:
                    _stand_in(pg, newest.version, verdict)
    return verdict.quality


@contextmanager
def _alone(db: Database) -> Iterator[None]:
    """Versions are made and judged by one at a time. Nothing is fitted in a transaction: it takes minutes."""
    with db.autocommit() as lock, advisory_lock(lock, "training or judging of a taste model"):
        yield


class _Settings(NamedTuple):
    """What a version is fitted by; how much a signal says is found once, with all that was known when it was trained."""

    weighing: dict[str, Any]
    seed: int
    baseline: str | None  # it stands in for


class _Judged(NamedTuple):
    version: str
    by: _Settings
    is_candidate: bool


def _to_judge(pg: Pg) -> tuple[_Judged, _Judged | None]:
    """(the newest version if it is a candidate, else the current one; the current one, if this release can compute profiles with it)."""
    rows = pg.execute(
        """select m.version, (select jsonb_object_agg(key, value) from jsonb_each(m.parameters) where key = any(%s)), m.seed,
               m.card ->> 'stands in for', m.status is not distinct from 'candidate', c.version is not null
           from pipeline.taste_models m left join pipeline.current_taste_model c using (version) order by m.trained_at desc, m.version""",
        [list(_WEIGHING)],
    ).fetchall()
    found = [(_Judged(version, _Settings(*by), is_candidate), current) for version, *by, is_candidate, current in rows]
    current = next((one for one, is_current in found if is_current and one.version.startswith(FORMAT)), None)
    judged = found[0][0] if found and found[0][0].is_candidate else current
    if judged is None:
        raise MissingPrerequisite("there is no taste model to be measured; train one with `aclue preferences train`")
    return judged, current


def _settle(pg: Pg, judged: _Judged, verdict: Verdict, previous: str | None) -> bool:
    """The verdict on its card, beside how the version before predicts; measuring again what was accepted changes no status. False where
    the version is gone, or somebody has decided on it meanwhile."""
    status = ("refused" if verdict.refused else "accepted") if judged.is_candidate else None
    card: dict[str, Any] = {"predicts": verdict.figures}
    if judged.is_candidate:
        if verdict.refused:
            card["refused because"] = verdict.refused
        row = pg.execute(
            "select card -> 'predicts' from pipeline.taste_models where version = %s", [previous]
        ).fetchone()
        if row is not None and row[0] is not None:
            card["the version before"] = {"version": previous, "predicts": row[0]}
    done = pg.execute(
        """update pipeline.taste_models set status = coalesce(%s, status), card = coalesce(card, '{}') || %s
           where version = %s and (status is not distinct from 'candidate') = %s""",
        [status, Jsonb(card), judged.version, judged.is_candidate],
    )
    return done.rowcount == 1


def _stand_in(pg: Pg, version: str, verdict: Verdict) -> None:
    """Version 0: what the best baseline says, until there are data enough for more than that."""
    model = as_baseline(store.load_model(pg, version), verdict.best)
    pg.execute(
        """insert into pipeline.taste_models
               (version, trained_at, events, users, products, seed, parameters, vocabulary, status, card)
           select %s, clock_timestamp(), events, users, products, seed, %s, vocabulary, 'accepted',
               card - '{refused because,predicts,the link weighs}'::text[] || %s
           from pipeline.taste_models where version = %s
           on conflict (version) do update set trained_at = excluded.trained_at""",
        [model.version, Jsonb(model.parameters.as_dict()), Jsonb({"stands in for": verdict.best}), version],
    )
    store.copy_items(pg, version, model)
    _keep(pg, model.version, verdict.instead)


def cold_curve(db: Database, half_life_days: float | None = None, seed: int = SEED) -> "pd.DataFrame":
    """How well users are predicted whom a model has not seen, by how much they have judged so far: see quality.cold_curve."""
    with db.psycopg() as pg:
        events, items, vocabulary, _ = _data(pg, EVALUATION_EVENTS)
    return quality.cold_curve(events, items, vocabulary, _half_life(half_life_days), seed)


def _keep(pg: Pg, version: str, measured: Quality, intercepts: list[float] | None = None) -> None:
    pg.execute("delete from analytics.preference_quality where model_version = %s", [version])
    bins = Jsonb(measured.reliability.to_dict("records"))
    columns = ("users_group", "predictor", "users", "judgements", "log_loss", "auc", "calibration_error")
    for row in measured.scores.astype(object).where(measured.scores.notna(), None).to_dict("records"):
        drawn = (row["users_group"], row["predictor"]) == ("all", "profile")
        pg.execute(
            """insert into analytics.preference_quality
               (model_version, users_group, predictor, users, judgements, log_loss, auc, calibration_error, reliability, intercepts)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                version,
                *(row[name] for name in columns),
                bins if drawn else None,
                Jsonb(intercepts) if drawn and intercepts else None,
            ],
        )


def _data(pg: Pg, most: int) -> tuple[Events, Items, Vocabulary, list[dict[str, Any]]]:
    """(signals of a sample of users, products, vocabulary, rows of pipeline.item_features), of one moment."""
    pg.execute("set transaction isolation level repeatable read")
    pg.execute("set local work_mem = '128MB'")
    pg.execute("set local statement_timeout = 0")
    ids, rows = store.catalogue(pg)
    ((total,),) = pg.execute(_ROWS).fetchall()
    vocabulary = vocabulary_of(rows, _context(pg))
    items, _ = items_of(ids, rows, vocabulary)
    share = max(1, min(_SHARES, _SHARES * most // max(total, 1)))
    found = signals.blocks(pg, signals.SAMPLE, Lookup(ids), vocabulary, {"share": share})
    return signals.joined([block.events for block in found]), items, vocabulary, rows


def _context(pg: Pg) -> dict[str, dict[str, int]]:
    """{facet of the session: {value: users}}. A word that few used may say who they are, and a model outlives
    their accounts: only what five said is known. Of words with one hash, by which events name them, what most users said."""
    said = [FACETS[kind].name for kind in CONTEXT_KINDS]
    listed = ", ".join(said)
    counted = pg.execute(
        f"""select {listed}, count(distinct user_id) from staging.rounds where user_id is not null
            group by grouping sets ({", ".join(f"({name})" for name in said)}) having count(distinct user_id) >= %s""",  # noqa: S608
        [USERS_OF_A_WORD],
    ).fetchall()
    known = {}
    for n, name in enumerate(said):
        users = {words[n]: users for *words, users in counted if words[n]}
        known[name] = dict(pg.execute(_TOLD_APART, [list(users), list(users.values())]).fetchall())
    return known


def _half_life(given: float | None) -> float | None:
    return given if given is not None else get_settings().half_life_days
