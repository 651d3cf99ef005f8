"""What a refusal asks a person to say."""

import shlex
from itertools import pairwise


def allowed(refusal: Exception) -> list[str]:
    """The words that follow --allow in it."""
    words = shlex.split(str(refusal).replace(";", " ; ").replace("person's", "person"))
    return [word for before, word in pairwise(words) if before == "--allow"]
