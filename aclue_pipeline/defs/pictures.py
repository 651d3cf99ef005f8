"""The picture in an asset's description: descriptions are written when code is loaded, and know no numbers; so `aclue ui` serves beside
Dagster's pages what the asset's newest event has drawn."""

import base64
import re
from html import escape
from urllib.parse import unquote

import dagster as dg

from aclue_pipeline.defs.metadata import key_of

#: Where `aclue ui` serves them, by the table's key.
PICTURES = "/picture"

#: A run that failed half-way has drawn nothing: then an event before it is looked at.
_EVENTS = 5

_LINES = 2  # more of them, and a description is folded
_WIDTH, _HEIGHT, _OF_A_LINE = 700, 28, 50
_INK = "#868e96"  # on white and on black
_FIT = 112  # characters in that width; more of them are drawn narrower, since they would be cut

_MARKDOWN = dg.MarkdownMetadataValue  # noqa: TID251  (read here, not made)
_CHART = re.compile(r"!\[[^]]*\]\(data:image/svg\+xml;base64,([\w+/=]+)\)")
_SIZE = re.compile(r' width="(\d+)" height="(\d+)"')
_SPARKLINE = re.compile(r"!\[([^]]*)\]\(data:image/svg\+xml,([^)]+)\)\s*(.*)", re.DOTALL)


def newest(instance: dg.DagsterInstance, table: str, is_large: bool = False) -> str:
    """The first sparklines of the newest event that has any, one below the other, else its first chart, made small, as SVG; else nothing
    that one would see. Or, large, the first chart before all."""
    made = instance.fetch_materializations(key_of(table), limit=_EVENTS).records
    looked = instance.fetch_observations(key_of(table), limit=_EVENTS).records  # a view's
    for event in sorted([*made, *looked], key=lambda event: event.storage_id, reverse=True):
        done = event.asset_materialization or event.event_log_entry.asset_observation
        # Asked for by type: text may be a client's.
        texts = [str(value.value) for value in done.metadata.values() if isinstance(value, _MARKDOWN)] if done else []
        lines = [found for text in texts if (found := _SPARKLINE.match(text))][:_LINES]
        chart = next((base64.b64decode(found[1]).decode() for text in texts if (found := _CHART.match(text))), "")
        if lines and not (is_large and chart):
            drawn = "".join(_line(found, n * _OF_A_LINE) for n, found in enumerate(lines))
            return _svg(_WIDTH, _OF_A_LINE * len(lines), drawn)
        if chart:
            return chart if is_large else _small(chart)
    return _svg(1, 1)


def _small(chart: str) -> str:
    """As high as what is shown of a description without unfolding it."""
    width, height = (int(size) for size in _SIZE.findall(chart)[0])
    scale = min(1.0, _OF_A_LINE * _LINES / height)
    return _SIZE.sub(f' width="{width * scale:.0f}" height="{height * scale:.0f}"', chart, count=1)


def _svg(width: int, height: int, inside: str = "") -> str:
    font = "font-family='Arial, Liberation Sans, Helvetica, sans-serif' font-size='12'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' {font}>{inside}</svg>"


def _line(sparkline: re.Match[str], top: int) -> str:
    title, picture, says = sparkline.groups()
    said = f"{title}, {_unescaped(says)}"
    narrower = f" textLength='{_WIDTH}' lengthAdjust='spacingAndGlyphs'" if len(said) > _FIT else ""
    paths = (
        unquote(picture)
        .partition(">")[2]
        .removesuffix("</svg>")
        .replace("<path ", "<path vector-effect='non-scaling-stroke' ")
    )
    return (
        f"<text x='0' y='{top + 13}' fill='{_INK}'{narrower}>{escape(said)}</text>"
        f"<svg x='0' y='{top + 17}' width='{_WIDTH}' height='{_HEIGHT}' viewBox='0 0 240 40' preserveAspectRatio='none' fill='none'"
        f" stroke-width='1.5'>{paths}</svg>"
    )


def _unescaped(markdown: str) -> str:
    text = re.sub(r"\\(?=[^\w\s])", "", markdown).replace("\u2060", "")
    return " ".join(text.split())
