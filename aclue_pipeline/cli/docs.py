"""`aclue docs`, `aclue atlas` and `aclue lineage`: what the SQL files say, as pages, as a map and as trees. No database is needed, but
where sql/schema changed: what its scripts make is asked of a server of its own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from aclue_pipeline.cli.context import TABLE, Context, json_option, print_json
from aclue_pipeline.errors import DocsOutdated


@click.command(short_help="Write the data dictionary.", epilog="Example:  aclue docs --check")
@click.option("--check", is_flag=True, help="Write nothing; fail where a page is not what sql/ says.")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Folder of the pages (docs/tables).")
@json_option
@click.pass_obj
def docs(context: Context, check: bool, to: Path | None, as_json: bool) -> None:
    """Write the data dictionary: every table and column, its type, and what it rests on.

    Where the scripts of sql/schema changed, sql/schema/declared.json too: what they make, asked of a server started for it;
    docs/writing-events.md, for those who write an app's clients, docs/commands.md, and docs/atlas.html, where lineage is followed.
    """
    from aclue_pipeline.catalog import atlas as pages
    from aclue_pipeline.catalog import docs as dictionary
    from aclue_pipeline.cli import page
    from aclue_pipeline.schema import declared, writing

    folder = to or dictionary.folder()
    changed = dictionary.outdated(context.catalog, folder) if check else dictionary.write(context.catalog, folder)
    names = [path.name for path in changed]
    of_atlas = (context.catalog, pages.path())
    others = (
        (declared.path(), declared.outdated, declared.write),
        _page("writing-events.md", writing.page),
        _page("commands.md", page.page),
        (pages.path(), partial(pages.outdated, *of_atlas), partial(pages.write, *of_atlas)),
    )
    for path, is_outdated, write in others if to is None else ():
        if is_outdated():
            names.append(path.name)
            if not check:
                write()
    if check and names:
        raise DocsOutdated(f"{', '.join(names)} differ from what sql/ says: run `aclue docs` and commit")
    if as_json:
        print_json({"folder": str(folder), "written": names})
    else:
        click.echo(f"{folder}: {', '.join(names) + ' written' if names else 'as sql/ says, nothing to write'}")


def _page(name: str, text: Callable[[], str]) -> tuple[Path, Callable[[], bool], Callable[[], object]]:
    """A page beside the dictionary: where it is, whether it says something else, and what writes it."""
    from aclue_pipeline.catalog import docs

    path = docs.folder().parent / name
    return path, lambda: not docs.says(path, text()), lambda: path.write_text(text(), encoding="utf-8")


@click.command(
    short_help="Write the lineage of every column as one HTML page.", epilog="Example:  aclue atlas --to atlas.html"
)
@click.option("--check", is_flag=True, help="Write nothing; fail where the page is not what sql/ says.")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="The page (docs/atlas.html).")
@json_option
@click.pass_obj
def atlas(context: Context, check: bool, to: Path | None, as_json: bool) -> None:
    """Write the atlas: one HTML page, for any browser and without a network, on which a column is followed to all that it rests on and
    to all that rests on it, with its SQL beside it.

    `aclue ui` serves the same page under /atlas.
    """
    from aclue_pipeline.catalog import atlas as pages

    path = to or pages.path()
    changed = pages.outdated(context.catalog, path)
    if changed and check:
        raise DocsOutdated(f"{path} differs from what sql/ says: run `aclue atlas` and commit")
    if changed:
        pages.write(context.catalog, path)
    if as_json:
        print_json({"page": str(path), "written": changed})
    else:
        click.echo(f"{path}: {'written' if changed else 'as sql/ says, nothing to write'}")


@click.command(
    short_help="Show what a column rests on, as a tree.",
    epilog="Example:  aclue lineage revenue_daily.actual_commission",
)
@click.argument("name", metavar="TABLE[.COLUMN]", type=TABLE, required=False)
@click.option("--used-by", is_flag=True, help="The other way, one step: which columns rest on it.")
@json_option
@click.pass_obj
def lineage(context: Context, name: str | None, used_by: bool, as_json: bool) -> None:
    """Show as a tree what a column, or a table, rests on, down to the app's tables; without a name, list the tables.

    A column rests on the columns whose values enter it (branches, followed to the app's tables; count(*) stands as the key of what
    it counts) and on those that decide which rows count ("filtered by", one step down).
    """
    from aclue_pipeline.catalog import lineage as trees

    if name is None:
        known = context.catalog.tables.values()
        if as_json:
            print_json([{"table": t.key, "kind": t.kind, "grain": t.grain, "from": t.upstream} for t in known])
        else:
            for table in known:
                click.echo(f"{table.key:36} {table.kind:9} {table.description}")
        return
    table_name, column = trees.split(context.catalog, name)
    if used_by:
        users = trees.used_by(context.catalog, table_name, column)
        if as_json:
            print_json([{"table": user.table, "column": user.column, "kind": user.kind} for user in users])
        else:
            for user in users:
                click.echo(f"{user}" + ("" if user.kind == "direct" else "  (filters)"))
        return
    tree = trees.tree(context.catalog, table_name, column)
    if as_json:
        print_json(tree.as_dict())
    else:
        click.echo("\n".join(trees.lines(tree)))
