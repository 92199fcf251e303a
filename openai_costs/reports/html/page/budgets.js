// Budgets and forecasts of the selected month.

const TOP_BUDGETS = 5;
const BUDGET_STATUSES = {
  breached: "critical", "at risk": "warning", unknown: "warning", "on track": "good", kept: "good",
};
const BUDGET_SOURCES = {
  "budgets.csv": "budgets.csv", spend_limit: "Hard limit at OpenAI", spend_alert: "E-mail alert at OpenAI",
};

/** The budgets of the selection, the most urgent first. */
function budgets() {
  const { bill, month, project } = selection;
  return bill.budgets
    .map(([day, scope, id, name, source, budget, cost, share, expected, breachedOn, expectedOn, status, reason]) => ({
      month: day.slice(0, 7), scope, id, name, source, budget: parseAmount(budget),
      cost: cost === null ? null : parseAmount(cost), share, expected, breachedOn, expectedOn, status, reason,
    }))
    .filter((row) => row.month === month)
    .filter((row) => project === ALL || (row.scope === "project" && row.id === bill.projects[project].id))
    .sort((a, b) => urgency(a) - urgency(b) || (b.budget > a.budget) - (b.budget < a.budget));
}

/** By status, then by source: OpenAI's e-mail alerts come last. */
function urgency({ status, source }) {
  return 3 * Object.keys(BUDGET_STATUSES).indexOf(status) + Object.keys(BUDGET_SOURCES).indexOf(source);
}

/** The budget of the selected project or of the organization; budgets.csv takes precedence over OpenAI's limits. */
function mainBudget() {
  const scope = selection.project === ALL ? "organization" : "project";
  const sources = Object.keys(BUDGET_SOURCES);
  return budgets()
    .filter((row) => row.scope === scope)
    .sort((a, b) => sources.indexOf(a.source) - sources.indexOf(b.source))[0];
}

/** The row of the selected month's forecast; undefined if there is none, or if the month is over. */
function forecastRow() {
  const { bill, month, project } = selection;
  const id = project === ALL ? null : bill.projects[project].id;
  if (isOver(month) || (project !== ALL && id === null)) return undefined;
  return bill.forecasts.find(([projectId, day]) => projectId === id && day.slice(0, 7) === month);
}

/** The forecast of the selected month; undefined if there is none, or if it is unknown. */
function forecast() {
  const { month } = selection;
  const row = forecastRow();
  if (!row || row[3] === null) return undefined;
  const [, , asOf, expected, months, error] = row;
  return {
    month, asOf: Number(asOf.slice(8)), expected: Number(expected), months, error: error ?? 0, isTested: error !== null,
  };
}

function budgetColor({ status, source }) {
  return status === "breached" && source === "spend_alert" ? "warning" : BUDGET_STATUSES[status];
}

function budgetPill(budget) {
  const isPassedAlert = budget.status === "breached" && budget.source === "spend_alert";
  return pill(isPassedAlert ? "passed" : budget.status, budgetColor(budget));
}

/** A bar of the spent share, with a mark at the budget and one at the expected month end. */
function gauge(budget) {
  const { expected } = budget;
  const [limit, cost] = [toNumber(budget.budget), budget.cost === null ? 0 : toNumber(budget.cost)];
  const whole = Math.max(limit, cost, expected ?? 0) * 1.02 || 1;
  const position = (amount) => `${Math.max(0, Math.min(100, (100 * amount) / whole))}%`;
  return element(
    "div", { class: "gauge", "--shade": `var(--${budgetColor(budget)})` },
    element("i", { class: "spent", width: position(cost) }),
    expected === null || isOver(selection.month)
      ? null
      : element("i", { class: "expected", left: position(expected), title: `expected: ${estimate(expected)}` }),
    element("i", { class: "limit", left: position(limit), title: "budget" }),
  );
}

function budgetsCard() {
  const all = budgets();
  const title = `Budgets of ${monthName(selection.month)}`;
  if (!all.length) {
    const scope = selection.project === ALL ? "" : " for this project";
    const remedy = "Add one to the seed budgets.csv, or set a limit at OpenAI.";
    return card(title, "", empty(`No budget is set${scope}. ${remedy}`));
  }
  const expected = isOver(selection.month) ? "" : " Dots: the expected month end.";
  const lines = all.map(budgetLine);
  const visible = lines.length > TOP_BUDGETS + 1 ? TOP_BUDGETS : lines.length;
  const list = element("ul", { class: "budgets", id: "budgets" }, ...lines.slice(0, visible));
  const note = `In ${selection.bill.currency}. Bar: the spent amount. Line: the budget.${expected}`;
  const budgetCard = card(title, note, list);
  if (visible < lines.length) {
    const statuses = [...new Set(all.slice(visible).map((row) => row.status))].join(", ");
    const text = `${lines.length - visible} more: ${statuses}`;
    budgetCard.append(showAllButton(text, () => list.append(...lines.slice(visible))));
  }
  return budgetCard;
}

function budgetLine(budget) {
  const name = budget.name ?? budget.id ?? selection.bill.organization_name;
  const source = BUDGET_SOURCES[budget.source] ?? budget.source;
  return element(
    "li", {},
    element("div", {}, name, ...notes(`${capital(budget.scope)} · ${source}`)),
    gauge(budget),
    element(
      "div", { class: "amounts" },
      budget.cost === null ? "–" : money(budget.cost), " of ", money(budget.budget), ...notes(budgetNote(budget)),
    ),
    element("div", { class: "status" }, budgetPill(budget), ...notes(budgetDay(budget))),
  );
}

function budgetNote({ share, expected, reason }) {
  const spent = share === null ? "" : `${percent(share)} spent`;
  const end = isOver(selection.month) || expected === null ? "" : `${estimate(expected)} expected`;
  return [spent, end, reason].filter(Boolean).join(", ");
}

function budgetDay({ status, breachedOn, expectedOn }) {
  if (status === "breached" && breachedOn) return `on ${dayName(breachedOn)}`;
  return expectedOn ? `by ${dayName(expectedOn)}` : "";
}
