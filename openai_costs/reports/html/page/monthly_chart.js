// The chart "Month by month": the cost of each month, split by project.

const COLORED_PROJECTS = 6;

// The first month and each January are labelled with the year too.
const MONTH_LABEL = `datum.index === 0 || substring(datum.value, 5) === '01'
  ? [monthAbbrevFormat(toNumber(substring(datum.value, 5)) - 1), substring(datum.value, 0, 4)]
  : monthAbbrevFormat(toNumber(substring(datum.value, 5)) - 1)`;

function monthlyChart() {
  const { bill } = selection;
  const projects = ranked(DIMENSIONS.project(ALL)).map((group) => group.key);
  const colored = projects.slice(0, projects.length > COLORED_PROJECTS + 1 ? COLORED_PROJECTS : COLORED_PROJECTS + 1);
  const nameOf = (n) => (n < colored.length ? bill.projects[colored[n]].name : "Other projects");
  const bars = monthlyBars(colored, nameOf);
  const series = [...new Set(bars.map((bar) => bar.series))].sort((a, b) => a - b);
  const incomplete = isComplete(bill.months[0]) ? "" : `; ${monthName(bill.months[0])} is not completely loaded`;
  return card(
    "Month by month",
    `By project, in ${bill.currency}${incomplete}`,
    legend(...series.map((n) => [nameOf(n), `var(--series-${n + 1})`])),
    !bars.length ? empty("Nothing was billed.") : chart("Costs of each month by project", 210, {
      data: { values: bars },
      mark: { type: "bar", cornerRadiusEnd: 0 },
      encoding: {
        x: {
          field: "month", type: "nominal", sort: null,
          scale: { domain: bill.months, paddingInner: 0.35, paddingOuter: 0.2 },
          axis: { labelAngle: 0, labelExpr: MONTH_LABEL },
        },
        y: { ...amountAxis(), stack: "zero" },
        order: { field: "series" },
        color: COLOR,
        tooltip: TIP,
      },
    }),
  );
}

/** A bar for each month and series: the colored projects, then all other projects together. */
function monthlyBars(colored, nameOf) {
  const amounts = new Map();
  for (const [day, project, amount] of dailyRows(ALL)) {
    const series = colored.includes(project) ? colored.indexOf(project) : COLORED_PROJECTS;
    const key = `${day.slice(0, 7)} ${series}`;
    amounts.set(key, (amounts.get(key) ?? 0n) + parseAmount(amount));
  }
  return [...amounts.entries()].map(([key, amount]) => {
    const [month, number] = key.split(" ");
    const series = Number(number);
    const tip = `${monthName(month)}\n${nameOf(series)}\n${cents(amount)} ${selection.bill.currency}`;
    return { month, series, amount: toNumber(amount), color: `var(--series-${series + 1})`, tip };
  });
}
