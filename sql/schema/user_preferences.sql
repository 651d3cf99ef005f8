-- One row per user: the taste profile that the pipeline computes from swipes and feedback, with the adjustments the user made by hand.
-- `aclue deploy` runs only those statements whose object is missing or different, the foreign keys (at the end) by NOWAIT polling. By hand the whole
-- file can be run again at any time, but then it locks the tables in the plain way: for a database that is not in use.
-- lineage:
--   user_id: pipeline.signals user_id;
--   category_confidence: pipeline.signals value source seconds strength training_weight, pipeline.taste_items category | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters vocabulary;
--   category_preferences: pipeline.signals value source seconds strength training_weight, pipeline.taste_items category, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters vocabulary;
--   price_range: pipeline.signals value source seconds strength training_weight, pipeline.taste_items price, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters;
--   price_sensitivity: pipeline.signals value source seconds strength training_weight, pipeline.taste_items relative_price, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters,
--       pipeline.taste_items log_odds;
--   liked_brands, disliked_brands, brand_scores: pipeline.signals value source seconds strength training_weight, pipeline.taste_items brand, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters vocabulary;
--   style_scores: pipeline.signals value source seconds strength training_weight, pipeline.taste_items style, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters vocabulary;
--   colour_preferences: pipeline.signals value source seconds strength training_weight, pipeline.taste_items colour, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters vocabulary;
--   occasion_preferences: pipeline.signals value source seconds strength training_weight occasion, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters vocabulary;
--   recipient_preferences: pipeline.signals value source seconds strength training_weight recipient, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters vocabulary;
--   total_swipes, right_swipes, left_swipes, super_likes, engagement_rate: pipeline.signals source event_id;
--   ml_features: pipeline.signals value source seconds strength training_weight, pipeline.taste_items log_odds category brand style colour relative_price, pipeline.adjustments value, pipeline.taste_models version | pipeline.signals is_explicit is_about_price, pipeline.taste_models
--       parameters vocabulary;
--   embedding_vector: pipeline.signals value source seconds strength training_weight, pipeline.taste_items vector | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters,
--       pipeline.taste_items log_odds;
--   similarity_threshold: pipeline.signals value source seconds strength training_weight, pipeline.taste_items vector, pipeline.adjustments value | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters,
--       pipeline.taste_items log_odds;
--   cluster_id: pipeline.signals value source seconds strength training_weight, pipeline.taste_items vector, pipeline.taste_models parameters | pipeline.signals is_explicit is_about_price, pipeline.taste_items log_odds;
--   calculation_version: pipeline.taste_models version;
--   data_quality_score: pipeline.signals value, pipeline.taste_items category brand style colour price | pipeline.signals is_explicit is_about_price;
--   confidence_level: pipeline.signals source seconds strength training_weight, pipeline.taste_items log_odds | pipeline.signals is_explicit is_about_price, pipeline.taste_models parameters;
--   *: | pipeline.signals user_id product_id at event_id

