-- What release 0.1.0 left in a database: its schemas staging, analytics and pipeline, the five deployed tables, and a small world of 40 clicks.
-- Made on PostgreSQL 15 by that release's own `aclue deploy`, rebuild of three stretches of four days in 2025, and recalculation of profiles;
-- afterwards the product …b4 (with its five clicks) and the account …a4 were deleted. Dumped without comments and owners. To be loaded by the
-- deployer into a database that has the app's tables (shape A), empty.
CREATE SCHEMA analytics;
CREATE SCHEMA pipeline;
CREATE SCHEMA staging;

CREATE FUNCTION public.aclue_derive_swipe_figures() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION public.aclue_is_recommended_to_caller(recommendation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
    select exists (select 1 from public.recommendations r where r.id = recommendation and r.user_id = auth.uid())
$$;

CREATE FUNCTION public.aclue_touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    new.updated_at := now();
    return new;
end
$$;

CREATE TABLE analytics.commission_daily (
    day date NOT NULL,
    currency text NOT NULL,
    affiliate_network text NOT NULL,
    conversions bigint,
    orders bigint,
    expected_commission numeric,
    actual_commission numeric,
    variance numeric,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    run_id text
);

CREATE TABLE analytics.ctr_by_position_daily (
    day date NOT NULL,
    view_source text NOT NULL,
    view_position integer NOT NULL,
    impressions bigint,
    clicked_impressions bigint,
    ctr numeric,
    ctr_low numeric,
    ctr_high numeric,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    run_id text
);

CREATE TABLE analytics.preference_quality (
    model_version text NOT NULL,
    users_group text NOT NULL,
    predictor text NOT NULL,
    users integer NOT NULL,
    judgements integer NOT NULL,
    log_loss double precision,
    auc double precision,
    calibration_error double precision,
    reliability jsonb,
    measured_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE analytics.product_revenue_daily (
    day date NOT NULL,
    currency text NOT NULL,
    product_id text NOT NULL,
    impressions bigint,
    clicked_impressions bigint,
    ctr numeric,
    ctr_low numeric,
    ctr_high numeric,
    detail_views bigint,
    affiliate_clicks bigint,
    conversions bigint,
    actual_commission numeric,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    run_id text
);

CREATE TABLE analytics.revenue_daily (
    day date NOT NULL,
    currency text NOT NULL,
    affiliate_network text NOT NULL,
    source_page text NOT NULL,
    device_type text NOT NULL,
    clicks bigint,
    valid_clicks bigint,
    people bigint,
    conversions bigint,
    conversion_rate numeric,
    conversion_rate_low numeric,
    conversion_rate_high numeric,
    expected_commission numeric,
    actual_commission numeric,
    commission_on_rejected_clicks numeric,
    epc numeric,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    run_id text
);

CREATE TABLE analytics.session_funnel_daily (
    day date NOT NULL,
    device_type text NOT NULL,
    landing_page text NOT NULL,
    utm_source text NOT NULL,
    sessions bigint,
    viewed bigint,
    swiped bigint,
    clicked bigint,
    converted bigint,
    view_rate numeric,
    view_rate_low numeric,
    view_rate_high numeric,
    swipe_step_rate numeric,
    swipe_step_rate_low numeric,
    swipe_step_rate_high numeric,
    swipe_overall_rate numeric,
    swipe_overall_rate_low numeric,
    swipe_overall_rate_high numeric,
    click_step_rate numeric,
    click_step_rate_low numeric,
    click_step_rate_high numeric,
    click_overall_rate numeric,
    click_overall_rate_low numeric,
    click_overall_rate_high numeric,
    conversion_step_rate numeric,
    conversion_step_rate_low numeric,
    conversion_step_rate_high numeric,
    conversion_overall_rate numeric,
    conversion_overall_rate_low numeric,
    conversion_overall_rate_high numeric,
    median_seconds_to_view numeric,
    median_seconds_to_swipe numeric,
    median_seconds_to_click numeric,
    median_seconds_to_conversion numeric,
    orphan_sessions bigint,
    bot_sessions bigint,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    run_id text
);

CREATE VIEW analytics.slow_statements AS
 WITH installed AS (
         SELECT max((n.nspname)::text) AS home,
            max(format('%I.pg_stat_statements'::text, n.nspname)) AS relation
           FROM (pg_extension e
             JOIN pg_namespace n ON ((n.oid = e.extnamespace)))
          WHERE (e.extname = 'pg_stat_statements'::name)
        ), source AS (
         SELECT i.relation,
                CASE
                    WHEN (i.relation IS NULL) THEN 'the extension pg_stat_statements is not installed'::text
                    WHEN (current_setting('pg_stat_statements.max'::text, true) IS NULL) THEN 'the server does not load pg_stat_statements'::text
                    WHEN (NOT (has_schema_privilege(i.home, 'usage'::text) AND has_table_privilege(i.relation, 'select'::text))) THEN 'this role may not read pg_stat_statements'::text
                    WHEN (NOT pg_has_role('pg_read_all_stats'::name, 'usage'::text)) THEN 'this role sees its own statements only'::text
                    ELSE NULL::text
                END AS hindrance,
                CASE
                    WHEN (i.relation IS NULL) THEN 'create extension pg_stat_statements schema extensions (as an administrator)'::text
                    WHEN (current_setting('pg_stat_statements.max'::text, true) IS NULL) THEN 'add pg_stat_statements to shared_preload_libraries and restart the server'::text
                    ELSE format('grant pg_read_all_stats to %I (as an administrator)'::text, CURRENT_USER)
                END AS mend
           FROM installed i
        ), slow AS (
         SELECT ((f.word)::jsonb ->> 'id'::text) AS id,
            ((f.word)::jsonb ->> 'query'::text) AS query,
            (((f.word)::jsonb ->> 'calls'::text))::bigint AS calls,
            (((f.word)::jsonb ->> 'rows'::text))::bigint AS rows,
            (((f.word)::jsonb ->> 'total_ms'::text))::numeric AS total_ms,
            (((f.word)::jsonb ->> 'max_ms'::text))::numeric AS max_ms,
            ((((f.word)::jsonb ->> 'total_ms'::text))::numeric / (((f.word)::jsonb ->> 'calls'::text))::numeric) AS mean_ms
           FROM (source s
             CROSS JOIN LATERAL ts_stat(format('
            select array_to_tsvector(array[to_jsonb(s)::text])
            from (
                select queryid::text as id, left(regexp_replace(min(query), ''\s+'', '' '', ''g''), 250) as query,
                       sum(calls) as calls, sum(rows) as rows, sum(total_exec_time) as total_ms, max(max_exec_time) as max_ms
                from %s
                where dbid = (select oid from pg_catalog.pg_database where datname = current_database())
                    and query ~* ''^(\s|--[^\n]*\n|/\*.*?\*/)*(select|insert|update|delete|merge|with)\M''
                group by queryid
                having sum(calls) >= 5 and sum(total_exec_time) >= 100 * sum(calls)
                order by sum(total_exec_time) desc
                limit 20
            ) as s
            '::text, s.relation)) f(word, ndoc, nentry))
          WHERE (s.hindrance IS NULL)
        )
 SELECT 'slow_statements'::text AS finding,
        CASE
            WHEN (s.mean_ms >= (1000)::numeric) THEN 'error'::text
            ELSE 'warn'::text
        END AS severity,
    ('statement '::text || s.id) AS object,
    format('%s ms on average, %s times, %s s in all: %s'::text, round(s.mean_ms, 1), s.calls, round((s.total_ms / (1000)::numeric), 1), s.query) AS detail,
    jsonb_build_object('calls', s.calls, 'mean_ms', round(s.mean_ms, 3), 'max_ms', round(s.max_ms, 3), 'total_s', round((s.total_ms / (1000)::numeric), 3), 'rows', s.rows, 'query', s.query) AS evidence,
    'explain (analyze, buffers) the statement; an index, or fewer rows, usually mends it'::text AS mend
   FROM slow s
UNION ALL
 SELECT 'slow_statements'::text AS finding,
    'not applicable'::text AS severity,
    'pg_stat_statements'::text AS object,
    s.hindrance AS detail,
    '{}'::jsonb AS evidence,
    s.mend
   FROM source s
  WHERE (s.hindrance IS NOT NULL);

CREATE TABLE analytics.table_sizes (
    day date NOT NULL,
    table_name text NOT NULL,
    total_bytes bigint NOT NULL,
    row_estimate bigint,
    measured_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE VIEW analytics.table_growth AS
 WITH before AS (
         SELECT DISTINCT ON (m.table_name) m.table_name,
            m.total_bytes AS bytes,
            m.measured_at,
            (EXTRACT(epoch FROM (now() - m.measured_at)) / (86400)::numeric) AS days
           FROM analytics.table_sizes m
          WHERE (m.measured_at <= (now() - '7 days'::interval))
          ORDER BY m.table_name, m.measured_at DESC
        ), sizes AS (
         SELECT format('%I.%I'::text, s.schemaname, s.relname) AS table_name,
            pg_total_relation_size((s.relid)::regclass) AS bytes,
            s.n_live_tup AS living,
            s.n_dead_tup AS dead
           FROM pg_stat_user_tables s
          WHERE (s.schemaname = ANY (ARRAY['public'::name, 'analytics'::name, 'pipeline'::name]))
        ), judged AS (
         SELECT n.table_name,
            n.bytes,
            n.living,
            n.dead,
            b.bytes AS bytes_before,
            b.measured_at,
            b.days,
            COALESCE((((((n.bytes - b.bytes))::numeric / b.days) * (7)::numeric) >= GREATEST((0.5 * (b.bytes)::numeric), (((16 * 1024) * 1024))::numeric)), false) AS fast,
            ((n.dead >= 100000) AND ((n.dead)::numeric > (0.2 * (n.living)::numeric))) AS swollen
           FROM (sizes n
             LEFT JOIN before b ON ((b.table_name = n.table_name)))
        )
 SELECT 'table_growth'::text AS finding,
        CASE
            WHEN (j.swollen AND (j.dead >= j.living)) THEN 'error'::text
            ELSE 'warn'::text
        END AS severity,
    j.table_name AS object,
    concat_ws('; '::text,
        CASE
            WHEN j.fast THEN format('grew from %s to %s in %s days'::text, pg_size_pretty(j.bytes_before), pg_size_pretty(j.bytes), round(j.days))
            ELSE NULL::text
        END,
        CASE
            WHEN j.swollen THEN format('holds %s dead rows beside %s living'::text, j.dead, j.living)
            ELSE NULL::text
        END) AS detail,
    jsonb_build_object('bytes', j.bytes, 'bytes_before', j.bytes_before, 'measured_before_at', j.measured_at, 'bytes_a_day', round((((j.bytes - j.bytes_before))::numeric / j.days)), 'rows', j.living, 'dead_rows', j.dead) AS evidence,
        CASE
            WHEN j.swollen THEN format('vacuum (analyze) %s; and see what keeps autovacuum from it (a long transaction?)'::text, j.table_name)
            ELSE 'see who writes there, and agree how long rows are kept'::text
        END AS mend
   FROM judged j
  WHERE (j.fast OR j.swollen)
UNION ALL
 SELECT 'table_growth'::text AS finding,
    'not applicable'::text AS severity,
    'analytics.table_sizes'::text AS object,
    format('sizes are measured since %s; a week later growth can be told'::text, COALESCE((min(m.day))::text, 'never'::text)) AS detail,
    '{}'::jsonb AS evidence,
    'let the job check_health run every day: it measures'::text AS mend
   FROM analytics.table_sizes m
 HAVING COALESCE((min(m.measured_at) > (now() - '7 days'::interval)), true);

CREATE VIEW analytics.unused_indexes AS
 SELECT 'unused_indexes'::text AS finding,
        CASE
            WHEN x.indisvalid THEN 'info'::text
            ELSE 'error'::text
        END AS severity,
    format('%I.%I'::text, n.nspname, i.relname) AS object,
        CASE
            WHEN (NOT x.indisvalid) THEN format('invalid: building it on %I.%I did not end well, no query uses it'::text, n.nspname, t.relname)
            ELSE format('never read since %s, while %I.%I was read %s times; it takes %s%s'::text, COALESCE(to_char((d.stats_reset AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD'::text), 'the statistics began'::text), n.nspname, t.relname, r.reads, pg_size_pretty(pg_relation_size((i.oid)::regclass)), ('. Its comment: '::text || obj_description(i.oid, 'pg_class'::name)))
        END AS detail,
    jsonb_build_object('table', format('%I.%I'::text, n.nspname, t.relname), 'valid', x.indisvalid, 'scans', COALESCE(u.idx_scan, (0)::bigint), 'reads_of_table', r.reads, 'bytes', pg_relation_size((i.oid)::regclass), 'definition', pg_get_indexdef(i.oid)) AS evidence,
        CASE
            WHEN (NOT x.indisvalid) THEN format('drop index concurrently %I.%I; then build it again (aclue deploy, if it is one of ours)'::text, n.nspname, i.relname)
            WHEN (obj_description(i.oid, 'pg_class'::name) IS NULL) THEN format('if it stays so through a whole month: drop index concurrently %I.%I'::text, n.nspname, i.relname)
            ELSE format('if it stays so through a whole month: take it out of its script, then drop index concurrently %I.%I'::text, n.nspname, i.relname)
        END AS mend
   FROM ((((((pg_index x
     JOIN pg_class i ON ((i.oid = x.indexrelid)))
     JOIN pg_class t ON ((t.oid = x.indrelid)))
     JOIN pg_namespace n ON ((n.oid = t.relnamespace)))
     LEFT JOIN pg_stat_user_indexes u ON ((u.indexrelid = x.indexrelid)))
     LEFT JOIN pg_stat_database d ON ((d.datname = current_database())))
     LEFT JOIN LATERAL ( SELECT (COALESCE(s.seq_scan, (0)::bigint) + COALESCE(s.idx_scan, (0)::bigint)) AS reads
           FROM pg_stat_user_tables s
          WHERE (s.relid = x.indrelid)) r ON (true))
  WHERE ((n.nspname = ANY (ARRAY['public'::name, 'analytics'::name, 'pipeline'::name])) AND ((NOT x.indisvalid) OR ((COALESCE(u.idx_scan, (0)::bigint) = 0) AND (r.reads >= 100) AND (pg_relation_size((i.oid)::regclass) >= ((8 * 1024) * 1024)) AND (NOT x.indisunique) AND (NOT x.indisexclusion) AND (NOT x.indisreplident) AND (NOT (EXISTS ( SELECT 1
           FROM pg_constraint f
          WHERE ((f.conrelid = x.indrelid) AND (f.contype = 'f'::"char") AND (f.conkey[1] = x.indkey[0]))))))))
  ORDER BY x.indisvalid, (pg_relation_size((i.oid)::regclass)) DESC;

CREATE TABLE pipeline.days (
    table_name text NOT NULL,
    day date NOT NULL,
    code_version text NOT NULL,
    rows bigint NOT NULL,
    computed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE VIEW pipeline.taste_words AS
 WITH listed AS (
         SELECT l.facet,
            l.value,
            l.words
           FROM ( VALUES ('colour'::text,'red'::text,'red ruby scarlet crimson'::text), ('colour'::text,'pink'::text,'pink fuchsia cerise rose-pink'::text), ('colour'::text,'blue'::text,'blue navy denim'::text), ('colour'::text,'turquoise'::text,'turquoise aqua teal'::text), ('colour'::text,'green'::text,'green olive lime mint sage'::text), ('colour'::text,'yellow'::text,'yellow lemon mustard'::text), ('colour'::text,'orange'::text,'orange amber'::text), ('colour'::text,'purple'::text,'purple lilac amethyst plum'::text), ('colour'::text,'brown'::text,'brown chocolate'::text), ('colour'::text,'black'::text,'black jet'::text), ('colour'::text,'white'::text,'white'::text), ('colour'::text,'cream'::text,'cream ivory beige'::text), ('colour'::text,'grey'::text,'grey gray slate'::text), ('colour'::text,'silver'::text,'silver'::text), ('colour'::text,'gold'::text,'gold golden brass'::text), ('style'::text,'vintage'::text,'vintage antique retro victorian edwardian regency nostalgic retrospot'::text), ('style'::text,'modern'::text,'modern contemporary minimalist sleek'::text), ('style'::text,'classic'::text,'classic traditional timeless'::text), ('style'::text,'floral'::text,'floral flower daisy blossom botanical paisley'::text), ('style'::text,'country'::text,'country cottage rustic woodland gingham farmhouse'::text), ('style'::text,'romantic'::text,'romantic heart love sweetheart lace'::text), ('style'::text,'playful'::text,'playful funky polkadot circus spaceboy toadstool'::text), ('style'::text,'glamorous'::text,'glamorous diamante crystal glitter jewelled sequin'::text), ('style'::text,'luxury'::text,'luxury luxurious premium deluxe'::text), ('style'::text,'handmade'::text,'handmade handcrafted artisan'::text), ('style'::text,'personalised'::text,'personalised personalized engraved custom'::text), ('style'::text,'wood'::text,'wood wooden oak bamboo'::text), ('style'::text,'metal'::text,'metal zinc enamel steel'::text), ('style'::text,'glass'::text,'glass'::text), ('style'::text,'ceramic'::text,'ceramic porcelain china stoneware'::text), ('style'::text,'textile'::text,'textile cotton felt linen wool woolly knitted'::text), ('style'::text,'leather'::text,'leather'::text), ('style'::text,'wicker'::text,'wicker rattan seagrass'::text)) l(facet, value, words)
        ), singular AS (
         SELECT DISTINCT ON (s.word) s.word,
            l.facet,
            l.value
           FROM (listed l
             CROSS JOIN LATERAL regexp_split_to_table(l.words, ' +'::text) s(word))
          ORDER BY s.word, l.facet, l.value
        )
 SELECT (n.word || e.ending) AS word,
    n.facet,
    n.value
   FROM (singular n
     CROSS JOIN ( VALUES (''::text), ('s'::text)) e(ending));

CREATE VIEW staging.products AS
 SELECT p.id AS product_id,
    p.title,
    p.description,
    NULLIF(btrim(p.brand), ''::text) AS brand,
    COALESCE(c.slug, lower(btrim((to_jsonb(p.*) ->> 'category'::text)))) AS category,
    COALESCE(((to_jsonb(p.*) ->> 'price'::text))::numeric, round(((COALESCE(((to_jsonb(p.*) ->> 'price_min'::text))::numeric, ((to_jsonb(p.*) ->> 'price_max'::text))::numeric) + COALESCE(((to_jsonb(p.*) ->> 'price_max'::text))::numeric, ((to_jsonb(p.*) ->> 'price_min'::text))::numeric)) / (2)::numeric), 2)) AS price,
    COALESCE(((to_jsonb(p.*) ->> 'price_min'::text))::numeric, ((to_jsonb(p.*) ->> 'price'::text))::numeric) AS price_min,
    COALESCE(((to_jsonb(p.*) ->> 'price_max'::text))::numeric, ((to_jsonb(p.*) ->> 'price'::text))::numeric) AS price_max,
    NULLIF(upper(btrim(p.currency)), ''::text) AS currency,
        CASE
            WHEN (jsonb_typeof((to_jsonb(p.*) -> 'tags'::text)) = 'array'::text) THEN ARRAY( SELECT jsonb_array_elements_text((to_jsonb(p.*) -> 'tags'::text)) AS jsonb_array_elements_text)
            ELSE NULL::text[]
        END AS tags,
    COALESCE((to_jsonb(p.*) ->> 'affiliate_network'::text), (to_jsonb(p.*) ->> 'retailer'::text)) AS affiliate_network,
    ((to_jsonb(p.*) ->> 'commission_rate'::text))::numeric AS commission_rate,
    p.rating,
    p.features,
    p.is_active,
    p.created_at
   FROM (public.products p
     LEFT JOIN public.categories c ON ((c.id = ((to_jsonb(p.*) ->> 'category_id'::text))::uuid)));

CREATE VIEW pipeline.item_features AS
 WITH said AS (
         SELECT p_1.product_id,
            lower(btrim(t.tag)) AS word,
            'style'::text AS otherwise
           FROM (staging.products p_1
             CROSS JOIN LATERAL unnest(p_1.tags) t(tag))
        UNION ALL
         SELECT p_1.product_id,
            lower(btrim(v.value)) AS word,
                CASE
                    WHEN (f_1.key = ANY (ARRAY['colour'::text, 'color'::text, 'colours'::text, 'colors'::text])) THEN 'colour'::text
                    ELSE 'style'::text
                END AS otherwise
           FROM ((staging.products p_1
             CROSS JOIN LATERAL jsonb_each(
                CASE
                    WHEN (jsonb_typeof(p_1.features) = 'object'::text) THEN p_1.features
                    ELSE '{}'::jsonb
                END) f_1(key, value))
             CROSS JOIN LATERAL jsonb_array_elements_text(
                CASE jsonb_typeof(f_1.value)
                    WHEN 'array'::text THEN f_1.value
                    WHEN 'string'::text THEN jsonb_build_array(f_1.value)
                    ELSE '[]'::jsonb
                END) v(value))
          WHERE (f_1.key = ANY (ARRAY['style'::text, 'styles'::text, 'material'::text, 'materials'::text, 'theme'::text, 'themes'::text, 'colour'::text, 'color'::text, 'colours'::text, 'colors'::text]))
        UNION ALL
         SELECT p_1.product_id,
            t.word,
            NULL::text AS otherwise
           FROM (staging.products p_1
             CROSS JOIN LATERAL regexp_split_to_table(lower(p_1.title), '[^[:alnum:]-]+'::text) t(word))
        ), facets AS (
         SELECT s.product_id,
            array_agg(DISTINCT COALESCE(w.value, s.word)) FILTER (WHERE (COALESCE(w.facet, s.otherwise) = 'style'::text)) AS style,
            array_agg(DISTINCT COALESCE(w.value, s.word)) FILTER (WHERE (COALESCE(w.facet, s.otherwise) = 'colour'::text)) AS colour
           FROM (said s
             LEFT JOIN pipeline.taste_words w ON ((w.word = s.word)))
          WHERE ((s.word <> ''::text) AND (COALESCE(w.facet, s.otherwise) IS NOT NULL))
          GROUP BY s.product_id
        ), usual AS (
         SELECT p_1.category,
            percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((p_1.price)::double precision)) AS price
           FROM staging.products p_1
          WHERE (p_1.price > (0)::numeric)
          GROUP BY p_1.category
        )
 SELECT p.product_id,
    NULLIF(btrim(regexp_replace(p.category, '[[:cntrl:][:space:]]+'::text, ' '::text, 'g'::text)), ''::text) AS category,
    NULLIF(btrim(regexp_replace(p.brand, '[[:cntrl:][:space:]]+'::text, ' '::text, 'g'::text)), ''::text) AS brand,
    COALESCE(f.style, '{}'::text[]) AS style,
    COALESCE(f.colour, '{}'::text[]) AS colour,
        CASE
            WHEN (p.price > (0)::numeric) THEN (p.price)::double precision
            ELSE NULL::double precision
        END AS price,
        CASE
            WHEN ((p.price > (0)::numeric) AND (u.price > (0)::double precision)) THEN ln(((p.price)::double precision / u.price))
            ELSE (0)::double precision
        END AS relative_price
   FROM ((staging.products p
     LEFT JOIN facets f ON ((f.product_id = p.product_id)))
     LEFT JOIN usual u ON ((NOT (u.category IS DISTINCT FROM p.category))));

CREATE TABLE pipeline.profile_fingerprints (
    user_id uuid NOT NULL,
    events integer NOT NULL,
    latest_at timestamp with time zone NOT NULL,
    digest bigint NOT NULL,
    model_version text NOT NULL,
    is_adjusted boolean DEFAULT false NOT NULL
);

CREATE TABLE public.affiliate_clicks (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    anonymous_id text,
    product_id uuid,
    session_id text NOT NULL,
    click_timestamp timestamp with time zone DEFAULT now(),
    source_page text NOT NULL,
    device_type text,
    affiliate_network text NOT NULL,
    affiliate_url text NOT NULL,
    commission_rate numeric(5,4),
    expected_commission numeric(10,2),
    is_converted boolean DEFAULT false,
    conversion_timestamp timestamp with time zone,
    actual_commission numeric(10,2),
    order_id text,
    user_agent text,
    ip_address inet,
    referrer_url text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    CONSTRAINT affiliate_clicks_actual_commission_check CHECK ((actual_commission >= (0)::numeric)),
    CONSTRAINT affiliate_clicks_commission_is_converted CHECK (((actual_commission IS NULL) OR (is_converted IS TRUE))),
    CONSTRAINT affiliate_clicks_commission_rate_check CHECK (((commission_rate >= (0)::numeric) AND (commission_rate <= (1)::numeric))),
    CONSTRAINT affiliate_clicks_converted_has_time CHECK (((is_converted IS NOT TRUE) OR (conversion_timestamp IS NOT NULL))),
    CONSTRAINT affiliate_clicks_device_type_check CHECK ((device_type = ANY (ARRAY['mobile'::text, 'tablet'::text, 'desktop'::text]))),
    CONSTRAINT affiliate_clicks_expected_commission_check CHECK ((expected_commission >= (0)::numeric))
);

CREATE TABLE public.product_views (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    product_id uuid NOT NULL,
    user_id uuid,
    session_id text NOT NULL,
    view_timestamp timestamp with time zone DEFAULT now(),
    view_source text,
    view_position integer,
    view_duration_seconds integer,
    interaction_type text,
    has_clicked_affiliate boolean DEFAULT false,
    has_shared boolean DEFAULT false,
    has_saved boolean DEFAULT false,
    recommendation_id uuid,
    search_query text,
    filter_criteria jsonb,
    device_type text,
    viewport_size text,
    screen_density numeric(3,1),
    relevance_score numeric(3,2),
    predicted_interest numeric(3,2),
    created_at timestamp with time zone DEFAULT now(),
    CONSTRAINT product_views_interaction_type_check CHECK ((interaction_type = ANY (ARRAY['impression'::text, 'click'::text, 'detail_view'::text, 'add_to_wishlist'::text, 'share'::text, 'save'::text]))),
    CONSTRAINT product_views_predicted_interest_check CHECK (((predicted_interest >= (0)::numeric) AND (predicted_interest <= (1)::numeric))),
    CONSTRAINT product_views_relevance_score_check CHECK (((relevance_score >= (0)::numeric) AND (relevance_score <= (1)::numeric))),
    CONSTRAINT product_views_view_duration_seconds_check CHECK ((view_duration_seconds >= 0)),
    CONSTRAINT product_views_view_position_check CHECK ((view_position >= 1)),
    CONSTRAINT product_views_view_source_check CHECK ((view_source = ANY (ARRAY['swipe'::text, 'recommendations'::text, 'search'::text, 'category'::text, 'direct'::text, 'related'::text, 'trending'::text])))
);

CREATE TABLE public.recommendation_feedback (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    recommendation_id uuid NOT NULL,
    user_id uuid NOT NULL,
    product_id uuid NOT NULL,
    feedback_type text,
    feedback_action text,
    feedback_value numeric(3,2) NOT NULL,
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
    model_version text NOT NULL,
    original_confidence_score numeric(5,4),
    training_weight numeric(3,2) DEFAULT 1,
    is_processed boolean DEFAULT false,
    processing_timestamp timestamp with time zone,
    is_validated boolean DEFAULT true,
    validation_notes text,
    created_at timestamp with time zone DEFAULT now(),
    CONSTRAINT recommendation_feedback_click_depth_check CHECK ((click_depth >= 0)),
    CONSTRAINT recommendation_feedback_dwell_time_seconds_check CHECK ((dwell_time_seconds >= 0)),
    CONSTRAINT recommendation_feedback_feedback_action_check CHECK ((feedback_action = ANY (ARRAY['like'::text, 'dislike'::text, 'love'::text, 'not_interested'::text, 'click'::text, 'purchase'::text, 'ignore'::text, 'report'::text, 'share'::text, 'save'::text, 'view_details'::text]))),
    CONSTRAINT recommendation_feedback_feedback_source_check CHECK ((feedback_source = ANY (ARRAY['recommendation_list'::text, 'email'::text, 'push_notification'::text, 'in_app'::text, 'web_app'::text]))),
    CONSTRAINT recommendation_feedback_feedback_type_check CHECK ((feedback_type = ANY (ARRAY['explicit'::text, 'implicit'::text]))),
    CONSTRAINT recommendation_feedback_feedback_value_check CHECK (((feedback_value >= ('-1'::integer)::numeric) AND (feedback_value <= (1)::numeric))),
    CONSTRAINT recommendation_feedback_original_confidence_score_check CHECK (((original_confidence_score >= (0)::numeric) AND (original_confidence_score <= (1)::numeric))),
    CONSTRAINT recommendation_feedback_position_in_list_check CHECK ((position_in_list >= 1)),
    CONSTRAINT recommendation_feedback_rating_check CHECK (((rating >= 1) AND (rating <= 5))),
    CONSTRAINT recommendation_feedback_scroll_depth_check CHECK (((scroll_depth >= (0)::numeric) AND (scroll_depth <= (1)::numeric))),
    CONSTRAINT recommendation_feedback_time_to_action_seconds_check CHECK ((time_to_action_seconds >= 0)),
    CONSTRAINT recommendation_feedback_training_weight_check CHECK ((training_weight >= (0)::numeric))
);

CREATE TABLE public.session_analytics (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id text NOT NULL,
    user_id uuid,
    anonymous_id text,
    started_at timestamp with time zone DEFAULT now(),
    ended_at timestamp with time zone,
    duration_seconds integer,
    last_activity_at timestamp with time zone,
    landing_page text NOT NULL,
    exit_page text,
    pages_viewed integer DEFAULT 1,
    page_sequence text[],
    total_clicks integer DEFAULT 0,
    total_swipes integer DEFAULT 0,
    products_viewed integer DEFAULT 0,
    recommendations_viewed integer DEFAULT 0,
    affiliate_clicks integer DEFAULT 0,
    has_registered boolean DEFAULT false,
    registration_timestamp timestamp with time zone,
    has_converted boolean DEFAULT false,
    conversion_timestamp timestamp with time zone,
    conversion_value numeric(10,2),
    device_type text,
    browser text,
    operating_system text,
    screen_resolution text,
    country_code text,
    city text,
    timezone text,
    referrer_url text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_content text,
    utm_term text,
    is_bounce boolean,
    is_active boolean DEFAULT true,
    session_quality_score numeric(3,2),
    engagement_score numeric(3,2),
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    CONSTRAINT session_analytics_affiliate_clicks_check CHECK ((affiliate_clicks >= 0)),
    CONSTRAINT session_analytics_conversion_value_check CHECK ((conversion_value >= (0)::numeric)),
    CONSTRAINT session_analytics_converted_has_time CHECK (((has_converted IS NOT TRUE) OR (conversion_timestamp IS NOT NULL))),
    CONSTRAINT session_analytics_duration_seconds_check CHECK ((duration_seconds >= 0)),
    CONSTRAINT session_analytics_ends_after_start CHECK ((ended_at >= started_at)),
    CONSTRAINT session_analytics_engagement_score_check CHECK (((engagement_score >= (0)::numeric) AND (engagement_score <= (1)::numeric))),
    CONSTRAINT session_analytics_pages_viewed_check CHECK ((pages_viewed >= 1)),
    CONSTRAINT session_analytics_products_viewed_check CHECK ((products_viewed >= 0)),
    CONSTRAINT session_analytics_recommendations_viewed_check CHECK ((recommendations_viewed >= 0)),
    CONSTRAINT session_analytics_registered_has_time CHECK (((has_registered IS NOT TRUE) OR (registration_timestamp IS NOT NULL))),
    CONSTRAINT session_analytics_session_quality_score_check CHECK (((session_quality_score >= (0)::numeric) AND (session_quality_score <= (1)::numeric))),
    CONSTRAINT session_analytics_total_clicks_check CHECK ((total_clicks >= 0)),
    CONSTRAINT session_analytics_total_swipes_check CHECK ((total_swipes >= 0))
);

CREATE VIEW staging.clicks AS
 WITH judged AS NOT MATERIALIZED (
         SELECT c.id,
            c.click_timestamp AS at,
            c.product_id,
            COALESCE((c.user_id)::text, NULLIF(c.anonymous_id, ''::text), c.session_id) AS person_id,
            COALESCE((((lower(c.user_agent) ~~ ANY (ARRAY['%bot%'::text, '%crawl%'::text, '%spider%'::text, '%http%'::text, '%headless%'::text])) AND (c.user_agent !~~* '%cubot%'::text)) OR ((c.user_agent !~~ 'Mozilla/%'::text) AND (c.user_agent ~* '^(curl|wget|python|java/|go-|libwww|apache|scrapy|node|axios|phantom)'::text))), false) AS is_bot,
            c.user_id,
            c.session_id,
            c.affiliate_network,
            c.source_page,
            c.device_type,
            c.utm_source,
            c.utm_medium,
            c.utm_campaign,
            c.is_converted,
            c.conversion_timestamp,
            c.expected_commission,
            c.actual_commission,
            c.order_id,
            c.updated_at
           FROM public.affiliate_clicks c
        )
 SELECT j.id AS click_id,
    j.at AS click_timestamp,
        CASE
            WHEN (j.at IS NULL) THEN 'no_date'::text
            WHEN j.is_bot THEN 'bot'::text
            WHEN (NOT (EXISTS ( SELECT 1
               FROM judged e
              WHERE ((e.id <> j.id) AND (e.product_id = j.product_id) AND ((e.at >= (j.at - '00:00:02'::interval)) AND (e.at <= j.at)) AND (ROW(e.at, e.id) < ROW(j.at, j.id)) AND (e.person_id = j.person_id) AND (NOT e.is_bot))))) THEN 'valid'::text
            WHEN ( WITH RECURSIVE run AS (
                     SELECT j.at,
                        j.id,
                        0 AS steps
                    UNION ALL
                     SELECT b.at,
                        b.id,
                        (r.steps + 1) AS steps
                       FROM (run r
                         CROSS JOIN LATERAL ( SELECT e.at,
                                e.id
                               FROM judged e
                              WHERE ((e.product_id = j.product_id) AND ((e.at >= (r.at - '00:00:02'::interval)) AND (e.at <= r.at)) AND (ROW(e.at, e.id) < ROW(r.at, r.id)) AND (e.person_id = j.person_id) AND (NOT e.is_bot))
                              ORDER BY e.at DESC, e.id DESC
                             LIMIT 1) b)
                      WHERE (r.steps < 100)
                    ), kept AS (
                     SELECT min(r.at) AS at
                       FROM run r
                      WHERE (r.steps > 0)
                    UNION ALL
                     SELECT ( SELECT min(r.at) AS min
                               FROM run r
                              WHERE ((r.steps > 0) AND (r.at > (k_1.at + '00:00:02'::interval)))) AS at
                       FROM kept k_1
                      WHERE (k_1.at IS NOT NULL)
                    )
             SELECT ((max(k.at) >= (j.at - '00:00:02'::interval)) OR (( SELECT max(r.steps) AS max
                       FROM run r) = 100))
               FROM kept k) THEN 'duplicate'::text
            ELSE 'valid'::text
        END AS verdict,
    j.is_bot,
    j.person_id,
    j.user_id,
    j.product_id,
    j.session_id,
    COALESCE(p.currency, '(not set)'::text) AS currency,
    COALESCE(NULLIF(j.affiliate_network, ''::text), '(not set)'::text) AS affiliate_network,
    COALESCE(NULLIF(j.source_page, ''::text), '(not set)'::text) AS source_page,
    COALESCE(NULLIF(j.device_type, ''::text), '(not set)'::text) AS device_type,
    COALESCE(NULLIF(j.utm_source, ''::text), '(not set)'::text) AS utm_source,
    COALESCE(NULLIF(j.utm_medium, ''::text), '(not set)'::text) AS utm_medium,
    COALESCE(NULLIF(j.utm_campaign, ''::text), '(not set)'::text) AS utm_campaign,
    (j.is_converted IS TRUE) AS is_converted,
    j.conversion_timestamp,
    j.expected_commission,
    j.actual_commission,
    NULLIF(j.order_id, ''::text) AS order_id,
    j.updated_at
   FROM (judged j
     LEFT JOIN staging.products p ON ((p.product_id = j.product_id)));

CREATE VIEW staging.sessions AS
 WITH orphans AS (
         SELECT v.session_id,
            v.user_id,
            v.view_timestamp AS started_at,
            v.device_type
           FROM public.product_views v
          WHERE ((v.view_timestamp IS NOT NULL) AND (NOT (EXISTS ( SELECT 1
                   FROM public.session_analytics s
                  WHERE (s.session_id = v.session_id)))) AND (NOT (EXISTS ( SELECT 1
                   FROM public.product_views e
                  WHERE ((e.session_id = v.session_id) AND (ROW(e.view_timestamp, e.id) < ROW(v.view_timestamp, v.id)))))) AND (NOT (EXISTS ( SELECT 1
                   FROM staging.clicks e
                  WHERE ((e.session_id = v.session_id) AND (e.click_timestamp < v.view_timestamp) AND (NOT e.is_bot))))))
        UNION ALL
         SELECT c.session_id,
            c.user_id,
            c.click_timestamp AS started_at,
            c.device_type
           FROM staging.clicks c
          WHERE ((c.click_timestamp IS NOT NULL) AND (NOT c.is_bot) AND (NOT (EXISTS ( SELECT 1
                   FROM public.session_analytics s
                  WHERE (s.session_id = c.session_id)))) AND (NOT (EXISTS ( SELECT 1
                   FROM public.product_views e
                  WHERE ((e.session_id = c.session_id) AND (e.view_timestamp <= c.click_timestamp))))) AND (NOT (EXISTS ( SELECT 1
                   FROM staging.clicks e
                  WHERE ((e.session_id = c.session_id) AND (ROW(e.click_timestamp, e.click_id) < ROW(c.click_timestamp, c.click_id)) AND (NOT e.is_bot))))))
        )
 SELECT s.session_id,
    COALESCE((s.user_id)::text, NULLIF(s.anonymous_id, ''::text), s.session_id) AS person_id,
    s.user_id,
    s.started_at,
    COALESCE(s.ended_at,
        CASE
            WHEN (s.last_activity_at IS NOT NULL) THEN GREATEST(s.last_activity_at, s.started_at)
            ELSE NULL::timestamp with time zone
        END, (s.started_at + ((s.duration_seconds)::double precision * '00:00:01'::interval))) AS ended_at,
    COALESCE(s.ended_at,
        CASE
            WHEN (s.last_activity_at IS NOT NULL) THEN GREATEST(s.last_activity_at, s.started_at)
            ELSE NULL::timestamp with time zone
        END, (s.started_at + ((s.duration_seconds)::double precision * '00:00:01'::interval)), (s.started_at + '00:30:00'::interval)) AS active_until,
    COALESCE(NULLIF(s.landing_page, ''::text), '(not set)'::text) AS landing_page,
    COALESCE(NULLIF(s.device_type, ''::text), '(not set)'::text) AS device_type,
    COALESCE(NULLIF(s.utm_source, ''::text), '(not set)'::text) AS utm_source,
    COALESCE(s.has_converted, false) AS has_converted,
    s.conversion_timestamp,
    (EXISTS ( SELECT 1
           FROM staging.clicks c
          WHERE ((c.session_id = s.session_id) AND c.is_bot))) AS is_bot,
    false AS is_orphan
   FROM public.session_analytics s
UNION ALL
 SELECT o.session_id,
    COALESCE((o.user_id)::text, o.session_id) AS person_id,
    o.user_id,
    o.started_at,
    NULL::timestamp with time zone AS ended_at,
    (o.started_at + '00:30:00'::interval) AS active_until,
    '(not set)'::text AS landing_page,
    COALESCE(NULLIF(o.device_type, ''::text), '(not set)'::text) AS device_type,
    '(not set)'::text AS utm_source,
    false AS has_converted,
    NULL::timestamp with time zone AS conversion_timestamp,
    false AS is_bot,
    true AS is_orphan
   FROM orphans o;

CREATE VIEW staging.swipes AS
 SELECT d.id AS swipe_id,
    d.user_id,
    d.product_id,
    d.swipe_direction AS direction,
        CASE d.swipe_direction
            WHEN 'right'::text THEN 'like'::text
            WHEN 'up'::text THEN 'super_like'::text
            WHEN 'left'::text THEN 'dislike'::text
            ELSE 'seen'::text
        END AS judgement,
    d.swipe_timestamp AS at,
    d.time_spent_seconds,
    d.preference_strength,
    d.session_id,
    r.session_type,
    r.occasion,
    r.recipient_relationship AS recipient,
    r.recipient_age_range,
    r.recipient_gender,
    ( SELECT s.session_id
           FROM staging.sessions s
          WHERE ((s.user_id = d.user_id) AND (s.started_at <= d.swipe_timestamp) AND (s.active_until >= d.swipe_timestamp) AND (NOT s.is_orphan))
          ORDER BY s.started_at DESC, s.session_id DESC
         LIMIT 1) AS browser_session_id
   FROM (public.swipe_interactions d
     LEFT JOIN public.swipe_sessions r ON ((r.id = d.session_id)))
  WHERE ((NOT (EXISTS ( SELECT 1
           FROM public.swipe_interactions e
          WHERE ((e.session_id = d.session_id) AND (e.swipe_timestamp = d.swipe_timestamp) AND (NOT (e.swipe_direction IS DISTINCT FROM d.swipe_direction)) AND (NOT (e.user_id IS DISTINCT FROM d.user_id)) AND (NOT (e.product_id IS DISTINCT FROM d.product_id)) AND (e.id < d.id))))) AND (NOT (EXISTS ( SELECT 1
           FROM public.swipe_interactions e
          WHERE ((d.session_id IS NULL) AND (e.session_id IS NULL) AND (e.user_id = d.user_id) AND (e.swipe_timestamp = d.swipe_timestamp) AND (NOT (e.swipe_direction IS DISTINCT FROM d.swipe_direction)) AND (NOT (e.product_id IS DISTINCT FROM d.product_id)) AND (e.id < d.id))))));

CREATE VIEW pipeline.signals AS
 WITH events AS (
         SELECT s.user_id,
            s.product_id,
            s.at,
            s.swipe_id AS event_id,
            (
                CASE s.judgement
                    WHEN 'dislike'::text THEN '-1'::integer
                    WHEN 'seen'::text THEN 0
                    ELSE 1
                END)::double precision AS value,
            ((
                CASE s.judgement
                    WHEN 'super_like'::text THEN '1.6'::double precision
                    WHEN 'seen'::text THEN '0.5'::double precision
                    ELSE '1'::double precision
                END *
                CASE
                    WHEN (s.time_spent_seconds >= 0) THEN ('0.8'::double precision + (('0.4'::double precision * (s.time_spent_seconds)::double precision) / ((s.time_spent_seconds + 5))::double precision))
                    ELSE '1'::double precision
                END) * ('1'::double precision + abs((COALESCE((s.preference_strength)::double precision, '0.5'::double precision) - '0.5'::double precision)))) AS weight,
            s.judgement AS source,
            (s.judgement <> 'seen'::text) AS is_explicit,
            false AS is_about_price,
            false AS is_pending,
            NULLIF(s.occasion, ''::text) AS occasion,
            NULLIF(s.recipient, ''::text) AS recipient
           FROM staging.swipes s
          WHERE ((s.user_id IS NOT NULL) AND (s.product_id IS NOT NULL) AND (s.at IS NOT NULL))
        UNION ALL
         SELECT f.user_id,
            f.product_id,
            COALESCE(f.created_at, '2000-01-01 00:00:00+00'::timestamp with time zone) AS at,
            f.id AS event_id,
            (f.feedback_value)::double precision AS value,
            (COALESCE((f.training_weight)::double precision, '1'::double precision) *
                CASE f.feedback_type
                    WHEN 'explicit'::text THEN '1'::double precision
                    ELSE '0.4'::double precision
                END) AS weight,
            'feedback'::text AS source,
            (f.feedback_type = 'explicit'::text) AS is_explicit,
            ((f.feedback_value < (0)::numeric) AND COALESCE((f.feedback_tags && ARRAY['too_expensive'::text, 'too_cheap'::text, 'overpriced'::text, 'price'::text]), false)) AS is_about_price,
            (f.is_processed IS NOT TRUE) AS is_pending,
            NULL::text AS occasion,
            NULL::text AS recipient
           FROM public.recommendation_feedback f
          WHERE (COALESCE(f.is_validated, true) AND (f.feedback_value <> (0)::numeric) AND (COALESCE(f.training_weight, (1)::numeric) > (0)::numeric))
        )
 SELECT e.user_id,
    e.product_id,
    e.at,
    e.event_id,
    e.value,
    e.weight,
    e.source,
    e.is_explicit,
    e.is_about_price,
    e.is_pending,
    e.occasion,
    e.recipient,
    (uuid_hash_extended(e.event_id, uuid_hash_extended(e.product_id, hashfloat8extended(date_part('epoch'::text, e.at), hashfloat8extended((((1024)::double precision * e.value) + e.weight), ((((4 * (COALESCE(hashtext(e.occasion), 0))::bigint) + COALESCE(hashtext(e.recipient), 0)) + (3 * (e.is_explicit)::integer)) + (5 * (e.is_about_price)::integer)))))) >> 16) AS digest
   FROM events e;

CREATE TABLE pipeline.tables (
    table_name text NOT NULL,
    fingerprint text NOT NULL,
    code_version text NOT NULL,
    ensured_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE pipeline.taste_items (
    model_version text NOT NULL,
    product_id uuid NOT NULL,
    log_odds double precision NOT NULL,
    judgements double precision NOT NULL,
    vector double precision[] NOT NULL,
    category text,
    brand text,
    style text[] NOT NULL,
    colour text[] NOT NULL,
    price double precision,
    relative_price double precision NOT NULL
);

CREATE TABLE pipeline.taste_models (
    version text NOT NULL,
    trained_at timestamp with time zone DEFAULT now() NOT NULL,
    events bigint NOT NULL,
    users bigint NOT NULL,
    products bigint NOT NULL,
    seed integer NOT NULL,
    parameters jsonb NOT NULL,
    vocabulary jsonb NOT NULL
);

CREATE TABLE public.user_preferences (
    user_id uuid NOT NULL,
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
    total_swipes integer DEFAULT 0 NOT NULL,
    right_swipes integer DEFAULT 0 NOT NULL,
    left_swipes integer NOT NULL,
    super_likes integer DEFAULT 0 NOT NULL,
    engagement_rate numeric(5,4) NOT NULL,
    ml_features jsonb,
    embedding_vector double precision[],
    cluster_id integer,
    similarity_threshold numeric(3,2) DEFAULT 0.7,
    last_calculated timestamp with time zone,
    calculation_version text,
    data_quality_score numeric(3,2),
    confidence_level numeric(3,2),
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    CONSTRAINT user_preferences_confidence_level_check CHECK (((confidence_level >= (0)::numeric) AND (confidence_level <= (1)::numeric))),
    CONSTRAINT user_preferences_data_quality_score_check CHECK (((data_quality_score >= (0)::numeric) AND (data_quality_score <= (1)::numeric))),
    CONSTRAINT user_preferences_engagement_rate_check CHECK (((engagement_rate >= (0)::numeric) AND (engagement_rate <= (1)::numeric))),
    CONSTRAINT user_preferences_left_swipes_check CHECK ((left_swipes >= 0)),
    CONSTRAINT user_preferences_price_sensitivity_check CHECK (((price_sensitivity >= (0)::numeric) AND (price_sensitivity <= (1)::numeric))),
    CONSTRAINT user_preferences_rate_follows_swipes CHECK ((engagement_rate =
CASE
    WHEN (total_swipes = 0) THEN (0)::numeric
    ELSE round(((right_swipes)::numeric / (total_swipes)::numeric), 4)
END)),
    CONSTRAINT user_preferences_right_swipes_check CHECK ((right_swipes >= 0)),
    CONSTRAINT user_preferences_super_likes_check CHECK ((super_likes >= 0)),
    CONSTRAINT user_preferences_swipes_add_up CHECK ((total_swipes = (right_swipes + left_swipes))),
    CONSTRAINT user_preferences_total_swipes_check CHECK ((total_swipes >= 0))
)
WITH (fillfactor='70');

CREATE VIEW staging.views AS
 WITH delivered AS (
         SELECT v.id,
            v.product_id,
            v.user_id,
            v.session_id,
            v.view_timestamp AS at,
            v.view_source,
            v.view_position,
            v.interaction_type,
            v.device_type,
            v.recommendation_id,
            v.has_clicked_affiliate,
            row_number() OVER (PARTITION BY v.view_timestamp, v.product_id, v.session_id, v.user_id, v.interaction_type, v.view_source, v.view_position,
                CASE
                    WHEN (v.view_timestamp IS NULL) THEN v.id
                    ELSE NULL::uuid
                END ORDER BY v.id) AS delivery
           FROM public.product_views v
        )
 SELECT d.id AS view_id,
    d.product_id,
    COALESCE((d.user_id)::text, NULLIF(s.anonymous_id, ''::text), d.session_id) AS person_id,
    d.user_id,
    d.session_id,
    d.at AS view_timestamp,
    COALESCE(d.view_source, '(not set)'::text) AS view_source,
    d.view_position,
    d.interaction_type,
    COALESCE(NULLIF(d.device_type, ''::text), '(not set)'::text) AS device_type,
    d.recommendation_id,
    (COALESCE(d.has_clicked_affiliate, false) OR (EXISTS ( SELECT 1
           FROM staging.clicks c
          WHERE ((c.session_id = d.session_id) AND (c.product_id = d.product_id) AND (c.click_timestamp >= d.at) AND (c.verdict = 'valid'::text))))) AS has_clicked_affiliate
   FROM (delivered d
     LEFT JOIN public.session_analytics s ON ((s.session_id = d.session_id)))
  WHERE (d.delivery = 1);

CREATE VIEW staging.people AS
 WITH seen AS (
         SELECT c.person_id,
            c.user_id,
            c.session_id,
            c.click_timestamp AS at
           FROM staging.clicks c
        UNION ALL
         SELECT v.person_id,
            v.user_id,
            v.session_id,
            v.view_timestamp AS at
           FROM staging.views v
        UNION ALL
         SELECT s_1.person_id,
            s_1.user_id,
            s_1.session_id,
            s_1.started_at AS at
           FROM staging.sessions s_1
          WHERE (NOT s_1.is_orphan)
        UNION ALL
         SELECT (w.user_id)::text AS person_id,
            w.user_id,
            NULL::text AS session_id,
            w.at
           FROM staging.swipes w
          WHERE (w.user_id IS NOT NULL)
        )
 SELECT s.person_id,
        CASE
            WHEN bool_or((s.user_id IS NOT NULL)) THEN 'user'::text
            WHEN bool_and((s.person_id = s.session_id)) THEN 'session'::text
            ELSE 'anonymous'::text
        END AS kind,
    (max((s.user_id)::text))::uuid AS user_id,
    min(s.at) AS first_seen_at,
    max(s.at) AS last_seen_at
   FROM seen s
  GROUP BY s.person_id;
INSERT INTO analytics.commission_daily (day, currency, affiliate_network, conversions, orders, expected_commission, actual_commission, variance, computed_at, run_id) VALUES
	('2025-02-10', 'GBP', 'awin', 2, 2, 2.40, 1.40, -1.00, '2026-11-26 01:09:24.048614+00', NULL),
	('2025-02-11', 'EUR', 'awin', 1, 1, 1.20, 0.05, -1.15, '2026-11-26 01:09:24.048614+00', NULL),
	('2025-02-12', 'EUR', 'amazon', 1, 1, 1.20, 2.50, 1.30, '2026-11-26 01:09:24.048614+00', NULL),
	('2025-03-29', 'EUR', 'amazon', 1, 1, 1.20, 2.75, 1.55, '2026-11-26 01:09:24.077505+00', NULL),
	('2025-03-30', 'EUR', 'amazon', 1, 1, 1.20, 2.40, 1.20, '2026-11-26 01:09:24.077505+00', NULL),
	('2025-03-30', 'GBP', 'awin', 1, 1, 2.00, NULL, NULL, '2026-11-26 01:09:24.077505+00', NULL),
	('2025-03-31', 'GBP', 'awin', 2, 1, 4.00, 3.80, -0.20, '2026-11-26 01:09:24.077505+00', NULL),
	('2025-04-14', 'GBP', 'awin', 1, 1, 1.20, 1.25, 0.05, '2026-11-26 01:09:24.09452+00', NULL),
	('2025-04-15', 'GBP', 'awin', 2, 2, 3.20, 2.10, 0.10, '2026-11-26 01:09:24.09452+00', NULL),
	('2025-04-16', 'EUR', 'amazon', 1, 1, 1.20, 2.60, 1.40, '2026-11-26 01:09:24.09452+00', NULL),
	('2025-04-17', 'EUR', 'amazon', 1, 1, 1.20, 2.55, 1.35, '2026-11-26 01:09:24.09452+00', NULL),
	('2025-04-17', 'GBP', 'awin', 2, 2, 2.40, 1.80, -0.60, '2026-11-26 01:09:24.09452+00', NULL),
	('2025-03-28', 'GBP', 'awin', 2, 2, 2.40, 0.00, -2.40, '2026-11-26 01:09:24.498332+00', NULL);
INSERT INTO analytics.ctr_by_position_daily (day, view_source, view_position, impressions, clicked_impressions, ctr, ctr_low, ctr_high, computed_at, run_id) VALUES
	('2025-02-10', 'recommendations', 1, 2, 2, 1.000000, 0.342380, 1.000000, '2026-11-26 01:09:24.288491+00', NULL),
	('2025-02-10', 'recommendations', 2, 2, 2, 1.000000, 0.342380, 1.000000, '2026-11-26 01:09:24.288491+00', NULL),
	('2025-02-10', 'search', 1, 1, 0, 0.000000, 0.000000, 0.793451, '2026-11-26 01:09:24.288491+00', NULL),
	('2025-02-11', 'recommendations', 1, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.288491+00', NULL),
	('2025-02-11', 'recommendations', 2, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.288491+00', NULL),
	('2025-02-12', 'recommendations', 1, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.288491+00', NULL),
	('2025-02-12', 'recommendations', 2, 1, 0, 0.000000, 0.000000, 0.793451, '2026-11-26 01:09:24.288491+00', NULL),
	('2025-03-28', 'recommendations', 1, 2, 2, 1.000000, 0.342380, 1.000000, '2026-11-26 01:09:24.316408+00', NULL),
	('2025-03-28', 'recommendations', 2, 2, 2, 1.000000, 0.342380, 1.000000, '2026-11-26 01:09:24.316408+00', NULL),
	('2025-03-30', 'recommendations', 1, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.316408+00', NULL),
	('2025-03-30', 'recommendations', 2, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.316408+00', NULL),
	('2025-04-14', 'recommendations', 1, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.333617+00', NULL),
	('2025-04-14', 'recommendations', 2, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.333617+00', NULL),
	('2025-04-16', 'recommendations', 1, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.333617+00', NULL),
	('2025-04-16', 'recommendations', 2, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.333617+00', NULL),
	('2025-04-17', 'recommendations', 1, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.333617+00', NULL),
	('2025-04-17', 'recommendations', 2, 1, 1, 1.000000, 0.206549, 1.000000, '2026-11-26 01:09:24.333617+00', NULL);
INSERT INTO analytics.product_revenue_daily (day, currency, product_id, impressions, clicked_impressions, ctr, ctr_low, ctr_high, detail_views, affiliate_clicks, conversions, actual_commission, computed_at, run_id) VALUES
	('2025-02-10', 'EUR', '00000000-0000-4000-8000-0000000000b3', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 0, 0, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-10', 'GBP', '00000000-0000-4000-8000-0000000000b1', 3, 2, 0.666667, 0.207660, 0.938508, 2, 2, 1, 1.10, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-10', 'GBP', '00000000-0000-4000-8000-0000000000b2', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 0, 0, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-11', 'EUR', '00000000-0000-4000-8000-0000000000b3', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 1, 2.50, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-11', 'GBP', '00000000-0000-4000-8000-0000000000b1', 0, 0, NULL, NULL, NULL, 0, 1, 0, 0, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-11', 'GBP', '00000000-0000-4000-8000-0000000000b2', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 1, NULL, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-12', '(not set)', '(not set)', 0, 0, NULL, NULL, NULL, 0, 1, 0, 0, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-12', 'GBP', '00000000-0000-4000-8000-0000000000b1', 1, 0, 0.000000, 0.000000, 0.793451, 0, 0, 0, 0, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-02-12', 'GBP', '00000000-0000-4000-8000-0000000000b4', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 0, 0, '2026-11-26 01:09:24.125686+00', NULL),
	('2025-03-29', 'GBP', '00000000-0000-4000-8000-0000000000b1', 0, 0, NULL, NULL, NULL, 0, 1, 0, 0, '2026-11-26 01:09:24.166516+00', NULL),
	('2025-03-30', 'EUR', '00000000-0000-4000-8000-0000000000b3', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 1, 2.40, '2026-11-26 01:09:24.166516+00', NULL),
	('2025-03-30', 'GBP', '00000000-0000-4000-8000-0000000000b1', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 0, 0, '2026-11-26 01:09:24.166516+00', NULL),
	('2025-03-30', 'GBP', '00000000-0000-4000-8000-0000000000b2', 0, 0, NULL, NULL, NULL, 0, 2, 2, 3.80, '2026-11-26 01:09:24.166516+00', NULL),
	('2025-03-31', 'GBP', '00000000-0000-4000-8000-0000000000b4', 0, 0, NULL, NULL, NULL, 0, 1, 1, NULL, '2026-11-26 01:09:24.166516+00', NULL),
	('2025-04-14', 'EUR', '00000000-0000-4000-8000-0000000000b3', 0, 0, NULL, NULL, NULL, 0, 2, 1, 2.60, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-14', 'GBP', '00000000-0000-4000-8000-0000000000b1', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 1, 1.25, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-14', 'GBP', '00000000-0000-4000-8000-0000000000b4', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 0, 0, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-15', 'GBP', '00000000-0000-4000-8000-0000000000b1', 0, 0, NULL, NULL, NULL, 0, 1, 0, 0, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-15', 'GBP', '00000000-0000-4000-8000-0000000000b2', 0, 0, NULL, NULL, NULL, 0, 1, 1, 2.10, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-16', 'EUR', '00000000-0000-4000-8000-0000000000b3', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 1, 2.55, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-16', 'GBP', '00000000-0000-4000-8000-0000000000b1', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 0, 0, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-17', 'EUR', '00000000-0000-4000-8000-0000000000b3', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 0, 0, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-17', 'GBP', '00000000-0000-4000-8000-0000000000b2', 0, 0, NULL, NULL, NULL, 0, 1, 0, 0, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-04-17', 'GBP', '00000000-0000-4000-8000-0000000000b4', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 1, 0.80, '2026-11-26 01:09:24.199057+00', NULL),
	('2025-03-28', 'EUR', '00000000-0000-4000-8000-0000000000b3', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 1, 2.75, '2026-11-26 01:09:24.546876+00', NULL),
	('2025-03-28', 'GBP', '00000000-0000-4000-8000-0000000000b1', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 1, 0.00, '2026-11-26 01:09:24.546876+00', NULL),
	('2025-03-28', 'GBP', '00000000-0000-4000-8000-0000000000b2', 1, 1, 1.000000, 0.206549, 1.000000, 0, 1, 0, 0, '2026-11-26 01:09:24.546876+00', NULL),
	('2025-03-28', 'GBP', '00000000-0000-4000-8000-0000000000b4', 1, 1, 1.000000, 0.206549, 1.000000, 1, 1, 0, 0, '2026-11-26 01:09:24.546876+00', NULL);
INSERT INTO analytics.revenue_daily (day, currency, affiliate_network, source_page, device_type, clicks, valid_clicks, people, conversions, conversion_rate, conversion_rate_low, conversion_rate_high, expected_commission, actual_commission, commission_on_rejected_clicks, epc, computed_at, run_id) VALUES
	('2025-02-10', 'EUR', 'amazon', 'discover', 'desktop', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, NULL, 0, 0, 0.000000, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-10', 'EUR', 'awin', 'search', '(not set)', 1, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0.05, NULL, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-10', 'GBP', 'amazon', 'discover', 'desktop', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 1.20, 0, 0, 0.000000, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-10', 'GBP', 'awin', 'search', '(not set)', 1, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-10', 'GBP', 'awin', 'search', 'mobile', 2, 2, 1, 1, 0.500000, 0.094531, 0.905469, 3.20, 1.10, 0.30, 0.550000, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-11', 'EUR', 'amazon', 'search', 'mobile', 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.20, 2.50, 0, 2.500000, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-11', 'GBP', 'awin', 'home', 'tablet', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 1.20, 0, 0, 0.000000, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-11', 'GBP', 'awin', 'search', 'mobile', 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 2.00, NULL, 0, NULL, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-12', '(not set)', 'awin', 'home', 'mobile', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 1.20, 0, 0, 0.000000, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-02-12', 'GBP', 'awin', 'search', 'mobile', 2, 1, 1, 0, 0.000000, 0.000000, 0.793451, NULL, 0, 0, 0.000000, '2026-11-26 01:09:24.235307+00', NULL),
	('2025-03-29', 'GBP', 'awin', 'search', 'mobile', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 1.20, 0, 0, 0.000000, '2026-11-26 01:09:24.253618+00', NULL),
	('2025-03-30', 'EUR', 'amazon', 'search', 'mobile', 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.20, 2.40, 0, 2.400000, '2026-11-26 01:09:24.253618+00', NULL),
	('2025-03-30', 'GBP', 'awin', 'search', 'mobile', 3, 3, 2, 2, 0.666667, 0.207660, 0.938508, 5.20, 3.80, 0, 1.266667, '2026-11-26 01:09:24.253618+00', NULL),
	('2025-03-31', 'GBP', 'awin', 'search', '(not set)', 1, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, '2026-11-26 01:09:24.253618+00', NULL),
	('2025-03-31', 'GBP', 'awin', 'search', 'mobile', 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.20, NULL, 0, NULL, '2026-11-26 01:09:24.253618+00', NULL),
	('2025-04-14', 'EUR', 'amazon', 'discover', 'mobile', 2, 2, 1, 1, 0.500000, 0.094531, 0.905469, 2.40, 2.60, 0, 1.300000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-14', 'GBP', 'awin', 'search', 'mobile', 2, 2, 1, 1, 0.500000, 0.094531, 0.905469, 1.20, 1.25, 0, 0.625000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-15', 'GBP', 'awin', 'home', 'desktop', 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 2.00, 2.10, 0, 2.100000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-15', 'GBP', 'awin', 'search', 'mobile', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 1.20, 0, 0, 0.000000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-16', 'EUR', 'amazon', 'discover', 'mobile', 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.20, 2.55, 0, 2.550000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-16', 'GBP', 'awin', 'discover', 'mobile', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 1.20, 0, 0, 0.000000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-17', 'EUR', 'amazon', 'search', 'mobile', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 3.00, 0, 0, 0.000000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-17', 'GBP', 'awin', 'search', '(not set)', 1, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-04-17', 'GBP', 'awin', 'search', 'mobile', 2, 2, 2, 1, 0.500000, 0.094531, 0.905469, 3.20, 0.80, 0, 0.400000, '2026-11-26 01:09:24.260685+00', NULL),
	('2025-03-28', 'EUR', 'amazon', 'search', 'mobile', 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.20, 2.75, 0, 2.750000, '2026-11-26 01:09:24.596074+00', NULL),
	('2025-03-28', 'GBP', 'awin', 'search', 'desktop', 2, 2, 1, 1, 0.500000, 0.094531, 0.905469, 3.20, 0.00, 0, 0.000000, '2026-11-26 01:09:24.596074+00', NULL),
	('2025-03-28', 'GBP', 'awin', 'search', 'mobile', 1, 1, 1, 0, 0.000000, 0.000000, 0.793451, 1.20, 0, 0, 0.000000, '2026-11-26 01:09:24.596074+00', NULL);
INSERT INTO analytics.session_funnel_daily (day, device_type, landing_page, utm_source, sessions, viewed, swiped, clicked, converted, view_rate, view_rate_low, view_rate_high, swipe_step_rate, swipe_step_rate_low, swipe_step_rate_high, swipe_overall_rate, swipe_overall_rate_low, swipe_overall_rate_high, click_step_rate, click_step_rate_low, click_step_rate_high, click_overall_rate, click_overall_rate_low, click_overall_rate_high, conversion_step_rate, conversion_step_rate_low, conversion_step_rate_high, conversion_overall_rate, conversion_overall_rate_low, conversion_overall_rate_high, median_seconds_to_view, median_seconds_to_swipe, median_seconds_to_click, median_seconds_to_conversion, orphan_sessions, bot_sessions, computed_at, run_id) VALUES
	('2025-02-10', '(not set)', '/', '(not set)', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, '2026-11-26 01:09:24.341286+00', NULL),
	('2025-02-10', 'desktop', '/discover', '(not set)', 1, 1, 0, 0, 0, 1.000000, 0.206549, 1.000000, 0.000000, 0.000000, 0.793451, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, 540.000, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.341286+00', NULL),
	('2025-02-10', 'mobile', '/', 'google', 1, 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 240.000, 120.000, 1140.000, 2400.000, 0, 0, '2026-11-26 01:09:24.341286+00', NULL),
	('2025-02-11', 'mobile', '/', '(not set)', 1, 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 540.000, 120.000, 540.000, 85800.000, 0, 0, '2026-11-26 01:09:24.341286+00', NULL),
	('2025-02-11', 'tablet', '/', '(not set)', 1, 0, 0, 0, 0, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.341286+00', NULL),
	('2025-02-12', 'mobile', '/gifts', 'newsletter', 1, 1, 0, 0, 0, 1.000000, 0.206549, 1.000000, 0.000000, 0.000000, 0.793451, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, 60.000, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.341286+00', NULL),
	('2025-03-28', 'desktop', '/', '(not set)', 1, 1, 1, 1, 1, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 1.000000, 0.206549, 1.000000, 240.000, 120.000, 540.000, 1200.000, 0, 0, '2026-11-26 01:09:24.396849+00', NULL),
	('2025-03-28', 'mobile', '/gifts', 'newsletter', 1, 1, 0, 0, 0, 1.000000, 0.206549, 1.000000, 0.000000, 0.000000, 0.793451, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, 540.000, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.396849+00', NULL),
	('2025-03-29', 'mobile', '/', '(not set)', 1, 0, 0, 0, 0, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.396849+00', NULL),
	('2025-03-30', 'mobile', '/', 'google', 1, 1, 0, 0, 0, 1.000000, 0.206549, 1.000000, 0.000000, 0.000000, 0.793451, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, 240.000, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.396849+00', NULL),
	('2025-03-31', 'mobile', '(not set)', '(not set)', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, 0, '2026-11-26 01:09:24.396849+00', NULL),
	('2025-04-14', 'desktop', '/', '(not set)', 1, 0, 0, 0, 0, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.434985+00', NULL),
	('2025-04-14', 'mobile', '/', 'google', 1, 1, 0, 0, 0, 1.000000, 0.206549, 1.000000, 0.000000, 0.000000, 0.793451, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, 540.000, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.434985+00', NULL),
	('2025-04-14', 'mobile', '/discover', '(not set)', 1, 0, 0, 0, 0, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.434985+00', NULL),
	('2025-04-15', 'mobile', '(not set)', '(not set)', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, 0, '2026-11-26 01:09:24.434985+00', NULL),
	('2025-04-16', 'mobile', '/discover', '(not set)', 1, 1, 0, 0, 0, 1.000000, 0.206549, 1.000000, 0.000000, 0.000000, 0.793451, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, 240.000, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.434985+00', NULL),
	('2025-04-17', 'mobile', '(not set)', '(not set)', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, 0, '2026-11-26 01:09:24.434985+00', NULL),
	('2025-04-17', 'mobile', '/', '(not set)', 1, 1, 0, 0, 0, 1.000000, 0.206549, 1.000000, 0.000000, 0.000000, 0.793451, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, NULL, NULL, NULL, 0.000000, 0.000000, 0.793451, 540.000, NULL, NULL, NULL, 0, 0, '2026-11-26 01:09:24.434985+00', NULL);
INSERT INTO auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, is_anonymous, last_sign_in_at, created_at, updated_at) VALUES
	('00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL),
	('00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL),
	('00000000-0000-4000-8000-0000000000a3', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL);
INSERT INTO pipeline.days (table_name, day, code_version, rows, computed_at) VALUES
	('analytics.commission_daily', '2025-02-10', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.048614+00'),
	('analytics.commission_daily', '2025-02-11', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.048614+00'),
	('analytics.commission_daily', '2025-02-12', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.048614+00'),
	('analytics.commission_daily', '2025-02-13', '25bd9af316a6407e', 0, '2026-11-26 01:09:24.048614+00'),
	('analytics.commission_daily', '2025-03-29', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.077505+00'),
	('analytics.commission_daily', '2025-03-30', '25bd9af316a6407e', 2, '2026-11-26 01:09:24.077505+00'),
	('analytics.commission_daily', '2025-03-31', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.077505+00'),
	('analytics.commission_daily', '2025-04-14', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.09452+00'),
	('analytics.commission_daily', '2025-04-15', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.09452+00'),
	('analytics.commission_daily', '2025-04-16', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.09452+00'),
	('analytics.commission_daily', '2025-04-17', '25bd9af316a6407e', 2, '2026-11-26 01:09:24.09452+00'),
	('analytics.product_revenue_daily', '2025-02-10', '12364d51b667f0f6', 3, '2026-11-26 01:09:24.125686+00'),
	('analytics.product_revenue_daily', '2025-02-11', '12364d51b667f0f6', 3, '2026-11-26 01:09:24.125686+00'),
	('analytics.product_revenue_daily', '2025-02-12', '12364d51b667f0f6', 3, '2026-11-26 01:09:24.125686+00'),
	('analytics.product_revenue_daily', '2025-02-13', '12364d51b667f0f6', 0, '2026-11-26 01:09:24.125686+00'),
	('analytics.product_revenue_daily', '2025-03-29', '12364d51b667f0f6', 1, '2026-11-26 01:09:24.166516+00'),
	('analytics.product_revenue_daily', '2025-03-30', '12364d51b667f0f6', 3, '2026-11-26 01:09:24.166516+00'),
	('analytics.product_revenue_daily', '2025-03-31', '12364d51b667f0f6', 1, '2026-11-26 01:09:24.166516+00'),
	('analytics.product_revenue_daily', '2025-04-14', '12364d51b667f0f6', 3, '2026-11-26 01:09:24.199057+00'),
	('analytics.product_revenue_daily', '2025-04-15', '12364d51b667f0f6', 2, '2026-11-26 01:09:24.199057+00'),
	('analytics.product_revenue_daily', '2025-04-16', '12364d51b667f0f6', 2, '2026-11-26 01:09:24.199057+00'),
	('analytics.product_revenue_daily', '2025-04-17', '12364d51b667f0f6', 3, '2026-11-26 01:09:24.199057+00'),
	('analytics.revenue_daily', '2025-02-10', 'cc317f9f9203820d', 5, '2026-11-26 01:09:24.235307+00'),
	('analytics.revenue_daily', '2025-02-11', 'cc317f9f9203820d', 3, '2026-11-26 01:09:24.235307+00'),
	('analytics.revenue_daily', '2025-02-12', 'cc317f9f9203820d', 2, '2026-11-26 01:09:24.235307+00'),
	('analytics.revenue_daily', '2025-02-13', 'cc317f9f9203820d', 0, '2026-11-26 01:09:24.235307+00'),
	('analytics.revenue_daily', '2025-03-29', 'cc317f9f9203820d', 1, '2026-11-26 01:09:24.253618+00'),
	('analytics.revenue_daily', '2025-03-30', 'cc317f9f9203820d', 2, '2026-11-26 01:09:24.253618+00'),
	('analytics.revenue_daily', '2025-03-31', 'cc317f9f9203820d', 2, '2026-11-26 01:09:24.253618+00'),
	('analytics.revenue_daily', '2025-04-14', 'cc317f9f9203820d', 2, '2026-11-26 01:09:24.260685+00'),
	('analytics.revenue_daily', '2025-04-15', 'cc317f9f9203820d', 2, '2026-11-26 01:09:24.260685+00'),
	('analytics.revenue_daily', '2025-04-16', 'cc317f9f9203820d', 2, '2026-11-26 01:09:24.260685+00'),
	('analytics.revenue_daily', '2025-04-17', 'cc317f9f9203820d', 3, '2026-11-26 01:09:24.260685+00'),
	('analytics.ctr_by_position_daily', '2025-02-10', 'a2e0d1b2fb33cb67', 3, '2026-11-26 01:09:24.288491+00'),
	('analytics.ctr_by_position_daily', '2025-02-11', 'a2e0d1b2fb33cb67', 2, '2026-11-26 01:09:24.288491+00'),
	('analytics.ctr_by_position_daily', '2025-02-12', 'a2e0d1b2fb33cb67', 2, '2026-11-26 01:09:24.288491+00'),
	('analytics.ctr_by_position_daily', '2025-02-13', 'a2e0d1b2fb33cb67', 0, '2026-11-26 01:09:24.288491+00'),
	('analytics.ctr_by_position_daily', '2025-03-28', 'a2e0d1b2fb33cb67', 2, '2026-11-26 01:09:24.316408+00'),
	('analytics.ctr_by_position_daily', '2025-03-29', 'a2e0d1b2fb33cb67', 0, '2026-11-26 01:09:24.316408+00'),
	('analytics.ctr_by_position_daily', '2025-03-30', 'a2e0d1b2fb33cb67', 2, '2026-11-26 01:09:24.316408+00'),
	('analytics.ctr_by_position_daily', '2025-03-31', 'a2e0d1b2fb33cb67', 0, '2026-11-26 01:09:24.316408+00'),
	('analytics.ctr_by_position_daily', '2025-04-14', 'a2e0d1b2fb33cb67', 2, '2026-11-26 01:09:24.333617+00'),
	('analytics.ctr_by_position_daily', '2025-04-15', 'a2e0d1b2fb33cb67', 0, '2026-11-26 01:09:24.333617+00'),
	('analytics.ctr_by_position_daily', '2025-04-16', 'a2e0d1b2fb33cb67', 2, '2026-11-26 01:09:24.333617+00'),
	('analytics.ctr_by_position_daily', '2025-04-17', 'a2e0d1b2fb33cb67', 2, '2026-11-26 01:09:24.333617+00'),
	('analytics.session_funnel_daily', '2025-02-10', 'ddb0224c33c952f2', 3, '2026-11-26 01:09:24.341286+00'),
	('analytics.session_funnel_daily', '2025-02-11', 'ddb0224c33c952f2', 2, '2026-11-26 01:09:24.341286+00'),
	('analytics.session_funnel_daily', '2025-02-12', 'ddb0224c33c952f2', 1, '2026-11-26 01:09:24.341286+00'),
	('analytics.session_funnel_daily', '2025-02-13', 'ddb0224c33c952f2', 0, '2026-11-26 01:09:24.341286+00'),
	('analytics.session_funnel_daily', '2025-03-28', 'ddb0224c33c952f2', 2, '2026-11-26 01:09:24.396849+00'),
	('analytics.session_funnel_daily', '2025-03-29', 'ddb0224c33c952f2', 1, '2026-11-26 01:09:24.396849+00'),
	('analytics.session_funnel_daily', '2025-03-30', 'ddb0224c33c952f2', 1, '2026-11-26 01:09:24.396849+00'),
	('analytics.session_funnel_daily', '2025-03-31', 'ddb0224c33c952f2', 1, '2026-11-26 01:09:24.396849+00'),
	('analytics.session_funnel_daily', '2025-04-14', 'ddb0224c33c952f2', 3, '2026-11-26 01:09:24.434985+00'),
	('analytics.session_funnel_daily', '2025-04-15', 'ddb0224c33c952f2', 1, '2026-11-26 01:09:24.434985+00'),
	('analytics.session_funnel_daily', '2025-04-16', 'ddb0224c33c952f2', 1, '2026-11-26 01:09:24.434985+00'),
	('analytics.session_funnel_daily', '2025-04-17', 'ddb0224c33c952f2', 2, '2026-11-26 01:09:24.434985+00'),
	('analytics.commission_daily', '2025-03-28', '25bd9af316a6407e', 1, '2026-11-26 01:09:24.498332+00'),
	('analytics.product_revenue_daily', '2025-03-28', '12364d51b667f0f6', 4, '2026-11-26 01:09:24.546876+00'),
	('analytics.revenue_daily', '2025-03-28', 'cc317f9f9203820d', 3, '2026-11-26 01:09:24.596074+00');
INSERT INTO pipeline.profile_fingerprints (user_id, events, latest_at, digest, model_version, is_adjusted) VALUES
	('00000000-0000-4000-8000-0000000000a1', 4, '2025-02-10 09:04:00+00', -71062907688643, '1-8f58314e2008', false),
	('00000000-0000-4000-8000-0000000000a2', 4, '2025-02-11 08:04:00+00', -49294471007055, '1-8f58314e2008', false),
	('00000000-0000-4000-8000-0000000000a3', 4, '2025-02-11 23:54:00+00', -243960421117079, '1-8f58314e2008', false),
	('00000000-0000-4000-8000-0000000000a4', 4, '2025-03-28 14:04:00+00', -273580332986088, '1-8f58314e2008', false);
INSERT INTO pipeline.tables (table_name, fingerprint, code_version, ensured_at) VALUES
	('staging.products', '8caf613046dd0bfa', 'c9b2d5dc3dc0c081', '2026-11-26 01:09:23.297467+00'),
	('staging.clicks', 'e24d30c42dd46717', '21175eac1f07d61e', '2026-11-26 01:09:23.297467+00'),
	('staging.sessions', '94e2cf8a4fba460c', '0ac28205b0b97de7', '2026-11-26 01:09:23.297467+00'),
	('staging.swipes', '846969a93839b4fb', 'bc0e16220911aa93', '2026-11-26 01:09:23.297467+00'),
	('staging.views', 'f0f7b23843a28501', '4fbf269bed11ab94', '2026-11-26 01:09:23.297467+00'),
	('staging.people', 'c96c7b98c42b5807', '5f3f359fd29f0f3b', '2026-11-26 01:09:23.297467+00'),
	('pipeline.taste_words', '840f1f04b8666419', 'fdee86131178d06d', '2026-11-26 01:09:23.297467+00'),
	('pipeline.item_features', '9d48f10c7786161d', '9a1a2ff5c45717e5', '2026-11-26 01:09:23.297467+00'),
	('analytics.preference_quality', 'e7d0de03e0733b7c', 'f385b702a730114e', '2026-11-26 01:09:23.297467+00'),
	('pipeline.profile_fingerprints', 'eacb9b1a9f6e7090', 'ae928c9f9646beac', '2026-11-26 01:09:23.297467+00'),
	('pipeline.signals', '05ecdfaa06718bf0', 'a130b2718a12c421', '2026-11-26 01:09:23.297467+00'),
	('pipeline.taste_items', 'b5e649c0270406d9', 'd1f29c486e6cf134', '2026-11-26 01:09:23.297467+00'),
	('pipeline.taste_models', 'a487968ed1eaf257', '65daf5afa8c1daa7', '2026-11-26 01:09:23.297467+00'),
	('analytics.commission_daily', '872a5f3aa8a0fe80', '25bd9af316a6407e', '2026-11-26 01:09:23.297467+00'),
	('analytics.product_revenue_daily', 'b7d37eca12af073e', '12364d51b667f0f6', '2026-11-26 01:09:23.297467+00'),
	('analytics.revenue_daily', '3de16dc9d3da3fa5', 'cc317f9f9203820d', '2026-11-26 01:09:23.297467+00'),
	('analytics.ctr_by_position_daily', '1e5736b46a137304', 'a2e0d1b2fb33cb67', '2026-11-26 01:09:23.297467+00'),
	('analytics.session_funnel_daily', 'd1d57c193d98ffb1', 'ddb0224c33c952f2', '2026-11-26 01:09:23.297467+00'),
	('analytics.slow_statements', 'ed73ea02554bc203', '99f603245dfee1b6', '2026-11-26 01:09:23.297467+00'),
	('analytics.table_sizes', '22335a55e29558dd', 'ca833432cf90f1bd', '2026-11-26 01:09:23.297467+00'),
	('analytics.table_growth', '0bc93b48c5c8ddd5', 'c498980aef46a33f', '2026-11-26 01:09:23.297467+00'),
	('analytics.unused_indexes', 'ffbe0843aa8edd97', '00ab472ecc6c95bb', '2026-11-26 01:09:23.297467+00');
INSERT INTO pipeline.taste_items (model_version, product_id, log_odds, judgements, vector, category, brand, style, colour, price, relative_price) VALUES
	('1-8f58314e2008', '00000000-0000-4000-8000-0000000000b1', 1.21826063199905, 4.04054054054054, '{-1.0543987704310518,-0.470331973766664,0.5191444235259229,0,0,0,0,0,0,0,0,0,0,0,0,0}', 'mugs', 'Leach', '{}', '{}', 11, -0.49247648509779407),
	('1-8f58314e2008', '00000000-0000-4000-8000-0000000000b2', 1.1816387814263754, 3.1621621621621623, '{0.9426160116653481,0.06730352303041238,0.48407334266738805,0,0,0,0,0,0,0,0,0,0,0,0,0}', 'scarves', 'Begg', '{}', '{}', 40, -0.5045560107523953),
	('1-8f58314e2008', '00000000-0000-4000-8000-0000000000b3', 1.3185454540457333, 3.1621621621621623, '{-0.24269268148076667,-0.15464250331798515,-0.4295246569546253,0,0,0,0,0,0,0,0,0,0,0,0,0}', 'mugs', NULL, '{}', '{}', 25, 0.32850406697203605),
	('1-8f58314e2008', '00000000-0000-4000-8000-0000000000b4', 1.1639944801056146, 2.635135135135135, '{0.26208436983423095,0.8122502561010192,0.2722760087378319,0,0,0,0,0,0,0,0,0,0,0,0,0}', 'scarves', 'Begg', '{}', '{}', 92.5, 0.33377317965204784);
INSERT INTO pipeline.taste_models (version, trained_at, events, users, products, seed, parameters, vocabulary) VALUES
	('1-8f58314e2008', '2026-11-26 01:09:28.467407+00', 16, 4, 4, 20240101, '{"link": [0.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0], "centres": [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]], "strength": [113.0, 113.0, 10.0, 10.0, 10.0, 10.0], "band_rate": [0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7618512272812441, 0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7907429015947102, 0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7528199144301827, 0.7576576576576576, 0.7576576576576576, 0.7576576576576576, 0.7470646766169153], "band_seen": [0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.3108108104095634, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.24324324294594593, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.24324324294594593, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.00000000007692307680473372, 0.20270270246777544], "like_rate": 0.7576576576576576, "price_edges": [11.0, 11.0, 11.0, 11.0, 11.0, 11.0, 19.4, 25.0, 25.0, 25.0, 25.0, 34.0, 40.0, 40.0, 40.0, 40.0, 71.5, 92.5, 92.5, 92.5, 92.5], "weight_scale": 0.8783783783783784, "band_strength": 113.0, "base_strength": 113.0, "base_variance": 0.1460364240167083, "content_offset": [0.0033464292828503718, -0.0033464292828503713, -0.0033464292828503713, -0.0002778151852912512], "content_vector": [[-0.19007645329304973, -0.11820683369532266, -0.06868204464125086, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.1900764532930497, 0.11820683369532266, 0.06868204464125086, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.1900764532930497, 0.11820683369532266, 0.06868204464125086, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [-0.1951771601716747, -0.09668701811746887, 0.10117865321742253, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]], "facet_variance": [0.003, 0.003, 0.003, 0.003, 0.003, 0.003], "half_life_days": 180.0, "slope_variance": 0.003, "content_intercept": 1.2111739719114138}', '{"brand": ["Begg", "Leach"], "style": [], "colour": [], "category": ["mugs", "scarves"], "occasion": [], "recipient": []}');
INSERT INTO public.affiliate_clicks (id, user_id, anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url, commission_rate, expected_commission, is_converted, conversion_timestamp, actual_commission, order_id, user_agent, ip_address, referrer_url, utm_source, utm_medium, utm_campaign, created_at, updated_at) VALUES
	('00000000-0000-4000-8000-000000000101', '00000000-0000-4000-8000-0000000000a1', 'v1', '00000000-0000-4000-8000-0000000000b1', 's1', '2025-02-10 09:00:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, true, '2025-02-10 10:00:00+00', 1.10, 'o1', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'google', 'cpc', 'spring', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000102', '00000000-0000-4000-8000-0000000000a1', 'v1', '00000000-0000-4000-8000-0000000000b1', 's1', '2025-02-10 09:00:01.5+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, true, '2025-02-10 10:05:00+00', 0.30, 'o2', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'google', 'cpc', 'spring', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000103', '00000000-0000-4000-8000-0000000000a1', 'v1', '00000000-0000-4000-8000-0000000000b2', 's1', '2025-02-10 09:20:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 2.00, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'google', 'cpc', 'spring', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000104', NULL, 'v2', '00000000-0000-4000-8000-0000000000b1', 's2', '2025-02-10 11:00:00+00', 'discover', 'desktop', 'amazon', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000105', NULL, 'v2', '00000000-0000-4000-8000-0000000000b3', 's2', '2025-02-10 11:05:00+00', 'discover', 'desktop', 'amazon', 'https://shop.example/p', NULL, NULL, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000106', NULL, NULL, '00000000-0000-4000-8000-0000000000b1', 's3', '2025-02-10 12:00:00+00', 'search', NULL, 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (compatible; Googlebot/2.1)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000107', NULL, NULL, '00000000-0000-4000-8000-0000000000b3', 's3', '2025-02-10 12:00:10+00', 'search', NULL, 'awin', 'https://shop.example/p', NULL, 1.20, true, '2025-02-11 12:00:00+00', 0.05, 'o3', 'Mozilla/5.0 (compatible; Googlebot/2.1)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000108', '00000000-0000-4000-8000-0000000000a2', 'v3', '00000000-0000-4000-8000-0000000000b3', 's4', '2025-02-11 08:00:00+00', 'search', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, true, '2025-02-12 08:00:00+00', 2.50, 'o4', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000109', '00000000-0000-4000-8000-0000000000a2', 'v3', '00000000-0000-4000-8000-0000000000b2', 's4', '2025-02-11 08:10:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 2.00, true, '2025-03-30 09:00:00+00', NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'newsletter', 'email', 'easter', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000110', '00000000-0000-4000-8000-0000000000a3', 'v4', '00000000-0000-4000-8000-0000000000b1', 's5', '2025-02-11 23:59:59+00', 'home', 'tablet', 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000111', '00000000-0000-4000-8000-0000000000a3', 'v4', '00000000-0000-4000-8000-0000000000b1', 's5', '2025-02-12 00:00:00+00', 'home', 'tablet', 'awin', 'https://shop.example/p', NULL, 1.20, true, '2025-03-28 10:00:00+00', 0.00, 'o5', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000112', NULL, 'v5', NULL, 's6', '2025-02-12 10:00:00+00', 'home', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000114', NULL, 'v6', '00000000-0000-4000-8000-0000000000b1', 's7', '2025-02-12 11:00:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'okhttp/4.12.0', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000116', '00000000-0000-4000-8000-0000000000a1', 'v1', '00000000-0000-4000-8000-0000000000b3', 's8', '2025-03-28 10:01:00+00', 'search', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, true, '2025-03-29 10:00:00+00', 2.75, 'o6', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'newsletter', 'email', 'easter', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000117', '00000000-0000-4000-8000-0000000000a1', 'v1', '00000000-0000-4000-8000-0000000000b3', 's8', '2025-03-28 10:01:02+00', 'search', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'newsletter', 'email', 'easter', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000120', '00000000-0000-4000-8000-0000000000a2', 'v3', '00000000-0000-4000-8000-0000000000b1', 's10', '2025-03-29 23:30:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000121', '00000000-0000-4000-8000-0000000000a2', 'v3', '00000000-0000-4000-8000-0000000000b2', 's10', '2025-03-30 00:30:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 2.00, true, '2025-03-31 00:30:00+00', 1.90, 'o8', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000122', '00000000-0000-4000-8000-0000000000a2', 'v3', '00000000-0000-4000-8000-0000000000b2', 's10', '2025-03-30 01:30:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 2.00, true, '2025-03-31 00:30:00+00', 1.90, 'o8', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000123', NULL, 'v8', '00000000-0000-4000-8000-0000000000b3', 's11', '2025-03-30 12:00:00+00', 'search', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, true, '2025-03-30 13:00:00+00', 2.40, 'o9', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'google', 'cpc', 'spring', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000124', NULL, 'v8', '00000000-0000-4000-8000-0000000000b1', 's11', '2025-03-30 12:30:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'google', 'cpc', 'spring', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000125', NULL, NULL, '00000000-0000-4000-8000-0000000000b1', 's12', '2025-03-31 07:00:00+00', 'search', NULL, 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'curl/8.5', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000127', '00000000-0000-4000-8000-0000000000a1', 'v1', '00000000-0000-4000-8000-0000000000b1', 's14', '2025-04-14 08:00:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, true, '2025-04-14 10:00:00+00', 1.25, 'o10', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'google', 'cpc', 'spring', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000129', NULL, 'v9', '00000000-0000-4000-8000-0000000000b3', 's15', '2025-04-14 09:00:00+00', 'discover', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000130', NULL, 'v9', '00000000-0000-4000-8000-0000000000b3', 's15', '2025-04-14 09:00:02+00', 'discover', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000131', NULL, 'v9', '00000000-0000-4000-8000-0000000000b3', 's15', '2025-04-14 09:00:03+00', 'discover', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, true, '2025-04-16 09:00:00+00', 2.60, 'o11', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000133', '00000000-0000-4000-8000-0000000000a2', 'v3', '00000000-0000-4000-8000-0000000000b1', 's17', '2025-04-15 10:00:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, 'newsletter', 'email', 'easter', '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000134', NULL, 'v10', '00000000-0000-4000-8000-0000000000b1', 's18', '2025-04-16 19:00:00+00', 'discover', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000135', NULL, 'v10', '00000000-0000-4000-8000-0000000000b3', 's18', '2025-04-16 19:00:30+00', 'discover', 'mobile', 'amazon', 'https://shop.example/p', NULL, 1.20, true, '2025-04-17 08:00:00+00', 2.55, 'o13', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000132', NULL, 'v7', '00000000-0000-4000-8000-0000000000b2', 's16', '2025-04-14 23:10:00+00', 'home', 'desktop', 'awin', 'https://shop.example/p', NULL, 2.00, true, '2025-04-15 11:00:00+00', 2.10, 'o12', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2026-11-26 01:09:28.79669+00'),
	('00000000-0000-4000-8000-000000000136', '00000000-0000-4000-8000-0000000000a3', 'v4', '00000000-0000-4000-8000-0000000000b3', 's19', '2025-04-17 08:00:00+00', 'search', 'mobile', 'amazon', 'https://shop.example/p', NULL, 3.00, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000138', NULL, NULL, '00000000-0000-4000-8000-0000000000b2', 's20', '2025-04-17 20:00:00+00', 'search', NULL, 'awin', 'https://shop.example/p', NULL, 1.20, false, NULL, NULL, NULL, 'Mozilla/5.0 (compatible; Googlebot/2.1)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000139', NULL, 'v11', '00000000-0000-4000-8000-0000000000b2', 's21', '2025-04-17 21:00:00+00', 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 2.00, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000140', NULL, 'v11', '00000000-0000-4000-8000-0000000000b1', 's21', NULL, 'search', 'mobile', 'awin', 'https://shop.example/p', NULL, 1.20, true, '2025-04-17 22:00:00+00', 1.00, 'o15', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000119', NULL, 'v7', '00000000-0000-4000-8000-0000000000b2', 's9', '2025-03-28 14:10:00+00', 'search', 'desktop', 'awin', 'https://shop.example/p', NULL, 2.00, false, NULL, NULL, NULL, 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2026-11-26 01:09:28.79669+00'),
	('00000000-0000-4000-8000-000000000118', NULL, 'v7', '00000000-0000-4000-8000-0000000000b1', 's9', '2025-03-28 14:00:00+00', 'search', 'desktop', 'awin', 'https://shop.example/p', NULL, 1.20, true, '2025-03-28 14:30:00+00', 0.00, 'o7', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X)', NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00', '2026-11-26 01:09:28.79669+00');
INSERT INTO public.categories (id, name, slug, parent_id, sort_order, is_active, created_at) VALUES
	('00000000-0000-4000-8000-0000000000c1', 'Mugs', 'mugs', NULL, 0, true, '2025-01-01 00:00:00+00'),
	('00000000-0000-4000-8000-0000000000c2', 'Scarves', 'scarves', NULL, 0, true, '2025-01-01 00:00:00+00');
INSERT INTO public.product_views (id, product_id, user_id, session_id, view_timestamp, view_source, view_position, view_duration_seconds, interaction_type, has_clicked_affiliate, has_shared, has_saved, recommendation_id, search_query, filter_criteria, device_type, viewport_size, screen_density, relevance_score, predicted_interest, created_at) VALUES
	('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-0000000000a1', 's1', '2025-02-10 08:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000202', '00000000-0000-4000-8000-0000000000b2', '00000000-0000-4000-8000-0000000000a1', 's1', '2025-02-10 08:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000203', '00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-0000000000a1', 's1', '2025-02-10 08:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000204', '00000000-0000-4000-8000-0000000000b1', NULL, 's2', '2025-02-10 10:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000205', '00000000-0000-4000-8000-0000000000b3', NULL, 's2', '2025-02-10 10:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000206', '00000000-0000-4000-8000-0000000000b1', NULL, 's2', '2025-02-10 10:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000207', '00000000-0000-4000-8000-0000000000b3', '00000000-0000-4000-8000-0000000000a2', 's4', '2025-02-11 07:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000208', '00000000-0000-4000-8000-0000000000b2', '00000000-0000-4000-8000-0000000000a2', 's4', '2025-02-11 07:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000209', '00000000-0000-4000-8000-0000000000b3', '00000000-0000-4000-8000-0000000000a2', 's4', '2025-02-11 07:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000211', '00000000-0000-4000-8000-0000000000b1', NULL, 's6', '2025-02-12 09:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000214', '00000000-0000-4000-8000-0000000000b3', '00000000-0000-4000-8000-0000000000a1', 's8', '2025-03-28 09:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000219', '00000000-0000-4000-8000-0000000000b3', NULL, 's11', '2025-03-30 11:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000220', '00000000-0000-4000-8000-0000000000b1', NULL, 's11', '2025-03-30 11:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000221', '00000000-0000-4000-8000-0000000000b3', NULL, 's11', '2025-03-30 11:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000222', '00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-0000000000a1', 's14', '2025-04-14 07:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000224', '00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-0000000000a1', 's14', '2025-04-14 07:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000225', '00000000-0000-4000-8000-0000000000b1', NULL, 's18', '2025-04-16 18:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000226', '00000000-0000-4000-8000-0000000000b3', NULL, 's18', '2025-04-16 18:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000227', '00000000-0000-4000-8000-0000000000b1', NULL, 's18', '2025-04-16 18:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000228', '00000000-0000-4000-8000-0000000000b3', '00000000-0000-4000-8000-0000000000a3', 's19', '2025-04-17 07:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000230', '00000000-0000-4000-8000-0000000000b3', '00000000-0000-4000-8000-0000000000a3', 's19', '2025-04-17 07:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000231', '00000000-0000-4000-8000-0000000000b1', NULL, 's3', '2025-02-10 12:00:00+00', 'search', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000232', '00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-0000000000a1', 's1', '2025-02-10 08:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000218', '00000000-0000-4000-8000-0000000000b1', NULL, 's9', '2025-03-28 13:59:00+00', 'recommendations', 1, NULL, 'detail_view', false, false, false, NULL, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000216', '00000000-0000-4000-8000-0000000000b1', NULL, 's9', '2025-03-28 13:58:00+00', 'recommendations', 1, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000217', '00000000-0000-4000-8000-0000000000b2', NULL, 's9', '2025-03-28 13:58:00+00', 'recommendations', 2, NULL, 'impression', false, false, false, NULL, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, '2025-05-01 00:00:00+00');
INSERT INTO public.products (id, title, description, brand, image_url, affiliate_url, currency, rating, review_count, features, created_at, updated_at, is_active, price_min, price_max, category_id, tags, affiliate_network, commission_rate, availability_status) VALUES
	('00000000-0000-4000-8000-0000000000b1', 'A mug', NULL, 'Leach', NULL, NULL, 'GBP', NULL, 0, '{}', '2025-01-01 00:00:00+00', '2025-01-01 00:00:00+00', true, 10.00, 12.00, '00000000-0000-4000-8000-0000000000c1', '{}', 'awin', NULL, 'available'),
	('00000000-0000-4000-8000-0000000000b2', 'A scarf', NULL, 'Begg', NULL, NULL, 'GBP', NULL, 0, '{}', '2025-01-01 00:00:00+00', '2025-01-01 00:00:00+00', true, 40.00, 40.00, '00000000-0000-4000-8000-0000000000c2', '{}', 'awin', NULL, 'available'),
	('00000000-0000-4000-8000-0000000000b3', 'A jug', NULL, NULL, NULL, NULL, ' eur', NULL, 0, '{}', '2025-01-01 00:00:00+00', '2025-01-01 00:00:00+00', true, 25.00, NULL, '00000000-0000-4000-8000-0000000000c1', '{}', 'amazon', NULL, 'available');
INSERT INTO public.session_analytics (id, session_id, user_id, anonymous_id, started_at, ended_at, duration_seconds, last_activity_at, landing_page, exit_page, pages_viewed, page_sequence, total_clicks, total_swipes, products_viewed, recommendations_viewed, affiliate_clicks, has_registered, registration_timestamp, has_converted, conversion_timestamp, conversion_value, device_type, browser, operating_system, screen_resolution, country_code, city, timezone, referrer_url, utm_source, utm_medium, utm_campaign, utm_content, utm_term, is_bounce, is_active, session_quality_score, engagement_score, created_at, updated_at) VALUES
	('00000000-0000-4000-8000-000000000401', 's1', '00000000-0000-4000-8000-0000000000a1', 'v1', '2025-02-10 08:55:00+00', '2025-02-10 09:40:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, true, '2025-02-10 10:00:00+00', NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'google', NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000402', 's2', NULL, 'v2', '2025-02-10 10:50:00+00', '2025-02-10 11:20:00+00', NULL, NULL, '/discover', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000403', 's3', NULL, NULL, '2025-02-10 12:00:00+00', NULL, NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000404', 's4', '00000000-0000-4000-8000-0000000000a2', 'v3', '2025-02-11 07:50:00+00', '2025-02-11 08:30:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000405', 's5', '00000000-0000-4000-8000-0000000000a3', 'v4', '2025-02-11 23:50:00+00', '2025-02-12 00:20:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'tablet', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000406', 's6', NULL, 'v5', '2025-02-12 09:58:00+00', '2025-02-12 10:40:00+00', NULL, NULL, '/gifts', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'newsletter', NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000407', 's8', '00000000-0000-4000-8000-0000000000a1', 'v1', '2025-03-28 09:50:00+00', '2025-03-28 10:20:00+00', NULL, NULL, '/gifts', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'newsletter', NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000409', 's10', '00000000-0000-4000-8000-0000000000a2', 'v3', '2025-03-29 23:20:00+00', '2025-03-30 02:00:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000410', 's11', NULL, 'v8', '2025-03-30 11:55:00+00', '2025-03-30 12:40:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'google', NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000411', 's14', '00000000-0000-4000-8000-0000000000a1', 'v1', '2025-04-14 07:50:00+00', '2025-04-14 08:40:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'google', NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000412', 's15', NULL, 'v9', '2025-04-14 08:55:00+00', '2025-04-14 09:10:00+00', NULL, NULL, '/discover', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000414', 's18', NULL, 'v10', '2025-04-16 18:55:00+00', NULL, NULL, NULL, '/discover', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000415', 's19', '00000000-0000-4000-8000-0000000000a3', 'v4', '2025-04-17 07:50:00+00', '2025-04-17 08:20:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'mobile', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2025-05-01 00:00:00+00'),
	('00000000-0000-4000-8000-000000000413', 's16', NULL, 'v7', '2025-04-14 22:55:00+00', '2025-04-14 23:30:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2026-11-26 01:09:28.79669+00'),
	('00000000-0000-4000-8000-000000000408', 's9', NULL, 'v7', '2025-03-28 13:55:00+00', '2025-03-28 14:20:00+00', NULL, NULL, '/', NULL, 1, NULL, 0, 0, 0, 0, 0, false, NULL, false, NULL, NULL, 'desktop', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-05-01 00:00:00+00', '2026-11-26 01:09:28.79669+00');
INSERT INTO public.swipe_interactions (id, session_id, user_id, product_id, swipe_direction, swipe_timestamp, time_spent_seconds, interaction_context, preference_strength, category_id) VALUES
	('00000000-0000-4000-8000-000000000301', NULL, '00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000b1', 'right', '2025-02-10 09:01:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000302', NULL, '00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000b2', 'left', '2025-02-10 09:02:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000303', NULL, '00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000b3', 'up', '2025-02-10 09:03:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000305', NULL, '00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000b1', 'left', '2025-02-11 08:01:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000306', NULL, '00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000b2', 'up', '2025-02-11 08:02:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000307', NULL, '00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000b3', 'right', '2025-02-11 08:03:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000309', NULL, '00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-0000000000b1', 'up', '2025-02-11 23:51:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000310', NULL, '00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-0000000000b2', 'right', '2025-02-11 23:52:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000311', NULL, '00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-0000000000b3', 'down', '2025-02-11 23:53:00+00', NULL, '{}', 0.50, NULL),
	('00000000-0000-4000-8000-000000000317', NULL, NULL, '00000000-0000-4000-8000-0000000000b1', 'right', '2025-02-10 11:01:00+00', NULL, '{}', 0.50, NULL);
INSERT INTO public.user_preferences (user_id, category_preferences, category_confidence, price_range, price_sensitivity, liked_brands, disliked_brands, brand_scores, style_scores, colour_preferences, occasion_preferences, recipient_preferences, total_swipes, right_swipes, left_swipes, super_likes, engagement_rate, ml_features, embedding_vector, cluster_id, similarity_threshold, last_calculated, calculation_version, data_quality_score, confidence_level, created_at, updated_at) VALUES
	('00000000-0000-4000-8000-0000000000a1', '{"mugs": 0.763, "scarves": 0.755}', '{"mugs": 0.02, "scarves": 0.015}', '{"max": 92.5, "min": 13.7, "sweet_spot": 31.74}', 0.50, '{}', '{}', '{"Begg": 0.752, "Leach": 0.758}', '{}', '{}', '{}', '{}', 4, 3, 1, 1, 0.7500, '{"base": 0.0044938, "judged": 4, "weights": {"brand": {"Begg": -0.0013924, "Leach": 0.0005991}, "style": {}, "colour": {}, "category": {"mugs": 0.0014844, "scarves": -0.0013924}}, "price_slope": 0.0012228, "base_variance": 0.1324208, "model_version": "1-8f58314e2008"}', '{-0.3855286,-0.0070568,-0.1306977,0,0,0,0,0,0,0,0,0,0,0,0,0}', 0, 0.63, '2026-11-26 01:09:28.765485+00', '1-8f58314e2008', 0.69, 0.09, '2026-11-26 01:09:28.765485+00', '2026-11-26 01:09:28.765485+00'),
	('00000000-0000-4000-8000-0000000000a2', '{"mugs": 0.753, "scarves": 0.76}', '{"mugs": 0.015, "scarves": 0.012}', '{"max": 92.5, "min": 13.73, "sweet_spot": 31.83}', 0.50, '{}', '{}', '{"Begg": 0.758, "Leach": 0.749}', '{}', '{}', '{}', '{}', 3, 2, 1, 1, 0.6667, '{"base": -0.0219565, "judged": 3, "weights": {"brand": {"Begg": 0.0010057, "Leach": -0.0020225}, "style": {}, "colour": {}, "category": {"mugs": -0.0014562, "scarves": 0.0010057}}, "price_slope": 0.0006743, "base_variance": 0.1349946, "model_version": "1-8f58314e2008"}', '{0.4908208,0.1553195,-0.1343797,0,0,0,0,0,0,0,0,0,0,0,0,0}', 0, 0.63, '2026-11-26 01:09:28.765485+00', '1-8f58314e2008', 0.59, 0.08, '2026-11-26 01:09:28.765485+00', '2026-11-26 01:09:28.765485+00'),
	('00000000-0000-4000-8000-0000000000a3', '{"mugs": 0.767, "scarves": 0.768}', '{"mugs": 0.012, "scarves": 0.015}', '{"max": 92.5, "min": 13.7, "sweet_spot": 31.79}', 0.50, '{}', '{}', '{"Begg": 0.768, "Leach": 0.767}', '{}', '{}', '{}', '{}', 3, 3, 0, 1, 1.0000, '{"base": 0.0994952, "judged": 3, "weights": {"brand": {"Begg": 0.0011524, "Leach": 0.0008898}, "style": {}, "colour": {}, "category": {"mugs": 0.0008898, "scarves": 0.0011524}}, "price_slope": -0.0005335, "base_variance": 0.1354634, "model_version": "1-8f58314e2008"}', '{-0.0411286,0.0152401,0.1496061,0,0,0,0,0,0,0,0,0,0,0,0,0}', 0, 0.63, '2026-11-26 01:09:28.765485+00', '1-8f58314e2008', 0.62, 0.07, '2026-11-26 01:09:28.765485+00', '2026-11-26 01:09:28.765485+00');
ALTER TABLE ONLY analytics.commission_daily
    ADD CONSTRAINT commission_daily_pkey PRIMARY KEY (day, currency, affiliate_network);
ALTER TABLE ONLY analytics.ctr_by_position_daily
    ADD CONSTRAINT ctr_by_position_daily_pkey PRIMARY KEY (day, view_source, view_position);
ALTER TABLE ONLY analytics.preference_quality
    ADD CONSTRAINT preference_quality_pkey PRIMARY KEY (model_version, users_group, predictor);
ALTER TABLE ONLY analytics.product_revenue_daily
    ADD CONSTRAINT product_revenue_daily_pkey PRIMARY KEY (day, currency, product_id);
ALTER TABLE ONLY analytics.revenue_daily
    ADD CONSTRAINT revenue_daily_pkey PRIMARY KEY (day, currency, affiliate_network, source_page, device_type);
ALTER TABLE ONLY analytics.session_funnel_daily
    ADD CONSTRAINT session_funnel_daily_pkey PRIMARY KEY (day, device_type, landing_page, utm_source);
ALTER TABLE ONLY analytics.table_sizes
    ADD CONSTRAINT table_sizes_pkey PRIMARY KEY (day, table_name);
ALTER TABLE ONLY pipeline.days
    ADD CONSTRAINT days_pkey PRIMARY KEY (table_name, day);
ALTER TABLE ONLY pipeline.profile_fingerprints
    ADD CONSTRAINT profile_fingerprints_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY pipeline.tables
    ADD CONSTRAINT tables_pkey PRIMARY KEY (table_name);
ALTER TABLE ONLY pipeline.taste_items
    ADD CONSTRAINT taste_items_pkey PRIMARY KEY (model_version, product_id);
ALTER TABLE ONLY pipeline.taste_models
    ADD CONSTRAINT taste_models_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.affiliate_clicks
    ADD CONSTRAINT affiliate_clicks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.product_views
    ADD CONSTRAINT product_views_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.recommendation_feedback
    ADD CONSTRAINT recommendation_feedback_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.session_analytics
    ADD CONSTRAINT session_analytics_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.session_analytics
    ADD CONSTRAINT session_analytics_session_id_key UNIQUE (session_id);
ALTER TABLE ONLY public.user_preferences
    ADD CONSTRAINT user_preferences_pkey PRIMARY KEY (user_id);
CREATE INDEX idx_affiliate_clicks_anonymous ON public.affiliate_clicks USING btree (anonymous_id, click_timestamp) WHERE (anonymous_id IS NOT NULL);
CREATE INDEX idx_affiliate_clicks_click_time ON public.affiliate_clicks USING btree (click_timestamp);
CREATE INDEX idx_affiliate_clicks_conversion_time ON public.affiliate_clicks USING btree (conversion_timestamp) WHERE (conversion_timestamp IS NOT NULL);
CREATE INDEX idx_affiliate_clicks_product ON public.affiliate_clicks USING btree (product_id, click_timestamp);
CREATE INDEX idx_affiliate_clicks_session ON public.affiliate_clicks USING btree (session_id, product_id, click_timestamp);
CREATE INDEX idx_affiliate_clicks_updated ON public.affiliate_clicks USING btree (updated_at);
CREATE INDEX idx_affiliate_clicks_user ON public.affiliate_clicks USING btree (user_id, click_timestamp DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX idx_product_views_product ON public.product_views USING btree (product_id, view_timestamp DESC);
CREATE INDEX idx_product_views_recommendation ON public.product_views USING btree (recommendation_id) WHERE (recommendation_id IS NOT NULL);
CREATE INDEX idx_product_views_session ON public.product_views USING btree (session_id, product_id);
CREATE INDEX idx_product_views_time ON public.product_views USING brin (view_timestamp);
CREATE INDEX idx_product_views_user ON public.product_views USING btree (user_id, view_timestamp DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX idx_recommendation_feedback_model ON public.recommendation_feedback USING btree (model_version, created_at);
CREATE INDEX idx_recommendation_feedback_product ON public.recommendation_feedback USING btree (product_id);
CREATE INDEX idx_recommendation_feedback_recommendation ON public.recommendation_feedback USING btree (recommendation_id);
CREATE INDEX idx_recommendation_feedback_unprocessed ON public.recommendation_feedback USING btree (created_at) WHERE (is_processed IS NOT TRUE);
CREATE INDEX idx_recommendation_feedback_user ON public.recommendation_feedback USING btree (user_id, created_at DESC);
CREATE INDEX idx_session_analytics_active ON public.session_analytics USING btree (last_activity_at) WHERE is_active;
CREATE INDEX idx_session_analytics_anonymous ON public.session_analytics USING btree (anonymous_id, started_at) WHERE (anonymous_id IS NOT NULL);
CREATE INDEX idx_session_analytics_started ON public.session_analytics USING btree (started_at);
CREATE INDEX idx_session_analytics_updated ON public.session_analytics USING btree (updated_at);
CREATE INDEX idx_session_analytics_user ON public.session_analytics USING btree (user_id, started_at DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX idx_user_preferences_created ON public.user_preferences USING btree (created_at);
CREATE INDEX idx_user_preferences_segment ON public.user_preferences USING btree (cluster_id) WHERE (cluster_id IS NOT NULL);
CREATE TRIGGER affiliate_clicks_touch_updated_at BEFORE UPDATE ON public.affiliate_clicks FOR EACH ROW EXECUTE FUNCTION public.aclue_touch_updated_at();
CREATE TRIGGER session_analytics_touch_updated_at BEFORE UPDATE ON public.session_analytics FOR EACH ROW EXECUTE FUNCTION public.aclue_touch_updated_at();
CREATE TRIGGER user_preferences_derive_swipe_figures BEFORE INSERT OR UPDATE ON public.user_preferences FOR EACH ROW EXECUTE FUNCTION public.aclue_derive_swipe_figures();
CREATE TRIGGER user_preferences_touch_updated_at BEFORE UPDATE ON public.user_preferences FOR EACH ROW EXECUTE FUNCTION public.aclue_touch_updated_at();
ALTER TABLE ONLY public.affiliate_clicks
    ADD CONSTRAINT affiliate_clicks_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.affiliate_clicks
    ADD CONSTRAINT affiliate_clicks_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.product_views
    ADD CONSTRAINT product_views_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.product_views
    ADD CONSTRAINT product_views_recommendation_id_fkey FOREIGN KEY (recommendation_id) REFERENCES public.recommendations(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.product_views
    ADD CONSTRAINT product_views_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.recommendation_feedback
    ADD CONSTRAINT recommendation_feedback_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.recommendation_feedback
    ADD CONSTRAINT recommendation_feedback_recommendation_id_fkey FOREIGN KEY (recommendation_id) REFERENCES public.recommendations(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.recommendation_feedback
    ADD CONSTRAINT recommendation_feedback_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.session_analytics
    ADD CONSTRAINT session_analytics_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.user_preferences
    ADD CONSTRAINT user_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;
ALTER TABLE public.affiliate_clicks ENABLE ROW LEVEL SECURITY;
CREATE POLICY affiliate_clicks_insert_own_or_ownerless ON public.affiliate_clicks FOR INSERT TO anon, authenticated WITH CHECK ((((user_id IS NULL) OR ((CURRENT_USER <> 'anon'::name) AND (user_id = ( SELECT auth.uid() AS uid)))) AND (click_timestamp >= (now() - '1 day'::interval)) AND (click_timestamp <= (now() + '00:05:00'::interval))));
CREATE POLICY affiliate_clicks_read_own ON public.affiliate_clicks FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));
CREATE POLICY affiliate_clicks_service_role ON public.affiliate_clicks TO service_role USING (true) WITH CHECK (true);
ALTER TABLE public.product_views ENABLE ROW LEVEL SECURITY;
CREATE POLICY product_views_insert_own_or_ownerless ON public.product_views FOR INSERT TO anon, authenticated WITH CHECK ((((user_id IS NULL) OR ((CURRENT_USER <> 'anon'::name) AND (user_id = ( SELECT auth.uid() AS uid)))) AND (view_timestamp >= (now() - '1 day'::interval)) AND (view_timestamp <= (now() + '00:05:00'::interval))));
CREATE POLICY product_views_read_own ON public.product_views FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));
CREATE POLICY product_views_service_role ON public.product_views TO service_role USING (true) WITH CHECK (true);
ALTER TABLE public.recommendation_feedback ENABLE ROW LEVEL SECURITY;
CREATE POLICY recommendation_feedback_insert_own ON public.recommendation_feedback FOR INSERT TO authenticated WITH CHECK (((user_id = ( SELECT auth.uid() AS uid)) AND public.aclue_is_recommended_to_caller(recommendation_id)));
CREATE POLICY recommendation_feedback_read_own ON public.recommendation_feedback FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));
CREATE POLICY recommendation_feedback_service_role ON public.recommendation_feedback TO service_role USING (true) WITH CHECK (true);
ALTER TABLE public.session_analytics ENABLE ROW LEVEL SECURITY;
CREATE POLICY session_analytics_insert_own_or_ownerless ON public.session_analytics FOR INSERT TO anon, authenticated WITH CHECK (((user_id IS NULL) OR ((CURRENT_USER <> 'anon'::name) AND (user_id = ( SELECT auth.uid() AS uid)))));
CREATE POLICY session_analytics_read_own ON public.session_analytics FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));
CREATE POLICY session_analytics_service_role ON public.session_analytics TO service_role USING (true) WITH CHECK (true);
ALTER TABLE public.user_preferences ENABLE ROW LEVEL SECURITY;
CREATE POLICY user_preferences_adjust_own ON public.user_preferences FOR UPDATE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid))) WITH CHECK ((user_id = ( SELECT auth.uid() AS uid)));
CREATE POLICY user_preferences_read_own ON public.user_preferences FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));
CREATE POLICY user_preferences_service_role ON public.user_preferences TO service_role USING (true) WITH CHECK (true);
REVOKE ALL ON FUNCTION public.aclue_derive_swipe_figures() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.aclue_is_recommended_to_caller(recommendation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.aclue_is_recommended_to_caller(recommendation uuid) TO authenticated;
REVOKE ALL ON FUNCTION public.aclue_touch_updated_at() FROM PUBLIC;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.affiliate_clicks TO service_role;
GRANT SELECT ON TABLE public.affiliate_clicks TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.product_views TO service_role;
GRANT SELECT ON TABLE public.product_views TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.recommendation_feedback TO service_role;
GRANT SELECT ON TABLE public.recommendation_feedback TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.session_analytics TO service_role;
GRANT SELECT ON TABLE public.session_analytics TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_preferences TO service_role;
GRANT SELECT ON TABLE public.user_preferences TO authenticated;
GRANT INSERT (id, user_id, anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url, user_agent, ip_address, referrer_url, utm_source, utm_medium, utm_campaign) ON TABLE public.affiliate_clicks TO anon;
GRANT INSERT (id, user_id, anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url, user_agent, ip_address, referrer_url, utm_source, utm_medium, utm_campaign) ON TABLE public.affiliate_clicks TO authenticated;
GRANT INSERT (id, product_id, user_id, session_id, view_timestamp, view_source, view_position, view_duration_seconds, interaction_type, has_clicked_affiliate, has_shared, has_saved, recommendation_id, search_query, filter_criteria, device_type, viewport_size, screen_density, relevance_score, predicted_interest) ON TABLE public.product_views TO anon;
GRANT INSERT (id, product_id, user_id, session_id, view_timestamp, view_source, view_position, view_duration_seconds, interaction_type, has_clicked_affiliate, has_shared, has_saved, recommendation_id, search_query, filter_criteria, device_type, viewport_size, screen_density, relevance_score, predicted_interest) ON TABLE public.product_views TO authenticated;
GRANT INSERT (id, recommendation_id, user_id, product_id, feedback_type, feedback_action, feedback_value, rating, comment, feedback_tags, time_to_action_seconds, dwell_time_seconds, scroll_depth, click_depth, feedback_source, session_id, position_in_list, model_version) ON TABLE public.recommendation_feedback TO authenticated;
GRANT INSERT (id, session_id, user_id, anonymous_id, started_at, ended_at, duration_seconds, last_activity_at, landing_page, exit_page, pages_viewed, page_sequence, total_clicks, total_swipes, products_viewed, recommendations_viewed, affiliate_clicks, has_registered, registration_timestamp, device_type, browser, operating_system, screen_resolution, country_code, city, timezone, referrer_url, utm_source, utm_medium, utm_campaign, utm_content, utm_term, is_bounce, is_active) ON TABLE public.session_analytics TO anon;
GRANT INSERT (id, session_id, user_id, anonymous_id, started_at, ended_at, duration_seconds, last_activity_at, landing_page, exit_page, pages_viewed, page_sequence, total_clicks, total_swipes, products_viewed, recommendations_viewed, affiliate_clicks, has_registered, registration_timestamp, device_type, browser, operating_system, screen_resolution, country_code, city, timezone, referrer_url, utm_source, utm_medium, utm_campaign, utm_content, utm_term, is_bounce, is_active) ON TABLE public.session_analytics TO authenticated;
GRANT UPDATE (category_preferences, price_range, price_sensitivity, liked_brands, disliked_brands, brand_scores, style_scores, colour_preferences, occasion_preferences, recipient_preferences, similarity_threshold) ON TABLE public.user_preferences TO authenticated;
