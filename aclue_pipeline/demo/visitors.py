"""What a visit carries besides its cards: who it says it is, device and browser, where it came from, where it landed."""

from typing import TYPE_CHECKING, Final

from aclue_pipeline.demo.draws import Draws, where_said
from aclue_pipeline.demo.people import People, user_ids
from aclue_pipeline.demo.shop import shop
from aclue_pipeline.demo.visits import ANONYMOUS, BOT, GUEST, JOIN, source

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_DEVICES: Final = ("mobile", "desktop", "tablet")
_MOZILLA: Final = "Mozilla/5.0 "
_WEBKIT: Final = " AppleWebKit/537.36 Chrome/130.0.0.0 "
# Two outfits for each device: browser, operating system, screen, agent.
_OUTFITS: Final = (
    (
        (
            "Safari",
            "iOS",
            "390x844",
            _MOZILLA + "(iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148",
        ),
        ("Chrome", "Android", "412x915", _MOZILLA + "(Linux; Android 15; Pixel 8)" + _WEBKIT + "Mobile Safari/537.36"),
    ),
    (
        ("Chrome", "Windows", "1920x1080", _MOZILLA + "(Windows NT 10.0; Win64; x64)" + _WEBKIT + "Safari/537.36"),
        ("Firefox", "Linux", "1920x1080", _MOZILLA + "(X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"),
    ),
    (
        (
            "Safari",
            "iPadOS",
            "820x1180",
            _MOZILLA + "(iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
        ),
        ("Chrome", "Android", "800x1280", _MOZILLA + "(Linux; Android 14; SM-X710)" + _WEBKIT + "Safari/537.36"),
    ),
)
_BOTS: Final = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "python-requests/2.32.3",
)
# utm_source, utm_medium, referrer; the first is a visit of its own accord
_CAME_FROM: Final = (
    (None, None, None), ("google", "cpc", "https://www.google.com/"), ("newsletter", "email", None), ("instagram", "social", "https://www.instagram.com/"),
    ("pinterest", "social", "https://www.pinterest.com/"), ("google", "organic", "https://www.google.com/"),
)  # fmt: skip
_CAME_SHARES: Final = (45, 15, 12, 10, 8, 10)
#: How cards are shown → the page on which the visit lands, and the page a click comes from.
_PAGES: Final = {
    "swipe": ("/discover", "discover"),
    "recommendations": ("/recommendations", "recommendations"),
    "search": ("/search", "search"),
    "category": ("/category", "category"),
    "direct": ("/product", "product"),
    "related": ("/product", "related"),
    "trending": ("/", "trending"),
}
_CAMPAIGNS: Final = ("gifts-for-everyone", "autumn-finds", "christmas", None)
_DAYS_A_VISITOR_IS_KNOWN: Final = 40  # days for which a browser keeps the anonymous id


def dressed(draws: Draws, block: People, table: "pd.DataFrame") -> "pd.DataFrame":
    """The visits with session_id, user_id, anonymous_id (None where there is none), device and origin, by column of the tables."""
    import numpy as np

    key, kind, who = (table[name].to_numpy() for name in ("key", "kind", "who"))
    person = block.numbers[who]
    known, joining = kind < ANONYMOUS, kind == JOIN
    away = draws.uniform("device", key) < 0.15
    device = np.where(
        away, draws.choice("other device", (5, 3, 2), key), draws.choice("own device", (60, 32, 8), person)
    )
    device = np.where(kind == BOT, 1, device)
    browser = draws.choice("browser", (1, 1), person)
    outfits = np.array(_OUTFITS, dtype=object)
    origin = np.array(_CAME_FROM, dtype=object)[draws.choice("origin", _CAME_SHARES, key)]
    agent = np.where(
        kind == BOT,
        np.array(_BOTS, dtype=object)[draws.choice("bot", (4, 2, 2, 1), person)],
        outfits[device, browser, 3],
    )
    shown_by = source(draws, table)
    paid = np.isin(origin[:, 1], ("cpc", "social", "email"))
    visitor = np.where(joining, 0, 1 + (table["day"].to_numpy() + 10_000) // _DAYS_A_VISITOR_IS_KNOWN)
    visitor = np.where(kind == GUEST, key, np.where(kind == BOT, -1, visitor))
    names = draws.names("anon-", "visitor", person, visitor)
    return table.assign(
        person=person,
        session_id=draws.names("s-", "session", key),
        user_id=where_said(known, user_ids(block.numbers)[who]),
        anonymous_id=where_said(~known | joining, names),
        source=shown_by,
        landing_page=np.array([_PAGES[name][0] for name in shown_by], dtype=object),
        source_page=np.array([_PAGES[name][1] for name in shown_by], dtype=object),
        device_type=np.array(_DEVICES, dtype=object)[device],
        browser=outfits[device, browser, 0],
        operating_system=outfits[device, browser, 1],
        screen_resolution=outfits[device, browser, 2],
        user_agent=agent,
        # From the three blocks that are kept for documentation.
        ip_address=_addresses(draws, np.where(known, person, key)),
        country_code=np.where(known, shop().countries[block.twins][who], "GB"),
        referrer_url=origin[:, 2],
        utm_source=origin[:, 0],
        utm_medium=origin[:, 1],
        utm_campaign=where_said(paid, np.array(_CAMPAIGNS, dtype=object)[draws.choice("campaign", (4, 2, 3, 1), key)]),
    )


def _addresses(draws: Draws, who: "np.ndarray") -> "np.ndarray":
    import numpy as np

    blocks = np.array(["192.0.2.", "198.51.100.", "203.0.113."])[draws.choice("address block", (1, 1, 1), who)]
    return np.char.add(blocks, (1 + (draws.uniform("address", who) * 254).astype(int)).astype(str)).astype(object)
