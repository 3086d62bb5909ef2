"""The times of a series: what is read as a time, what must be in order, what is said of steps, gaps and repeats."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from unroll.data.profile import profile
from unroll.data.readers.series import series
from unroll.errors import UserError

START = datetime(2020, 1, 1)


def read(stamps: list[str], **options: Any) -> dict[str, Any]:
    """The profile's part of times."""
    content = "date;a\n" + "".join(f"{stamp};{row}.5\n" for row, stamp in enumerate(stamps))
    return profile("series", series({"x.csv": content.encode()}, separator=";", **options))["series"]


def refused(stamps: list[str], **options: Any) -> str:
    with pytest.raises(UserError) as raised:
        read(stamps, **options)
    return str(raised.value)


def spaced(step: timedelta, count: int = 30, start: datetime = START) -> list[datetime]:
    return [start + step * i for i in range(count)]


@pytest.mark.parametrize(
    ("stamps", "step"),
    [
        ([f"{t:%Y-%m-%d %H:%M:%S}" for t in spaced(timedelta(hours=1))], "1 h"),
        ([f"{t:%Y-%m-%dT%H:%M}" for t in spaced(timedelta(minutes=15))], "15 min"),
        ([t.isoformat() for t in spaced(timedelta(milliseconds=250))], "0.25 s"),
        ([f"{t:%Y-%m-%d}" for t in spaced(timedelta(days=1))], "1 day"),
        ([f"{t:%Y%m%d}" for t in spaced(timedelta(days=7))], "7 days"),
        ([f"{t:%Y%m%d%H}" for t in spaced(timedelta(hours=1))], "1 h"),
        ([f"{t:%Y%m%d%H%M}" for t in spaced(timedelta(minutes=15))], "15 min"),
        ([f"{t:%Y%m%d%H%M%S}" for t in spaced(timedelta(seconds=10))], "10 s"),
        ([f"{2020 + i // 12}{i % 12 + 1:02}" for i in range(30)], "1 month"),
        ([str(1735689600 + 3600 * i) for i in range(30)], "1 h"),
        ([str(200001 + i) for i in range(30)], "1"),
        ([str(int(t.replace(tzinfo=UTC).timestamp())) for t in spaced(timedelta(hours=1))], "1 h"),
        ([f"{t.replace(tzinfo=UTC).timestamp():.1f}" for t in spaced(timedelta(hours=1))], "1 h"),
        ([str(int(t.replace(tzinfo=UTC).timestamp()) * 1_000) for t in spaced(timedelta(seconds=1))], "1 s"),
        ([str(int(t.replace(tzinfo=UTC).timestamp()) * 10**6) for t in spaced(timedelta(seconds=1))], "1 s"),
        ([str(int(t.replace(tzinfo=UTC).timestamp()) * 10**9) for t in spaced(timedelta(minutes=5))], "5 min"),
        ([str(year) for year in range(1980, 2010)], "1 year"),
        ([str(i) for i in range(30)], "1"),
        ([f"{i / 4}" for i in range(30)], "0.25"),
        ([f"{2020 + i // 12}-{i % 12 + 1:02}-01" for i in range(30)], "1 month"),
        ([f"{2000 + i}-01-01" for i in range(30)], "1 year"),
        ([f"{2000 + i // 4}-{i % 4 * 3 + 1:02}-01" for i in range(30)], "3 months"),
        ([f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in spaced(timedelta(hours=1))], "1 h"),
    ],
)
def test_what_people_write_is_read(stamps: list[str], step: str) -> None:
    found = read(stamps)
    assert (found["step"], found["gaps"], found["repeats"]) == (step, 0, 0)
    assert (found["start"], found["end"]) == (stamps[0], stamps[-1])


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("%d.%m.%Y %H:%M", ["'%d.%m.%Y %H:%M'"]),
        ("%m/%d/%Y", ["'%m/%d/%Y'"]),
        ("%d/%m/%Y", ["'%d/%m/%Y'"]),
        ("%Y-%m", ["'%Y-%m'"]),
        ("%d-%b-%Y", ["'%d-%b-%Y'"]),
    ],
)
def test_another_form_is_named_and_read_when_it_is_stated(form: str, named: list[str]) -> None:
    step = timedelta(days=31) if form == "%Y-%m" else timedelta(days=1)
    stamps = [f"{t:{form}}" for t in spaced(step)]
    said = refused(stamps)
    for part in ("x.csv, line 2", "column date", *named):
        assert part in said
    assert read(stamps, time_format=form)["gaps"] == 0


