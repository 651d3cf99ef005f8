-- Catalogue shape B: one price, a category that is only a name, the retailer and its article number. Run once, after tables.sql.

alter table public.products
    add column price numeric(10, 2),
    add column category varchar(100),
    add column retailer text,
    add column asin text;
create index idx_products_category on public.products (category);

comment on column public.products.price is 'Price in currency; NULL where unknown.';
comment on column public.products.category is 'Name of the category as the retailer writes it; NULL where it gave none.';
comment on column public.products.retailer is 'Shop that sells it (amazon, …); NULL where unknown.';
comment on column public.products.asin is 'Amazon''s article number; NULL for other retailers.';
