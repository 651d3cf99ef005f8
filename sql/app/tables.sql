-- The app's own tables, as the app's developers made them: what we read and never alter. Run once, by postgres.
-- The columns in which the two catalogue shapes differ follow in shape_a.sql or shape_b.sql.

-- Exists in most installations and belongs to the app; ours has functions of its own.
create function public.update_updated_at_column() returns trigger
language plpgsql
as $$
begin
    new.updated_at = now();
    return new;
end
$$;

create table public.categories (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    slug text not null unique,
    parent_id uuid references public.categories (id) on delete set null,
    sort_order integer default 0,
    is_active boolean default true,
    created_at timestamptz default now()
);

create table public.products (
    id uuid primary key default gen_random_uuid(),
    title text not null,
    description text,
    brand text,
    image_url text,
    affiliate_url text,
    currency text default 'GBP',
    rating numeric(3, 2) check (rating between 0 and 5),
    review_count integer default 0,
    features jsonb default '{}',
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    is_active boolean default true
);
create trigger update_products_updated_at before update on public.products
    for each row execute function public.update_updated_at_column();

create table public.swipe_sessions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references auth.users (id) on delete cascade,
    session_type text default 'discovery'
        check (session_type in ('discovery', 'onboarding', 'category_exploration', 'gift_selection')),
    occasion text,
    budget_min numeric(10, 2),
    budget_max numeric(10, 2),
    recipient_age_range text,
    recipient_gender text,
    recipient_relationship text,
    started_at timestamptz default now(),
    completed_at timestamptz,
    total_swipes integer default 0,
    preferences_data jsonb default '{}',
    is_completed boolean default false
);
create index idx_swipe_sessions_user on public.swipe_sessions (user_id, started_at desc);

create table public.swipe_interactions (
    id uuid primary key default gen_random_uuid(),
    session_id uuid references public.swipe_sessions (id) on delete cascade,
    user_id uuid references auth.users (id) on delete cascade,
    product_id uuid references public.products (id) on delete cascade,
    swipe_direction text not null check (swipe_direction in ('left', 'right', 'up', 'down')),
    swipe_timestamp timestamptz default now(),
    time_spent_seconds integer,
    interaction_context jsonb default '{}',
    preference_strength numeric(3, 2) default 0.5
);
create index idx_swipe_interactions_user on public.swipe_interactions (user_id, swipe_timestamp desc);
create index idx_swipe_interactions_session on public.swipe_interactions (session_id);
create index idx_swipe_interactions_product on public.swipe_interactions (product_id);

create table public.recommendations (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references auth.users (id) on delete cascade,
    product_id uuid references public.products (id) on delete cascade,
    session_id uuid references public.swipe_sessions (id) on delete set null,
    confidence_score numeric(5, 4),
    algorithm_version text,
    reasoning text,
    rank_position integer,
    created_at timestamptz default now(),
    expires_at timestamptz,
    is_clicked boolean default false,
    clicked_at timestamptz,
    is_purchased boolean default false,
    purchased_at timestamptz
);
create index idx_recommendations_user on public.recommendations (user_id, created_at desc);
create index idx_recommendations_product on public.recommendations (product_id);

-- Who may do what. The grants are stated, so that the tables are the same with and without default privileges.
revoke all on public.categories, public.products, public.swipe_sessions, public.swipe_interactions, public.recommendations
    from anon, authenticated, service_role;
grant select, insert, update, delete
    on public.categories, public.products, public.swipe_sessions, public.swipe_interactions, public.recommendations
    to service_role;
grant select on public.categories, public.products to anon, authenticated;
grant select, insert, update on public.swipe_sessions to anon, authenticated;
grant select, insert on public.swipe_interactions to anon, authenticated;
grant select on public.recommendations to authenticated;

alter table public.categories enable row level security;
alter table public.products enable row level security;
alter table public.swipe_sessions enable row level security;
alter table public.swipe_interactions enable row level security;
alter table public.recommendations enable row level security;

create policy "Categories are public" on public.categories for select using (is_active);
create policy "Active products are public" on public.products for select using (is_active);
create policy "Users manage own sessions" on public.swipe_sessions for all
    using (user_id = (select auth.uid()))
    with check (user_id = (select auth.uid()) or user_id is null);
create policy "Users read own swipes" on public.swipe_interactions for select
    using (user_id = (select auth.uid()));
create policy "Users and visitors swipe" on public.swipe_interactions for insert
    with check (user_id = (select auth.uid()) or user_id is null);
create policy "Users read own recommendations" on public.recommendations for select
    using (user_id = (select auth.uid()));

comment on table public.categories is 'Category a product can stand in; categories form a tree.';
comment on column public.categories.id is 'Key of the category.';
comment on column public.categories.name is 'Name as the app shows it.';
comment on column public.categories.slug is 'Short name in addresses and profiles, unique.';
comment on column public.categories.parent_id is 'Category above it; NULL at the top.';
comment on column public.categories.sort_order is 'Position among its siblings, smallest first.';
comment on column public.categories.is_active is 'Whether the app offers it.';
comment on column public.categories.created_at is 'Time the category was made.';

