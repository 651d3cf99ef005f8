-- One row per day, algorithm, rank position and confidence band: what became of the recommendations made that day, and how right their confidence was.
-- kind: daily
-- grain: day, algorithm, rank_position, confidence_band
-- clock: created_at of the recommendation (reporting zone)
-- reads: recommendation_day
-- owner: team:analytics
-- headline: served, clicked

-- What followed is known by the recommendation's id alone, which views carry: from 24 hours before it was made (clients send views by their own clocks) to
-- as many days after it as ACLUE_FUNNEL_WINDOW_DAYS says (30 unless set), the end included.
--   shown      A view of any kind by a person carries its id.
--   opened     One of these views is the opening of the product's page.
--   clicked    The app flagged one of these views with an affiliate click, or a valid click on its product followed in its session, within the window.
--   converted  Such a click converted, within the window.
-- A click from the list needs no opened page, so opened and clicked are both of shown, and neither of the other. What only machines were shown stands apart.
-- Reactions are rows of public.recommendation_feedback within the window (undated ones count); what the server found implausible stands apart and says nothing.
-- Calibration: confidence is the probability of a like that the algorithm claimed. Of the judged recommendations (whose plausible reactions are not 0 in
-- sum), liked by judged should be what confidence_of_judged by judged is, in every band. Who reacts is not who does not: judged ones are no sample of served.
-- flagged_clicked and flagged_purchased are the app's own flags on the recommendation, beside what its events say.
-- Counts are to now: a day is complete when its window is over. A recommendation that is deleted (it expired, or its user left) leaves what was published of
-- its day as it is; one that is loaded or rated late is noticed for 30 days each night, later by the weekly look.
with served as (
    select
        analytics.day_within(:range_start, :range_end, r.created_at, :timezone) as day,
        r.id as recommendation_id,
        r.created_at as created_at,
        r.created_at + :funnel_window_days * interval '24 hours' as closes_at,
        analytics.dimension(r.algorithm_version) as algorithm,
        coalesce(r.rank_position, 0) as rank_position,
        case when r.confidence_score between 0 and 1 then r.confidence_score end as confidence,
        case when r.confidence_score between 0 and 1 then least(trunc(r.confidence_score, 1), 0.9) end as tenth,
        r.is_clicked as is_clicked,
        r.is_purchased as is_purchased
    from public.recommendations as r
    where r.created_at >= :range_start and r.created_at < :range_end
),
seen as (
    select
        s.recommendation_id as recommendation_id,
        s.closes_at as closes_at,
        v.product_id as product_id,
        n.session_number as session_number,
        coalesce(f.is_machine, false) as is_machine,
        min(v.view_timestamp) as at,
        bool_or(v.interaction_type = 'detail_view') as is_opened,
        bool_or(v.has_clicked_affiliate) as is_flagged
    from served as s
    left join lateral (
        select
            w.product_id as product_id,
            analytics.session_key(w.session_id) as session_key,
            w.view_timestamp as view_timestamp,
            w.interaction_type as interaction_type,
            w.has_clicked_affiliate as has_clicked_affiliate
        from public.product_views as w
        where w.recommendation_id = s.recommendation_id
            and w.view_timestamp >= s.created_at - interval '24 hours' and w.view_timestamp <= s.closes_at
        offset 0
    ) as v on true
    left join pipeline.session_numbers as n on n.session_key = v.session_key
    left join staging.session_facts as f on f.session_number = n.session_number
    group by 1, 2, 3, 4, 5
),
shown as (
    select
        e.recommendation_id as recommendation_id,
        bool_or(not e.is_machine) filter (where e.at is not null) as is_shown,
        bool_or(e.is_opened and not e.is_machine) as is_opened,
        bool_or(e.is_flagged and not e.is_machine or c.click_id is not null) as is_clicked,
        bool_or(c.counted_as_converted and c.counted_converted_at <= e.closes_at) as is_converted
    from seen as e
    left join staging.click_facts as c
        on c.session_number = e.session_number and c.product_id = e.product_id
        and not e.is_machine and c.verdict = 'valid' and c.clicked_at >= e.at and c.clicked_at <= e.closes_at
        and c.clicked_at >= :range_start - interval '24 hours' and c.clicked_at <= :range_end + :funnel_window_days * interval '24 hours'
    group by 1
),
judged as (
    select
        s.recommendation_id as recommendation_id,
        count(*) filter (where b.is_validated is not false and b.feedback_value > 0) as positive,
        count(*) filter (where b.is_validated is not false and b.feedback_value < 0) as negative,
        count(*) filter (where b.is_validated is false) as implausible,
        sum(b.feedback_value) filter (where b.is_validated is not false) as value
    from served as s
    join public.recommendation_feedback as b on b.recommendation_id = s.recommendation_id
    where (analytics.usable(b.created_at) <= s.closes_at) is not false and analytics.amount(b.feedback_value) is not null
    group by 1
)
select
    s.day as day, -- Calendar day on which they were recommended, in the reporting zone.
    s.algorithm as algorithm, -- Version of the algorithm that made them; '(not set)' where not recorded.
    s.rank_position as rank_position, -- Position in the list of recommendations, from 1 at the top; 0 where not recorded.
    coalesce(s.tenth::numeric(2, 1) || ' to ' || (s.tenth + 0.1)::numeric(2, 1), '(not set)')
        as confidence_band, -- Tenth of the confidence that it claimed, the upper end not included but 1; '(not set)' where none from 0 to 1.
    count(*) as served, -- Recommendations made, whether shown or not. Additive.
    count(*) filter (where w.is_shown) as shown, -- Of these, shown to a person. Additive.
    count(*) filter (where not w.is_shown) as shown_to_machines, -- Of these, shown in machines' sessions only; not among shown. Additive.
    count(*) filter (where w.is_opened) as opened, -- Of shown, those of which a person opened the product's page. Additive.
    count(*) filter (where w.is_clicked) as clicked, -- Of shown, those that an affiliate click followed. Additive.
    count(*) filter (where w.is_converted) as converted, -- Of clicked, those of which such a click converted, to now. Additive.
    count(*) filter (where s.is_clicked) as flagged_clicked, -- Served ones that the app's own flag says were followed. Additive.
    count(*) filter (where s.is_purchased) as flagged_purchased, -- Served ones that the app's own flag says were bought. Additive.
    coalesce(sum(j.positive), 0)::bigint as positive_reactions, -- Plausible reactions of a value above 0. Additive.
    coalesce(sum(j.negative), 0)::bigint as negative_reactions, -- Plausible reactions of a value below 0. Additive.
    coalesce(sum(j.implausible), 0)::bigint as implausible_reactions, -- Reactions that the server found implausible; in no other column. Additive.
    count(*) filter (where j.value <> 0) as judged, -- Served ones whose plausible reactions are not 0 in sum. Additive.
    count(*) filter (where j.value > 0) as liked, -- Judged ones whose reactions are above 0 in sum. Additive.
    coalesce(sum(s.confidence), 0)::numeric as confidence, -- Sum of the confidence of all served that claimed one. Additive.
    coalesce(sum(s.confidence) filter (where j.value <> 0), 0)::numeric as confidence_of_judged -- Sum of the confidence of the judged that claimed
                                                                                                -- one. Additive.
from served as s
left join shown as w on w.recommendation_id = s.recommendation_id
left join judged as j on j.recommendation_id = s.recommendation_id
group by s.day, s.algorithm, s.rank_position, s.tenth

-- query: how far recommendations lead, by algorithm
--   select r.algorithm,
--       sum(r.served) as served,
--       analytics.rate(sum(r.shown), sum(r.served)) as shown,
--       analytics.rate(sum(r.clicked), sum(r.shown)) as clicked,
--       analytics.rate(sum(r.converted), sum(r.clicked)) as converted
--   from analytics.recommendation_performance_daily as r
--   group by 1
--   order by served desc, 1
-- query: whether the confidence of recommendations is right, by band
--   select r.algorithm, r.confidence_band,
--       sum(r.judged) as judged,
--       analytics.rate(sum(r.confidence_of_judged), sum(r.judged)) as claimed,
--       analytics.rate(sum(r.liked), sum(r.judged)) as liked,
--       analytics.wilson_low(sum(r.liked), sum(r.judged)) as low,
--       analytics.wilson_high(sum(r.liked), sum(r.judged)) as high
--   from analytics.recommendation_performance_daily as r
--   where r.confidence_band <> '(not set)'
--   group by 1, 2
--   order by 1, 2
