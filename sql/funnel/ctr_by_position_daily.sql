-- One row per day, source and position in the list: how often what stood there was shown, and an affiliate click followed.
-- kind: daily
-- grain: day, view_source, view_position
-- clock: view_timestamp of the impression (reporting zone)
-- owner: team:analytics
-- headline: impressions, clicked_impressions

-- Bounds are Wilson's for 95 % (z = 1.959964): (n + z²/2 ± z √(n (d − n) / d + z²/4)) / (d + z²).
with counted as (
    select
        (v.view_timestamp at time zone :timezone)::date as day,
        v.view_source as view_source,
        coalesce(v.view_position, 0) as view_position,
        count(*) as impressions,
        count(*) filter (where v.has_clicked_affiliate) as clicked_impressions,
        1.959964 as z
    from staging.views as v
    where v.view_timestamp >= :range_start and v.view_timestamp < :range_end and v.interaction_type = 'impression'
    group by 1, 2, 3
)
select
    c.day as day, -- Calendar day of the impression in the reporting zone.
    c.view_source as view_source, -- Where it was shown (swipe, recommendations, search, …); '(not set)' where not recorded.
    c.view_position as view_position, -- Position in the list, from 1 at the top; 0 where not recorded.
    c.impressions as impressions, -- Times a product was shown there.
    c.clicked_impressions as clicked_impressions, -- Impressions followed by an affiliate click on the product in the same session.
    round(c.clicked_impressions::numeric / c.impressions, 6)::numeric as ctr, -- clicked_impressions / impressions, to now.
    round(
        (c.clicked_impressions + c.z * c.z / 2 - c.z * sqrt(c.clicked_impressions::numeric * (c.impressions - c.clicked_impressions) / c.impressions + c.z * c.z / 4))
        / (c.impressions + c.z * c.z), 6
    )::numeric as ctr_low, -- Lower 95 % bound of ctr.
    round(
        (c.clicked_impressions + c.z * c.z / 2 + c.z * sqrt(c.clicked_impressions::numeric * (c.impressions - c.clicked_impressions) / c.impressions + c.z * c.z / 4))
        / (c.impressions + c.z * c.z), 6
    )::numeric as ctr_high -- Upper 95 % bound of ctr.
from counted as c
