"""The errors a person can meet: each class one kind of trouble with an exit code of its own, each message one sentence that
says what is wrong and what to do. Programming errors do not belong here: they keep their stack trace."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, ClassVar


class AclueError(Exception):
    """Something outside the program is not as it must be; str() is the one line that a person reads."""

    exit_code: ClassVar[int] = 1

    #: Whether it passes by itself, so that trying again helps.
    transient = False


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what each came of or was met by: a driver that was interrupted may then fail at taking back what was under way."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class SettingsError(AclueError):
    """A setting has a value that cannot be used."""

    exit_code = 3


class DatabaseNotNamed(AclueError):
    """A command that needs a database was given none."""

    exit_code = 4


class Unreachable(AclueError):
    """No server answers at the address, or the connection to it was cut."""

    exit_code = 5
    transient = True


class WrongPassword(AclueError):
    """The server does not accept the user or the password."""

    exit_code = 6


class InsecureConnection(AclueError):
    """Another host without TLS."""

    exit_code = 7


class ServerTooOld(AclueError):
    """The PostgreSQL server is older than the oldest version that is supported."""

    exit_code = 8


class MissingPrerequisite(AclueError):
    """Something that belongs to the app or to Supabase is not there."""

    exit_code = 9


class MissingPrivilege(AclueError):
    """The role that is connected may not do what is needed."""

    exit_code = 10

    @classmethod
    def by_server(cls, why: str) -> "MissingPrivilege":
        """Of the server's own refusal, `why` its words."""
        return cls(f"this role may not do that ({why}); connect as one that may: `aclue roles` makes them")


class SchemaIncomplete(AclueError):
    """The schema is not, or only half, deployed."""

    exit_code = 11


class UnknownCatalogue(AclueError):
    """The app's products table has neither of the two shapes."""

    exit_code = 12


class AlreadyRunning(AclueError):
    """Someone else holds the lock of this work."""

    exit_code = 13


class DeploymentIncomplete(AclueError):
    """Gave up waiting for a lock: everything but the named statements is deployed."""

    exit_code = 14


class VerificationFailed(AclueError):
    """A success criterion is not met."""

    exit_code = 15


class RowsExist(AclueError):
    """Rows stand in the way: retired ones that a purge would drop, or others than the demo's where it would load."""

    exit_code = 16


class DocsOutdated(AclueError):
    """Generated pages differ from what sql/ says, or another file stands in their place."""

    exit_code = 17


class Cancelled(AclueError):
    """The person said no, or there was no one to ask."""

    exit_code = 18


class ServerFailed(AclueError):
    """The embedded server does not start or stop."""

    exit_code = 19


class NothingFound(AclueError):
    """A name that stands for nothing here."""

    exit_code = 20


class SqlFileError(AclueError):
    """A SQL file's header or columns cannot be read."""

    exit_code = 21


class CannotEvolve(AclueError):
    """A derived table in the database cannot take the form that its file now asks for without losing something."""

    exit_code = 22


class DependentsExist(AclueError):
    """Something that is not ours rests on what would be dropped."""

    exit_code = 23


class NoSuchDay(AclueError):
    """A day for which no daily table has a partition: before the first, not over yet, or a range turned round."""

    exit_code = 24


class NotJudged(AclueError):
    """A success criterion could not be tried."""

    exit_code = 26


class DaysFailed(AclueError):
    """Days of a daily table that cannot be computed; all others that were asked for are done."""

    exit_code = 27

    def __init__(self, days: Mapping[str, Mapping[date, str]], results: Mapping[str, Any]) -> None:
        """`days`: by table, each day with the reason; `results`: by table, what became of all others."""
        self.days, self.results = days, results
        each = [f"{table} {day}: {why}" for table, failed in days.items() for day, why in sorted(failed.items())]
        more = f"; and {len(each) - 20} more days" if len(each) > 20 else ""
        super().__init__(f"{'; '.join(each[:20])}{more}; every other day is done")


class MonthNotClosable(AclueError):
    """A month that cannot be closed, or opened again, as it is."""

    exit_code = 28


class PooledConnection(AclueError):
    """A connection pooler in transaction mode, which shares its servers with the app between two statements."""

    exit_code = 29


class ReadOnlyServer(AclueError):
    """A replica, or a database that was made read-only."""

    exit_code = 30


class Drifted(AclueError):
    """What is deployed is not what is declared."""

    exit_code = 25


class NotAllowed(AclueError):
    """A change that needs a person's word: --allow, as the message names it; all others are made."""

    exit_code = 32


class PlanOutdated(AclueError):
    """A plan file that somebody changed, or that was made for another state of the database."""

    exit_code = 33


class NotOurs(AclueError):
    """A name that is needed stands for something of somebody else's."""

    exit_code = 34


class Impossible(AclueError):
    """Rows, or the server, forbid a change; all else is deployed."""

    exit_code = 35


class TableStands(AclueError):
    """Another table stands where a retired one would come back."""

    exit_code = 36


class ReportRefused(AclueError):
    """A file that is no network report as it stands: nothing of it is imported."""

    exit_code = 37


class DataRefused(AclueError):
    """A folder of swipes that cannot be evaluated as it stands: nothing is written."""

    exit_code = 38


class LinesRejected(AclueError):
    """Lines of a report that cannot be read; all others are imported."""

    exit_code = 39


class FileUnusable(AclueError):
    """A file or folder that cannot be read or written, or a full disk."""

    exit_code = 40


class NotDelivered(AclueError):
    """An address did not take its alert; the next sweep tries again."""

    exit_code = 41

    def __init__(self, refused: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{target} {why}" for target, why in refused.items()))


class AlertsStand(AclueError):
    """Something is wrong that nobody took on or silenced."""

    exit_code = 42


class Interrupted(AclueError):
    """Ended by Ctrl-C."""

    exit_code = 130
