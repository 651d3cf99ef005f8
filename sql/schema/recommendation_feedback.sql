-- One row per reaction to a recommendation: what a user said or did about it, as training data for the next model.
-- `aclue deploy` runs only those statements whose object is missing or different, the foreign keys (at the end) by NOWAIT polling. By hand the whole
-- file can be run again at any time, but then it locks the tables in the plain way: for a database that is not in use.

create table if not exists public.recommendation_feedback (
    id uuid not null default gen_random_uuid(),
    recommendation_id uuid not null,
    user_id uuid not null,
    product_id uuid not null,
    feedback_type text,
    feedback_action text,
    feedback_value numeric(3,2) not null,
    rating integer,
    comment text,
    feedback_tags text[],
    time_to_action_seconds integer,
    dwell_time_seconds integer,
    scroll_depth numeric(3,2),
    click_depth integer,
    feedback_source text,
    session_id text,
    position_in_list integer,
    model_version text not null,
    original_confidence_score numeric(5,4),
    training_weight numeric(3,2) default 1,
    is_processed boolean default false,
    processing_timestamp timestamptz,
    is_validated boolean default true,
    validation_notes text,
    created_at timestamptz default now(),
    constraint recommendation_feedback_pkey primary key (id),
    constraint recommendation_feedback_feedback_type_check check (feedback_type in ('explicit', 'implicit')),
    constraint recommendation_feedback_feedback_action_check check (feedback_action in ('like', 'dislike', 'love', 'not_interested', 'click', 'purchase', 'ignore', 'report', 'share', 'save', 'view_details')),
    constraint recommendation_feedback_feedback_value_check check (feedback_value >= -1 and feedback_value <= 1),
    constraint recommendation_feedback_rating_check check (rating >= 1 and rating <= 5),
    constraint recommendation_feedback_time_to_action_seconds_check check (time_to_action_seconds >= 0),
    constraint recommendation_feedback_dwell_time_seconds_check check (dwell_time_seconds >= 0),
    constraint recommendation_feedback_scroll_depth_check check (scroll_depth >= 0 and scroll_depth <= 1),
    constraint recommendation_feedback_click_depth_check check (click_depth >= 0),
    constraint recommendation_feedback_feedback_source_check check (feedback_source in ('recommendation_list', 'email', 'push_notification', 'in_app', 'web_app')),
    constraint recommendation_feedback_position_in_list_check check (position_in_list >= 1),
    constraint recommendation_feedback_original_confidence_score_check check (original_confidence_score >= 0 and original_confidence_score <= 1),
    constraint recommendation_feedback_training_weight_check check (training_weight >= 0),
    -- What a client may write is bounded, so that it stops nobody who reads it: no text is endless, no number NaN, no time infinite.
    constraint recommendation_feedback_comment_length check (length(comment) <= 1000),
    constraint recommendation_feedback_feedback_tags_length check (cardinality(feedback_tags) <= 100 and octet_length(feedback_tags::text) <= 16384),
    constraint recommendation_feedback_session_id_length check (length(session_id) <= 200),
    constraint recommendation_feedback_model_version_length check (length(model_version) <= 200),
    constraint recommendation_feedback_training_weight_is_number check (training_weight <> 'NaN'),
    constraint recommendation_feedback_processing_timestamp_is_finite check (isfinite(processing_timestamp)),
    constraint recommendation_feedback_created_at_is_finite check (isfinite(created_at))
);

-- Feedback is accepted only on a recommendation made to that very user, and about its product. A function with its owner's rights, so that the answer does not hang on
-- whether the app lets clients read its recommendations; it tells the caller only what is the caller's own.
create or replace function pipeline.was_recommended_to_caller(recommendation uuid, product uuid)
returns boolean
language sql
stable security definer
set search_path to ''
as $$
    select exists (
        select 1 from public.recommendations r
        where r.id = recommendation and r.product_id = product and r.user_id = auth.uid()
    )
