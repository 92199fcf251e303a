// Section 3, "What changed?": the largest changes, changed prices, and what is new.

const TOP_CHANGES = 5;

function showChanges() {
  const compared = comparison();
  const news = row(pricesCard(), newCard());
  if (!compared.now) {
    fillSection("changes", [compared.reason], news);
    return;
  }
  const changes = ["project", "user", "model"].map((dimension) => [dimension, changesOf(dimension, compared)]);
  const cards = changes.map(([dimension, rows]) => changesCard(dimension, rows, compared));
  const thirds = element("div", { class: "row thirds", "--least": "300px" }, ...cards);
  fillSection("changes", changesAnswer(changes, compared), thirds, news);
}

/** The changes of a dimension between two periods, the largest first. */
function changesOf(dimension, { now, then }) {
  const [after, before] = [DIMENSIONS[dimension](now), DIMENSIONS[dimension](then)];
  const size = (change) => absolute(change.difference);
  return [...new Set([...after.keys(), ...before.keys()])]
    .map((key) => {
      const [current, previous] = [after.get(key)?.amount ?? 0n, before.get(key)?.amount ?? 0n];
      const { name } = after.get(key) ?? before.get(key);
      return { key, name, current, previous, difference: current - previous };
    })
    .filter((change) => change.difference !== 0n)
    .sort((a, b) => Number(size(b) > size(a)) - Number(size(b) < size(a)));
}

function changesAnswer(changes, { now, then, nowName, thenName }) {
  const difference = total(now) - total(then);
  const more = difference < 0n ? "less" : "more";
  const answer = [`${nowName} cost `, moneyWithCurrency(absolute(difference)), ` ${more} than ${thenName}.`];
  const names = { project: "project", user: "user or service account", model: "model" };
  const largest = changes.slice(selection.project === ALL ? 0 : 1)
    .map(([dimension, rows]) => [dimension, rows.find((change) => change.key !== null)])
    .filter(([, change]) => change);
  largest.forEach(([dimension, change], n) => {
    const name = element("strong", {}, change.name);
    answer.push(n ? ", " : " The largest changes: ", `${names[dimension]} `, name, " ", signedMoney(change.difference));
  });
  if (largest.length) answer.push(".");
  return answer;
}

function changesCard(dimension, rows, { nowName, thenName }) {
  if (!rows.length) return card(TITLES[dimension], "", empty("Nothing changed."));
  const largest = rows[0].difference;
  const lines = rows.slice(0, TOP_CHANGES).map(({ name, current, previous, difference }) => {
    const relative = signedPercent(ratio(difference, absolute(previous)));
    const note = previous === 0n ? "new" : current === 0n ? "no costs now" : relative;
    const amount = element("span", { class: `change ${directionOf(difference)}` }, signedMoney(difference));
    return [[name, changeBar(difference, largest)], [amount, ...notes(note)]];
  });
  const columns = [textColumn(""), numberColumn(selection.bill.currency)];
  const changeTable = table(columns, lines, { class: "movers", id: `moved-${dimension}` });
  return card(TITLES[dimension], `${nowName} against ${thenName}`, changeTable);
}

/** A bar from the middle: to the right for more, to the left for less. */
function changeBar(difference, largest) {
  const width = Math.abs(ratio(difference, absolute(largest))) * 50;
  const isMore = difference > 0n;
  const part = element("i", { width: `${width}%`, left: isMore ? "50%" : `${50 - width}%` });
  part.style.background = isMore ? "var(--critical)" : "var(--good)";
  return element("div", { class: "diverging" }, part);
}

/* Prices */

function pricesCard() {
  const { bill } = selection;
  const used = new Set(modelRows(selection.month).map(([[index, meter]]) => `${bill.models[index].name} ${meter}`));
  const rows = bill.prices.filter(
    ([day, model, service, meter]) => isSelectedDay(day) && used.has(`${model ?? service} ${meter}`),
  );
  if (!rows.length) return card("Prices", "Paid price of a unit", empty("No paid price changed."));
  const lines = rows.map(([day, model, service, meter, tier, modality, context, , before, price]) => {
    const details = [meter, tier, modality, context === "long" ? "long context" : null].filter(Boolean).join(", ");
    return [
      [model ?? service, element("span", { class: "note" }, details)],
      priceText(before), priceText(price), priceChange(before, price), dayName(day),
    ];
  });
  const columns = [textColumn("Model and meter"), ...["Before", "Now", "Change", "Since"].map(numberColumn)];
  const units = [...new Set(rows.map((price) => price[7]).filter(Boolean))].join(", ");
  return card("Prices", `Paid price${units ? `, per ${units}` : ""}`, table(columns, lines, { id: "prices" }));
}

function priceText(price) {
  return price === null ? "free" : Number(Number(price).toPrecision(6)).toString();
}

function priceChange(before, price) {
  if (price === null || !before) return "–";
  const direction = price > before ? "up" : "down";
  return element("span", { class: `change ${direction}` }, signedPercent((price - before) / before));
}

/* New keys, users, projects and models */

const NEW_KINDS = { project: "Project", user: "User or service account", key: "API key", model: "Model" };

function newCard() {
  const { bill, month } = selection;
  const note = "First cost in the selected period";
  if (month === bill.months[0] || month === ALL || !isComplete(monthBefore(month))) {
    return card("New", note, empty("Available for months that follow a completely loaded month."));
  }
  const groups = newGroups();
  if (!groups.length) return card("New", note, empty("No key, user, project or model had its first cost."));
  const lines = groups.map(({ kind, name, projects, first, cost }) => {
    const where = kind === "project" ? "" : ` in ${[...projects].join(", ")}`;
    return [[name, element("span", { class: "note" }, NEW_KINDS[kind] + where)], dayName(first), money(cost)];
  });
  const columns = [textColumn(""), numberColumn("First cost"), numberColumn("Cost since")];
  return card("New", note, table(columns, lines, { id: "new" }));
}

/** What had its first cost in the selected period: in the selected project, or in any. */
function newGroups() {
  const { bill, project: selected } = selection;
  const groups = new Map();
  for (const [kind, id, name, project, first, firstAnywhere, cost] of bill.first_costs) {
    if (!isSelectedProject(project) || !isSelectedDay(selected === ALL ? firstAnywhere : first)) continue;
    const group = groups.get(`${kind} ${id}`) ?? { kind, name, projects: new Set(), first, cost: 0n };
    group.projects.add(bill.projects[project]?.name);
    group.cost += parseAmount(cost);
    if (first < group.first) group.first = first;
    groups.set(`${kind} ${id}`, group);
  }
  return [...groups.values()];
}
