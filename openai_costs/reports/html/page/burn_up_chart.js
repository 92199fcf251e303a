// The chart "As the month adds up": the running totals of this and the previous month, the budget and the forecast.

function burnUpChart(budget, forecast) {
  const { month, bill } = selection;
  const before = monthBefore(month);
  const series = [
    ...runningTotal(month, "var(--accent)"),
    ...(bill.months.includes(before) ? runningTotal(before, "var(--past)") : []),
  ];
  if (!series.length) return card("As the month adds up", "", empty("No day of this month is loaded."));
  const highest = Math.max(...series.map((point) => point.amount), forecast?.expected ?? 0);
  const budgetFits = budget && toNumber(budget) <= 2.5 * highest;
  const x = {
    field: "day", type: "quantitative",
    scale: { domain: [1, daysIn(month) > 30 ? 31 : 30], nice: false },
    axis: { tickCount: 8, format: "d" },
  };
  const y = amountAxis();
  const layer = [
    {
      mark: { type: "line", strokeWidth: 2.5, strokeCap: "round", clip: true },
      encoding: { x, y, color: COLOR, detail: { field: "name" } },
    },
    {
      mark: { type: "point", filled: true, size: 90, opacity: 0 },
      encoding: { x, y, tooltip: TIP },
    },
  ];
  const latest = series.filter((point) => point.isLatest);
  if (latest.length) {
    layer.push({
      data: { values: latest },
      mark: { type: "point", filled: true, size: 55, opacity: 1 },
      encoding: { x, y, color: COLOR, tooltip: TIP },
    });
  }
  if (budgetFits) {
    layer.push({
      data: { values: [{ amount: toNumber(budget), tip: `Budget\n${cents(budget)} ${bill.currency}` }] },
      mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1.5, color: "var(--critical)" },
      encoding: { y, tooltip: TIP },
    });
  }
  if (forecast) layer.push(...forecastLayers(forecast, series, x, y));
  const budgetName = budgetFits ? "Budget" : budget && `Budget ${cents(budget)}, above the chart`;
  return card(
    "As the month adds up",
    `Sum since the first day of the month, in ${bill.currency}`,
    legend(
      [monthName(month), "var(--accent)", "line"],
      bill.months.includes(before) && [monthName(before), "var(--past)", "line"],
      forecast && ["Expected", "var(--accent)", "dashed"],
      budget && [budgetName, "var(--critical)", "dashed"],
    ),
    chart("Costs of the month as they add up", 230, { data: { values: series }, layer }),
  );
}

/** The running total of the month's costs on each loaded day. */
function runningTotal(month, color) {
  const name = monthName(month);
  const amounts = costsByDay(firstDay(month), lastDay(month));
  let sum = 0n;
  const points = selection.bill.days.filter((day) => day.startsWith(month)).map((day) => {
    sum += amounts.get(day) ?? 0n;
    const tip = `${name}, until ${dayName(day)}\n${cents(sum)} ${selection.bill.currency}`;
    return { name, color, day: Number(day.slice(8)), amount: toNumber(sum), tip, isLatest: false };
  });
  if (points.length) points.at(-1).isLatest = month === lastMonth();
  return points;
}

/** The line to the expected month end, its error range and its point. */
function forecastLayers({ asOf, expected, error, month }, series, x, y) {
  const from = series.find((point) => point.name === monthName(month) && point.day === asOf);
  const last = daysIn(month);
  const tip = `Expected on ${dayName(lastDay(month))}\n${estimate(expected)} ${selection.bill.currency}`;
  const line = [from, { day: last, amount: expected }].filter(Boolean);
  const end = [{ day: last, amount: expected, tip, low: expected * (1 - error), high: expected * (1 + error) }];
  return [
    {
      data: { values: line },
      mark: { type: "line", strokeDash: [4, 3], strokeWidth: 2, color: "var(--accent)" },
      encoding: { x, y },
    },
    {
      data: { values: end },
      mark: { type: "rule", strokeWidth: 6, opacity: 0.3, color: "var(--accent)" },
      encoding: { x, y: amountAxis("low"), y2: { field: "high" } },
    },
    {
      data: { values: end },
      mark: { type: "point", size: 55, opacity: 1, fill: "var(--paper)", color: "var(--accent)", strokeWidth: 2 },
      encoding: { x, y, tooltip: TIP },
    },
  ];
}
