"""Addresses that alerts go to, which are secrets, and handing them a message."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from aclue_pipeline.settings import get_settings

#: Of these what follows the scheme is a host; of others it may be a token.
_HOSTED = re.compile("https?|(json|xml|form|mailto|gotify|mmost|matrix|rocket)s?")

#: Seconds after which an address that does not answer has not taken the message.
_PATIENCE = 30

_OUTCOMES = {0: "arrived", 3: "is no address that apprise knows"}
_REFUSED = "did not take it: see whether the address is right, its token still good, and the way there open"


@dataclass(frozen=True)
class Target:
    """An address. `id` is what is remembered of it, `label` what may be shown."""

    url: str = field(repr=False)
    id: str
    label: str


def targets() -> list[Target]:
    """The addresses of ACLUE_ALERT_URLS, each once."""
    urls = dict.fromkeys(get_settings().alert_addresses)
    return [Target(url, _id(url), f"{place}. {shown(url)}") for place, url in enumerate(urls, 1)]


def shown(url: str) -> str:
    """Scheme and host of an address; the scheme alone where a token may stand in the host's place."""
    scheme = url.partition("://")[0].lower()
    try:
        host = urlsplit(url).hostname if _HOSTED.fullmatch(scheme) else None
    except ValueError:
        host = None
    return f"{scheme}://{host or '…'}"


@cache
def _id(url: str) -> str:
    """What an address is remembered by: from it nobody finds a password by trying."""
    return hashlib.scrypt(url.encode(), salt=b"aclue alerts", n=2**14, r=8, p=1, dklen=8).hex()


def send(target: Target, title: str, body: str, kind: str) -> str:
    """Hand over one message, of the kind failure, warning, success or info; what became of it, `arrived` or why not."""
    order = json.dumps({"url": target.url, "title": title, "body": body, "type": kind})
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-P",
                str(Path(__file__).with_name("courier.py")),
            ],  # alone: nothing else of ours is imported
            input=order.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return f"did not answer within {_PATIENCE} s"
    return _OUTCOMES.get(done.returncode, _REFUSED)
