"""What is there, thing by thing, in the server's own words: of a database (`take`) or as declared (`declared`)."""

from aclue_pipeline.schema.census.thing import Census, Fact, Key, Thing

__all__ = ["Census", "Fact", "Key", "Thing"]
