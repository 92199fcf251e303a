// The chart "Day by day": the cost of each loaded day.

function dailyChart(budget) {
  const { bill, month } = selection;
  const months = month === ALL ? bill.months : bill.months.filter((other) => other <= month).slice(-3);
  const first = firstDay(months[0]);
  const last = lastDay(months.at(-1));
  const days = chartDays(first, last);
  if (!days.length) return card("Day by day", "", empty("No day of this period is loaded."));
  const x = {
    field: "day", type: "temporal", timeUnit: "utcyearmonthdate",
    scale: { domain: [first, addDays(last, 1)].map(vegaDate), nice: false },
    axis: {
      values: dayTicks(months).map(vegaDate), format: months.length > 3 ? "%b" : "%-d %b",
      labelAlign: "left", labelOverlap: true,
    },
  };
  const y = amountAxis();
  const layer = [{
    mark: { type: "bar", cornerRadiusEnd: 1.5 },
    encoding: { x, y, color: COLOR, tooltip: TIP },
  }];
  const before = month === ALL ? null : meanDay(monthBefore(month));
  if (before !== null) layer.push(rule(before, firstDay(monthBefore(month)), lastDay(month), "var(--soft)"));
  if (budget) layer.push(rule(toNumber(budget) / daysIn(month), firstDay(month), lastDay(month), "var(--critical)"));
  const unusual = days.filter((day) => day.isUnusual);
  if (unusual.length) {
    layer.push({
      data: { values: unusual },
      mark: { type: "point", shape: "triangle-down", filled: true, size: 60, yOffset: -8, opacity: 1 },
      encoding: { x, y, color: { value: "var(--critical)" }, tooltip: TIP },
    });
  }
  return card(
    "Day by day",
    `Cost of each day, in ${bill.currency}`,
    legend(
      [month === ALL ? "Weekdays" : monthName(month), "var(--accent)"],
      months.length > 1 && month !== ALL && ["Before", "var(--past)"],
      ["Weekends are lighter", "var(--accent-soft)"],
      before !== null && [`Daily mean of ${monthName(monthBefore(month))}`, "var(--soft)", "dashed"],
      budget && ["Budget per day", "var(--critical)", "dashed"],
      unusual.length && ["Unusually high", "var(--critical)", "mark"],
    ),
    chart("Cost of each day", 230, { data: { values: days }, layer }),
  );
}

function chartDays(first, last) {
  const { bill, month } = selection;
  const amounts = costsByDay(first, last);
  const unusual = unusualDays();
  return bill.days
    .filter((day) => day >= first && day <= last)
    .map((day) => {
      const amount = amounts.get(day) ?? 0n;
      const isSelected = month === ALL || day.startsWith(month);
      const color = (isSelected ? "accent" : "past") + (isWeekend(day) ? "-soft" : "");
      const tip = [`${WEEKDAYS[weekday(day)]}, ${dayName(day)}`, `${cents(amount)} ${bill.currency}`];
      if (bill.open_days.includes(day)) tip.push("The day was not over when it was read");
      if (unusual.has(day)) tip.push(unusual.get(day));
      return {
        day, amount: toNumber(amount), color: `var(--${color})`, tip: tip.join("\n"), isUnusual: unusual.has(day),
      };
    });
}

/** A sentence for each day that cost much more than usual: its largest anomaly. */
function unusualDays() {
  const { bill, project } = selection;
  const id = project === ALL ? null : bill.projects[project].id;
  const days = new Map();
  for (const [day, scope, scopeId, name, , expected, excess] of bill.anomalies) {
    if (days.has(day) || (id !== null && (scope !== "project" || scopeId !== id))) continue;
    const more = `${cents(parseAmount(excess))} more than the ${cents(parseAmount(expected))} expected`;
    days.set(day, `${name ?? scopeId ?? "All"}: ${more}`);
  }
  return days;
}

/** A day in the format of a scale or an axis of Vega-Lite. */
function vegaDate(day) {
  const [year, month, number] = day.split("-").map(Number);
  return { year, month, date: number, utc: true };
}

/** The labelled days: the first and, if there are few months, the 15th of each month. */
function dayTicks(months) {
  const days = months.length > 3 ? ["01"] : ["01", "15"];
  return months.flatMap((month) => days.map((day) => `${month}-${day}`));
}

/** A dashed line at an amount, from one day to another. */
function rule(amount, first, last, color) {
  return {
    data: { values: [{ first, last, amount }] },
    mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1.5 },
    encoding: {
      x: { field: "first", type: "temporal", timeUnit: "utcyearmonthdate", bandPosition: 0 },
      x2: { field: "last", timeUnit: "utcyearmonthdate", bandPosition: 1 },
      y: amountAxis(),
      color: { value: color },
    },
  };
}
