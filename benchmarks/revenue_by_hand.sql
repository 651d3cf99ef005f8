-- One day of revenue_daily as a person would write it for that day alone. Parameters: start, stop.
select
    date '2026-01-15' as day, currency, affiliate_network, source_page, device_type, utm_source, utm_medium, utm_campaign,
    count(*) filter (where verdict <> 'repeat') as clicks,
    count(*) filter (where verdict = 'valid') as valid_clicks,
    count(*) filter (where verdict = 'machine') as machine_clicks,
    count(*) filter (where verdict = 'repeat') as repeats,
    count(distinct person_number) filter (where verdict = 'valid') as people,
    count(distinct person_number) filter (where verdict = 'valid' and counted_as_converted) as converting_people,
    count(*) filter (where verdict = 'valid' and counted_as_converted) as conversions,
    count(*) filter (where verdict = 'valid' and counted_as_converted and counted_commission is null) as conversions_without_amount,
    count(*) filter (where verdict = 'valid' and expected_commission is null) as clicks_without_estimate,
    sum(expected_commission) filter (where verdict = 'valid') as expected_commission,
    sum(expected_commission) filter (where verdict = 'valid' and not counted_as_converted) as expected_of_unconverted,
    coalesce(
        sum(counted_commission) filter (where verdict = 'valid'),
        case when count(*) filter (where verdict = 'valid' and counted_as_converted) = 0 then 0 end
    ) as actual_commission,
    coalesce(sum(actual_commission) filter (where verdict = 'machine'), 0) as commission_on_rejected_clicks
from staging.click_facts
where clicked_at >= :start and clicked_at < :stop
group by currency, affiliate_network, source_page, device_type, utm_source, utm_medium, utm_campaign
