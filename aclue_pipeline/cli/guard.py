"""Dagster's webserver behind a guard. By itself it runs a mutation for any GET, whichever page made the browser send it and
whatever name the browser knew it by: a picture in a text that a stranger wrote was enough to start or end runs. Behind the
guard it answers to its own names only, to no other site's page, and changes nothing by GET."""

import re
from collections.abc import Callable, Iterable, Set
from functools import cache
from typing import Any

import click
import psycopg2
import sqlalchemy as sa
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_graphql.implementation.loader import RepositoryDataType, RepositoryScopedBatchLoader
from dagster_webserver import cli as webserver
from dagster_webserver.app import create_app_from_workspace_process_context
from graphql import FragmentDefinitionNode, GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from aclue_pipeline.catalog import Catalog, atlas
from aclue_pipeline.cli.ui import name_instance
from aclue_pipeline.defs import pictures
from aclue_pipeline.settings import get_settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """ASGI in, ASGI out: a request, a websocket's upgrade included, reaches `app` or gets one line that says why not."""

    def __init__(self, app: ASGIApp, names: Set[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = _refusal(scope, self.names) if scope["type"] in ("http", "websocket") else None
        if refused is None:
            await self.app(scope, receive, send)
            return
        status, sentence = refused
        headers = {"x-content-type-options": "nosniff"}  # the sentence repeats what the request said
        await PlainTextResponse(f"{sentence}\n", status, headers)(scope, receive, send)


def _refusal(scope: Scope, names: Set[str]) -> tuple[int, str] | None:
    """The status and the sentence for a request that must not reach the webserver. Where a header comes twice, the guard and the
    webserver could each believe another one: then there is none."""
    headers = Headers(scope=scope)
    host = _only(headers.getlist("host")).lower()
    if re.sub(r":\d+$", "", host) not in names:
        return 421, f"{host!r} is no name of this UI: open it as localhost, or add its name to ACLUE_UI_HOSTS"
    method = scope.get("method", "GET")  # a websocket's upgrade is a GET
    if method not in ("GET", "HEAD", "POST"):
        return 405, f"nothing here answers {method!r}: use GET or POST"
    for origin in headers.getlist("origin"):
        if origin.partition("://")[2].lower() != host:
            return 403, f"a page of {origin!r} may not use {host!r}: open the UI itself (a proxy must keep Host)"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _follows_link(method, headers):
        return 403, "a page of another site may not use this UI: open the UI itself"
    if method == "POST":
        # What a form or a fetch without preflight can send is refused, also `text/plain; application/json` and no type at
        # all, which the webserver takes.
        if _only(headers.getlist("content-type")).partition(";")[0].strip().lower() != "application/json":
            return 415, "what is posted here must be JSON: send it with Content-Type: application/json"
        return None
    # Not equal to "/graphql": the webserver's routes take "/graphql\n" as well.
    documents = QueryParams(scope["query_string"]).getlist("query") if "graphql" in scope["path"].lower() else []
    if not all(map(_is_query, documents)):
        return 405, "by GET this UI only answers queries: send a mutation by POST, as JSON"
    return None


def _only(values: list[str]) -> str:
    return values[0] if len(values) == 1 else ""


def _follows_link(method: str, headers: Headers) -> bool:
    """Whether a person came here from a page elsewhere, a chat or a mail; a frame in that page is no visit."""
    how = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return method != "POST" and how == ("navigate", "document")


def _is_query(document: str) -> bool:
    """Whether every operation of the document only reads, whichever of them `operationName` chooses."""
    try:
        definitions = parse(document).definitions
    except (GraphQLError, RecursionError):
        return False
    return all(
        isinstance(d, FragmentDefinitionNode)
        or (isinstance(d, OperationDefinitionNode) and d.operation is OperationType.QUERY)
        for d in definitions
    )


@cache
def _atlas() -> str:
    return atlas.page(Catalog.load())


def _atlas_page(_request: Request) -> HTMLResponse:
    return HTMLResponse(_atlas())


#: Asked for anew with each look at a page; opened by itself it runs nothing.
_OF_A_PICTURE = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def _guarded(process: WorkspaceProcessContext, path_prefix: str = "", *rest: Any, **more: Any) -> Guard:
    """The webserver's application, with the atlas and the pictures, behind the guard."""
    app = create_app_from_workspace_process_context(process, path_prefix, *rest, **more)

    def picture(request: Request) -> Response:
        drawn = pictures.newest(process.instance, request.path_params["table"], "large" in request.query_params)
        return Response(drawn, media_type="image/svg+xml", headers=_OF_A_PICTURE)

    # Before the webserver's own routes, which answer any address.
    app.router.routes[:0] = [
        Route(path_prefix + atlas.ADDRESS, _atlas_page),
        Route(path_prefix + pictures.PICTURES + "/{table}", picture),
    ]
    return Guard(app, LOOPBACK | {click.get_current_context().params["host"]} | get_settings().ui_host_names)


def _is_alive(connection: psycopg2.extensions.connection, _record: Any, _proxy: Any) -> None:
    """A pooled connection to a server that has restarted since would end the first page that takes it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except psycopg2.Error:
        raise sa.exc.InvalidatePoolError from None


def _last_ticks(kind: RepositoryDataType, named: Callable[[RemoteRepository], Iterable[Any]]) -> Callable[..., Any]:
    """Of a schedule or sensor by what it is. Dagster's pages look them up by the socket of the code server at which it was switched on,
    which is not that of a UI that looks on."""

    def ticks(loader: RepositoryScopedBatchLoader, _origin: str, selector: str, limit: int) -> Any:
        [one] = [one for one in named(loader.repository) if one.selector_id == selector]
        return loader._get(kind, one.get_remote_origin_id(), limit)

    return ticks


def main() -> None:
    """`dagster-webserver` with all its options, its application behind the guard."""
    name_instance()
    webserver.create_app_from_workspace_process_context = _guarded  # type: ignore[assignment]
    sa.event.listen(sa.pool.QueuePool, "checkout", _is_alive)
    for name, kind, named in (
        ("get_schedule_ticks", RepositoryDataType.SCHEDULE_TICKS, RemoteRepository.get_schedules),
        ("get_sensor_ticks", RepositoryDataType.SENSOR_TICKS, RemoteRepository.get_sensors),
    ):
        setattr(RepositoryScopedBatchLoader, name, _last_ticks(kind, named))
    defaults = {"db_pool_recycle": 60, "path_prefix": get_settings().ui_prefix}
    webserver.dagster_webserver(auto_envvar_prefix="DAGSTER_WEBSERVER", default_map=defaults)


if __name__ == "__main__":
    main()
