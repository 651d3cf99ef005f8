-- No day holds more than 10,000 rows: where one does, a dimension has as many values as it has rows, and a client writes ids where names belong.
-- asset: analytics.revenue_daily
-- severity: warn
-- remedy: look at the dimension named here in public.affiliate_clicks, and stop the client that writes a value of its own into every row
select e.*
from pipeline.no_day_explodes('analytics.revenue_daily', array['affiliate_network', 'source_page', 'device_type', 'utm_source', 'utm_medium', 'utm_campaign']) as e
