// Days and months: a day is a text such as "2026-10-05", a month such as "2026-10"; both are UTC.

const MILLISECONDS_PER_DAY = 86400000;
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

function toDate(day) {
  return new Date(`${day}T00:00:00Z`);
}

function addDays(day, days) {
  return new Date(toDate(day).getTime() + days * MILLISECONDS_PER_DAY).toISOString().slice(0, 10);
}

/** The number of days from the first to the last one, both included. */
function dayCount(first, last) {
  return (toDate(last) - toDate(first)) / MILLISECONDS_PER_DAY + 1;
}

function weekday(day) {
  return toDate(day).getUTCDay();
}

function isWeekend(day) {
  return weekday(day) % 6 === 0;
}

function firstDay(month) {
  return `${month}-01`;
}

function lastDay(month) {
  return `${month}-${daysIn(month)}`;
}

function daysIn(month) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number, 0)).getUTCDate();
}

function monthBefore(month) {
  return addDays(firstDay(month), -1).slice(0, 7);
}

function monthName(month) {
  return `${MONTHS[Number(month.slice(5)) - 1]} ${month.slice(0, 4)}`;
}

function shortMonthName(month) {
  return `${MONTHS[Number(month.slice(5)) - 1].slice(0, 3)} ${month.slice(0, 4)}`;
}

/** 5 Oct. */
function dayName(day) {
  return `${Number(day.slice(8))} ${MONTHS[Number(day.slice(5, 7)) - 1].slice(0, 3)}`;
}

/** 5 Oct 2026. */
function fullDayName(day) {
  return `${dayName(day)} ${day.slice(0, 4)}`;
}

/** 5–7 Oct. */
function dayRange(first, last) {
  if (first === last) return dayName(first);
  return first.slice(0, 7) === last.slice(0, 7)
    ? `${Number(first.slice(8))}–${dayName(last)}`
    : `${dayName(first)} – ${dayName(last)}`;
}
