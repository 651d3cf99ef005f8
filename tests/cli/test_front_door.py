"""Habits of the command line: one line for whatever is wrong, hints that can be pasted, .env and unknown settings, pipes and full disks."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import click
import pytest

from aclue_pipeline.checks import Judgement
from aclue_pipeline.cli import aclue, page
from aclue_pipeline.cli.context import Context, pasteable, print_json, show, waiting
from aclue_pipeline.cli.docs import _page
from aclue_pipeline.cli.facts import _show
from aclue_pipeline.cli.ui import alone
from aclue_pipeline.errors import AlreadyRunning, SettingsError
from aclue_pipeline.revenue.closing import Closed
from aclue_pipeline.settings import Settings, get_settings
from tests.support.command import said as run

ROOT = Path(__file__).resolve().parents[2]
ACLUE = "from aclue_pipeline.cli import main; main()"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """No .env but the test's, no setting but the test's."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ACLUE_")]:
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    yield
    for name in [name for name in os.environ if name.startswith("ACLUE_")]:
        del os.environ[name]  # what a .env named
    get_settings.cache_clear()


@pytest.mark.parametrize("days", ["0.000000001", "1e300", "inf", "nan"])
def test_a_half_life_that_no_taste_has_is_refused(capsys, monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv("ACLUE_HALF_LIFE_DAYS", days)
    code, _, err = run(capsys, "--demo", "preferences", "versions")
    assert (code, "ACLUE_HALF_LIFE_DAYS" in err) == (3, True), err


@pytest.mark.slow
def test_a_servers_or_duckdbs_full_disk_is_one_line(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError('could not write file "x": No space left on device\nmore')

    monkeypatch.setattr("aclue_pipeline.catalog.lineage.split", full)
    said = 'aclue: could not write file "x": No space left on device; make room, or name another place\n'
    assert run(capsys, "lineage", "revenue_daily") == (40, "", said)


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        ("deploi", 2, "No such command 'deploi'. (Did you mean one of: 'demo', 'deploy'?) See `aclue --help`."),
        ("revenue rebuidl", 2, "Did you mean 'rebuild'? See `aclue revenue --help`."),
        ("--demoo verify", 2, "Did you mean '--demo'?"),
        ("verify --jsn", 2, "Did you mean '--json'?"),
        ("revenue rebuild --from 1.3.2026", 2, "'1.3.2026' is no date: write YYYY-MM-DD, as 2026-03-31."),
        ("why revenue_daily 2026-02-30", 2, "'2026-02-30' is no date: write YYYY-MM-DD"),
        ("revenue close 2026-13", 2, "'2026-13' is no date: write YYYY-MM, as 2026-03."),
        ("why revenue_daily", 2, "Missing argument 'DAY'."),
        ("lineage \x1b[31mred", 20, r"there is no table \x1b[31mred"),
        ("deploy --give-up 99999999999999h", 2, "is no length of time; write 45s, 10min, 2h or 3d"),
        ("revenue import --currency pounds", 2, "'pounds' is no currency: write its code, as GBP."),
        ("plan --adopt orders", 2, "'orders' is none of affiliate_clicks, product_views, "),
        (
            "revenue attribution",
            2,
            "Missing option '--model'. Choose from: markov, shapley. See `aclue revenue attribution --help`.",
        ),
        ("revenue undo abc", 2, "'NUMBER': 'abc' is not a whole number. See"),
        ("docs nonsense", 2, "Got unexpected extra argument (nonsense). See `aclue docs --help`."),
        ("deploy --give-up never", 2, "never is no length of time"),
        ("deploy --allow drops", 2, "'drops' is no hazard: write HAZARD:NAME, as `aclue plan` prints it."),
        ("demo load --days 99999999999", 2, "'--days': 99999999999 is not in the range 1<=x<=10000."),
    ],
)
def test_what_was_typed_wrong_is_one_line_that_says_what_to_do(capsys, typed: str, code: int, says: str) -> None:
    ended, out, err = run(capsys, *typed.split())
    assert (ended, out, len(err.splitlines())) == (code, "", 1)
    assert err.startswith("aclue: ")
    assert says in err


