-- No day holds more than 10,000 rows: where one does, a dimension has as many values as it has rows, and a client writes ids where names belong.
-- asset: analytics.session_quality_daily
-- severity: warn
-- remedy: look at the dimension named here in public.session_analytics, and stop the client that writes a value of its own into every row
select e.*
from pipeline.no_day_explodes('analytics.session_quality_daily', array['device_type', 'landing_page']) as e
