"""What a judgement becomes when somebody must be told of it: a key, a severity, a sentence and a remedy, in which nothing of a person,
no secret and no stranger's text can stand."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from psycopg import errors

from aclue_pipeline.catalog import CheckFile
from aclue_pipeline.checks import Judgement, ask
from aclue_pipeline.postgres import Database

#: From what can wait to what cannot.
SEVERITIES = ("warn", "error")

#: Characters of a sentence, a remedy, a key: a message stays one that is read.
LENGTH = 300


class Alert(NamedTuple):
    key: str
    severity: str
    sentence: str
    remedy: str


class Judged(NamedTuple):
    """What a source says: what is wrong, by key, what is well, and what could not be judged. A key without an object (`vacuum:`) stands
    for whatever its check does not name."""

    wrong: Mapping[str, Alert]
    well: frozenset[str]
    unsure: frozenset[str]

    def end_of(self, key: str) -> str:
        """What became of a trouble that is not told of any more: `over`, `gone` where nobody judges it any more, "" where it lasts:
        what could not be judged is not well."""
        everything = key.partition(":")[0] + ":"
        if key not in self.well and {key, everything} & self.unsure:
            return ""
        return "over" if {key, everything} & self.well else "gone"


def judged(judgements: Iterable[Judgement]) -> Judged:
    """Of each key the worst; what is only worth knowing is well, and what is not worth telling may yet be unsure."""
    wrong: dict[str, Alert] = {}
    well, unsure = set(), set()
    for one in judgements:
        key = clean(one.identity)
        if one.outcome == "not judged":
            unsure.add(key)
        elif one.passed or one.severity == "info":
            well.add(key)
        if one.passed or one.severity == "info":
            continue
        if key not in wrong or wrong[key].severity == "warn":
            wrong[key] = Alert(key, "warn" if one.warns else "error", clean(one.says), clean(one.remedy))
    return Judged(wrong, frozenset(well), frozenset(unsure))


def unjudged(check: str, of: str, why: str) -> Judgement:
    """What cannot be judged now and is no trouble of its own: what was found of it before stands. `of` empty: all of the check."""
    return Judgement(check, of, "not judged", "info", why)


def well(check: str, of: str = "") -> Judgement:
    """`of` empty: whatever the check does not name."""
    return Judgement(check, of, "passed", "info", "well")


def asked(db: Database, files: Iterable[CheckFile]) -> Iterator[Judgement]:
    """What checks in SQL say; before the first run of a job has made what they stand on there is nothing to judge."""
    for file in files:
        try:
            yield ask(db, file)
        except (errors.UndefinedFunction, errors.UndefinedTable, errors.InvalidSchemaName):
            yield unjudged(file.name, file.asset, "what it stands on is not there")


def numbers_only(judgement: Judgement, says: str) -> Judgement:
    """The judgement with `says`, our own words, and the numbers of its evidence for its sentence, which may repeat what a client
    wrote."""
    return replace(judgement, sentence=says + _numbers(judgement.evidence))


def _numbers(evidence: Mapping[str, Any]) -> str:
    pairs = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in evidence.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return f" ({', '.join(pairs)})" if pairs else ""


_HIDDEN = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s/@]*@"  # user and password of an address
    r"|[^\s@<>()\"']+@[^\s@<>()\"']+"  # mail
    r"|\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b"  # somebody's id
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # network addresses
    r"|\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\b"
    r"|(?=[a-z+/=-]*\d)[a-z0-9+/=-]{32,}",  # tokens
    re.IGNORECASE,
)
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
#: Nothing calls a whole channel, is a link or a tag where it arrives.
_INERT = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'"})


def clean(text: str) -> str:
    """One line without ids, addresses and tokens, and without signs that a chat would act on, of bounded length."""
    text = _HIDDEN.sub("…", _UNPRINTABLE.sub(" ", text[: 10 * LENGTH])).strip().translate(_INERT)
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"
