"""What a title says: small word lists by which a product's name becomes category, styles, colours, materials and occasions.
The names are the shop's own ("RED RETROSPOT PICNIC BAG"); only the reading of them is ours: vocabulary.csv, one value a line with
the words that mean it, whole, in upper case, without a plural S. Of the categories the first that has a word of the title holds,
so the narrow ones stand first, and the last has none; a collection named in the title is the product's brand."""

import csv
import re
from pathlib import Path
from typing import Final, NamedTuple

_ENTRIES: Final = list(
    csv.DictReader((Path(__file__).parent / "vocabulary.csv").read_text(encoding="utf-8").splitlines())
)


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("S") and not word.endswith("SS") else word


def _words(kind: str) -> dict[str, frozenset[str]]:
    return {
        entry["value"]: frozenset(map(_stem, entry["words"].split())) for entry in _ENTRIES if entry["kind"] == kind
    }


class Category(NamedTuple):
    """A category as the app shows it."""

    name: str
    parent: str  # slug of the one above; empty at the top


CATEGORIES: Final = {
    entry["value"]: Category(entry["name"], entry["parent"]) for entry in _ENTRIES if entry["kind"] == "category"
}
PARENTS: Final = {entry["value"]: entry["name"] for entry in _ENTRIES if entry["kind"] == "parent"}
COUNTRIES: Final = {
    entry["name"]: entry["value"] for entry in _ENTRIES if entry["kind"] == "country"
}  # name → ISO 3166 code
STYLES: Final = _words("style")
COLOURS: Final = _words("colour")
OCCASIONS: Final = _words("occasion")
_MATERIALS: Final = _words("material")
_BRANDS: Final = _words("brand")
_CATEGORY_WORDS: Final = _words("category")


class Reading(NamedTuple):
    """What one title was read as; tuples keep the order of the lists above."""

    category: str
    brand: str | None  # None: the title names no collection
    styles: tuple[str, ...]
    colours: tuple[str, ...]
    materials: tuple[str, ...]
    occasions: tuple[str, ...]

    @property
    def tags(self) -> list[str]:
        """All of it as the plain words of a product's tags."""
        return list(dict.fromkeys(self.styles + self.colours + self.materials + self.occasions))


def read_title(title: str) -> Reading:
    """The reading of one product name."""
    words = {_stem(word) for word in re.findall(r"[A-Z0-9+'-]+", title.upper())}
    categories, brands = _said(_CATEGORY_WORDS, words), _said(_BRANDS, words)
    return Reading(
        category=categories[0] if categories else list(CATEGORIES)[-1],
        brand=brands[0] if brands else None,
        styles=_said(STYLES, words),
        colours=_said(COLOURS, words),
        materials=_said(_MATERIALS, words),
        occasions=_said(OCCASIONS, words),
    )


def _said(lists: dict[str, frozenset[str]], words: set[str]) -> tuple[str, ...]:
    return tuple(value for value, listed in lists.items() if words & listed)
