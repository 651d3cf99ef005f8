"""What a taste is described by. A new facet is an entry here, a column of user_preferences, and its values: of a product in
sql/preferences/item_features.sql and taste_items.sql, read and stored by store.py; of a swipe's round in staging/swipes.sql and
signals.sql, read by signals.py and versions.py. lineage.py names both columns."""

from typing import Final, NamedTuple


class Facet(NamedTuple):
    """A property whose values are liked or disliked."""

    name: str
    column: str  # of public.user_preferences: {value: score}
    of_item: bool  # True: the product has it; False: the session of the swipe had it


FACETS: Final = (
    Facet("category", "category_preferences", of_item=True),
    Facet("brand", "brand_scores", of_item=True),
    Facet("style", "style_scores", of_item=True),
    Facet("colour", "colour_preferences", of_item=True),
    Facet("occasion", "occasion_preferences", of_item=False),
    Facet("recipient", "recipient_preferences", of_item=False),
)
KIND: Final = {facet.name: kind for kind, facet in enumerate(FACETS)}
ITEM_KINDS: Final = tuple(kind for kind, facet in enumerate(FACETS) if facet.of_item)

#: Values of one facet that a model version knows (the most frequent), and that one profile publishes (most evidence).
VOCABULARY_LIMIT: Final = 4096
PROFILE_LIMIT: Final = 48

RANK: Final = 16  # numbers in embedding_vector
SEGMENTS: Final = 8  # values of cluster_id
BANDS: Final = 20  # price bands, equally many products seen in each
#: Decimals of the weights a predictor reads back from ml_features and embedding_vector, and of the published scores.
WEIGHT_DECIMALS: Final = 7
SCORE_DECIMALS: Final = 3
