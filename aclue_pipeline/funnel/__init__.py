"""Funnel: how sessions go from landing to conversion, and which positions are clicked. The tables are SQL (sql/funnel), and so
are the checks that they add up; a range of days is replaced by the catalog. Nothing of it needs Python so far."""
