-- One row per word by which a user agent is known to be a machine's: crawlers, previews, monitors and programs that nobody looks at.
-- kind: view
-- grain: pattern
-- owner: team:data

-- A new pattern is one line below. Patterns are regular expressions over the user agent in lower case; of several that fit, the first in the order
-- of `place` is named. People use telephones called Cubot, and the app's own clients (okhttp, CFNetwork, Dalvik, python-httpx of its API) are people:
-- what begins like one of these is nobody's machine, whatever follows.
select
    p.place as place, -- Its place in the order of trying.
    p.pattern as pattern, -- The regular expression, over the user agent in lower case.
    p.kind as kind, -- What it knows: crawler, preview, monitor, browser without a screen, program; or `person` for what is never a machine.
    p.since::date as since -- Since when it is in the list.
from (values
    (1, '^(okhttp|dalvik|python-httpx)/|cfnetwork|cubot', 'person', '2026-11-26'),
    (2, 'googlebot|bingbot|adsbot|applebot|yandex(bot|images)|baiduspider|duckduckbot|petalbot|bytespider', 'crawler', '2026-11-26'),
    (3, 'gptbot|claudebot|ccbot|perplexitybot|amazonbot', 'crawler', '2026-11-26'),
    (4, 'facebookexternalhit|twitterbot|slackbot|whatsapp/|telegrambot|linkedinbot|discordbot|pinterestbot', 'preview', '2026-11-26'),
    (5, 'uptimerobot|pingdom|statuscake|site24x7|newrelicpinger|datadog', 'monitor', '2026-11-26'),
    (6, 'headless|phantomjs|puppeteer|playwright|selenium|lighthouse', 'browser without a screen', '2026-11-26'),
    (7, 'bot|crawl|spider|slurp', 'crawler', '2026-11-26'),
    (8, '^(curl|wget|python|java/|go-|libwww|apache|scrapy|node|axios|ruby|perl|php|http)', 'program', '2026-11-26'),
    (9, 'https?://', 'crawler', '2026-11-26')
) as p (place, pattern, kind, since)
