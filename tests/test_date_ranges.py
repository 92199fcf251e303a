"""Which days are asked for, what a refusal changes in that, and what counts as loaded."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_costs_source.api.date_ranges import (
    FIRST_DAY,
    GROUP_BY,
    NEVER,
    DateRange,
    History,
    after_loading,
    after_refusal,
    days_to_load,
    earliest_day,
    missing_days,
    split_by_dimension,
)
from openai_costs_source.api.pages import Bucket
from openai_costs_source.extract.load_state import LoadState

TODAY = date(2026, 10, 8)
TOMORROW = date(2026, 10, 9)
WITHOUT_KEY = ("project_id", "user_id", "line_item")
WITHOUT_USER = ("project_id", "api_key_id", "line_item")
KEY_FLOOR = date(2025, 12, 6)
HORIZON = (
    "Usage and cost data are available for the past year. Earliest supported start date: {} (UTC)."
)
FLOOR = "group_by=api_key_id is not available for this time range. Try a start_time on or after {}."


def days_before(day, count):
    return day - timedelta(days=count)


def midnight(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def history(requested_from=date(2026, 1, 1), first_open_day=TODAY):
    return History(requested_from, first_open_day)


def date_range(since=date(2025, 12, 1), until=date(2025, 12, 11), group_by=GROUP_BY):
    return DateRange(since, until, group_by)


def beyond_horizon(asked, earliest):
    return after_refusal(
        asked, HORIZON.format(earliest), "reporting_lookback_exceeded", "start_time"
    )


def before_keys(asked, moment):
    return after_refusal(asked, FLOOR.format(moment), None, "start_time")


def buckets(*days):
    return [Bucket(midnight(day), midnight(day) + 86_400, 0) for day in days]


# A date range


def test_date_range_is_its_days_without_the_last():
    asked = DateRange(date(2025, 12, 31), date(2026, 1, 2))
    assert list(asked) == [date(2025, 12, 31), date(2026, 1, 1)]
    assert asked.days == 2
    assert str(asked) == "2025-12-31 to 2026-01-01"


def test_date_range_is_asked_for_in_utc_seconds():
    asked = DateRange(date(2025, 12, 6), date(2025, 12, 7))
    assert (asked.start_time, asked.end_time) == (1764979200, 1765065600)


# The days of a run


def test_first_run_takes_all_history():
    assert days_to_load(TODAY, None, 35) == DateRange(FIRST_DAY, TOMORROW)


def test_first_run_starts_at_the_start_date():
    start = date(2026, 3, 1)
    assert days_to_load(TODAY, None, 35, start) == DateRange(start, TOMORROW)


def test_daily_run_takes_the_trailing_days_and_today():
    known = history(FIRST_DAY, days_before(TODAY, 1))
    assert days_to_load(TODAY, known, 35) == DateRange(days_before(TODAY, 35), TOMORROW)


def test_run_after_a_long_pause_starts_at_the_days_that_could_still_change_before_it():
    known = history(FIRST_DAY, days_before(TODAY, 61))
    assert days_to_load(TODAY, known, 35) == DateRange(days_before(TODAY, 61 + 34), TOMORROW)


def test_run_after_a_long_pause_without_trailing_days_starts_at_the_first_open_day():
    known = history(FIRST_DAY, days_before(TODAY, 61))
    assert days_to_load(TODAY, known, 0) == DateRange(days_before(TODAY, 61), TOMORROW)


def test_run_without_trailing_days_still_takes_the_day_that_was_open():
    known = history(FIRST_DAY, days_before(TODAY, 1))
    assert days_to_load(TODAY, known, 0) == DateRange(days_before(TODAY, 1), TOMORROW)


def test_second_run_of_a_day_takes_today_again():
    assert days_to_load(TODAY, history(FIRST_DAY, TODAY), 0) == DateRange(TODAY, TOMORROW)


def test_start_date_moved_earlier_loads_all_again():
    earlier = date(2025, 11, 1)
    known = history(requested_from=date(2026, 1, 1))
    assert days_to_load(TODAY, known, 35, earlier) == DateRange(earlier, TOMORROW)


def test_start_date_taken_away_loads_all_again():
    assert days_to_load(TODAY, history(), 35) == DateRange(FIRST_DAY, TOMORROW)


def test_start_date_moved_later_takes_the_trailing_days_only():
    assert days_to_load(TODAY, history(), 35, date(2026, 6, 1)).since == days_before(TODAY, 35)


def test_no_day_before_the_start_date_is_loaded():
    recent = days_before(TODAY, 3)
    assert days_to_load(TODAY, history(), 35, recent).since == recent


def test_start_date_in_the_future_loads_nothing_yet():
    assert days_to_load(TODAY, None, 35, date(2030, 1, 1)).days == 0


def test_named_days_win_over_those_that_are_due():
    since, until = date(2026, 2, 1), date(2026, 2, 3)
    for known in (None, history()):
        asked = days_to_load(TODAY, known, 35, date(2026, 1, 1), since, until)
        assert asked == DateRange(since, until)


def test_since_alone_reaches_to_today():
    since = date(2026, 2, 1)
    assert days_to_load(TODAY, history(), 35, None, since) == DateRange(since, TOMORROW)


def test_until_alone_ends_what_is_due():
    until = days_before(TODAY, 5)
    asked = days_to_load(TODAY, history(FIRST_DAY), 35, until=until)
    assert asked == DateRange(days_before(TODAY, 35), until)


def test_until_in_the_future_ends_with_today():
    asked = days_to_load(TODAY, None, 35, since=date(2026, 10, 1), until=date(2027, 1, 1))
    assert asked == DateRange(date(2026, 10, 1), TOMORROW)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (date(2027, 1, 1), None),
        (date(2026, 2, 3), date(2026, 2, 1)),
        (date(2026, 2, 3), date(2026, 2, 3)),
    ],
)
def test_days_that_cannot_be_are_none(since, until):
    assert list(days_to_load(TODAY, history(), 35, None, since, until)) == []


# What is remembered


def test_history_survives_the_state():
    known = History(date(2025, 10, 8), date(2026, 2, 28))
    assert History.from_state(known.as_state()) == known


@pytest.mark.parametrize("state", [None, {}])
def test_no_state_is_no_history(state):
    assert History.from_state(state) is None


def test_first_run_leaves_today_open():
    loaded = DateRange(FIRST_DAY, TOMORROW)
    assert after_loading(loaded, TODAY, None) == History(FIRST_DAY, TODAY)


def test_first_run_remembers_the_start_date():
    start = date(2026, 3, 1)
    assert after_loading(DateRange(start, TOMORROW), TODAY, None, start) == History(start, TODAY)


def test_daily_run_advances():
    known = history(FIRST_DAY, days_before(TODAY, 1))
    loaded = DateRange(days_before(TODAY, 35), TOMORROW)
    assert after_loading(loaded, TODAY, known) == History(FIRST_DAY, TODAY)


def test_named_days_that_adjoin_advance_to_their_end():
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


def test_named_days_without_a_history_begin_none():
    assert after_loading(DateRange(date(2026, 9, 2), TOMORROW), TODAY, None) is None


def test_days_long_closed_do_not_reopen_later_ones():
    known = history(FIRST_DAY, date(2026, 9, 1))
    for since in (FIRST_DAY, date(2026, 1, 1)):
        assert after_loading(DateRange(since, date(2026, 1, 3)), TODAY, known) == known


def test_start_date_moved_earlier_is_remembered_once_loaded():
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
def test_daily_runs_with_pauses_leave_no_day_out(refetch_days, start_date, pauses):
    today, known, first = date(2025, 1, 1), None, start_date or FIRST_DAY
    loaded = set()
    for pause in pauses:
        today += timedelta(days=pause)
        asked = days_to_load(today, known, refetch_days, start_date)
        known = after_loading(asked, today, known, start_date)
        loaded |= set(asked)
        assert loaded == set(DateRange(first, max(first, today + timedelta(days=1))))


named = st.tuples(
    st.none() | st.integers(-300, 20), st.none() | st.integers(-300, 20)
)  # since and until, in days from today
runs = st.tuples(st.integers(0, 90), starts, st.just((None, None)) | named)


@given(st.integers(0, 40), st.lists(runs, min_size=2, max_size=8))
def test_whatever_ran_before_a_daily_run_leaves_each_day_read_after_its_end(refetch_days, runs):
    today, known = date(2025, 1, 1), None
    last_read = {}
    for pause, start_date, named in runs:
        today += timedelta(days=pause)
        since, until = (None if n is None else today + timedelta(days=n) for n in named)
        asked = days_to_load(today, known, refetch_days, start_date, since, until)
        known = after_loading(asked, today, known, start_date)
        last_read |= dict.fromkeys(asked, today)
        if named == (None, None):
            first = start_date or FIRST_DAY
            due = DateRange(first, max(first, today))
            assert [day for day in due if last_read.get(day, day) <= day] == []


@given(st.integers(0, 40), st.lists(st.tuples(runs, st.booleans()), min_size=2, max_size=8))
def test_after_a_daily_run_no_stored_day_was_last_read_while_openai_still_restates_it(
    refetch_days, walk
):
    """Whatever pauses, named days, start dates, months to keep and killed runs there were."""
    today, load_state, last_read = date(2025, 1, 1), LoadState(), {}
    for (pause, start_date, named), is_killed in walk:
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


# Refusals: the horizon


def test_date_range_beyond_the_horizon_is_cut_to_it():
    assert beyond_horizon(date_range(), "2025-12-04") == [date_range(since=date(2025, 12, 4))]


def test_date_range_wholly_beyond_the_horizon_is_left_out():
    assert beyond_horizon(date_range(), "2025-12-11") == []
    assert beyond_horizon(date_range(), "2026-01-01") == []


@pytest.mark.parametrize("earliest", ["2025-12-01", "2025-11-01"])
def test_horizon_that_was_kept_does_not_help(earliest):
    assert beyond_horizon(date_range(), earliest) is None


def test_horizon_without_a_date_does_not_help():
    assert beyond_horizon(date_range(), "soon") is None


def test_date_in_another_refusal_is_no_horizon():
    assert after_refusal(date_range(), HORIZON.format("2025-12-04"), "other", "start_time") is None


# Refusals: days before keys were known


def test_date_range_is_split_where_keys_begin():
    assert before_keys(date_range(), 1764979200) == [
        date_range(until=KEY_FLOOR, group_by=WITHOUT_KEY),
        date_range(since=KEY_FLOOR),
    ]


def test_day_that_is_partly_before_keys_is_asked_without_them():
    assert before_keys(date_range(), 1764979201) == [
        date_range(until=date(2025, 12, 7), group_by=WITHOUT_KEY),
        date_range(since=date(2025, 12, 7)),
    ]


@pytest.mark.parametrize("floor", [date(2025, 11, 1), date(2025, 12, 1)])
def test_keys_refused_though_known_are_left_out(floor):
    assert before_keys(date_range(), midnight(floor)) == [date_range(group_by=WITHOUT_KEY)]


@pytest.mark.parametrize("floor", [date(2025, 12, 11), date(2026, 3, 1)])
def test_date_range_wholly_before_keys_is_asked_without_them(floor):
    assert before_keys(date_range(), midnight(floor)) == [date_range(group_by=WITHOUT_KEY)]


def test_key_floor_does_not_help_a_date_range_without_keys():
    assert before_keys(date_range(group_by=("project_id", "line_item")), 1764979200) is None


# Refusals: users and projects together


def test_users_are_left_out_where_they_cannot_go_with_projects():
    assert after_refusal(date_range(), "This combination is unsupported.", None, "group_by") == [
        date_range(group_by=WITHOUT_USER)
    ]


def test_users_are_left_out_where_only_the_sentence_says_so():
    refusal = "group_by=user_id cannot be combined with project_id."
    assert after_refusal(date_range(), refusal, None, None) == [date_range(group_by=WITHOUT_USER)]


@pytest.mark.parametrize("group_by", [(), ("user_id", "line_item"), ("project_id", "line_item")])
def test_grouping_that_holds_no_such_pair_cannot_be_helped(group_by):
    refusal = "group_by=user_id is not supported."
    assert after_refusal(date_range(group_by=group_by), refusal, None, "group_by") is None


def test_refusal_of_another_kind_cannot_be_helped():
    assert after_refusal(date_range(), "limit must be at most 180.", None, "limit") is None


# What refusals taught


def test_date_range_is_cut_where_each_dimension_begins_to_be_told():
    users_from, keys_from = date(2025, 12, 4), date(2025, 12, 8)
    assert split_by_dimension(date_range(), {"user_id": users_from, "api_key_id": keys_from}) == [
        date_range(until=users_from, group_by=("project_id", "line_item")),
        date_range(since=users_from, until=keys_from, group_by=WITHOUT_KEY),
        date_range(since=keys_from),
    ]


def test_dimension_that_is_told_on_no_day_is_left_out():
    assert split_by_dimension(date_range(), {"user_id": NEVER}) == [
        date_range(group_by=WITHOUT_USER)
    ]


def test_users_without_projects_are_told_of_all_days():
    by_user = date_range(group_by=("user_id", "line_item"))
    assert split_by_dimension(by_user, {"user_id": NEVER}) == [by_user]


@pytest.mark.parametrize("first", [date(2025, 11, 1), date(2025, 12, 1)])
def test_date_range_that_begins_with_a_dimension_stays_whole(first):
    assert split_by_dimension(date_range(), {"api_key_id": first}) == [date_range()]


def test_refusal_that_names_no_day_of_the_calendar_teaches_nothing():
    assert earliest_day(HORIZON.format("2025-13-45"), "reporting_lookback_exceeded") is None


# Refusals: properties

some_days = st.dates(date(2025, 10, 1), date(2026, 3, 1))
some_date_ranges = st.builds(
    lambda since, count: date_range(since, since + timedelta(days=count)),
    some_days,
    st.integers(1, 60),
)
moments = st.builds(lambda day, second: midnight(day) + second, some_days, st.integers(0, 86_399))


def covered(pieces):
    return [day for piece in pieces for day in piece]


@settings(deadline=None)
@given(some_date_ranges, some_days)
def test_all_days_within_the_horizon_are_asked_again(asked, earliest):
    pieces = beyond_horizon(asked, earliest)
    if earliest > asked.since:
        assert covered(pieces) == [day for day in asked if day >= earliest]
        assert all(piece.group_by == GROUP_BY for piece in pieces)


@settings(deadline=None)
@given(some_date_ranges, moments)
def test_all_days_are_asked_again_around_the_first_keys(asked, moment):
    pieces = before_keys(asked, moment)
    assert covered(pieces) == list(asked)
    assert all(piece.days > 0 for piece in pieces)
    by_key = covered(piece for piece in pieces if "api_key_id" in piece.group_by)
    if midnight(asked.since) < moment:
        assert by_key == [day for day in asked if midnight(day) >= moment]


@given(some_date_ranges, some_days, moments, st.booleans())
def test_asking_as_refusals_say_ends_with_each_available_day_once(asked, earliest, moment, apart):
    """The three refusals of one organization, in the order that it happens to give them."""

    def reply(piece):
        if piece.since < earliest:
            return beyond_horizon(piece, earliest)
        if "api_key_id" in piece.group_by and piece.start_time < moment:
            return before_keys(piece, moment)
        if apart and {"user_id", "project_id"} <= set(piece.group_by):
            return after_refusal(piece, "Unsupported.", None, "group_by")
        return piece

    to_ask, told = [asked], []
    for _ in range(20):
        if to_ask:
            replied = reply(to_ask.pop(0))
            if isinstance(replied, DateRange):
                told.append(replied)
            else:
                to_ask = [*replied, *to_ask]
    assert to_ask == []
    assert covered(told) == [day for day in asked if day >= earliest]
    for piece in told:
        assert {"project_id", "line_item"} <= set(piece.group_by)
        assert ("user_id" in piece.group_by) != apart
        assert ("api_key_id" in piece.group_by) == (piece.start_time >= moment)


# Days that were not told


def test_buckets_that_tile_the_date_range_leave_no_day_untold():
    asked = date_range()
    assert missing_days(asked, buckets(*reversed(list(asked)))) == []


def test_day_without_a_bucket_is_untold():
    told = [date(2025, 12, 1), date(2025, 12, 3)]
    assert missing_days(date_range(until=date(2025, 12, 5)), buckets(*told)) == [
        date(2025, 12, 2),
        date(2025, 12, 4),
    ]


def test_reply_without_buckets_leaves_all_days_untold():
    assert missing_days(date_range(), []) == list(date_range())


def test_day_told_twice_is_refused():
    twice = buckets(date(2025, 12, 2), date(2025, 12, 1), date(2025, 12, 2))
    with pytest.raises(ValueError, match="2025-12-02 twice"):
        missing_days(date_range(), twice)


@pytest.mark.parametrize("stray", [date(2025, 11, 30), date(2025, 12, 11), date(1970, 1, 1)])
def test_day_that_was_not_asked_for_is_refused(stray):
    with pytest.raises(ValueError, match=f"{stray}, which was not requested"):
        missing_days(date_range(), buckets(date(2025, 12, 1), stray))
