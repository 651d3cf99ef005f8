"""A small shop of its own: one table of the app, one view, one daily table, so that these tests stand whatever the rooms hold."""

from pathlib import Path

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import sql_folder

APP = """
create table public.orders (
    id bigint primary key,                          -- The order.
    at timestamptz,                                 -- When it came; NULL where the app forgot.
    shop text,                                      -- Shop it came to; NULL where unknown.
    amount numeric(10, 2) not null default 0,       -- Money in the shop's currency.
    note text                                       -- What the buyer wrote. [pii]
);
comment on table public.orders is 'One row per order.';
"""

ORDERS = """-- One row per order: what was really ordered.
-- kind: view
-- grain: order_id
-- owner: team:data
select
    o.id as order_id,                               -- The order.
    o.at as at,                                     -- When it came; NULL where the app forgot.
    coalesce(nullif(o.shop, ''), '(not set)') as shop,  -- Shop it came to.
    o.amount as amount,                             -- Money in the shop's currency.
    o.note as note                                  -- What the buyer wrote; NULL where nothing. [pii]
from public.orders o
"""

SALES = """-- One row per day and shop: what was sold.
-- kind: daily
-- grain: day, shop
-- clock: at of the order (reporting zone)
-- owner: team:finance
-- headline: orders

-- Orders without a time belong to no day.
select
    (o.at at time zone :timezone)::date as day,     -- Calendar day in the reporting zone.
    o.shop as shop,                                 -- Shop it was sold in.
    count(*) as orders,                             -- Orders of the day.
    sum(o.amount) as amount                         -- Money sold,
                                                    -- in the shop's currency.
from staging.orders o
where o.at >= :range_start and o.at < :range_end
group by 1, 2
"""

#: What is remembered of days and publications, whatever the tables are.
KEPT = ("tables", "days", "dirty", "publications", "restatements")


class Shop:
    """The folder of the small shop's SQL files, to write to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._catalog: Catalog | None = None
        self.write("app/orders.sql", APP)
        self.write("staging/orders.sql", ORDERS)
        self.write("revenue/sales.sql", SALES)
        for path in (*(f"pipeline/{name}.sql" for name in KEPT), "functions/day_start.sql"):
            self.write(path, (sql_folder() / path).read_text())

    @property
    def catalog(self) -> Catalog:
        """What the files say now."""
        self._catalog = self._catalog or Catalog.load(self.root)
        return self._catalog

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        self._catalog = None

    def remove(self, path: str) -> None:
        (self.root / path).unlink()
        self._catalog = None

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))


def order(db: Database, *values: tuple[int, str, str, str]) -> None:
    """Rows of the app's table: id, at, shop, amount."""
    with db.psycopg() as pg:
        pg.cursor().executemany("insert into public.orders (id, at, shop, amount) values (%s, %s, %s, %s)", values)
