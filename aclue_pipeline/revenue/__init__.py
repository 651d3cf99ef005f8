"""Revenue: what clicks brought, by click day and by conversion day. The tables are SQL (sql/revenue), and so are the checks that
they add up; a range of days is replaced by the catalog. Nothing of it needs Python so far."""