comment on table public.products is 'Product that the app can show; where it is sold stands in affiliate_url.';
comment on column public.products.id is 'Key of the product.';
comment on column public.products.title is 'Name as the app shows it.';
comment on column public.products.description is 'Text about the product; NULL where the feed gave none.';
comment on column public.products.brand is 'Maker; NULL where unknown.';
comment on column public.products.image_url is 'Address of the picture; NULL where there is none.';
comment on column public.products.affiliate_url is 'Address that earns the commission; NULL where it cannot be bought.';
comment on column public.products.currency is 'ISO 4217 code of the price.';
comment on column public.products.rating is 'Mean customer rating, 0 to 5 stars; NULL where nobody rated.';
comment on column public.products.review_count is 'Number of customer reviews.';
comment on column public.products.features is 'Properties as the feed gave them (JSON object).';
comment on column public.products.created_at is 'Time the product entered the catalogue.';
comment on column public.products.updated_at is 'Time of its last change, kept by a trigger.';
comment on column public.products.is_active is 'Whether the app shows it.';

comment on table public.swipe_sessions is 'Round of swiping, of a user or of an anonymous visitor.';
comment on column public.swipe_sessions.id is 'Key of the round.';
comment on column public.swipe_sessions.user_id is 'User who swiped; NULL for an anonymous visitor. [pii]';
comment on column public.swipe_sessions.session_type is 'What the round was for: discovery, onboarding, category_exploration or gift_selection.';
comment on column public.swipe_sessions.occasion is 'Occasion of the gift (birthday, …); NULL where none was named. [pii]';
comment on column public.swipe_sessions.budget_min is 'Lower end of the budget in the app''s currency; NULL where open. [pii]';
comment on column public.swipe_sessions.budget_max is 'Upper end of the budget in the app''s currency; NULL where open. [pii]';
comment on column public.swipe_sessions.recipient_age_range is 'Age range of whom the gift is for (25-34, …); NULL where not said. [pii]';
comment on column public.swipe_sessions.recipient_gender is 'Gender of whom the gift is for; NULL where not said. [pii]';
comment on column public.swipe_sessions.recipient_relationship is 'What the recipient is to the user (partner, …); NULL where not said. [pii]';
comment on column public.swipe_sessions.started_at is 'Time of the first card.';
comment on column public.swipe_sessions.completed_at is 'Time of the last card; NULL while it goes on or was abandoned.';
comment on column public.swipe_sessions.total_swipes is 'Number of swipes so far, as the client counts.';
comment on column public.swipe_sessions.preferences_data is 'Answers the app asked for (JSON object). [pii]';
comment on column public.swipe_sessions.is_completed is 'Whether the round was swiped to its end.';

comment on table public.swipe_interactions is 'Swipe of one card: right likes, up likes very much, left dislikes, down skips without judgement.';
comment on column public.swipe_interactions.id is 'Key of the swipe.';
comment on column public.swipe_interactions.session_id is 'Round it belongs to; NULL where the client lost it. [pii]';
comment on column public.swipe_interactions.user_id is 'User who swiped; NULL for an anonymous visitor. [pii]';
comment on column public.swipe_interactions.product_id is 'Product on the card; NULL where the card showed a category.';
comment on column public.swipe_interactions.swipe_direction is 'Direction of the swipe: left, right, up or down.';
comment on column public.swipe_interactions.swipe_timestamp is 'Time of the swipe.';
comment on column public.swipe_interactions.time_spent_seconds is 'Seconds the card was looked at; NULL where not measured.';
comment on column public.swipe_interactions.interaction_context is 'What else the client knew (JSON object). [pii]';
comment on column public.swipe_interactions.preference_strength is 'Strength of the judgement as the client saw it, 0 to 1.';

comment on table public.recommendations is 'Product that was recommended to one user.';
comment on column public.recommendations.id is 'Key of the recommendation.';
comment on column public.recommendations.user_id is 'User it was made to; NULL where the visitor was anonymous. [pii]';
comment on column public.recommendations.product_id is 'Product that was recommended.';
comment on column public.recommendations.session_id is 'Round of swiping it followed from; NULL where it followed from none. [pii]';
comment on column public.recommendations.confidence_score is 'Confidence of the algorithm, 0 to 1.';
comment on column public.recommendations.algorithm_version is 'Version of the algorithm that made it.';
comment on column public.recommendations.reasoning is 'Reason as shown to the user; NULL where none is shown. [pii]';
comment on column public.recommendations.rank_position is 'Position in the list, 1 at the top.';
comment on column public.recommendations.created_at is 'Time it was made.';
comment on column public.recommendations.expires_at is 'Time from which it is no longer shown; NULL where never.';
comment on column public.recommendations.is_clicked is 'Whether the user followed it.';
comment on column public.recommendations.clicked_at is 'Time it was followed; NULL where it was not.';
comment on column public.recommendations.is_purchased is 'Whether the user bought it.';
comment on column public.recommendations.purchased_at is 'Time it was bought; NULL where it was not.';
