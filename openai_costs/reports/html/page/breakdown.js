// Section 2, "Where does it go?": costs by project, user, model and meter, and how they are attributed.

const TOP_ROWS = 8;
const TOP_METERS = 5;
const TITLES = { project: "Projects", user: "Users and service accounts", model: "Models", meter: "Meters" };

function showBreakdown() {
  const whole = total(selection.month);
  const groups = Object.entries(DIMENSIONS).map(([dimension, costs]) => [dimension, ranked(costs(selection.month))]);
  const [projects, users, models, meters] = groups.map(([dimension, rows]) => breakdownCard(dimension, rows));
  fillSection(
    "where",
    breakdownAnswer(groups, whole),
    row(projects, monthlyChart()), row(users, models), row(meters, attributionCard(whole)),
  );
}

function breakdownAnswer(groups, whole) {
  if (whole === 0n) {
    if (selection.month !== ALL && !loadedDaysOf(selection.month)) {
      return [`No day of ${monthName(selection.month)} is loaded.`];
    }
    return [`Nothing was billed in ${selection.month === ALL ? "these months" : monthName(selection.month)}.`];
  }
  const names = { project: "project", user: "user or service account", model: "model" };
  const largest = groups
    .filter(([dimension]) => names[dimension] && (dimension !== "project" || selection.project === ALL))
    .map(([dimension, rows]) => [dimension, rows.find((group) => group.key !== null) ?? rows[0]])
    .filter(([, group]) => group);
  const sentence = ([dimension, group], n) => [
    `${n ? ", " : "The largest shares: "}${names[dimension]} `,
    element("strong", {}, group.name), ` ${percent(ratio(group.amount, whole))}`,
  ];
  return [...largest.flatMap(sentence), "."];
}

function breakdownCard(dimension, rows) {
  if (!rows.length) return card(TITLES[dimension], "", empty("Nothing was billed."));
  const compared = comparison();
  const [now, then] = compared.now ? [DIMENSIONS[dimension](compared.now), DIMENSIONS[dimension](compared.then)] : [];
  const whole = sumAmounts(rows.map((group) => group.amount));
  const largest = rows[0].amount > 0n ? rows[0].amount : 1n;
  const cells = ({ key, name, note, amount }) => [
    [name, ...notes(note), bar(ratio(amount, largest))],
    money(amount),
    share(amount, whole),
    ...(now ? [change(now.get(key)?.amount ?? 0n, then.get(key)?.amount ?? 0n)] : []),
  ];
  const columns = [textColumn(""), numberColumn(selection.bill.currency), numberColumn("Share")];
  if (now) columns.push(numberColumn("Change"));
  const top = dimension === "meter" ? TOP_METERS : TOP_ROWS;
  const visible = rows.length > top + 1 ? rows.slice(0, top) : rows;
  const costTable = table(columns, visible.map(cells), { class: "ranked", id: `by-${dimension}` });
  const note = compared.now ? `Change: ${compared.nowName} against ${compared.thenName}` : "";
  const costCard = card(TITLES[dimension], note, costTable);
  const hidden = rows.slice(visible.length);
  if (hidden.length) addHiddenRows(costCard, costTable, hidden, cells, whole);
  const totals = [textCell("Total"), element("td", {}, money(whole)), ...columns.slice(2).map(() => element("td"))];
  costTable.append(element("tfoot", {}, element("tr", {}, ...totals)));
  return costCard;
}

/** Add one line for the hidden rows, and a button that replaces it with these rows. */
function addHiddenRows(costCard, costTable, hidden, cells, whole) {
  const amount = sumAmounts(hidden.map((group) => group.amount));
  const line = (values) =>
    element("tr", {}, ...values.map((value, n) => (n ? element("td", {}, value) : textCell(...[value].flat()))));
  const changes = cells(hidden[0]).slice(3).map(() => "");
  const sumLine = line([`${hidden.length} more`, money(amount), share(amount, whole), ...changes]);
  sumLine.className = "rest";
  costTable.querySelector("tbody").append(sumLine);
  costCard.append(showAllButton("", () => sumLine.replaceWith(...hidden.map((group) => line(cells(group))))));
}

function textCell(...children) {
  return element("td", { class: "text" }, ...children);
}

/* How costs are attributed to users */

const ATTRIBUTIONS = {
  reported: ["Reported by OpenAI", "OpenAI's bill names the user of each request"],
  key_owner: ["Owner of the API key", "OpenAI's bill names the key, and OpenAI's list of keys names its owner"],
  unattributed: ["Unattributed", ""],
};

function attributionCard(whole) {
  const amounts = new Map();
  for (const [index, amount] of userRows(selection.month)) {
    const { attribution } = selection.bill.users[index];
    amounts.set(attribution, (amounts.get(attribution) ?? 0n) + parseAmount(amount));
  }
  const title = "How costs are attributed to users";
  if (!amounts.size) return card(title, "", empty("Nothing was billed."));
  const largest = [...amounts.values()].reduce((most, amount) => (amount > most ? amount : most), 1n);
  const reasons = unattributedNotes(amounts.get("unattributed") ?? 0n);
  const lines = Object.entries(ATTRIBUTIONS).filter(([way]) => amounts.has(way)).map(([way, [name, note]]) => {
    const amount = amounts.get(way);
    const details = way === "unattributed" ? notes(...reasons) : notes(note);
    return [[name, ...details, bar(ratio(amount, largest))], money(amount), share(amount, whole)];
  });
  const columns = [textColumn(""), numberColumn(selection.bill.currency), numberColumn("Share")];
  return card(title, "", table(columns, lines, { class: "ranked", id: "attribution" }));
}

/** Why costs are unattributed; with amounts if the amounts by reason add up to the total. */
function unattributedNotes(amount) {
  const { bill, month, project } = selection;
  const reasons = unattributedReasons();
  const texts = sumAmounts([...reasons.values()]) === amount
    ? [...reasons].map(([reason, part]) => `${capital(reason)}: ${cents(part)}`)
    : [...new Set(userRows(month).map(([index]) => bill.users[index].reason).filter(Boolean))].map(capital);
  if (project !== ALL && reasons.has("the API returned no user")) {
    texts.push(
      "On some days OpenAI reports users separately from projects: it is not known who spent this project's money.",
    );
  }
  return texts;
}

/** The amount by reason, from rows by user and project: `daily_costs_by_user` shows one reason per row. */
function unattributedReasons() {
  const { bill, month } = selection;
  const reasons = new Map();
  for (const [period, project, index, amount] of bill.by_user) {
    const { reason } = bill.users[index];
    if (project === null || !reason || !isPeriod(period, month) || !isSelectedProject(project)) continue;
    reasons.set(reason, (reasons.get(reason) ?? 0n) + parseAmount(amount));
  }
  return reasons;
}