def test_days_and_months_that_could_be_either_are_both_named() -> None:
    said = refused([f"0{day}/0{month}/2020" for month in range(1, 5) for day in range(1, 8)])
    assert "'%d/%m/%Y' or data.options.time_format='%m/%d/%Y'" in said


def in_a_block(stamps: list[str]) -> list[str]:
    return [*stamps[:20], *stamps[10:20], *stamps[20:]]


HOURLY = [f"{t:%Y-%m-%d %H:%M:%S}" for t in spaced(timedelta(hours=1))]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda s: [*s[:5], s[6], s[5], *s[7:]], ["line 8", "'2020-01-01 05:00:00' after '2020-01-01 06:00:00'"]),
        (lambda s: s[::-1], ["the last time is first"]),
        (in_a_block, ["line 22", "1 such places, 10 times that stand twice"]),
        (lambda s: [s[-1], *s[:-1]], ["line 3"]),
        (lambda s: [str(2000 - i) for i in range(30)], ["the last time is first"]),
    ],
)
def test_time_that_goes_back_is_refused_and_can_be_sorted(
    change: Callable[[list[str]], list[str]], parts: list[str]
) -> None:
    stamps = change(HOURLY)
    said = refused(stamps)
    for part in (*parts, "column date", "goes back in time", "data.options.sort=true"):
        assert part in said
    found = read(stamps, sort=True)
    assert found["moved"] > 0
    assert found["gaps"] == 0
    assert found["repeats"] == len(stamps) - len(set(stamps))


def test_sorting_moves_the_values_along() -> None:
    content = b"date,a\n" + b"".join(f"2020-01-{day:02},{day}\n".encode() for day in range(30, 0, -1))
    splits = series({"x.csv": content}, sort=True)
    assert [value for columns in splits.values() for value in columns["a"]] == list(range(1, 31))


def test_repeats_and_gaps_are_counted_and_told() -> None:
    stamps = [*HOURLY[:5], HOURLY[4], *HOURLY[5:10], *HOURLY[13:]]
    content = "date,a\n" + "".join(f"{stamp},{row}\n" for row, stamp in enumerate(stamps))
    found = profile("series", series({"x.csv": content.encode()}))
    assert found["series"] | {"repeats": 1, "gaps": 1, "longest_gap": "4 h", "shorter_steps": 0} == found["series"]
    assert "1 rows repeat the time of the row before" in found["warnings"]
    assert "1 steps in time are longer than the usual one" in found["warnings"]


def autumn(step: timedelta, form: str) -> list[str]:
    """A night in which Berlin's clocks go back, as they show it."""
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2020, 10, 24, 12, tzinfo=UTC)
    return [f"{(begin + step * i).astimezone(zone):{form}}" for i in range(60)]


def test_the_repeated_hour_of_autumn() -> None:
    """By the hour it is a repeat, which is counted; by half hours time goes back, and the zone is what helps."""
    assert read(autumn(timedelta(hours=1), "%Y-%m-%d %H:%M"))["repeats"] == 1
    said = refused(autumn(timedelta(minutes=30), "%Y-%m-%d %H:%M"))
    assert "with their zone" in said
    found = read(autumn(timedelta(minutes=30), "%Y-%m-%d %H:%M%z"))
    assert (found["zone"], found["repeats"], found["gaps"], found["step"]) == ("+01:00 +02:00", 0, 0, "30 min")


def test_the_hour_that_spring_leaves_out_is_a_gap() -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2020, 3, 28, 12, tzinfo=UTC)
    times = [(begin + timedelta(hours=i)).astimezone(zone) for i in range(40)]
    found = read([f"{t:%Y-%m-%d %H:%M}" for t in times])
    assert (found["gaps"], found["longest_gap"]) == (1, "2 h")
    assert read([t.isoformat() for t in times])["gaps"] == 0


