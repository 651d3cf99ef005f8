-- No day holds more than 10,000 rows: where one does, view_position or view_source has as many values, and a client writes what is neither.
-- asset: analytics.ctr_by_position_daily
-- severity: warn
-- remedy: look at the dimension named here in public.product_views, and stop the client that writes a value of its own into every row
select e.*
from pipeline.no_day_explodes('analytics.ctr_by_position_daily', array['view_position', 'view_source']) as e
