"""Which days are requested, and which days count as loaded."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_costs_source.api.date_ranges import (
    FIRST_DAY,
    GROUP_BY,
    NEVER,
    DateRange,
    History,
    after_loading,
    days_to_load,
    missing_days,
    split_by_dimension,
)
from openai_costs_source.api.pages import Bucket
from openai_costs_source.extract.load_state import LoadState

TODAY = date(2026, 10, 8)
TOMORROW = date(2026, 10, 9)
WITHOUT_KEY = ("project_id", "user_id", "line_item")
WITHOUT_USER = ("project_id", "api_key_id", "line_item")


def days_before(day, count):
    return day - timedelta(days=count)


def midnight(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def history(requested_from=date(2026, 1, 1), first_open_day=TODAY):
    return History(requested_from, first_open_day)


def date_range(since=date(2025, 12, 1), until=date(2025, 12, 11), group_by=GROUP_BY):
    return DateRange(since, until, group_by)


def buckets(*days):
    return [Bucket(midnight(day), midnight(day) + 86_400, 0) for day in days]


# A date range


def test_date_range_excludes_its_end():
    requested = DateRange(date(2025, 12, 31), date(2026, 1, 2))
    assert list(requested) == [date(2025, 12, 31), date(2026, 1, 1)]
    assert requested.days == 2
    assert str(requested) == "2025-12-31 to 2026-01-01"


def test_date_range_is_requested_in_utc_seconds():
    requested = DateRange(date(2025, 12, 6), date(2025, 12, 7))
    assert (requested.start_time, requested.end_time) == (1764979200, 1765065600)


# The days of a run


def test_first_run_reads_all_history():
    assert days_to_load(TODAY, None, 35) == DateRange(FIRST_DAY, TOMORROW)


def test_first_run_starts_at_the_start_date():
    start = date(2026, 3, 1)
    assert days_to_load(TODAY, None, 35, start) == DateRange(start, TOMORROW)


def test_daily_run_reads_the_trailing_days_and_today():
    known = history(FIRST_DAY, days_before(TODAY, 1))
    assert days_to_load(TODAY, known, 35) == DateRange(days_before(TODAY, 35), TOMORROW)


def test_run_after_a_long_pause_starts_at_the_days_that_could_still_change_before_it():
    known = history(FIRST_DAY, days_before(TODAY, 61))
    assert days_to_load(TODAY, known, 35) == DateRange(days_before(TODAY, 61 + 34), TOMORROW)


def test_run_after_a_long_pause_without_trailing_days_starts_at_the_first_open_day():
    known = history(FIRST_DAY, days_before(TODAY, 61))
    assert days_to_load(TODAY, known, 0) == DateRange(days_before(TODAY, 61), TOMORROW)


def test_run_without_trailing_days_still_reads_the_day_that_was_open():
    known = history(FIRST_DAY, days_before(TODAY, 1))
    assert days_to_load(TODAY, known, 0) == DateRange(days_before(TODAY, 1), TOMORROW)


def test_second_run_of_a_day_reads_today_again():
    assert days_to_load(TODAY, history(FIRST_DAY, TODAY), 0) == DateRange(TODAY, TOMORROW)


def test_start_date_moved_earlier_loads_all_again():
    earlier = date(2025, 11, 1)
    known = history(requested_from=date(2026, 1, 1))
    assert days_to_load(TODAY, known, 35, earlier) == DateRange(earlier, TOMORROW)


def test_removed_start_date_loads_all_again():
    assert days_to_load(TODAY, history(), 35) == DateRange(FIRST_DAY, TOMORROW)


def test_start_date_moved_later_reads_the_trailing_days_only():
    assert days_to_load(TODAY, history(), 35, date(2026, 6, 1)).since == days_before(TODAY, 35)


def test_no_day_before_the_start_date_is_loaded():
    recent = days_before(TODAY, 3)
    assert days_to_load(TODAY, history(), 35, recent).since == recent


def test_start_date_in_the_future_loads_nothing_yet():
    assert days_to_load(TODAY, None, 35, date(2030, 1, 1)).days == 0


def test_named_days_win_over_those_that_are_due():
    since, until = date(2026, 2, 1), date(2026, 2, 3)
    for known in (None, history()):
        requested = days_to_load(TODAY, known, 35, date(2026, 1, 1), since, until)
        assert requested == DateRange(since, until)


def test_since_alone_reaches_to_today():
    since = date(2026, 2, 1)
    assert days_to_load(TODAY, history(), 35, None, since) == DateRange(since, TOMORROW)


def test_until_alone_ends_what_is_due():
    until = days_before(TODAY, 5)
    requested = days_to_load(TODAY, history(FIRST_DAY), 35, until=until)
    assert requested == DateRange(days_before(TODAY, 35), until)


def test_until_in_the_future_ends_with_today():
    requested = days_to_load(TODAY, None, 35, since=date(2026, 10, 1), until=date(2027, 1, 1))
    assert requested == DateRange(date(2026, 10, 1), TOMORROW)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (date(2027, 1, 1), None),
        (date(2026, 2, 3), date(2026, 2, 1)),
        (date(2026, 2, 3), date(2026, 2, 3)),
    ],
)
def test_impossible_date_ranges_are_empty(since, until):
    assert list(days_to_load(TODAY, history(), 35, None, since, until)) == []


# What is kept in the state


def test_history_survives_dlts_state():
    known = History(date(2025, 10, 8), date(2026, 2, 28))
    assert History.from_state(known.as_state()) == known


@pytest.mark.parametrize("state", [None, {}])
def test_no_state_is_no_history(state):
    assert History.from_state(state) is None


def test_first_run_leaves_today_open():
    loaded = DateRange(FIRST_DAY, TOMORROW)
    assert after_loading(loaded, TODAY, None) == History(FIRST_DAY, TODAY)


def test_first_run_keeps_the_start_date():
    start = date(2026, 3, 1)
    assert after_loading(DateRange(start, TOMORROW), TODAY, None, start) == History(start, TODAY)


def test_daily_run_advances():
    known = history(FIRST_DAY, days_before(TODAY, 1))
    loaded = DateRange(days_before(TODAY, 35), TOMORROW)
    assert after_loading(loaded, TODAY, known) == History(FIRST_DAY, TODAY)


def test_named_days_that_adjoin_the_history_advance_it_to_their_end():
    known = history(FIRST_DAY, date(2026, 9, 1))
    loaded = DateRange(date(2026, 9, 1), date(2026, 9, 5))
    assert after_loading(loaded, TODAY, known) == History(FIRST_DAY, date(2026, 9, 5))


def test_named_days_after_a_gap_change_nothing():
    known = history(FIRST_DAY, date(2026, 9, 1))
    assert after_loading(DateRange(date(2026, 9, 2), TOMORROW), TODAY, known) == known


def test_named_days_before_a_gap_change_nothing():
    known = history(date(2026, 1, 1), date(2026, 9, 1))
    loaded = DateRange(date(2025, 12, 1), date(2025, 12, 31))
    assert after_loading(loaded, TODAY, known, date(2025, 12, 1)) == known


def test_named_days_do_not_start_a_history():
    assert after_loading(DateRange(date(2026, 9, 2), TOMORROW), TODAY, None) is None


def test_reloading_closed_days_does_not_reopen_later_ones():
    known = history(FIRST_DAY, date(2026, 9, 1))
    for since in (FIRST_DAY, date(2026, 1, 1)):
        assert after_loading(DateRange(since, date(2026, 1, 3)), TODAY, known) == known


def test_start_date_moved_earlier_is_kept_once_loaded():
    earlier = date(2025, 11, 1)
    loaded = DateRange(earlier, TOMORROW)
    assert after_loading(loaded, TODAY, history(), earlier) == History(earlier, TODAY)


def test_days_from_an_earlier_start_date_join_those_that_follow():
    known = history(date(2026, 1, 1), date(2026, 9, 1))
    earlier = date(2025, 12, 1)
    loaded = DateRange(earlier, date(2026, 1, 1))
    assert after_loading(loaded, TODAY, known, earlier) == History(earlier, date(2026, 9, 1))


starts = st.none() | st.integers(-40, 500).map(lambda n: date(2025, 1, 1) + timedelta(days=n))


@given(
    st.integers(0, 60),
    starts,
    st.lists(st.integers(0, 500), min_size=1, max_size=8),
)
def test_daily_runs_with_pauses_skip_no_day(refetch_days, start_date, pauses):
    today, known, first = date(2025, 1, 1), None, start_date or FIRST_DAY
    loaded = set()
    for pause in pauses:
        today += timedelta(days=pause)
        requested = days_to_load(today, known, refetch_days, start_date)
        known = after_loading(requested, today, known, start_date)
        loaded |= set(requested)
        assert loaded == set(DateRange(first, max(first, today + timedelta(days=1))))


named = st.tuples(
    st.none() | st.integers(-300, 20), st.none() | st.integers(-300, 20)
)  # since and until, in days from today
runs = st.tuples(st.integers(0, 90), starts, st.just((None, None)) | named)


@given(st.integers(0, 40), st.lists(runs, min_size=2, max_size=8))
def test_after_a_daily_run_each_day_was_read_after_its_end(refetch_days, runs):
    today, known = date(2025, 1, 1), None
    last_read = {}
    for pause, start_date, named in runs:
        today += timedelta(days=pause)
        since, until = (None if n is None else today + timedelta(days=n) for n in named)
        requested = days_to_load(today, known, refetch_days, start_date, since, until)
        known = after_loading(requested, today, known, start_date)
        last_read |= dict.fromkeys(requested, today)
        if named == (None, None):
            first = start_date or FIRST_DAY
            due = DateRange(first, max(first, today))
            assert [day for day in due if last_read.get(day, day) <= day] == []


@given(st.integers(0, 40), st.lists(st.tuples(runs, st.booleans()), min_size=2, max_size=8))
def test_after_a_daily_run_no_stored_day_was_last_read_while_openai_still_restates_it(
    refetch_days, runs_and_kills
):
    """With any pauses, named days, start dates, removed months and killed runs."""
    today, load_state, last_read = date(2025, 1, 1), LoadState(), {}
    for (pause, start_date, named), is_killed in runs_and_kills:
        today += timedelta(days=pause)
        since, until = (None if n is None else today + timedelta(days=n) for n in named)
        after = LoadState.from_state(load_state.as_state(), today)
        due = after.days_due(today, refetch_days, start_date, since, until)
        after.history = after_loading(due, today, after.history, start_date)
        after.note_read(list(due), today, refetch_days)
        if is_killed:
            continue
        load_state = after
        last_read |= dict.fromkeys(due, today)
        if pause % 7 == 0:
            first_kept = today - timedelta(days=100)
            load_state.forget_before(first_kept)
            last_read = {day: read_on for day, read_on in last_read.items() if day >= first_kept}
        if named == (None, None):
            stale = {
                day
                for day, read_on in last_read.items()
                if read_on < today and (read_on - day).days < max(refetch_days, 1)
            }
            assert stale == set()


# Limits that refusals revealed


def test_date_range_is_split_on_the_first_day_of_each_dimension():
    users_from, keys_from = date(2025, 12, 4), date(2025, 12, 8)
    assert split_by_dimension(date_range(), {"user_id": users_from, "api_key_id": keys_from}) == [
        date_range(until=users_from, group_by=("project_id", "line_item")),
        date_range(since=users_from, until=keys_from, group_by=WITHOUT_KEY),
        date_range(since=keys_from),
    ]


def test_dimension_that_no_day_has_is_omitted():
    assert split_by_dimension(date_range(), {"user_id": NEVER}) == [
        date_range(group_by=WITHOUT_USER)
    ]


def test_users_without_projects_are_requested_for_all_days():
    by_user = date_range(group_by=("user_id", "line_item"))
    assert split_by_dimension(by_user, {"user_id": NEVER}) == [by_user]


@pytest.mark.parametrize("first", [date(2025, 11, 1), date(2025, 12, 1)])
def test_date_range_that_has_a_dimension_from_its_start_on_is_not_split(first):
    assert split_by_dimension(date_range(), {"api_key_id": first}) == [date_range()]


# Missing days


def test_no_day_is_missing_if_each_has_a_bucket():
    requested = date_range()
    assert missing_days(requested, buckets(*reversed(list(requested)))) == []


def test_day_without_a_bucket_is_missing():
    days = [date(2025, 12, 1), date(2025, 12, 3)]
    assert missing_days(date_range(until=date(2025, 12, 5)), buckets(*days)) == [
        date(2025, 12, 2),
        date(2025, 12, 4),
    ]


def test_reply_without_buckets_leaves_all_days_missing():
    assert missing_days(date_range(), []) == list(date_range())


def test_day_with_two_buckets_is_refused():
    twice = buckets(date(2025, 12, 2), date(2025, 12, 1), date(2025, 12, 2))
    with pytest.raises(ValueError, match="2025-12-02 twice"):
        missing_days(date_range(), twice)


@pytest.mark.parametrize("stray", [date(2025, 11, 30), date(2025, 12, 11), date(1970, 1, 1)])
def test_day_that_was_not_requested_is_refused(stray):
    with pytest.raises(ValueError, match=f"{stray}, which was not requested"):
        missing_days(date_range(), buckets(date(2025, 12, 1), stray))