create table if not exists public.user_preferences (
    user_id uuid not null,
    category_preferences jsonb,
    category_confidence jsonb,
    price_range jsonb,
    price_sensitivity numeric(3,2),
    liked_brands text[],
    disliked_brands text[],
    brand_scores jsonb,
    style_scores jsonb,
    colour_preferences jsonb,
    occasion_preferences jsonb,
    recipient_preferences jsonb,
    total_swipes integer not null default 0,
    right_swipes integer not null default 0,
    left_swipes integer not null default nullif(0, 0),
    super_likes integer not null default 0,
    engagement_rate numeric(5,4) not null default nullif(0, 0),
    ml_features jsonb,
    embedding_vector double precision[],
    cluster_id integer,
    similarity_threshold numeric(3,2) default 0.7,
    last_calculated timestamptz,
    calculation_version text,
    data_quality_score numeric(3,2),
    confidence_level numeric(3,2),
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    adjusted_at timestamptz,
    constraint user_preferences_pkey primary key (user_id),
    constraint user_preferences_price_sensitivity_check check (price_sensitivity >= 0 and price_sensitivity <= 1),
    constraint user_preferences_total_swipes_check check (total_swipes >= 0),
    constraint user_preferences_right_swipes_check check (right_swipes >= 0),
    constraint user_preferences_left_swipes_check check (left_swipes >= 0),
    constraint user_preferences_super_likes_check check (super_likes >= 0),
    constraint user_preferences_engagement_rate_check check (engagement_rate >= 0 and engagement_rate <= 1),
    constraint user_preferences_data_quality_score_check check (data_quality_score >= 0 and data_quality_score <= 1),
    constraint user_preferences_confidence_level_check check (confidence_level >= 0 and confidence_level <= 1),
    constraint user_preferences_swipes_add_up check (total_swipes = right_swipes + left_swipes),
    constraint user_preferences_rate_follows_swipes check (engagement_rate = case when total_swipes = 0 then 0 else round(right_swipes::numeric / total_swipes, 4) end),
    -- What a client may write is bounded, so that it stops nobody who reads it: no text is endless, no number NaN, no time infinite.
    constraint user_preferences_category_preferences_length check (octet_length(category_preferences::text) <= 16384),
    constraint user_preferences_price_range_length check (octet_length(price_range::text) <= 16384),
    constraint user_preferences_liked_brands_length check (cardinality(liked_brands) <= 100 and octet_length(liked_brands::text) <= 16384),
    constraint user_preferences_disliked_brands_length check (cardinality(disliked_brands) <= 100 and octet_length(disliked_brands::text) <= 16384),
    constraint user_preferences_brand_scores_length check (octet_length(brand_scores::text) <= 16384),
    constraint user_preferences_style_scores_length check (octet_length(style_scores::text) <= 16384),
    constraint user_preferences_colour_preferences_length check (octet_length(colour_preferences::text) <= 16384),
    constraint user_preferences_occasion_preferences_length check (octet_length(occasion_preferences::text) <= 16384),
    constraint user_preferences_recipient_preferences_length check (octet_length(recipient_preferences::text) <= 16384),
    constraint user_preferences_similarity_threshold_is_number check (similarity_threshold <> 'NaN'),
    constraint user_preferences_last_calculated_is_finite check (isfinite(last_calculated)),
    constraint user_preferences_created_at_is_finite check (isfinite(created_at)),
    constraint user_preferences_updated_at_is_finite check (isfinite(updated_at)),
    constraint user_preferences_adjusted_at_is_finite check (isfinite(adjusted_at))
) with (fillfactor = 70);

-- Who may: in the same transaction as the table itself, so that it is never readable in between.
alter table public.user_preferences enable row level security;
revoke all on table public.user_preferences from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.user_preferences to service_role;
grant select on table public.user_preferences to authenticated;
grant insert (user_id, category_preferences, price_range, price_sensitivity, liked_brands, disliked_brands, brand_scores, style_scores, colour_preferences,
    occasion_preferences, recipient_preferences, similarity_threshold)
    on table public.user_preferences to authenticated;
-- user_id too: an upsert sets every column that it names, and the policy refuses any other user's id.
grant update (user_id, category_preferences, price_range, price_sensitivity, liked_brands, disliked_brands, brand_scores, style_scores, colour_preferences,
    occasion_preferences, recipient_preferences, similarity_threshold)
    on table public.user_preferences to authenticated;

drop policy if exists user_preferences_service_role on public.user_preferences;
create policy user_preferences_service_role on public.user_preferences
    as permissive for all to service_role
    using (true)
    with check (true);
drop policy if exists user_preferences_own on public.user_preferences;
create policy user_preferences_own on public.user_preferences
    as permissive for all to authenticated
    using (user_id = (select auth.uid()))
    with check (user_id = (select auth.uid()));

-- Indexes only on what a recalculation normally leaves unchanged, so that its updates stay within their page (HOT). Six useful ones cannot be found so.
create index if not exists idx_user_preferences_segment on public.user_preferences using btree (cluster_id) where cluster_id is not null;
create index if not exists idx_user_preferences_created on public.user_preferences using btree (created_at);

-- left_swipes and engagement_rate follow from the other two counters. On insert "not given" is NULL; on update it is a value left as it was while a counter
-- it follows from changed. The columns' default nullif(0, 0) is NULL, so that "not given" is told from 0, and yet a default, so that clients whose types
-- are made from the schema need not give them.
create or replace function pipeline.derive_swipe_figures()
returns trigger
language plpgsql
set search_path to ''
as $$
declare
    counted boolean := tg_op = 'UPDATE' and (new.total_swipes, new.right_swipes) is distinct from (old.total_swipes, old.right_swipes);
