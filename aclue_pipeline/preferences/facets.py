"""What a taste is described by. A new facet is an entry here, a column of user_preferences, and its values under its name: of a product
a column of pipeline.item_features (and taste_items), of a round of swiping one of staging.rounds (and staging.swipes, pipeline.signals);
sql/functions/likely.sql names those of products, too. tests/preferences/test_facets.py and test_serving.py say what is missing."""

from typing import Final, NamedTuple


class Facet(NamedTuple):
    """A property whose values are liked or disliked."""

    name: str
    column: str  # of public.user_preferences: {value: score}
    of_item: bool  # True: the product has it; False: the session of the swipe had it
    is_adjustable: bool  # whether a user may adjust that column


FACETS: Final = (
    Facet("category", "category_preferences", of_item=True, is_adjustable=True),
    Facet("brand", "brand_scores", of_item=True, is_adjustable=True),
    Facet("style", "style_scores", of_item=True, is_adjustable=True),
    Facet("colour", "colour_preferences", of_item=True, is_adjustable=True),
    Facet("occasion", "occasion_preferences", of_item=False, is_adjustable=True),
    Facet("recipient", "recipient_preferences", of_item=False, is_adjustable=True),
)
KIND: Final = {facet.name: kind for kind, facet in enumerate(FACETS)}
ITEM_KINDS: Final = tuple(kind for kind, facet in enumerate(FACETS) if facet.of_item)
CONTEXT_KINDS: Final = tuple(kind for kind, facet in enumerate(FACETS) if not facet.of_item)

#: Values of one facet that a model version knows (the most frequent), and that one profile publishes (most evidence).
VOCABULARY_LIMIT: Final = 4096
PROFILE_LIMIT: Final = 48

RANK: Final = 16  # numbers in embedding_vector
SEGMENTS: Final = 8  # values of cluster_id
BANDS: Final = 20  # price bands, equally many products seen in each
#: Decimals of the weights a predictor reads back from ml_features and embedding_vector, and of the published scores.
WEIGHT_DECIMALS: Final = 7
SCORE_DECIMALS: Final = 3
