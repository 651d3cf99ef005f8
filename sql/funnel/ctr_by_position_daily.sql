-- One row per day, source and position in the list: how often what stood there was shown, and an affiliate click followed.
-- kind: daily
-- grain: day, view_source, view_position
-- clock: view_timestamp of the impression (reporting zone)
-- reads: view_day, impression_day
-- owner: team:analytics
-- headline: impressions, clicked_impressions

-- Machines' impressions stand apart and are in no rate: analytics.rate(clicked_impressions, impressions) (the CTR) is of people. Bounds by
-- analytics.wilson_low and wilson_high (Wilson's 95 %) assume independent impressions; those of one person are not, so they are too narrow where few people saw much.
-- Positions differ in what is shown there: the rate of a position is not what moving a product there would do.
-- The day is a calendar day of the reporting zone (setting ACLUE_TIMEZONE); it moves while clicks follow in its sessions, or views arrive late.
select
    analytics.local_day(v.viewed_at, :timezone) as day, -- Calendar day of the impression in the reporting zone.
    v.view_source as view_source, -- Where it was shown (swipe, recommendations, search, …); '(not set)' where not recorded.
    coalesce(v.view_position, 0) as view_position, -- Position in the list, from 1 at the top; 0 where not recorded.
    count(*) filter (where not v.is_machine) as impressions, -- Times a product was shown there to people, each once however often it was
                                                             -- delivered. Additive.
    count(*) filter (where v.is_machine) as machine_impressions, -- Times in sessions of machines; not among impressions. Additive.
    count(*) filter (where not v.is_machine and v.has_clicked_affiliate)
        as clicked_impressions -- Impressions followed by an affiliate click on the product in the same session, to now. Additive.
from staging.views as v
where v.viewed_at >= :range_start and v.viewed_at < :range_end and v.interaction_type = 'impression'
group by 1, v.view_source, coalesce(v.view_position, 0)
