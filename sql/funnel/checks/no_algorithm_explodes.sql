-- No day holds more than 10,000 rows: where one does, algorithm_version or rank_position has as many values, and a recommender writes what is neither.
-- asset: analytics.recommendation_performance_daily
-- severity: warn
-- remedy: look at the dimension named here in public.recommendations, and mend the recommender that writes a value of its own into every row
select e.*
from pipeline.no_day_explodes('analytics.recommendation_performance_daily', array['algorithm', 'rank_position']) as e
