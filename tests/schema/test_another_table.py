"""A table more is one SQL file and its lines in access.csv: whatever is tried of the others is tried of it."""

import shutil
from pathlib import Path

import pytest

from aclue_pipeline.postgres import Database, script
from aclue_pipeline.schema import access, declared
from aclue_pipeline.schema.census import as_json
from aclue_pipeline.schema.verify import verify
from aclue_pipeline.settings import sql_folder
from tests.support.statements import run

pytestmark = pytest.mark.database

WISHES = """
create table public.wishes (
    id uuid not null default gen_random_uuid() primary key,
    user_id uuid not null references auth.users (id) on delete cascade,
    product_id uuid not null references public.products (id) on delete cascade,
    kind text not null check (kind in ('soon', 'one day')),
    wished_at timestamptz default now(),
    updated_at timestamptz default now()
);
alter table public.wishes enable row level security;
revoke all on public.wishes from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.wishes to service_role;
grant select on public.wishes to authenticated;
grant insert (user_id, product_id, kind, wished_at) on public.wishes to authenticated;
create policy wishes_service_role on public.wishes to service_role using (true) with check (true);
create policy wishes_read_own on public.wishes for select to authenticated using (user_id = (select auth.uid()));
create policy wishes_insert_own on public.wishes for insert to authenticated
    with check (user_id = (select auth.uid()) and wished_at <= now() + interval '5 minutes');
create index wishes_user on public.wishes (user_id, wished_at desc);
create index wishes_product on public.wishes (product_id);
create trigger wishes_touch before update on public.wishes for each row execute function pipeline.touch_updated_at();
"""
LINES = """
wishes,anon,select insert update delete,other,*,no,
wishes,authenticated,select,own,*,yes,
wishes,authenticated,select,other,*,no,
wishes,authenticated,insert,own,user_id product_id kind wished_at,yes,
wishes,authenticated,insert,own,id updated_at,no,
wishes,authenticated,insert,other,*,no,
wishes,authenticated,insert,own 6 minutes ahead,*,no,
wishes,authenticated,update delete,own / other,*,no,
wishes,service_role,select insert update delete,other,*,yes,
"""


@pytest.fixture
def six(app_db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Database:
    folder = tmp_path / "sql"
    shutil.copytree(sql_folder(), folder)
    for module in (declared, access):
        monkeypatch.setattr(module, "sql_folder", lambda: folder)
    (folder / "schema" / "wishes.sql").write_text(WISHES)
    with (folder / "schema" / "access.csv").open("a") as file:
        file.write(LINES.lstrip())
    with app_db.begin() as connection:
        script(connection, "create schema pipeline")
        for name in ("deployments", "erasures", "adjustments"):
            script(connection, (folder / "pipeline" / f"{name}.sql").read_text())
    text = as_json(declared.fresh(app_db))
    declared.path().write_text(f'{{"sql": "", "things": {text}}}')
    access.lines.cache_clear()
    yield app_db
    access.lines.cache_clear()


#: By the criterion that each turns red; without the index, there are fewer than declared, too.
DAMAGES = {
    "indexes_created": "select",
    "foreign_keys": "alter table public.wishes drop constraint wishes_product_id_fkey",
    "triggers": "drop trigger wishes_touch on public.wishes",
    "index_usage": "drop index public.wishes_product",
    "user_data_isolated": "alter policy wishes_read_own on public.wishes using (true)",
    "no_cross_user_access": "alter policy wishes_insert_own on public.wishes with check (user_id = auth.uid())",
}


def test_it_is_tried_like_the_others(six: Database) -> None:
    assert [one.sentence for one in verify(six) if not one.passed] == []
    run(six, "; ".join(DAMAGES.values()))
    failed = [one for one in verify(six) if not one.passed]
    assert [one.check for one in failed] == list(DAMAGES)
    assert all("wishes" in one.sentence for one in failed)
