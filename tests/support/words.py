"""What a refusal asks a person to say."""

import re
import shlex


def allowed(refusal: Exception) -> list[str]:
    """The words that follow --allow in it, quoted for a shell where they must be."""
    quoted = re.findall(r"""--allow ((?:'[^']*'|"[^"]*"|[^\s;'"])+)""", str(refusal))
    return [word for one in quoted for word in shlex.split(one)]