def test_demo_is_said_before_or_behind_the_command(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACLUE_PG_BIN", "/nowhere")
    for typed in (["--demo", "verify"], ["verify", "--demo"], ["revenue", "rebuild", "--demo", "--json"]):
        assert "there is no PostgreSQL in /nowhere" in run(capsys, *typed)[2]


def test_hints_can_be_pasted_as_they_stand(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "run `aclue deploy`, then `aclue demo reset` (aclue --demo verify); databases are aclue and dagster"
    assert pasteable(hint, False) == hint
    assert pasteable(hint, True) == hint.replace("`aclue deploy`", "`aclue --demo deploy`")
    with click.Context(aclue, obj=Context(demo=True)):
        assert pasteable("`aclue deploy`") == "`aclue --demo deploy`"
    monkeypatch.setattr(sys, "argv", [".venv/bin/aclue"])
    assert pasteable("`aclue deploy`", True) == "`.venv/bin/aclue --demo deploy`"
    show(Judgement("database", "database", "failed", "error", "say --demo (aclue --demo …)"))
    assert capsys.readouterr().out == "✗ database: say --demo (.venv/bin/aclue --demo …)\n"


def test_no_color_is_heeded(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    colours = []
    monkeypatch.setattr(
        aclue.get_command(click.Context(aclue), "lineage"),
        "callback",
        lambda **_: colours.append(click.get_current_context().color),
    )
    for value in ("", "1"):
        monkeypatch.setenv("NO_COLOR", value)
        run(capsys, "lineage")
    assert colours == [None, False]


def test_an_unknown_setting_is_named_with_the_nearest_one(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACLUE_TIMEZON", "Europe/Paris")
    for name in ("SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_8080_TCP_ADDR"):  # Kubernetes, of a service named aclue
        monkeypatch.setenv(f"ACLUE_{name}", "x")
    code, _, err = run(capsys, "verify")
    assert code == 4
    assert err.splitlines()[:-1] == ["aclue: ignored: ACLUE_TIMEZON is no setting; did you mean ACLUE_TIMEZONE?"]


def test_env_is_read_as_it_stands_and_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://u:a&b$c${HOME}!'@localhost/x"
    Path(".env").write_text(
        f"# a comment\nACLUE_DATABASE_URL={url}\nACLUE_TIMEZONE=Europe/Paris\nACLUE_UI_PORT=\nNAME=other\n"
    )
    monkeypatch.setenv("ACLUE_TIMEZONE", "Europe/Rome")
    settings = get_settings()
    assert settings.database_url is not None
    assert (settings.database_url.get_secret_value(), settings.timezone) == (url, "Europe/Rome")
    assert os.environ["ACLUE_DATABASE_URL"] == url  # for the UI's processes
    assert "NAME" not in os.environ


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ACLUE_FIRSTDAY=2026-01-01", "ACLUE_FIRSTDAY is no setting; did you mean ACLUE_FIRST_DAY?"),
        ("aclue_firstday=2026-01-01", "ACLUE_FIRSTDAY is no setting; did you mean ACLUE_FIRST_DAY?"),
        ("\nACLUE_DATABASE_URL: postgresql://u:s3cret@localhost/x", "line 2 is no setting; write NAME=value"),
        ("# ours\nACLUE_AUTOSTART", "line 2 is no setting; write NAME=value"),
        ("OTHER\nexport aclue_autostart", "line 2 is no setting; write NAME=value"),
        ("ACLUE_DATABASE_URL:postgresql://u:s3cret@localhost/x?a=b", "line 1 is no setting; write NAME=value"),
    ],
)
def test_what_is_no_setting_in_env_is_refused(line: str, says: str) -> None:
    Path(".env").write_text(f"{line}\n")
    with pytest.raises(SettingsError) as refused:
        get_settings()
    assert str(refused.value) == f".env: {says}"


@pytest.mark.parametrize("home", ["/proc/nowhere", "/etc/passwd/x", "/etc/passwd"])
def test_a_data_directory_that_cannot_be_made_is_one_line(capsys, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("ACLUE_HOME", home)
    code, _, err = run(capsys, "db", "status")
    assert (code, len(err.splitlines())) == (SettingsError.exit_code, 1)
    assert err.startswith(f"aclue: ACLUE_HOME: {home} cannot be made (")


def test_a_new_data_directory_is_its_owners_alone(tmp_path: Path) -> None:
    home = Settings(home=tmp_path / "a" / "home").make_home()
    assert home.stat().st_mode & 0o777 == 0o700


def start(*arguments: str, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", ACLUE, *arguments], text=True, **options)  # type: ignore[call-overload]


def test_a_full_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        process = start("--help", stdout=full, stderr=subprocess.PIPE)
        said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (
        40,
        "aclue: a file, or the output: No space left on device; make room, or name another place\n",
    )


def test_what_a_stranger_wrote_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Clients name the columns of what they ask for, and so write into statements."""
    steering = "\x1b[2J\x9b1Anothing found\u202e\x7f\r\n"
    show(Judgement("slow_statements", f"a{steering}", "failed", "error", f"b{steering}", remedy=f"c{steering}"))
    _show(Closed(date(2026, 1, 1), {(f"GBP{steering}", f"awin{steering}"): (Decimal(1), Decimal(0))}), "closed", False)
    print_json({"said": f"ü{steering}"})
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert json.loads(out[out.index("{") :]) == {"said": f"ü{steering}"}


def test_what_an_encoding_lacks_is_replaced_and_json_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    process = start("rollback", "--help", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "[TABLE]?" in out
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "latin-1", "replace"))
    print_json({"tree": "└─ ✓"})
    sys.stdout.flush()
    assert json.loads(sys.stdout.buffer.getvalue()) == {"tree": "└─ ✓"}  # type: ignore[attr-defined]


def test_who_stops_reading_stops_no_work() -> None:
    """`aclue … 2>&1 | head -1`: the work goes on to its end."""
    code = """if True:
        import pathlib, sys
        from aclue_pipeline.cli import outlets
        with outlets.forgiving():
            for n in range(9):
                print(n, flush=True)
                print(n, file=sys.stderr)
        pathlib.Path('done').touch()"""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=writer)
    os.close(writer)
    assert done.returncode == 0
    assert Path("done").exists()


def test_who_closed_input_and_output_stops_no_work_and_no_connection_takes_their_place() -> None:
    """`aclue … <&- >&- 2>&-`, as some supervisors start it."""
    code = """if True:
        import pathlib, sys
        from aclue_pipeline.cli import outlets
        with outlets.forgiving(), open('other', 'w') as other:
            print('told', file=sys.stderr)
            print('told', sys.stdin.isatty(), sys.stdin.read())
            other.write(str(other.fileno() > 2))"""
    subprocess.run(["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, code], check=True)
    assert Path("other").read_text() == "True"


def test_ctrl_c_is_one_line_and_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/x"
        process = start("verify", stderr=subprocess.PIPE, env=os.environ | {"ACLUE_DATABASE_URL": url})
        with silent.accept()[0]:  # held, since a server that hangs up ends the command, too
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
    assert (process.returncode, said.count("\n")) == (130, 1)
    assert said.startswith("aclue: stopped;")


def test_what_fails_because_of_ctrl_c_is_no_traceback(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own rollback, in the middle of a query: another command is already in progress."""

    def interrupted(**_: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("another command is already in progress")

    monkeypatch.setattr(aclue.get_command(click.Context(aclue), "lineage"), "callback", interrupted)
    code, _, err = run(capsys, "lineage")
    assert (code, len(err.splitlines())) == (130, 1)
    assert err.startswith("aclue: stopped;")


def test_what_takes_long_says_on_a_terminal_that_it_goes_on(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    with waiting("to a file", 0.02):
        time.sleep(0.1)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with waiting("training", 0.02):
        time.sleep(0.2)
    with waiting("over at once", 5):
        pass
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("… training, ") for line in lines)


# --- the demo's server and its data -------------------------------------------------------------------------------------


def test_status_starts_nothing(capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACLUE_HOME", str(tmp_path / "home"))
    code, out, err = run(capsys, "demo", "status", "--json")
    assert (code, json.loads(out), err) == (0, {"running": False, "loaded": None, "broken": []}, "")
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize("data", ["/srv/data", "relative", None])
def test_the_data_of_an_installed_package_lie_where_xdg_says(monkeypatch: pytest.MonkeyPatch, data: str | None) -> None:
    monkeypatch.setattr("aclue_pipeline.settings.checkout", lambda: None)
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_DATA_HOME", data) if data else monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert str(Settings().home) == ("/srv/data/aclue" if data == "/srv/data" else "/home/someone/.local/share/aclue")


def test_the_demos_data_are_removed_but_under_a_running_ui(
    capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("aclue_pipeline.settings.checkout", lambda: None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    home = tmp_path / "aclue"
    (home / "reports").mkdir(parents=True)
    assert run(capsys, "db", "remove")[0] == 18  # nobody is there to ask
    with alone(home):
        code, _, err = run(capsys, "db", "remove", "--yes")
    assert (code, "a UI is already running" in err, home.exists()) == (AlreadyRunning.exit_code, True, True)
    (home / "accepted.csv").write_text("signed off")
    assert run(capsys, "db", "remove", "--yes") == (0, f"deleted {home / 'reports'}\n", "")
    assert (home / "accepted.csv").read_text() == "signed off"
    (home / "accepted.csv").unlink()
    assert run(capsys, "db", "remove", "--yes") == (0, f"deleted {home}\n", "")
    assert not home.exists()


def test_of_a_named_data_directory_only_the_servers_own_is_removed(
    capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "named"
    (home / "postgres-18").mkdir(parents=True)
    (home / "accepted.csv").touch()
    monkeypatch.setenv("ACLUE_HOME", str(home))
    assert run(capsys, "db", "remove", "--yes")[0] == 0
    assert {path.name for path in home.iterdir()} == {"accepted.csv", "ui.lock"}


@pytest.mark.parametrize(("code", "left"), [(0, set()), (13, {".aclue", ".venv"})])
def test_make_clean_ends_where_the_data_are_in_use(code: int, left: set[str]) -> None:
    Path(".venv/bin").mkdir(parents=True)
    Path(".aclue").mkdir()
    command = Path(".venv/bin/aclue")
    command.write_text(
        f'#!/bin/sh\n[ "$*" = "db remove --yes" ] || exit 1\n[ {code} = 0 ] && rm -r .aclue\nexit {code}\n'
    )
    command.chmod(0o755)
    done = subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], capture_output=True, text=True)
    assert (done.returncode == 0) == (code == 0), done.stderr
    assert {path.name for path in Path().iterdir()} == left


def test_hints_of_what_make_starts_can_be_pasted_too() -> None:
    Path(".venv/bin").mkdir(parents=True)
    for stamp in (".venv/run", ".venv/bin/python"):
        Path(stamp).touch()
    command = Path(".venv/bin/aclue")
    command.write_text('#!/bin/sh\necho "$0"\n')
    command.chmod(0o755)
    for target in ("demo", "dev"):
        # Under `make test`, too, it is to print nothing of its own.
        make = ["make", "--no-print-directory", "-f", ROOT / "Makefile", "-o", ".venv/run", target]
        done = subprocess.run(make, capture_output=True, text=True)
        assert done.stdout == f"{command}\n", done.stderr  # what pasteable() makes of an argv[0]


# --- what there is ------------------------------------------------------------------------------------------------------

#: What they print is itself a file or a page, or another program's.
WITHOUT_JSON = {
    "alerts ack",
    "alerts send",
    "alerts silence",
    "signoff",
    "export person",
    "export supabase",
    "report",
    "extract",
    "db psql",
    "db url",
    "demo",
}


def test_every_command_that_tells_something_tells_it_to_machines_too() -> None:
    silent = set()

    def look(command: click.Command, path: tuple[str, ...]) -> None:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                look(child, (*path, name))
        runs = not isinstance(command, click.Group) or command.invoke_without_command
        if runs and not any("--json" in option.opts for option in command.params):
            silent.add(" ".join(path))

    look(aclue, ())
    assert silent == WITHOUT_JSON


def test_tab_completes_commands_and_tables(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("_ACLUE_COMPLETE", "bash_complete")
    for words, offered in (
        ("aclue rev", "plain,revenue"),
        ("aclue why revenue_d", "plain,revenue_daily"),
        ("aclue lineage taste_m", "plain,taste_models"),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert run(capsys, "")[1].split() == [offered]


def test_the_page_of_commands_is_their_own_help(monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.page()
    assert "## aclue revenue rebuild\n\n```text\nUsage: aclue revenue rebuild [OPTIONS]\n" in text
    monkeypatch.setattr("aclue_pipeline.catalog.docs.folder", lambda: Path("tables"))
    path, is_outdated, write = _page("commands.md", page.page)
    assert is_outdated()
    write()
    assert not is_outdated()
    path.write_text(text.replace("--restate", "--restated"))
    assert is_outdated()
