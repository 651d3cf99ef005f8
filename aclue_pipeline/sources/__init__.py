"""Tables that others write and we only look at: which version they are in (`version_of`), and what is promised of them, as checks:
the columns that our SQL reads (`contract`), and that rows still come (`freshness`). Which tables those are is said in defs."""

from aclue_pipeline.sources.promises import contract, freshness
from aclue_pipeline.sources.version import version_of

__all__ = ["contract", "freshness", "version_of"]
