"""How charts look, wherever they stand: colours that hold on white and on black, and the drawing as SVG text, without a browser.
The extra [charts] draws; where it is not installed a table stands in each chart's place."""

from __future__ import annotations

import re
from typing import Any, Final

try:
    import altair as alt
    import vl_convert

    CAN_DRAW = True
except ImportError:
    CAN_DRAW = False

WIDTH: Final = 660

BLUE, TEAL, RED, ORANGE, VIOLET, GREY = "#4c6ef5", "#0ca678", "#e03131", "#f08c00", "#9c36b5", "#868e96"
#: One colour a series, in the order of the series: as many as any chart of ours has, so that no two of them look alike.
SERIES: Final = [BLUE, ORANGE, TEAL, VIOLET, RED, GREY, "#15aabf", "#74513b", "#82c91e", "#f06595"]
_FONT: Final = "Arial, Liberation Sans, Helvetica, sans-serif"  # of one width, by which words are measured


def svg(chart: alt.TopLevelMixin, *, page: bool = False) -> str:
    """The drawing. On a `page` it has no ground of its own and takes the page's colour of text, so that it is light or dark with it.

    What a screen reader would be told of each mark is left out: a table beside the chart says it better. So is what says nothing.
    """
    spec = chart.to_dict()
    spec["padding"] = 12  # a reader's font may be wider than the one that was measured with
    spec["config"] = _config("currentColor" if page else "#343a40", None if page else "white")
    drawn: str = vl_convert.vegalite_to_svg(spec)
    drawn = _SILENT.sub("", drawn).replace("<svg ", f'<svg font-family="{_FONT}" ', 1)
    drawn = re.sub(r'( opacity="0\.\d\d)\d+', r"\1", drawn)
    return _PLACE.sub(lambda place: re.sub(r"(\.\d)\d+", r"\1", place[0]), drawn)


#: What a mark is called, what it is anyway, and its font, which is said once.
_SILENT = re.compile(
    r' (?:aria-\w+|role|class|pointer-events|font-family|version|xmlns:xlink)="[^"]*"'
    r'| (?:opacity|stroke-width)="1"| transform="translate\(0,0\)"|<path d="[^"]*" pointer-events="none"(?: display="none")?/>'
)
#: Where something stands, for which a tenth of a pixel is exact enough: not what is written there.
_PLACE = re.compile(r' (?:d|transform|[xy][12]?|width|height)="[^"]*"')


def _config(ink: str, ground: str | None) -> dict[str, Any]:
    words = {
        "labelColor": ink, "titleColor": ink, "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 11, "labelLimit": 190,
    }  # fmt: skip
    lines = {"domainColor": ink, "tickColor": ink, "gridColor": ink}
    return {
        "background": ground,
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {**words, **lines, "gridOpacity": 0.14, "domainOpacity": 0.5, "tickOpacity": 0.5},
        "legend": {**words, "columnPadding": 18},
        "title": {"color": ink, "anchor": "start", "fontWeight": "normal", "fontSize": 12},
        "text": {"color": ink},
        "rule": {"color": ink},
        "range": {"category": SERIES},
    }
