-- Catalogue shape A: a price range, a category that is a row, tags, the affiliate network and its commission rate. Run once, after tables.sql.

alter table public.products
    add column price_min numeric(10, 2),
    add column price_max numeric(10, 2),
    add column category_id uuid references public.categories (id) on delete set null,
    add column tags text[] default '{}',
    add column affiliate_network text,
    add column commission_rate numeric(5, 4),
    add column availability_status text default 'available';
create index idx_products_category on public.products (category_id);

alter table public.swipe_interactions
    add column category_id uuid references public.categories (id) on delete set null;

comment on column public.products.price_min is 'Lowest price in currency; NULL where unknown.';
comment on column public.products.price_max is 'Highest price in currency; NULL where unknown.';
comment on column public.products.category_id is 'Category the product stands in; NULL where it was never filed.';
comment on column public.products.tags is 'Free words: style, material, occasion; empty where none were given.';
comment on column public.products.affiliate_network is 'Network that pays the commission (amazon, awin, …); NULL where there is none.';
comment on column public.products.commission_rate is 'Commission as a share of the price, 0 to 1; NULL where not agreed.';
comment on column public.products.availability_status is 'Whether it can be bought (available, out_of_stock, …).';
comment on column public.swipe_interactions.category_id is 'Category that was shown; NULL where a product without one, or none, was.';
