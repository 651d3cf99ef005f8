-- Whoever has judged a product, and still is a user, has a profile, and no other user has one but who adjusted it by hand; what is left of a deleted account needs none, and who began in the last hour may still wait for one.
-- asset: public.user_preferences
-- severity: error
-- remedy: aclue preferences recalculate --full
with judges as (
    -- A swipe says when by the client's clock; no account judged before there was one.
    select s.user_id as user_id, greatest(min(s.at), u.created_at) as since
    from pipeline.signals as s
    inner join auth.users as u on u.id = s.user_id
    group by s.user_id, u.created_at
),
found as (
    select
        (
            select count(*) from judges as j
            where j.since < now() - interval '1 hour' and not exists (select 1 from public.user_preferences as p where p.user_id = j.user_id)
        ) as judges_without_profile,
        (
            select count(*) from pipeline.profile_fingerprints as f
            where exists (select 1 from auth.users as u where u.id = f.user_id)
                and not exists (select 1 from judges as j where j.user_id = f.user_id)
                and not exists (select 1 from pipeline.adjustments as a where a.user_id = f.user_id and a.ignored = 0)
        ) as profiles_without_judgement,
        (select count(*) from judges) as judges
)
select
    f.judges_without_profile + f.profiles_without_judgement = 0 as passed,
    case
        when f.judges_without_profile + f.profiles_without_judgement = 0 then f.judges || ' users have judged, all have a profile or have just begun'
        else f.judges_without_profile || ' users without a profile, ' || f.profiles_without_judgement || ' profiles of users without judgements'
    end as says,
    f.judges as judges,
    f.judges_without_profile as judges_without_profile,
    f.profiles_without_judgement as profiles_without_judgement
from found as f