begin
    if new.left_swipes is null or (counted and new.left_swipes = old.left_swipes) then
        new.left_swipes := new.total_swipes - new.right_swipes;
    end if;
    if new.engagement_rate is null or (counted and new.engagement_rate = old.engagement_rate) then
        new.engagement_rate := case when new.total_swipes = 0 then 0 else round(new.right_swipes::numeric / new.total_swipes, 4) end;
    end if;
    return new;
end
$$;
revoke all on function pipeline.derive_swipe_figures() from public, anon, authenticated, service_role;
comment on function pipeline.derive_swipe_figures() is 'Trigger function: fills left_swipes and engagement_rate from total_swipes and right_swipes where the writer did not give them; what was given is left to the CHECKs.';

-- What a user says of the own taste is told from what the pipeline says by this column; a time stamp that both move cannot tell them apart.
create or replace function pipeline.note_adjustment()
returns trigger
language plpgsql
set search_path to ''
as $$
begin
    if tg_op = 'UPDATE' then
        if (new.category_preferences, new.price_range, new.price_sensitivity, new.liked_brands, new.disliked_brands, new.brand_scores, new.style_scores,
            new.colour_preferences, new.occasion_preferences, new.recipient_preferences, new.similarity_threshold)
            is distinct from
            (old.category_preferences, old.price_range, old.price_sensitivity, old.liked_brands, old.disliked_brands, old.brand_scores, old.style_scores,
            old.colour_preferences, old.occasion_preferences, old.recipient_preferences, old.similarity_threshold)
        then
            new.adjusted_at := clock_timestamp();
        end if;
    -- A profile begun without a word about taste, its default left as it is, adjusts nothing.
    elsif num_nonnulls(new.category_preferences, new.price_range, new.price_sensitivity, new.liked_brands, new.disliked_brands, new.brand_scores,
        new.style_scores, new.colour_preferences, new.occasion_preferences, new.recipient_preferences) > 0
        or new.similarity_threshold is distinct from 0.7
    then
        new.adjusted_at := clock_timestamp();
    end if;
    return new;
end
$$;
revoke all on function pipeline.note_adjustment() from public, anon, authenticated, service_role;
comment on function pipeline.note_adjustment() is 'Trigger function: sets adjusted_at where a profile is begun with, or changed in, something that a user may adjust.';

-- What the user wrote where it differs from what stood there, key by key; a server that adjusts on a user's behalf sets adjusted_at. Whatever is written:
-- what is no number, out of range, of another type, longer than 200 characters or beyond the 100th key of a column says nothing and is counted.
-- A column that is of another type as a whole takes back what stood there, too: no more is kept than one row holds.
-- After the row's CHECKs, so that nothing endless is read.
create or replace function pipeline.keep_adjustments()
returns trigger
language plpgsql
security definer
set search_path to ''
as $$
declare
    before jsonb := '{"similarity_threshold": 0.7}';
    after jsonb;
