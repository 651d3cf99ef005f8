-- One row per affiliate network: for how long it attributes sales to a click, and for how long it may still change what a sale earns.
-- kind: view
-- grain: affiliate_network
-- owner: team:finance

-- The days stand in analytics.attribution_window and analytics.validation_days, which tables call by the network's name; why they are what they are stands
-- here. Terms differ between advertisers of a network: the days are those after which nearly nothing comes. An installation whose contracts say otherwise
-- changes its line in the two functions, and what was published by the old number is computed again.
select
    n.affiliate_network as affiliate_network, -- Name of the network as clicks have it; '(any other)': every one that has no row.
    analytics.attribution_window(n.affiliate_network) as attribution_window_days, -- Days after the click within which a sale may be attributed to it.
    analytics.validation_days(n.affiliate_network) as validation_days, -- Days after the sale within which its commission may come, change or be reversed.
    n.why as why, -- Where these numbers come from.
    n.source as source -- Page that says so; NULL: none, a choice of ours.
from (values
    (
        'amazon',
        'What is put into the cart within 24 hours of the click counts until the cart expires, usually after 90 days. The fee is credited once the item is delivered and paid; returns take it back: 60 days are our choice.',
        'https://affiliate-program.amazon.in/help/node/topic/G9SMD8TQHFJ7728F'
    ),
    (
        'awin',
        'Cookies last 30 days where the programme says nothing else; a sale that nobody validated is approved after the programme''s period, of at most 67 days on the open plan.',
        'https://help.awin.com/advertisers/docs/auto-validation'
    ),
    (
        'commission_junction',
        'Referral periods are 30 days where the programme says nothing else. A sale locks on the 10th of the following month, or of the one after that if the advertiser extends it once: at most 71 days.',
        'https://junction.cj.com/article/cookie-dough-understanding-publisher-payment-cycle'
    ),
    ('(any other)', 'The usual terms: look into the contract, and give the network a line of its own.', null)
) as n (affiliate_network, why, source)
