-- The value of a setting, as the pipeline last ran with it; NULL where functions know no setting of that name.
-- kind: function
-- owner: team:data

-- For functions and views, which take no parameters: pipeline.setting('timezone') is the reporting zone. Whoever asks needs no right to the table.
create or replace function pipeline.setting(name text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
return (select s.value from pipeline.settings as s where s.name = setting.name)
