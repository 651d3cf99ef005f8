"""What Supabase's own tools say of a deployment, and whether the page for an app's developers compiles with the types that they make."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aclue_pipeline.postgres import Database
from aclue_pipeline.schema import migration, writing
from aclue_pipeline.schema.contract import promises

pytestmark = [pytest.mark.database, pytest.mark.slow]

TOOLS = ("supabase@3.1.0", "@supabase/supabase-js@2", "typescript@5", "squawk-cli@2.66.0")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Supabase's command line and TypeScript in it."""
    folder = tmp_path_factory.mktemp("tools")
    if shutil.which("npm") is None:
        pytest.skip("npm is not there")
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-save", *TOOLS]
    try:
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=200)
    except subprocess.TimeoutExpired:
        pytest.skip("npm reaches nobody")
    if done.returncode:
        pytest.skip(f"npm cannot install them: {done.stderr.strip()[-200:]}")
    return folder


def run(tools: Path, tool: str, *arguments: str) -> str:
    """What the tool prints; it keeps nothing of its own outside the folder."""
    command = [str(tools / "node_modules" / ".bin" / tool), *arguments]
    environment = os.environ | {"HOME": str(tools), "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, cwd=tools, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_examples_compile_with_the_types_that_supabase_makes(tools: Path, schema_db: Database) -> None:
    made = run(
        tools, "supabase", "gen", "types", "--lang", "typescript", "--schema", "public", "--remote", schema_db.url
    )
    (tools / "types.ts").write_text(made[made.index("export type Json") :])
    examples = re.findall(r"```ts\n(.*?)```", writing.page(), re.DOTALL)
    assert len(examples) == 5
    variables = {
        writing.javascript_name(name)
        for one in promises()
        for name in re.findall(r"\$\w+", f"{one.sent} {one.least} {one.of}")
    }
    lines = [
        'import { createClient } from "@supabase/supabase-js"',
        'import type { Database } from "./types"',
        'const supabase = createClient<Database>("https://project.example", "key")',
        *(f"declare const {name}: string" for name in sorted(variables)),
        *(f"export async function table{number}() {{\n{block}}}" for number, block in enumerate(examples)),
    ]
    (tools / "page.ts").write_text("\n".join(lines))
    modern = ("--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext", "--skipLibCheck")
    run(tools, "tsc", "--strict", "--noEmit", *modern, "page.ts")


def test_supabases_advisors_find_nothing_of_ours(tools: Path, schema_db: Database) -> None:
    said = run(tools, "supabase", "db", "advisors", "--level", "warn", "--remote", schema_db.url)
    found = json.loads(said[said.index("[") :]) if "[" in said else []
    ours = [one["detail"] for one in found if one["metadata"]["name"] != "update_updated_at_column"]  # the app's
    assert ours == []


def test_squawk_finds_no_statement_of_the_migration_dangerous(tools: Path) -> None:
    text = migration.text()
    statements = re.findall(r"execute \$each\$(.*?)\$each\$", text, re.DOTALL)
    assert len(statements) > 100
    patience = "set local lock_timeout = '2ms'; set local statement_timeout = '45s'"  # as the block around them has it
    (tools / "plain.sql").write_text(";\n".join(["begin", patience, *statements, "commit;\n"]))
    # Counts are int by the contract with the app's clients.
    run(tools, "squawk", "--pg-version", "15", "--exclude", "prefer-bigint-over-int", "plain.sql")
