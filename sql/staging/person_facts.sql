-- One row per person who was ever here, by number: since when, as presence (staging.activity) has it.
-- kind: facts
-- owner: team:data
-- lineage:
--   person_number: staging.activity person_number;
--   first_here_at: staging.activity active_at;
--   changed_at: ;
--   *: | staging.activity person_number active_at is_machine

-- First here is the earliest session that lands or click, since ACLUE_FIRST_DAY and no machine's: nobody was here before. A person is a user with all that
-- the browser did before signing in, a visitor, or a lone session; who that is stands in pipeline.person_numbers, while the account exists. An erased
-- person goes on counting as one. What brings a person's beginning into a period, a cohort or a group, is asked here and nowhere else.
create table staging.person_facts (
    person_number bigint primary key,       -- Number of the person, in all facts.
    first_here_at timestamptz not null,     -- When the person was first here.
    changed_at timestamptz not null         -- When the sync last saw it change.
);
create index person_facts_here on staging.person_facts (first_here_at)
