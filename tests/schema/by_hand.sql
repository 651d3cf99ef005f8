-- The five tables as somebody made them by hand from a guide, with everything that such a deployment gets wrong, and rows.

insert into auth.users (id, email) values
    ('00000000-0000-0000-0000-00000000000a', 'ann@example.com'), ('00000000-0000-0000-0000-00000000000c', 'bob@example.com');
insert into public.products (id, title) values ('00000000-0000-0000-0000-00000000000b', 'mug');
insert into public.recommendations (id, user_id, product_id)
    values ('00000000-0000-0000-0000-00000000000d', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b');

create table public.affiliate_clicks (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references auth.users (id) on delete set null,
    anonymous_id text,
    product_id uuid references public.products (id) on delete cascade,
    session_id text not null,
    click_timestamp timestamptz default now(),
    source_page text not null,
    device_type text check (device_type in ('mobile', 'tablet', 'desktop')),
    affiliate_network text not null,
    affiliate_url text not null,
    commission_rate decimal(5,4) check (commission_rate between 0 and 1),
    expected_commission decimal(10,2) check (expected_commission >= 0),
    is_converted boolean default false,
    conversion_timestamp timestamptz,
    actual_commission decimal(10,2) check (actual_commission >= 0),
    order_id varchar(100),
    user_agent text,
    ip_address inet,
    referrer_url text,
    utm_source varchar(100),
    utm_medium varchar(100),
    utm_campaign varchar(100),
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    constraint valid_conversion check (not is_converted or conversion_timestamp is not null)
);

create table public.user_preferences (
    user_id uuid primary key references auth.users (id) on delete cascade,
    category_preferences jsonb default '{}',
    category_confidence jsonb default '{}',
    price_range jsonb default '{"min": 0, "max": 1000}',
    price_sensitivity decimal(3,2) default 0.5 check (price_sensitivity between 0 and 1),
    liked_brands text[] default '{}',
    disliked_brands text[] default '{}',
    brand_scores jsonb default '{}',
    style_scores jsonb default '{}',
    colour_preferences jsonb default '{}',
    occasion_preferences jsonb default '{}',
    recipient_preferences jsonb default '{}',
    total_swipes integer default 0,
    right_swipes integer default 0,
    left_swipes integer default 0,
    super_likes integer default 0,
    engagement_rate decimal(5,4) default 0,
    ml_features jsonb default '{}',
    embedding_vector float8[],
    cluster_id integer,
    similarity_threshold decimal(3,2) default 0.7,
    last_calculated timestamptz default now(),
    calculation_version varchar(20) default '1.0',
    data_quality_score decimal(3,2) default 0,
    confidence_level decimal(3,2) default 0,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    constraint valid_swipe_counts check (total_swipes = right_swipes + left_swipes),
    constraint valid_engagement_rate check (total_swipes = 0 or engagement_rate = right_swipes::decimal / total_swipes)
);

create table public.session_analytics (
    id uuid primary key default gen_random_uuid(),
    session_id text unique not null,
    user_id uuid references auth.users (id) on delete set null,
    anonymous_id text,
    started_at timestamptz default now(),
    ended_at timestamptz,
    duration_seconds integer,
    last_activity_at timestamptz default now(),
    landing_page text not null,
    exit_page text,
    pages_viewed integer default 1,
    page_sequence text[] default '{}',
    total_clicks integer default 0,
    total_swipes integer default 0,
    products_viewed integer default 0,
    recommendations_viewed integer default 0,
    affiliate_clicks integer default 0,
    has_registered boolean default false,
    registration_timestamp timestamptz,
    has_converted boolean default false,
    conversion_timestamp timestamptz,
    conversion_value decimal(10,2),
    device_type text,
    browser text,
    operating_system text,
    screen_resolution text,
    country_code char(2),
    city text,
    timezone text,
    referrer_url text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_content text,
    utm_term text,
    is_bounce boolean default false,
    is_active boolean default true,
    session_quality_score decimal(3,2),
    engagement_score decimal(3,2),
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table public.product_views (
    id uuid primary key default gen_random_uuid(),
    product_id uuid not null references public.products (id) on delete cascade,
    user_id uuid references auth.users (id) on delete set null,
    session_id text not null,
    view_timestamp timestamptz default now(),
    view_source text check (view_source in ('swipe', 'recommendations', 'search', 'category', 'direct', 'related', 'trending')),
    view_position integer,
    view_duration_seconds integer,
    interaction_type text,
    has_clicked_affiliate boolean default false,
    has_shared boolean default false,
    has_saved boolean default false,
    recommendation_id uuid references public.recommendations (id) on delete set null,
    search_query text,
    filter_criteria jsonb default '{}',
    device_type text,
    viewport_size text,
    screen_density decimal(3,1),
    relevance_score decimal(3,2),
    predicted_interest decimal(3,2),
    created_at timestamptz default now()
);

create table public.recommendation_feedback (
    id uuid primary key default gen_random_uuid(),
    recommendation_id uuid not null references public.recommendations (id) on delete cascade,
    user_id uuid not null references auth.users (id) on delete cascade,
    product_id uuid not null references public.products (id) on delete cascade,
    feedback_type text check (feedback_type in ('explicit', 'implicit')),
    feedback_action text,
    feedback_value decimal(3,2) not null,
    rating integer check (rating between 1 and 5),
    comment text,
    feedback_tags text[] default '{}',
    time_to_action_seconds integer,
    dwell_time_seconds integer,
    scroll_depth decimal(3,2),
    click_depth integer,
    feedback_source text,
    session_id text,
    position_in_list integer,
    model_version text not null,
    original_confidence_score decimal(5,4),
    training_weight decimal(3,2) default 1.0,
    is_processed boolean default false,
    processing_timestamp timestamptz,
    is_validated boolean default true,
    validation_notes text,
    created_at timestamptz default now()
);

alter table public.affiliate_clicks enable row level security;
alter table public.user_preferences enable row level security;
alter table public.session_analytics enable row level security;
alter table public.product_views enable row level security;
alter table public.recommendation_feedback enable row level security;

create policy "Users can view their own clicks" on public.affiliate_clicks for select using (auth.uid() = user_id or user_id is null);
create policy "Anyone can insert clicks" on public.affiliate_clicks for insert with check (true);
create policy "Service role can manage clicks" on public.affiliate_clicks for all using (auth.role() = 'service_role');
create policy "Users can manage their own preferences" on public.user_preferences for all using (auth.uid() = user_id);
create policy "Users can view their own sessions" on public.session_analytics for select using (auth.uid() = user_id or user_id is null);
create policy "Anyone can insert sessions" on public.session_analytics for insert with check (true);
create policy "Users can view their own views" on public.product_views for select using (auth.uid() = user_id or user_id is null);
create policy "Anyone can insert views" on public.product_views for insert with check (true);
create policy "Users can manage their own feedback" on public.recommendation_feedback for all using (auth.uid() = user_id);
grant all on public.affiliate_clicks, public.user_preferences, public.session_analytics, public.product_views,
    public.recommendation_feedback to anon, authenticated, service_role;

-- Three of the declared ones twice, many for the count alone.
create index idx_affiliate_clicks_user_id on public.affiliate_clicks (user_id);
create index idx_affiliate_clicks_product_id on public.affiliate_clicks (product_id);
create index idx_affiliate_clicks_session_id on public.affiliate_clicks (session_id);
create index idx_affiliate_clicks_timestamp on public.affiliate_clicks (click_timestamp);
create index idx_affiliate_clicks_click_timestamp on public.affiliate_clicks (click_timestamp);
create index idx_affiliate_clicks_network on public.affiliate_clicks (affiliate_network);
create index idx_affiliate_clicks_converted on public.affiliate_clicks (is_converted) where is_converted = true;
create index idx_user_preferences_user_id on public.user_preferences (user_id);
create index idx_user_preferences_cluster on public.user_preferences (cluster_id);
create index idx_user_preferences_created_at on public.user_preferences (created_at);
create index idx_user_preferences_created_again on public.user_preferences (created_at);
create index idx_user_preferences_categories on public.user_preferences using gin (category_preferences);
create index idx_session_analytics_session_id on public.session_analytics (session_id);
create index idx_session_analytics_user_id on public.session_analytics (user_id);
create index idx_session_analytics_started on public.session_analytics (started_at desc);
create index idx_session_analytics_utm on public.session_analytics (utm_source, utm_medium, utm_campaign);
create index idx_product_views_product_id on public.product_views (product_id);
create index idx_product_views_product on public.product_views (product_id, view_timestamp desc);
create index idx_product_views_product_again on public.product_views (product_id, view_timestamp desc);
create index idx_product_views_timestamp on public.product_views (view_timestamp);
create index idx_recommendation_feedback_recommendation_id on public.recommendation_feedback (recommendation_id);
create index idx_recommendation_feedback_recommendation on public.recommendation_feedback (recommendation_id);
create index idx_recommendation_feedback_user_id on public.recommendation_feedback (user_id);

create trigger update_affiliate_clicks_updated_at before update on public.affiliate_clicks
    for each row execute function public.update_updated_at_column();
create trigger update_user_preferences_updated_at before update on public.user_preferences
    for each row execute function public.update_updated_at_column();
create trigger user_preferences_updated_at before update on public.user_preferences
    for each row execute function public.update_updated_at_column();
create trigger update_session_analytics_updated_at before update on public.session_analytics
    for each row execute function public.update_updated_at_column();

insert into public.affiliate_clicks (user_id, product_id, session_id, source_page, affiliate_network, affiliate_url, utm_source, ip_address)
    select u.id, p.id, 's', 'discover', 'awin', 'https://shop', 'newsletter', '10.1.2.3' from auth.users u, public.products p;
insert into public.affiliate_clicks (product_id, session_id, source_page, affiliate_network, affiliate_url)
    select id, 't', 'search', 'amazon', 'https://shop' from public.products;
insert into public.user_preferences (user_id, total_swipes, right_swipes, left_swipes, engagement_rate)
    values ('00000000-0000-0000-0000-00000000000a', 10, 5, 5, 0.5);
insert into public.session_analytics (session_id, user_id, landing_page, country_code)
    values ('s', '00000000-0000-0000-0000-00000000000a', '/', 'GB'), ('t', null, '/', null);
insert into public.product_views (product_id, session_id, view_position, view_source) select id, 's', n, 'swipe' from public.products, generate_series(1, 5) n;
insert into public.recommendation_feedback (recommendation_id, user_id, product_id, feedback_value, model_version)
    select id, user_id, product_id, 1, '1' from public.recommendations;