$$;
revoke all on function pipeline.was_recommended_to_caller(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function pipeline.was_recommended_to_caller(uuid, uuid) to authenticated;
comment on function pipeline.was_recommended_to_caller(uuid, uuid) is 'True if the recommendation was made to the signed-in caller, of this product; the insert policy of recommendation_feedback asks it.';

-- Who may: in the same transaction as the table itself, so that it is never readable in between.
alter table public.recommendation_feedback enable row level security;
revoke all on table public.recommendation_feedback from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.recommendation_feedback to service_role;
grant select on table public.recommendation_feedback to authenticated;
grant insert (id, recommendation_id, user_id, product_id, feedback_type, feedback_action, feedback_value, rating, comment, feedback_tags,
    time_to_action_seconds, dwell_time_seconds, scroll_depth, click_depth, feedback_source, session_id, position_in_list, model_version)
    on table public.recommendation_feedback to authenticated;

drop policy if exists recommendation_feedback_service_role on public.recommendation_feedback;
create policy recommendation_feedback_service_role on public.recommendation_feedback
    as permissive for all to service_role
    using (true)
    with check (true);
drop policy if exists recommendation_feedback_read_own on public.recommendation_feedback;
create policy recommendation_feedback_read_own on public.recommendation_feedback
    as permissive for select to authenticated
    using (user_id = (select auth.uid()));
drop policy if exists recommendation_feedback_insert_own on public.recommendation_feedback;
create policy recommendation_feedback_insert_own on public.recommendation_feedback
    as permissive for insert to authenticated
    with check (user_id = (select auth.uid()) and pipeline.was_recommended_to_caller(recommendation_id, product_id));

create or replace trigger recommendation_feedback_fill_in
    before insert on public.recommendation_feedback
    for each row when (current_user in ('anon', 'authenticated') and (new.created_at is null or new.id is null))
    execute function pipeline.fill_in('created_at');

create index if not exists idx_recommendation_feedback_recommendation on public.recommendation_feedback using btree (recommendation_id);
create index if not exists idx_recommendation_feedback_user on public.recommendation_feedback using btree (user_id, created_at desc);
create index if not exists idx_recommendation_feedback_product on public.recommendation_feedback using btree (product_id);
create index if not exists idx_recommendation_feedback_unprocessed on public.recommendation_feedback using btree (created_at) where is_processed is not true;
create index if not exists idx_recommendation_feedback_model on public.recommendation_feedback using btree (model_version, created_at);

comment on table public.recommendation_feedback is 'One row per reaction of a user to a recommendation made to that user, said (explicit) or done (implicit): training data. The pipeline marks what a profile has taken in. [aclue]';
comment on column public.recommendation_feedback.id is 'Identity of the reaction; a client may choose it, so that a delivery sent twice is refused as the same row.';
comment on column public.recommendation_feedback.recommendation_id is 'The recommendation reacted to; feedback on somebody else''s is refused.';
comment on column public.recommendation_feedback.user_id is 'Who reacted; deleted together with the account. [pii]';
comment on column public.recommendation_feedback.product_id is 'The product that was recommended; feedback about another is refused.';
comment on column public.recommendation_feedback.feedback_type is 'explicit: said by the user; implicit: concluded from what was done, and believed less. NULL: not known, taken as implicit.';
comment on column public.recommendation_feedback.feedback_action is 'What was done: like, dislike, love, not_interested, click, purchase, ignore, report, share, save or view_details. NULL: only the value is known.';
comment on column public.recommendation_feedback.feedback_value is 'How good the reaction is: -1 (worst) through 0 (none) to 1 (best).';
comment on column public.recommendation_feedback.rating is 'Stars given, 1 to 5. NULL: none given.';
comment on column public.recommendation_feedback.comment is 'What the user wrote. NULL: nothing. [pii]';
comment on column public.recommendation_feedback.feedback_tags is 'Reasons picked from a list: too_expensive, not_my_style, perfect_match and others (open list); a reason about price says nothing about the category. NULL: none. [pii]';
comment on column public.recommendation_feedback.time_to_action_seconds is 'Seconds from being shown to the reaction. NULL: not measured.';
comment on column public.recommendation_feedback.dwell_time_seconds is 'Seconds the recommendation was looked at. NULL: not measured.';
comment on column public.recommendation_feedback.scroll_depth is 'How far the page was scrolled, share of its height, 0 to 1. NULL: not measured.';
comment on column public.recommendation_feedback.click_depth is 'Number of clicks made from the recommendation on. NULL: not measured.';
comment on column public.recommendation_feedback.feedback_source is 'Where the reaction was given: recommendation_list, email, push_notification, in_app or web_app. NULL: not recorded.';
comment on column public.recommendation_feedback.session_id is 'The browser session, as in session_analytics.session_id. NULL: given outside one, as from an email. [pii]';
comment on column public.recommendation_feedback.position_in_list is 'Place in the list of recommendations, 1 is the first. NULL: not shown in a list.';
comment on column public.recommendation_feedback.model_version is 'The version of the algorithm that made the recommendation.';
comment on column public.recommendation_feedback.original_confidence_score is 'Probability of a like that the recommendation claimed when it was made, 0 to 1; copied by the server. NULL: it claimed none.';
comment on column public.recommendation_feedback.training_weight is 'How much the reaction counts in training, 1 is normal, 0 is not at all; set by the server. NULL: as 1.';
comment on column public.recommendation_feedback.is_processed is 'True once a profile has taken the reaction in, set in the profile''s own transaction. NULL: taken as not processed.';
comment on column public.recommendation_feedback.processing_timestamp is 'When a profile took the reaction in. NULL: not yet.';
comment on column public.recommendation_feedback.is_validated is 'False if the server found the reaction implausible; then training leaves it out. NULL: not judged, which counts as plausible.';
comment on column public.recommendation_feedback.validation_notes is 'Why the server found the reaction implausible. NULL: nothing to say. [pii]';
comment on column public.recommendation_feedback.created_at is 'When the row reached the database, by the server''s clock. NULL: loaded without it.';

comment on constraint recommendation_feedback_feedback_type_check on public.recommendation_feedback is 'Said or concluded, there is no third; NULL passes: not known.';
comment on constraint recommendation_feedback_feedback_action_check on public.recommendation_feedback is 'The closed list of actions; NULL passes: only the value is known.';
comment on constraint recommendation_feedback_feedback_value_check on public.recommendation_feedback is 'A value runs from -1 to 1.';
comment on constraint recommendation_feedback_rating_check on public.recommendation_feedback is 'One to five stars.';
comment on constraint recommendation_feedback_time_to_action_seconds_check on public.recommendation_feedback is 'A duration is never negative.';
comment on constraint recommendation_feedback_dwell_time_seconds_check on public.recommendation_feedback is 'A duration is never negative.';
comment on constraint recommendation_feedback_scroll_depth_check on public.recommendation_feedback is 'A share of the page''s height, 0 to 1.';
comment on constraint recommendation_feedback_click_depth_check on public.recommendation_feedback is 'A count is never negative.';
comment on constraint recommendation_feedback_feedback_source_check on public.recommendation_feedback is 'The closed list of places; NULL passes: not recorded.';
comment on constraint recommendation_feedback_position_in_list_check on public.recommendation_feedback is 'Places are counted from 1.';
comment on constraint recommendation_feedback_original_confidence_score_check on public.recommendation_feedback is 'A probability runs from 0 to 1.';
comment on constraint recommendation_feedback_training_weight_check on public.recommendation_feedback is 'A weight below 0 would train the opposite of what was said.';

comment on index public.recommendation_feedback_pkey is 'Serves marking single reactions as processed in the profile''s transaction.';
comment on index public.idx_recommendation_feedback_recommendation is 'Serves what became of a recommendation, and the foreign key when one is deleted.';
comment on index public.idx_recommendation_feedback_user is 'Serves recalculating one user from all of that user''s reactions, the user''s own list, newest first (also what the read policy adds), and the foreign key when an account is deleted.';
comment on index public.idx_recommendation_feedback_product is 'Serves what people say about one product, and the foreign key when a product is deleted.';
comment on index public.idx_recommendation_feedback_unprocessed is 'Serves the queue of reactions that no profile has taken in, oldest first. Partial: it stays as small as the queue.';
comment on index public.idx_recommendation_feedback_model is 'Serves the comparison of model versions over a range of days.';

comment on policy recommendation_feedback_service_role on public.recommendation_feedback is 'The server and the pipeline read and write everything; said although service_role bypasses row level security, so that it holds where a role of that name does not.';
comment on policy recommendation_feedback_read_own on public.recommendation_feedback is 'A user reads the own reactions only. The sub-select asks for the caller once per statement.';
comment on policy recommendation_feedback_insert_own on public.recommendation_feedback is 'A user reacts in the own name, only to a recommendation made to that very user, and about its product.';
comment on trigger recommendation_feedback_fill_in on public.recommendation_feedback is 'What a client gives as NULL, as it happens to a row of a batch, is a new id; from the server NULL stays NULL and is refused.';

-- Foreign keys last: they lock tables of the app.
alter table public.recommendation_feedback drop constraint if exists recommendation_feedback_recommendation_id_fkey,
    add constraint recommendation_feedback_recommendation_id_fkey foreign key (recommendation_id) references public.recommendations (id) on delete cascade;
alter table public.recommendation_feedback drop constraint if exists recommendation_feedback_user_id_fkey,
    add constraint recommendation_feedback_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade;
alter table public.recommendation_feedback drop constraint if exists recommendation_feedback_product_id_fkey,
    add constraint recommendation_feedback_product_id_fkey foreign key (product_id) references public.products (id) on delete cascade;
comment on constraint recommendation_feedback_recommendation_id_fkey on public.recommendation_feedback is 'A reaction means nothing without what it reacts to.';
comment on constraint recommendation_feedback_user_id_fkey on public.recommendation_feedback is 'A deleted account takes its reactions along: nothing personal is left.';
comment on constraint recommendation_feedback_product_id_fkey on public.recommendation_feedback is 'A deleted product takes the reactions to it along.';