@pytest.mark.parametrize(
    ("place", "cell", "parts"),
    [
        (7, "2020-01-01 07:00:00+01:00", ["line 9", "some times have a zone and some have none"]),
        (7, "2020-01-32", ["line 9", "not a time", "'2020-01-32'"]),
        (7, "never", ["line 9", "not a time"]),
        (7, "1577836800", ["line 9", "not a time"]),
    ],
)
def test_a_time_unlike_the_others_is_named(place: int, cell: str, parts: list[str]) -> None:
    said = refused([*HOURLY[:place], cell, *HOURLY[place + 1 :]])
    assert [part for part in parts if part not in said] == []


def test_a_number_among_years_that_is_none_is_named() -> None:
    assert "the first is '1980'" in refused([str(year) for year in range(1980, 2000)] + ["2000-01-01"] * 10)


@pytest.mark.parametrize("wrong", ["2020010124", "2020013200", "20200101"])
def test_one_wrong_time_does_not_make_numbers_of_the_others(wrong: str) -> None:
    stamps = [f"{t:%Y%m%d%H}" for t in spaced(timedelta(hours=1))]
    if wrong == "20200101":
        assert read([wrong, *stamps[1:]])["step"] == "1 h"
        return
    said = refused([*stamps[:24], wrong, *stamps[25:]])
    assert "x.csv, line 26, column date: not a time" in said
    assert wrong in said


def test_year_and_month_are_the_first_of_the_month() -> None:
    rows = "".join(f"{1990 + n // 12},{n % 12 + 1},{n}\n" for n in range(30))
    content = f"year,month,a\n{rows}".encode()
    read = series({"x.csv": content}, timestamp=["year", "month"])
    assert read["train"]["timestamp"][:2] == ["1990-01-01 00:00:00", "1990-02-01 00:00:00"]
    found = profile("series", read)["series"]
    assert (found["step"], found["gaps"]) == ("1 month", 0)
    with pytest.raises(UserError, match=r"x\.csv, line 3: year, month are no time"):
        series({"x.csv": b"year,month,a\n2020,12,1\n2020,13,2\n"}, timestamp=["year", "month"])
    with pytest.raises(UserError, match="not a time"):  # a quarter is no month
        series({"x.csv": b"year,quarter,a\n2020,1,1\n2020,2,2\n"}, timestamp=["year", "quarter"])
    with pytest.raises(UserError, match=r"data\.options\.time_format='%Y %b'"):
        series({"x.csv": b"year,month,a\n2020,Jan,1\n2020,Feb,2\n"}, timestamp=["year", "month"])


def test_a_date_and_a_time_of_digits_alone_are_still_both() -> None:
    rows = "".join(f"{t:%Y%m%d},{t:%H%M},{t.hour}\n" for t in spaced(timedelta(hours=1)))
    both = series({"x.csv": f"date,time,a\n{rows}".encode()}, timestamp=["date", "time"])
    assert profile("series", both)["series"]["step"] == "1 h"


def test_times_in_parts() -> None:
    """A date and a time; year to second; and parts that are no date."""
    rows = "".join(f"{t:%Y-%m-%d},{t:%H:%M},{t.hour}\n" for t in spaced(timedelta(hours=1)))
    both = series({"x.csv": f"date,time,a\n{rows}".encode()}, timestamp=["date", "time"])
    assert both["train"]["timestamp"][:2] == ["2020-01-01 00:00", "2020-01-01 01:00"]
    assert list(both["train"]) == ["timestamp", "a"]
    rows = "".join(f"{t.year},{t.month},{t.day},{t.hour},{t.minute},0\n" for t in spaced(timedelta(minutes=7)))
    names = ["y", "m", "d", "h", "min"]
    parts = series({"x.csv": f"{','.join(names)},a\n{rows}".encode()}, timestamp=names)
    assert parts["train"]["timestamp"][1] == "2020-01-01 00:07:00"
    with pytest.raises(UserError, match=r"line 2: y, m, d are no time") as raised:
        series({"x.csv": b"y,m,d,a\n2020,2,30,1\n"}, timestamp=["y", "m", "d"])
    assert "[2020, 2, 30]" in str(raised.value)
    with pytest.raises(UserError, match="column m: not a whole number"):
        series({"x.csv": b"y,m,d,a\n2020,Feb,3,1\n"}, timestamp=["y", "m", "d"])
