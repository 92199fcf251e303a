// Costs of the selected project: by day, and by project, user, model or meter.

const METERS = {
  input: ["Input", "Uncached input, at the price of its tier"],
  "cached input": ["Cached input", "Input from the prompt cache, at a lower price"],
  "cache write": ["Cache write", "Input written to the prompt cache"],
  output: ["Output", "Generated tokens, images and audio"],
  calls: ["Tool calls"],
  sessions: ["Tool sessions"],
  storage: ["Tool storage"],
  characters: ["Characters"],
  duration: ["Duration"],
};

/** For each dimension: the costs of a period as a map from a key to { name, notes, amount }. */
const DIMENSIONS = {
  project(period) {
    const rows = dailyRows(period).map(([, project, amount]) => [project, amount]);
    return groupCosts(rows, (project) => ({ key: project, name: selection.bill.projects[project].name }));
  },
  user(period) {
    return groupCosts(userRows(period), (index) => {
      const user = selection.bill.users[index];
      return { key: user.id, name: user.name, note: userNote(user) };
    });
  },
  model(period) {
    return groupCosts(modelRows(period), ([index]) => {
      const { name, service } = selection.bill.models[index];
      return { key: name, name, note: service === name ? "" : service };
    });
  },
  meter(period) {
    return groupCosts(modelRows(period), ([index, meter]) => ({
      key: meter,
      name: METERS[meter]?.[0] ?? (meter ? meter : "Not reported"),
      note: METERS[meter]?.[1] ?? selection.bill.models[index].service,
    }));
  },
};

function dailyRows(period) {
  const [first, last] = bounds(period);
  return selection.bill.by_day.filter(
    ([day, project]) => day >= first && day <= last && isSelectedProject(project),
  );
}

/** The rows of one project, or the rows of all projects together, which have no project. */
function userRows(period) {
  const wanted = selection.project === ALL ? null : selection.project;
  return selection.bill.by_user
    .filter(([rowPeriod, project]) => isPeriod(rowPeriod, period) && project === wanted)
    .map(([, , user, amount]) => [user, amount]);
}

function modelRows(period) {
  return selection.bill.by_model
    .filter(([rowPeriod, project]) => isPeriod(rowPeriod, period) && isSelectedProject(project))
    .map(([, , model, meter, amount]) => [[model, meter], amount]);
}

function userNote({ type, attribution, reason }) {
  if (attribution === "unattributed") return reason ?? "";
  const kind = type === "service_account" ? "Service account" : "User";
  return `${kind} · ${attribution === "reported" ? "reported by OpenAI" : "owner of the API key"}`;
}

function groupCosts(rows, describe) {
  const groups = new Map();
  for (const [row, amount] of rows) {
    const { key, name, note } = describe(row);
    const group = groups.get(key) ?? { name, notes: new Set(), amount: 0n };
    if (note) group.notes.add(note);
    group.amount += parseAmount(amount);
    groups.set(key, group);
  }
  return groups;
}

/** Groups as rows, the highest amount first. */
function ranked(groups) {
  return [...groups.entries()]
    .map(([key, { name, notes, amount }]) => ({ key, name, amount, note: [...notes].join("; ") }))
    .sort((a, b) => (b.amount > a.amount) - (b.amount < a.amount) || (a.name < b.name ? -1 : 1));
}

function total(period) {
  return sumAmounts(dailyRows(period).map(([, , amount]) => parseAmount(amount)));
}

function costsByDay(first, last) {
  const amounts = new Map();
  for (const [day, project, amount] of selection.bill.by_day) {
    if (day < first || day > last || !isSelectedProject(project)) continue;
    amounts.set(day, (amounts.get(day) ?? 0n) + parseAmount(amount));
  }
  return amounts;
}

/** The mean cost of a loaded day of the month; null if there is none. */
function meanDay(month) {
  const days = loadedDaysOf(month);
  return days && selection.bill.months.includes(month) ? toNumber(total(month)) / days : null;
}
