"""Two ways of writing the same are the same; two meanings never are."""

import pytest

from aclue_pipeline.schema import normal as forms


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("rate >= 0 and rate <= 1", "((rate >= (0)::numeric) AND (rate <= (1)::numeric))"),
        ("kind in ('a', 'b')", "(kind = ANY (ARRAY['a'::text, 'b'::text]))"),
        ("user_id = (select auth.uid())", "(user_id = ( SELECT auth.uid() AS uid))"),
        ("value >= -1", "(value >= ('-1'::integer)::numeric)"),
        ("at >= now() - '1 day'::interval", "(at >= (now() - '1 day'::interval))"),
        ("flag is not true", "(flag IS NOT TRUE)"),
        ("current_user <> 'anon'", "(CURRENT_USER <> 'anon'::name)"),
        ("case when n = 0 then 0 else round(r::numeric / n, 4) end",
         "CASE\n    WHEN (n = 0) THEN (0)::numeric\n    ELSE round(((r)::numeric / (n)::numeric), 4)\nEND"),
    ],
)  # fmt: skip
def test_what_a_file_says_equals_what_the_server_says(written: str, said: str) -> None:
    assert forms.expression(written) == forms.expression(said)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(a or b) and c", "a or (b and c)"),
        ("a >= 0", "a > 0"),
        ("kind in ('a', 'b')", "kind in ('a', 'B')"),
        ("x = (select auth.uid())", "x = auth.uid()"),
        ("x = (select auth.uid())", "x = (select auth.uid()) or x is null"),
        ("true", "false"),
        ("a is not true", "a is true"),
    ],
)
def test_another_meaning_is_another_form(one: str, other: str) -> None:
    assert forms.expression(one) != forms.expression(other)


def test_words_keep_what_stands_in_quotes() -> None:
    assert forms.words("FOREIGN KEY (a)  REFERENCES t (b)") == forms.words("foreign key (a) references t(b)")
    assert forms.words("SET x TO 'A B'") != forms.words("set x to 'a b'")


def test_a_list_is_split_at_its_outermost_commas() -> None:
    assert forms.split("a numeric(5,2), b text default 'x,y', check (b in ('1', '2'))") == [
        "a numeric(5,2)",
        "b text default 'x,y'",
        "check (b in ('1', '2'))",
    ]
