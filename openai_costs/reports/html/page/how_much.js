// Section 1, "How much?": totals, charts and budgets.

const BUDGET_ANSWERS = {
  breached: "is exceeded", "at risk": "is expected to be exceeded", "on track": "is not exceeded", kept: "is kept",
};

function showHowMuch() {
  if (selection.month === ALL) {
    const { bill } = selection;
    const months = `${monthName(bill.months[0])} to ${monthName(lastMonth())}`;
    fillSection(
      "how-much",
      [`${months} cost `, moneyWithCurrency(total(ALL)), "."],
      element("div", { class: "row figures" }, ...figuresOfAllMonths()),
      element("div", { class: "row charts" }, dailyChart()),
    );
    return;
  }
  const [budget, expected] = [mainBudget(), forecast()];
  fillSection(
    "how-much",
    monthAnswer(budget, expected),
    element("div", { class: "row figures" }, ...figuresOfMonth(budget, expected)),
    element("div", { class: "row charts" }, burnUpChart(budget?.budget, expected), dailyChart(budget?.budget)),
    budgetsCard(),
  );
}

function monthAnswer(budget, expected) {
  const { month, bill } = selection;
  if (!loadedDaysOf(month)) return [`No day of ${monthName(month)} is loaded.`];
  const answer = [`${monthName(month)} ${isOver(month) ? "cost" : "has cost"} `, moneyWithCurrency(total(month))];
  if (!isOver(month)) answer.push(" so far");
  answer.push(...changeAnswer(comparison()), ".");
  if (expected) {
    answer.push(` It is expected to end at about ${estimate(expected.expected)} ${bill.currency}`);
    if (budget) {
      const relation = expected.expected > toNumber(budget.budget) ? "above" : "within";
      answer.push(`, ${relation} its budget of `, money(budget.budget));
    }
    answer.push(".");
  } else if (budget) {
    const verdict = BUDGET_ANSWERS[budget.status] ?? `may be exceeded: ${budget.reason}`;
    answer.push(" Its budget of ", money(budget.budget), ` ${verdict}.`);
  }
  return answer;
}

function changeAnswer({ now, then, nowName, thenName }) {
  if (!now) return [];
  const [amount, before] = [total(now), total(then)];
  if (before === 0n) return [];
  const relative = ratio(amount - before, absolute(before));
  const more = percent(Math.abs(relative)) + (relative < 0 ? " less" : " more");
  return isOver(selection.month) ? [`, ${more} than ${thenName}`] : [`; ${nowName} cost ${more} than ${thenName}`];
}

function figuresOfMonth(budget, expected) {
  const { month } = selection;
  const name = isOver(month) ? monthName(month) : `${monthName(month)} so far`;
  return [
    amountFigure("total", name, loadedTotal(month), [...changeNote(), element("br"), loadedNote(month)]),
    monthBeforeFigure(monthBefore(month)),
    isOver(month) ? meanDayFigure(month) : expectedFigure(expected),
    budgetFigure(budget),
  ];
}

function changeNote() {
  const { now, then, nowName, thenName, reason } = comparison();
  if (!now) return [reason];
  const periods = isOver(selection.month) ? ` against ${thenName}` : `, ${nowName} against ${thenName}`;
  return [change(total(now), total(then)), periods];
}

/** The total of a month; null if no day of it is loaded. */
function loadedTotal(month) {
  return loadedDaysOf(month) ? total(month) : null;
}

function loadedNote(month) {
  return `${loadedDaysOf(month)} of ${daysIn(month)} days loaded`;
}

function monthBeforeFigure(before) {
  if (!selection.bill.months.includes(before)) {
    return amountFigure("before", monthName(before), null, ["Not in this report"]);
  }
  const note = isComplete(before) ? "The whole month" : loadedNote(before);
  return amountFigure("before", monthName(before), loadedTotal(before), [note]);
}

function meanDayFigure(month) {
  const mean = meanDay(month);
  const note = `Of ${loadedDaysOf(month)} days loaded`;
  return figure("day", "Mean cost per day", mean === null ? null : estimate(mean), [note]);
}

function expectedFigure(expected) {
  if (!expected) {
    const reason = forecastRow()?.at(-1);
    const note = reason ? `Unknown: ${reason}` : "Too few days for a forecast";
    return figure("expected", "Expected month end", null, [note]);
  }
  const { months, error, isTested } = expected;
  const note = isTested
    ? `±${percent(error)}: the mean error at this point of ${months === 1 ? "1 past month" : `${months} past months`}`
    : "Not tested yet: no past month is completely loaded";
  return figure("expected", "Expected month end", `≈ ${estimate(expected.expected)}`, [note]);
}

function budgetFigure(budget) {
  if (!budget) {
    const scope = selection.project === ALL ? "the organization" : "this project";
    return amountFigure("budget", "Budget", null, [`None is set for ${scope} in ${monthName(selection.month)}`]);
  }
  const note = [budgetPill(budget), ` ${budgetNote({ ...budget, expected: null })}`];
  const budgetCard = amountFigure("budget", "Budget", budget.budget, note);
  budgetCard.append(gauge(budget));
  return budgetCard;
}

function figuresOfAllMonths() {
  const { bill } = selection;
  const [first, last] = [bill.months[0], lastMonth()];
  const months = bill.months.map((month) => [month, total(month)]);
  const [highest, amount] = months.reduce((best, month) => (month[1] > best[1] ? month : best));
  const days = loadedDays(...bounds(ALL));
  const note = `${days} days loaded, in ${bill.months.length} months`;
  const lastName = `${monthName(last)}${isOver(last) ? "" : " so far"}`;
  const mean = estimate(toNumber(total(ALL)) / days);
  return [
    amountFigure("total", `${shortMonthName(first)} – ${shortMonthName(last)}`, total(ALL), [note]),
    amountFigure("highest", "Highest month", amount, [monthName(highest)]),
    amountFigure("last", lastName, total(last), [loadedNote(last)]),
    figure("day", "Mean cost per day", mean, [`Of ${days} days loaded`]),
  ];
}

function amountFigure(id, name, amount, note) {
  return figure(id, name, amount === null ? null : money(amount), note);
}

/** A large figure in the bill's currency; a dash if it is null. */
function figure(id, name, value, note) {
  const large = value === null ? ["–"] : [value, " ", element("small", {}, selection.bill.currency)];
  return element(
    "div", { class: "card figure", id: `figure-${id}` },
    element("h3", {}, name), element("p", { class: "large" }, ...large), element("p", { class: "note" }, ...note),
  );
}
