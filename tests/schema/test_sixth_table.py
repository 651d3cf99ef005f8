"""A sixth table is one SQL file and its lines in access.csv: deployed, watched, judged and taken back without a word of Python."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import sql_folder

pytestmark = [pytest.mark.database, pytest.mark.slow]

WISHES = """
create table if not exists public.wishes (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    product_id uuid,
    note text,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    constraint wishes_pkey primary key (id),
    constraint wishes_note_length check (length(note) <= 200)
);
alter table public.wishes enable row level security;
revoke all on table public.wishes from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.wishes to service_role;
grant select on table public.wishes to authenticated;
grant insert (id, user_id, product_id, note) on table public.wishes to authenticated;
create policy wishes_service_role on public.wishes for all to service_role using (true) with check (true);
create policy wishes_read_own on public.wishes for select to authenticated using (user_id = (select auth.uid()));
create policy wishes_insert_own on public.wishes for insert to authenticated with check (user_id = (select auth.uid()));
create index idx_wishes_user on public.wishes (user_id, created_at desc);
create index idx_wishes_product on public.wishes (product_id);
create index idx_wishes_created on public.wishes using brin (created_at);
create index idx_wishes_updated on public.wishes (updated_at);
create index idx_wishes_note on public.wishes (note);
create trigger wishes_touch_updated_at before update on public.wishes
    for each row execute function pipeline.touch_updated_at();
comment on table public.wishes is 'What a user wishes for, written by clients. [aclue]';
alter table public.wishes
    add constraint wishes_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    add constraint wishes_product_id_fkey foreign key (product_id) references public.products (id) on delete cascade;
"""

ACCESS = """wishes,anon,select insert update delete,other,*,no,nothing for visitors
wishes,authenticated,select,own,*,yes,
wishes,authenticated,select,other,*,no,
wishes,authenticated,insert,own,id user_id product_id note,yes,
wishes,authenticated,insert,own,created_at updated_at,no,the server's clock
wishes,authenticated,insert,other,*,no,nobody wishes for another
wishes,authenticated,update delete,own / other,*,no,
wishes,service_role,select insert update delete,other,*,yes,the app's server
"""


def test_a_sixth_table_is_one_file_and_its_lines_of_access(app_db: Database, tmp_path: Path) -> None:
    package = Path(sys.modules["aclue_pipeline"].__file__ or "").parent
    shutil.copytree(package, tmp_path / "aclue_pipeline")
    shutil.copytree(sql_folder(), tmp_path / "aclue_pipeline" / "sql", dirs_exist_ok=True)
    folder = tmp_path / "aclue_pipeline" / "sql" / "schema"
    (folder / "wishes.sql").write_text(WISHES)
    with (folder / "access.csv").open("a") as file:
        file.write(ACCESS)
    (tmp_path / "try.py").write_text(f"""
from aclue_pipeline import schema
from aclue_pipeline.postgres import Database
from aclue_pipeline.schema import declared
from aclue_pipeline.schema.verify import verify

declared.write()
assert "wishes" in declared.table_names()
database = Database({app_db.url!r})
done = schema.deploy(database)
assert "table wishes: done" in map(str, done.outcomes)
assert not schema.plan(database).changes
for one in verify(database):
    if not one.passed:
        print(one.check, one.says)
with database.psycopg() as pg:
    pg.execute("alter table public.wishes disable row level security; drop index public.idx_wishes_user")
assert len(schema.plan(database).changes) == 2
assert schema.deploy(database).fingerprint == done.fingerprint
assert schema.rollback(database, ["wishes"]).tables == ("wishes",)
assert schema.restore(database) == ("wishes",)
assert not schema.plan(database).changes
""")
    ran = subprocess.run(
        [sys.executable, "try.py"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr
