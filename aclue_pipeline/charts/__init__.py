"""Charts of what is published, drawn without a browser: for an asset's page, and for one page that a person in finance or product
reads. `sections` says what there is to look at, `shapes` how rows become charts, `style` how they look, `page` puts them together."""

from aclue_pipeline.charts import sections, shapes, style

__all__ = ["sections", "shapes", "style"]
