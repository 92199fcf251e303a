// Section 5, "Can I trust it?": reconciliation checks and loaded days.

const CHECK_STATUSES = ["equal", "within tolerance", "not comparable", "differs"];

function showTrust() {
  const loaded = card("Loaded data", "", facts(), ...calendar());
  fillSection("trust", trustAnswer(), row(checksCard(), loaded));
  document.getElementById("written").textContent =
    `Written ${REPORT.written_at} from the schema openai_marts, by python pipeline.py report.`;
}

function trustAnswer() {
  const all = checkCount(null);
  if (!all) return ["Nothing could be checked yet."];
  const differing = checkCount("differs");
  const checks = differing
    ? `${count(differing)} of ${count(all)} checks differ`
    : `Yes: none of ${count(all)} checks differs`;
  const answer = `${checks}; ${missingAnswer(missingDays().length)}.`;
  return [[answer, ...selection.bill.unverified.map((sentence) => `${sentence}.`)].join(" ")];
}

function missingAnswer(missing) {
  if (!missing) return "no day between the first and the last is missing";
  return missing === 1
    ? "1 day between the first and the last is missing"
    : `${missing} days between the first and the last are missing`;
}

/** The number of checks; null for a status or a name means any. */
function checkCount(status, name = null) {
  return selection.bill.checks
    .filter((check) => (name === null || check[0] === name) && (status === null || check[1] === status))
    .reduce((sum, check) => sum + check[2], 0);
}

function checksCard() {
  const title = "Does it add up?";
  const note = "The bill against itself, usage and invoices: openai_marts.reconciliation";
  const names = [...new Set(selection.bill.checks.map(([name]) => name))];
  if (!names.length) return card(title, note, empty("Nothing could be checked yet."));
  const cell = (status, name) => {
    const number = checkCount(status, name);
    const color = number && status === "differs" ? "number up" : "number";
    return element("span", { class: color }, number ? count(number) : "–");
  };
  const line = (label, name) => [label, ...CHECK_STATUSES.map((status) => cell(status, name))];
  const columns = [textColumn("Check"), ...CHECK_STATUSES.map((status) => numberColumn(capital(status)))];
  const checkTable = table(columns, names.map((name) => line(name, name)), { id: "checks" });
  const sums = line("All checks", null).map((value, n) => element("td", n ? {} : { class: "text" }, value));
  checkTable.append(element("tfoot", {}, element("tr", {}, ...sums)));
  return card(title, note, checkTable);
}

function facts() {
  const { bill } = selection;
  const open = bill.open_days.length ? `; not over when read: ${bill.open_days.map(dayName).join(", ")}` : "";
  const age = `${bill.loaded.replace(/ ago$/, " before this report was written")} `;
  const lines = [
    ["Exact total", element("span", { id: "exact-total", "data-exact": bill.total }, `${bill.total} ${bill.currency}`)],
    ["Days", `${count(bill.days.length)}, ${bill.days[0]} to ${bill.days.at(-1)}${open}`],
    ["Loaded", element("span", {}, age, bill.stale ? pill("stale", "warning") : "")],
    ["Restated", restated(bill.restated)],
  ];
  return element("dl", { class: "facts" }, ...lines.flatMap(([name, fact]) => [
    element("dt", {}, name), element("dd", {}, fact),
  ]));
}

function restated({ days, times, days_after: after }) {
  if (!days) return "No closed day has changed so far";
  const changed = `${days} ${days === 1 ? "day" : "days"} changed, ${times} ${times === 1 ? "time" : "times"}`;
  return `${changed}, up to ${after} days later; the latest amounts count`;
}

function missingDays() {
  const { days } = selection.bill;
  const loaded = new Set(days);
  const missing = [];
  for (let day = days[0]; day < days.at(-1); day = addDays(day, 1)) {
    if (!loaded.has(day)) missing.push(day);
  }
  return missing;
}

const DAY_STATES = {
  loaded: "loaded", open: "not over when read", missing: "missing", outside: "before the first or after the last day",
};

/** A legend, and a square for each day of each month in the color of its state. */
function calendar() {
  const { bill } = selection;
  const states = dayStates();
  const square = (month, n) => {
    if (n >= daysIn(month)) return element("i");
    const day = `${month}-${String(n + 1).padStart(2, "0")}`;
    const state = states.get(day) ?? "outside";
    return element("i", { class: state, title: `${day}: ${DAY_STATES[state]}` });
  };
  const line = (month) => element(
    "div", {},
    element("span", {}, shortMonthName(month)),
    ...Array.from({ length: 31 }, (_, n) => square(month, n)),
    element("b", {}, `${loadedDaysOf(month)} of ${daysIn(month)}`),
  );
  const key = legend(
    ["Loaded", "var(--accent)"],
    bill.open_days.length && ["Not over when read", "var(--accent-soft)"],
    missingDays().length && ["Missing", "var(--critical)"],
    ["Before the first or after the last day", "var(--past-soft)"],
  );
  return [key, element("div", { class: "calendar" }, ...bill.months.map(line))];
}

function dayStates() {
  const { days, open_days: openDays } = selection.bill;
  return new Map([
    ...days.map((day) => [day, "loaded"]),
    ...openDays.map((day) => [day, "open"]),
    ...missingDays().map((day) => [day, "missing"]),
  ]);
}
