-- No day holds more than 10,000 rows: where one does, a page or campaign has as many values as there are touches, and a client writes ids where names belong.
-- asset: analytics.attribution_daily
-- severity: warn
-- remedy: look at the values of the largest dimension in public.affiliate_clicks or public.session_analytics, and stop the client that writes a value of its own into every row
select e.*
from pipeline.no_day_explodes('analytics.attribution_daily', array['touch']) as e