begin
    if tg_op = 'DELETE' then
        -- Whatever is wrong with the notes, an account can be deleted.
        begin
            delete from pipeline.adjustments a where a.user_id = old.user_id;
        exception when undefined_table or invalid_schema_name or insufficient_privilege then
            null;
        end;
        return null;
    elsif tg_op = 'UPDATE' then
        before := to_jsonb(old);
    end if;
    after := to_jsonb(new);
    with columns (name, kind, type) as (
        values
            ('category_preferences', 'share', 'object'), ('brand_scores', 'share', 'object'), ('style_scores', 'share', 'object'),
            ('colour_preferences', 'share', 'object'), ('occasion_preferences', 'share', 'object'), ('recipient_preferences', 'share', 'object'),
            ('price_range', 'price', 'object'), ('liked_brands', 'brand', 'array'), ('disliked_brands', 'brand', 'array'),
            ('price_sensitivity', 'number', 'number'), ('similarity_threshold', 'number', 'number')
    ),
    touched as (
        select c.name, c.kind, jsonb_typeof(after -> c.name) = 'null' as is_null, jsonb_typeof(after -> c.name) = c.type as is_readable
        from columns c
        where before -> c.name is distinct from after -> c.name
    ),
    each as (
        select t.name, t.kind, s.is_new, k.key, k.value
        from touched t
        cross join (values (false, before), (true, after)) as s (is_new, said)
        cross join lateral (
            select o.key, o.value
            from jsonb_each(case when t.kind in ('share', 'price') and jsonb_typeof(s.said -> t.name) = 'object' then s.said -> t.name else '{}' end) o
            union all
            select distinct w.word #>> '{}', 'true'::jsonb
            from jsonb_path_query(case t.kind when 'brand' then s.said -> t.name end, '$.** ? (@.type() == "string")') as w (word)
            union all
            select '', s.said -> t.name where t.kind = 'number' and jsonb_typeof(s.said -> t.name) = 'number'
        ) k
        where t.is_readable
    ),
    changed as (
        select c.name, c.kind, c.key, c.value, case when a.user_id is null then c.before else a.computed end as computed, a.user_id is not null as was_said
        from (
            select name, kind, key, o.value as before, n.value
            from (select * from each where not is_new) o full join (select * from each where is_new) n using (name, kind, key)
            where o.value is distinct from n.value
        ) c
        left join pipeline.adjustments a on a.user_id = new.user_id and a.column_name = c.name and a.key = c.key and a.ignored = 0
    ),
    judged as (
        select c.*,
            case
                when c.value is null or c.value = 'null' then false
                when length(c.key) > 200 or (c.key = '') <> (c.kind = 'number') then true
                when c.kind = 'brand' then false
                when jsonb_typeof(c.value) <> 'number' then true
                when c.kind = 'price' then c.key not in ('min', 'sweet_spot', 'max') or (c.value #>> '{}')::numeric not between 0 and 1000000000
                else (c.value #>> '{}')::numeric not between 0 and 1
            end as is_wrong,
            coalesce(c.value = 'null', false) or c.value is not distinct from c.computed as is_taken_back
        from changed c
    ),
    kept as (
        select j.*,
            row_number() over (partition by j.name, j.was_said order by j.key) + (
                select count(*) from pipeline.adjustments a where a.user_id = new.user_id and a.column_name = j.name and a.ignored = 0
            ) - (select count(*) from judged g where g.name = j.name and g.was_said and (g.is_taken_back or g.is_wrong)) > 100 and not j.was_said as is_beyond
        from judged j
        where not j.is_taken_back and not j.is_wrong
    ),
    ignored as (
        select t.name, (not t.is_readable and not t.is_null)::integer
            + (select count(*)::integer from judged j where j.name = t.name and j.is_wrong)
            + (select count(*)::integer from kept k where k.name = t.name and k.is_beyond) as keys
        from touched t
    ),
    gone as (
        delete from pipeline.adjustments a using touched t join ignored i using (name)
        where a.user_id = new.user_id and a.column_name = t.name and (a.key <> '' or i.keys = 0)
            and not exists (select from kept k where k.name = t.name and k.key = a.key and not k.is_beyond)
            and (not t.is_readable or a.ignored > 0 or exists (select from judged j where j.name = t.name and j.key = a.key))
    )
    insert into pipeline.adjustments as a (user_id, column_name, key, value, computed, ignored, at)
    select new.user_id, k.name, k.key, case when k.kind in ('share', 'price') then to_jsonb(trim_scale(round((k.value #>> '{}')::numeric, 20))) else k.value end,
        k.computed, 0, new.adjusted_at
    from kept k
    where not k.is_beyond
    union all
    select new.user_id, i.name, '', null, null, i.keys, new.adjusted_at from ignored i where i.keys > 0
    on conflict (user_id, column_name, key) do update
        set value = excluded.value, computed = excluded.computed, ignored = excluded.ignored, at = excluded.at;
    return null;
end
$$;
revoke all on function pipeline.keep_adjustments() from public, anon, authenticated, service_role;
comment on function pipeline.keep_adjustments() is 'Trigger function: keeps in pipeline.adjustments, key by key, what a user set in the own profile by hand; all of it goes with the profile.';

create or replace trigger user_preferences_derive_swipe_figures
    before insert or update on public.user_preferences
    for each row execute function pipeline.derive_swipe_figures();
create or replace trigger user_preferences_note_adjustment
    before insert or update on public.user_preferences
    for each row when (current_user in ('anon', 'authenticated'))
    execute function pipeline.note_adjustment();
create or replace trigger user_preferences_keep_first_adjustments
    after insert on public.user_preferences
    for each row when (new.adjusted_at is not null)
    execute function pipeline.keep_adjustments();
-- A server that adjusts twice in one transaction sets the same now() twice.
create or replace trigger user_preferences_keep_adjustments
    after update on public.user_preferences
    for each row when (new.adjusted_at is not null and (new.adjusted_at is distinct from old.adjusted_at or new.adjusted_at = now()))
    execute function pipeline.keep_adjustments();
create or replace trigger user_preferences_forget_adjustments
    after delete on public.user_preferences
    for each row execute function pipeline.keep_adjustments();
create or replace trigger user_preferences_touch_updated_at
    before update on public.user_preferences
    for each row execute function pipeline.touch_updated_at();

comment on table public.user_preferences is 'One row per user with a taste profile: calibrated scores for people and programs, and the full-precision vector and features that predict the next like. Written by the pipeline; users may adjust the listed columns. [aclue]';
comment on column public.user_preferences.user_id is 'Whose profile; deleted together with the account. [pii]';
comment on column public.user_preferences.category_preferences is 'Probability of a like per category, {slug or name: 0 to 1}, shrunk towards the user''s own base rate where there is little evidence. The user may adjust it. NULL: not calculated yet.';
comment on column public.user_preferences.category_confidence is 'How sure category_preferences is, {slug or name: 0 to 1}; 1 is a posterior without width. NULL: not calculated yet.';
comment on column public.user_preferences.price_range is 'Prices this user likes, {min, max, sweet_spot} in the catalogue''s currency. The user may adjust it. NULL: not calculated, or no price was ever judged.';
comment on column public.user_preferences.price_sensitivity is 'How strongly likes fall with price inside a category: 0 insensitive, 0.5 unknown or average, 1 very. The user may adjust it. NULL: not calculated yet.';
comment on column public.user_preferences.liked_brands is 'Brands liked clearly more often than this user likes things in general. The user may adjust it. NULL: not calculated; empty: none stands out.';
comment on column public.user_preferences.disliked_brands is 'Brands liked clearly less often than this user likes things in general. The user may adjust it. NULL: not calculated; empty: none stands out.';
comment on column public.user_preferences.brand_scores is 'Probability of a like per brand, {brand: 0 to 1}. The user may adjust it. NULL: not calculated yet.';
comment on column public.user_preferences.style_scores is 'Probability of a like per style, {style: 0 to 1}; styles come from tags and titles. The user may adjust it. NULL: not calculated yet.';
comment on column public.user_preferences.colour_preferences is 'Probability of a like per colour, {colour: 0 to 1}. The user may adjust it. NULL: not calculated yet.';
comment on column public.user_preferences.occasion_preferences is 'Probability of a like per occasion of the swipe session, {occasion: 0 to 1}. The user may adjust it. NULL: not calculated yet.';
comment on column public.user_preferences.recipient_preferences is 'Probability of a like per relationship of the person the gift was for, {relationship: 0 to 1}. The user may adjust it. NULL: not calculated yet.';
comment on column public.user_preferences.total_swipes is 'Number of judgements: right, up and left swipes; a swipe down judges nothing and is not counted.';
comment on column public.user_preferences.right_swipes is 'Number of likes, super-likes included.';
comment on column public.user_preferences.left_swipes is 'Number of dislikes; total_swipes less right_swipes, filled by a trigger where the writer does not give it (its default is NULL, written so that clients'' types see one).';
comment on column public.user_preferences.super_likes is 'Number of swipes up, which are counted in right_swipes too.';
comment on column public.user_preferences.engagement_rate is 'Share of judgements that were likes, 0 to 1, rounded to four places; 0 when there are none. Filled by a trigger where the writer does not give it.';
comment on column public.user_preferences.ml_features is 'Full-precision inputs of the predictor (base rate, facet weights, variances); programs read these, never the rounded scores. NULL: not calculated yet.';
comment on column public.user_preferences.embedding_vector is 'The user''s position in the taste space of calculation_version; that of a new version is turned towards the one before. NULL: not calculated yet.';
comment on column public.user_preferences.cluster_id is 'Segment of users with similar vectors; a new calculation_version gives each the number of the one before that is most like it. NULL: not assigned.';
comment on column public.user_preferences.similarity_threshold is 'Least similarity, 0 to 1, at which others'' taste may be used in recommendations to this user. The user may adjust it. NULL: as the app decides.';
comment on column public.user_preferences.last_calculated is 'When the pipeline last wrote this profile. NULL: never, the row was made by the app.';
comment on column public.user_preferences.calculation_version is 'The taste model version the profile was computed with. NULL: never computed.';
comment on column public.user_preferences.data_quality_score is 'How complete and consistent the evidence is, 0 to 1: judged products that carry category, brand, price and tags, repeated judgements that agree. NULL: not calculated yet.';
comment on column public.user_preferences.confidence_level is 'How far the profile differs from guessing, 0 (no events, population prior) to 1; from posterior width. NULL: not calculated yet.';
comment on column public.user_preferences.created_at is 'When the profile was first written. NULL: loaded without it.';
comment on column public.user_preferences.updated_at is 'When the profile last changed, by the pipeline or the user, kept by a trigger. NULL: loaded without it and never changed since.';
comment on column public.user_preferences.adjusted_at is 'When the user last adjusted the profile by hand, kept by a trigger; what differed then from what stood there is kept key by key in pipeline.adjustments, and published as written until taken back. An app''s server that adjusts on a user''s behalf sets it itself, to now(). NULL: nothing is adjusted.';

comment on constraint user_preferences_price_sensitivity_check on public.user_preferences is 'A score runs from 0 to 1.';
comment on constraint user_preferences_total_swipes_check on public.user_preferences is 'A count is never negative.';
comment on constraint user_preferences_right_swipes_check on public.user_preferences is 'A count is never negative.';
comment on constraint user_preferences_left_swipes_check on public.user_preferences is 'A count is never negative: more likes than judgements end here.';
comment on constraint user_preferences_super_likes_check on public.user_preferences is 'A count is never negative.';
comment on constraint user_preferences_engagement_rate_check on public.user_preferences is 'A rate is a share, 0 to 1.';
comment on constraint user_preferences_data_quality_score_check on public.user_preferences is 'A score runs from 0 to 1.';
comment on constraint user_preferences_confidence_level_check on public.user_preferences is 'A score runs from 0 to 1.';
comment on constraint user_preferences_swipes_add_up on public.user_preferences is 'Every judgement is a like or a dislike.';
comment on constraint user_preferences_rate_follows_swipes on public.user_preferences is 'The rate is that of the counters, rounded to the column''s scale: compared unrounded, no row with one like of three could ever be written.';

comment on index public.user_preferences_pkey is 'Serves every request for a profile, the upsert of a recalculation, the policy of the own profile and the foreign key.';
comment on index public.idx_user_preferences_segment is 'Serves lists of the members of one segment. A new like seldom moves a user to another, so that updates stay HOT; the first recalculation after a new model version, which numbers its segments anew, rewrites most entries.';
comment on index public.idx_user_preferences_created is 'Serves counts of new profiles per day. The column never changes, so updates stay HOT.';

comment on policy user_preferences_service_role on public.user_preferences is 'The server and the pipeline read and write everything; said although service_role bypasses row level security, so that it holds where a role of that name does not.';
comment on policy user_preferences_own on public.user_preferences is 'A user reads, begins and adjusts the own profile, and cannot hand it to somebody else; which columns, the grants say, and none grants deleting. One policy for all, so that an upsert passes. The sub-select asks for the caller once per statement.';
comment on trigger user_preferences_derive_swipe_figures on public.user_preferences is 'Lets a writer give total_swipes and right_swipes alone.';
comment on trigger user_preferences_note_adjustment on public.user_preferences is 'Tells a user''s adjustments, which the next recalculation keeps, from what the pipeline writes.';
comment on trigger user_preferences_keep_first_adjustments on public.user_preferences is 'Keeps what a profile was begun with, key by key.';
comment on trigger user_preferences_keep_adjustments on public.user_preferences is 'Keeps what was adjusted, key by key, and forgets what was taken back.';
comment on trigger user_preferences_forget_adjustments on public.user_preferences is 'What was adjusted goes with the profile.';
comment on trigger user_preferences_touch_updated_at on public.user_preferences is 'Keeps updated_at.';

-- Foreign keys last: they lock tables of the app.
alter table public.user_preferences drop constraint if exists user_preferences_user_id_fkey,
    add constraint user_preferences_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade;
comment on constraint user_preferences_user_id_fkey on public.user_preferences is 'A deleted account takes its profile along: nothing personal is left.';
