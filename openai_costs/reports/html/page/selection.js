// The data of the report, the reader's selection, and the periods of the selection.
// A bill is what one organization spent in one currency. A period is a month, ALL months, or one of the bill's two date
// ranges: "closed", the days of the last month that are over, and "before", the same weekdays four or five weeks ago.

const ALL = "all";
const REPORT = JSON.parse(document.getElementById("data").textContent);
const selection = { bill: REPORT.bills[0], project: ALL, month: "" };

function lastMonth() {
  return selection.bill.months.at(-1);
}

/** Whether all days of the month are over; only the last month may have open days. */
function isOver(month) {
  return month !== lastMonth() || (isComplete(month) && !selection.bill.open_days.includes(lastDay(month)));
}

function loadedDays(first, last) {
  return selection.bill.days.filter((day) => day >= first && day <= last).length;
}

function loadedDaysOf(month) {
  return loadedDays(firstDay(month), lastDay(month));
}

function isLoaded(first, last) {
  return loadedDays(first, last) === dayCount(first, last);
}

function isComplete(month) {
  return isLoaded(firstDay(month), lastDay(month));
}

/** The first and the last day of a period. */
function bounds(period) {
  if (period === ALL) return [firstDay(selection.bill.months[0]), lastDay(lastMonth())];
  return selection.bill[period] ?? [firstDay(period), lastDay(period)];
}

function isSelectedDay(day) {
  const [first, last] = bounds(selection.month);
  return day >= first && day <= last;
}

function isSelectedProject(project) {
  return selection.project === ALL || project === selection.project;
}

/** Whether a row's period is the wanted one; ALL includes the months, and not the date ranges. */
function isPeriod(period, wanted) {
  return wanted === ALL ? /^\d/.test(period) : period === wanted;
}

/** Two periods to compare, with their names; or the reason why there are none. */
function comparison() {
  const { bill, month } = selection;
  if (month === ALL) return { reason: "Select a month to compare it with the month before." };
  const isOpen = !isOver(month);
  if (isOpen && !bill.closed) return { reason: `No day of ${monthName(month)} is over yet.` };
  const before = monthBefore(month);
  const now = isOpen ? "closed" : month;
  const then = isOpen ? "before" : before;
  const name = (period) => (isOpen ? dayRange(...bounds(period)) : monthName(period));
  const incomplete = [now, then].find((period) => !isLoaded(...bounds(period)));
  if (incomplete) return { reason: `Nothing to compare: ${name(incomplete)} is not completely loaded.` };
  if (!isOpen && !bill.months.includes(before)) {
    return { reason: `${monthName(before)} is before the months of this report.` };
  }
  return { now, then, nowName: name(now), thenName: isOpen ? `${name(then)} (the same weekdays)` : name(then) };
}
