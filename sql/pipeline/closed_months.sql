-- One row per closed month, currency and network: the commission as it was reported to finance, frozen.
-- kind: python
-- owner: team:finance
create table pipeline.closed_months (
    month date not null,                    -- First day of the closed month.
    currency text not null,                 -- Currency of the amounts (ISO 4217).
    affiliate_network text not null,        -- Network that pays.
    commission numeric not null,            -- Commission of the month's own sales when it was closed, in currency; additive.
    adjustments numeric not null,           -- Changes of earlier closed months that were booked in this one, in currency; additive.
    primary key (month, currency, affiliate_network)
)
