"""What a visit carries besides its cards, by column of the tables: who it says it is, device and browser, where it came from, where
it landed."""

from typing import Final

import numpy as np
import pandas as pd

from aclue_pipeline.demo import planted
from aclue_pipeline.demo.draws import Draws, where_said
from aclue_pipeline.demo.people import People, user_ids
from aclue_pipeline.demo.visits import ANONYMOUS, BOT, BROWSE, GUEST, JOIN

_M, _W = "Mozilla/5.0 ", " AppleWebKit/537.36 Chrome/130.0.0.0 "
# Two outfits for each device: browser, operating system, screen, agent. The telephone's second is the app itself.
_OUTFITS: Final = np.array([
    [("Safari", "iOS", "390x844", _M + "(iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148"),
     ("aclue", "Android", "412x915", "Dalvik/2.1.0 (Linux; U; Android 15; Pixel 8 Build/AP4A)")],
    [("Chrome", "Windows", "1920x1080", _M + "(Windows NT 10.0; Win64; x64)" + _W + "Safari/537.36"),
     ("Firefox", "Linux", "1920x1080", _M + "(X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0")],
    [("Safari", "iPadOS", "820x1180", _M + "(iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"),
     ("Chrome", "Android", "800x1280", _M + "(Linux; Android 14; SM-X710)" + _W + "Safari/537.36")],
], dtype=object)  # fmt: skip
_DEVICES: Final = np.array(["mobile", "desktop", "tablet"], dtype=object)
_BOTS: Final = np.array([
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "python-requests/2.32.3",
], dtype=object)  # fmt: skip
# utm_source, utm_medium, referrer; the first is a visit of its own accord, the last the campaign's letter
_CAME_FROM: Final = np.array([
    (None, None, None), ("google", "cpc", "https://www.google.com/"), ("newsletter", "email", None), ("instagram", "social", "https://www.instagram.com/"),
    ("pinterest", "social", "https://www.pinterest.com/"), ("google", "organic", "https://www.google.com/"),
], dtype=object)  # fmt: skip
_CAME_SHARES: Final = (45, 15, 12, 10, 8, 10)
_LETTER: Final = 2
#: How cards are shown → the page on which the visit lands, and the page a click comes from.
_PAGES: Final = {
    "swipe": ("/discover", "discover"), "recommendations": ("/recommendations", "recommendations"), "search": ("/search", "search"),
    "category": ("/category", "category"), "direct": ("/product", "product"),
    "related": ("/product", "related"), "trending": ("/", "trending"),
}  # fmt: skip
_CAMPAIGNS: Final = np.array(["gifts-for-everyone", "autumn-finds", "christmas", None], dtype=object)
_CITIES: Final = np.array(
    ["London", "Manchester", "Birmingham", "Leeds", "Glasgow", "Bristol", "Cardiff", "Belfast"], dtype=object
)
_ADDRESSES: Final = np.array(["192.0.2.", "198.51.100.", "203.0.113."], dtype=object)  # the blocks for documentation
_DAYS_A_VISITOR_IS_KNOWN: Final = 40  # days for which a browser keeps the anonymous id


def browser_ids(draws: Draws, person: int) -> np.ndarray:
    """Every anonymous id that this person's browser ever has, in 25 years before and after the anchor."""
    return draws.names("anon-", "visitor", person, np.arange(20_000 // _DAYS_A_VISITOR_IS_KNOWN))


def dressed(draws: Draws, block: People, table: pd.DataFrame) -> pd.DataFrame:
    """The visits with all that; user_id and anonymous_id are None where there is none."""
    key, kind, who, day = (table[name].to_numpy() for name in ("key", "kind", "who", "day"))
    person = block.numbers[who]
    known, joining, bot = kind < ANONYMOUS, kind == JOIN, kind == BOT
    own, other = draws.choice("own device", (60, 32, 8), person), draws.choice("other device", (5, 3, 2), key)
    device = np.select([bot, draws.uniform("device", key) < 0.15], [1, other], own)
    outfit = _OUTFITS[device, draws.choice("browser", (1, 1), person)]
    by_letter = np.isin(kind, (BROWSE, ANONYMOUS)) & np.isin(day, planted.CAMPAIGN_DAYS)
    by_letter &= draws.uniform("letter", key) < 0.5
    origin = _CAME_FROM[np.where(by_letter, _LETTER, draws.choice("origin", _CAME_SHARES, key))]
    campaign = np.where(by_letter, planted.CAMPAIGN, _CAMPAIGNS[draws.choice("campaign", (4, 2, 3, 1), key)])
    # A browser keeps the id with which it came before signing in; some browsers are a neighbour's.
    signs_in = (kind == BROWSE) & (draws.uniform("signs in", key) < planted.SIGN_INS)
    owner = np.where(person % planted.SHARED_BROWSERS == 1, person - 1, person)
    visitor = np.select([kind == GUEST, bot], [key, -1], 1 + (day + 10_000) // _DAYS_A_VISITOR_IS_KNOWN)
    city = _CITIES[draws.choice("city", (8, 2, 2, 1, 1, 1, 1, 1), person)]
    country = np.where(known, block.countries[who], "GB").astype(object)
    address = 1 + (draws.uniform("address", host := np.where(known, person, key)) * 254).astype(int)
    return table.assign(
        person=person,
        session_id=draws.names("s-", "session", key),
        user_id=where_said(known, user_ids(block.numbers)[who]),
        anonymous_id=where_said(~known | joining | signs_in, draws.names("anon-", "visitor", owner, visitor)),
        landing_page=table["view_source"].map(_PAGES).str[0],
        source_page=table["view_source"].map(_PAGES).str[1],
        device_type=_DEVICES[device],
        browser=outfit[:, 0],
        operating_system=outfit[:, 1],
        screen_resolution=outfit[:, 2],
        viewport_size=outfit[:, 2],
        screen_density=np.where(device == 1, 1.0, 3.0),
        user_agent=np.where(bot, _BOTS[draws.choice("bot", (4, 2, 2, 1), person)], outfit[:, 3]),
        ip_address=_ADDRESSES[draws.choice("address block", (1, 1, 1), host)] + address.astype(str).astype(object),
        country_code=country,
        city=where_said(country == "GB", city),
        timezone="Europe/London",
        utm_source=origin[:, 0],
        utm_medium=origin[:, 1],
        referrer_url=origin[:, 2],
        utm_campaign=where_said(np.isin(origin[:, 1], ("cpc", "social", "email")), campaign),
    )
