"use strict";

// Amounts are whole numbers of 10^-18, so that sums are exact; floats only place marks in charts.

const DIGITS = 18;
const TOP = 8;
const TOP_METERS = 5;
const TOP_BUDGETS = 5;
const MOVERS = 5;
const SERIES = 6;
const SMALL = 0.01;
const PAPER_WIDTH = 316; // Of a chart in one of two columns on A4.
const DAY = 86400000;
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ALL = "all";

const told = JSON.parse(document.getElementById("data").textContent);
const shown = { book: told.books[0], project: ALL, month: "" };
const charts = [];

/* Amounts */

function units(text) {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const magnitude = BigInt(whole + fraction.padEnd(DIGITS, "0"));
  return sign ? -magnitude : magnitude;
}

function exact(amount) {
  const digits = magnitude(amount).toString().padStart(DIGITS + 1, "0");
  const fraction = digits.slice(-DIGITS).replace(/0+$/, "");
  return (amount < 0n ? "-" : "") + digits.slice(0, -DIGITS) + (fraction ? `.${fraction}` : "");
}

function magnitude(amount) {
  return amount < 0n ? -amount : amount;
}

function cents(amount) {
  const cent = 10n ** BigInt(DIGITS - 2);
  const rounded = ((magnitude(amount) + cent / 2n) / cent).toString().padStart(3, "0");
  const whole = rounded.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${amount < 0n && Number(rounded) ? "−" : ""}${whole}.${rounded.slice(-2)}`;
}

function number(amount) {
  return Number(amount) / 10 ** DIGITS;
}

function ratio(part, whole) {
  return whole ? Number((part * 1000000n) / whole) / 1000000 : null;
}

function sum(rows, amount) {
  return rows.reduce((total, row) => total + units(amount(row)), 0n);
}

function percent(share) {
  if (share === null) return "–";
  const size = Math.abs(share) * 100;
  const digits = size < 9.95 && size > 0 ? 1 : 0;
  return size > 0 && size < 0.05 ? "<0.1%" : `${(share * 100).toFixed(digits).replace("-", "−")}%`;
}

/* Days and months */

function date(day) {
  return new Date(`${day}T00:00:00Z`);
}

function dayOf(moment) {
  return moment.toISOString().slice(0, 10);
}

function later(day, days) {
  return dayOf(new Date(date(day).getTime() + days * DAY));
}

function daysIn(month) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number, 0)).getUTCDate();
}

function lastDay(month) {
  return `${month}-${daysIn(month)}`;
}

function monthBefore(month) {
  return later(`${month}-01`, -1).slice(0, 7);
}

function monthName(month, isShort = false) {
  const name = MONTHS[Number(month.slice(5)) - 1];
  return isShort ? `${name.slice(0, 3)} ${month.slice(0, 4)}` : `${name} ${month.slice(0, 4)}`;
}

function dayName(day) {
  return `${Number(day.slice(8))} ${MONTHS[Number(day.slice(5, 7)) - 1].slice(0, 3)}`;
}

function weekday(day) {
  return date(day).getUTCDay();
}

function isWeekend(day) {
  return weekday(day) % 6 === 0;
}

function span(first, last) {
  if (first === last) return dayName(first);
  return first.slice(0, 7) === last.slice(0, 7)
    ? `${Number(first.slice(8))}–${dayName(last)}`
    : `${dayName(first)} – ${dayName(last)}`;
}

/* What is chosen */

function lastMonth() {
  return shown.book.months.at(-1);
}

function isOver(month) {
  return month !== lastMonth() || (isWhole(month) && !shown.book.open_days.includes(lastDay(month)));
}

function loadedIn(first, last) {
  return shown.book.days.filter((day) => day >= first && day <= last).length;
}

function isLoaded(first, last) {
  return loadedIn(first, last) === (date(last) - date(first)) / DAY + 1;
}

function isWhole(month) {
  return isLoaded(`${month}-01`, lastDay(month));
}

/** The first and last day of a period: a month, all of them, or a stretch of days by its name. */
function bounds(period) {
  if (period === ALL) return [`${shown.book.months[0]}-01`, lastDay(lastMonth())];
  return shown.book[period] ?? [`${period}-01`, lastDay(period)];
}

function isProject(project) {
  return shown.project === ALL || project === shown.project;
}

function isPeriod(period, wanted) {
  return wanted === ALL ? /^\d/.test(period) : period === wanted;
}

/** Two periods of as many days: what is compared, with what; or why nothing can be. */
function comparison() {
  const { book, month } = shown;
  if (month === ALL) return { because: "Choose a month to compare it with the one before." };
  const isOpen = !isOver(month);
  if (isOpen && !book.closed) return { because: `No day of ${monthName(month)} is over yet.` };
  const before = monthBefore(month);
  const now = isOpen ? "closed" : month;
  const then = isOpen ? "before" : before;
  const [first, last] = bounds(then);
  if (!isLoaded(first, last)) {
    return { because: `${monthName(before)} is not loaded whole: nothing to compare with.` };
  }
  if (!book.months.includes(before)) {
    return { because: `${monthName(before)} is before the months of this report.` };
  }
  const label = (period) => (isOpen ? span(...bounds(period)) : monthName(period));
  return { now, then, nowName: label(now), thenName: label(then) };
}

/* What it came to */

function dailyRows(period) {
  const [first, last] = bounds(period);
  return shown.book.by_day.filter(
    ([day, project]) => day >= first && day <= last && isProject(project),
  );
}

function total(period) {
  return sum(dailyRows(period), (row) => row[2]);
}

/** Costs of a period by name: a map from a key to { name, note, amount }. */
function grouped(rows, describe) {
  const groups = new Map();
  for (const [row, amount] of rows) {
    const { key, name, note } = describe(row);
    const group = groups.get(key) ?? { name, notes: new Set(), amount: 0n };
    if (note) group.notes.add(note);
    group.amount += units(amount);
    groups.set(key, group);
  }
  return groups;
}

const DIMENSIONS = {
  project(period) {
    const rows = dailyRows(period).map((row) => [row[1], row[2]]);
    return grouped(rows, (place) => ({ key: place, name: shown.book.projects[place].name }));
  },
  person(period) {
    return grouped(personRows(period), describePerson);
  },
  model(period) {
    return grouped(modelRows(period), ([place]) => {
      const { name, service } = shown.book.models[place];
      return { key: name, name, note: service === name ? "" : service };
    });
  },
  meter(period) {
    return grouped(modelRows(period), ([place, meter]) => ({
      key: meter,
      name: METERS[meter]?.[0] ?? (meter ? meter : "Not told"),
      note: METERS[meter]?.[1] ?? shown.book.models[place].service,
    }));
  },
};

const METERS = {
  input: ["Input", "Tokens read, at the full price"],
  "cached input": ["Cached input", "Tokens read again, at a lower price"],
  "cache write": ["Cache write", "Tokens kept to be read again"],
  output: ["Output", "Tokens, images and audio that were made"],
  calls: ["Tool calls"],
  sessions: ["Tool sessions"],
  storage: ["Tool storage"],
  characters: ["Characters"],
  duration: ["Duration"],
};

function personRows(period) {
  const wanted = shown.project === ALL ? null : shown.project;
  return shown.book.by_person
    .filter(([when, project]) => isPeriod(when, period) && project === wanted)
    .map(([, , person, amount]) => [person, amount]);
}

function describePerson(place) {
  const person = shown.book.people[place];
  return { key: person.id, name: person.name, note: personNote(person) };
}

function personNote({ type, attribution, because }) {
  if (attribution === "unattributed") return because ?? "";
  const kind = type === "service_account" ? "Service account" : "Person";
  return `${kind} · ${attribution === "reported" ? "named by OpenAI" : "by its key"}`;
}

function modelRows(period) {
  return shown.book.by_model
    .filter(([when, project]) => isPeriod(when, period) && isProject(project))
    .map(([, , model, meter, amount]) => [[model, meter], amount]);
}

function ranked(groups) {
  return [...groups.entries()]
    .map(([key, { name, notes, amount }]) => ({ key, name, amount, note: [...notes].join("; ") }))
    .sort((a, b) => (b.amount > a.amount) - (b.amount < a.amount) || (a.name < b.name ? -1 : 1));
}

/* Elements; text is never markup */

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("--") || name === "width" || name === "left") made.style.setProperty(name, value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function money(amount, isWithCurrency = false) {
  const currency = shown.book.currency;
  const text = isWithCurrency ? `${cents(amount)} ${currency}` : cents(amount);
  const title = `exactly ${exact(amount)} ${currency}`;
  return element("span", { class: "money", "data-exact": exact(amount), title }, text);
}

function change(now, then, isNew = "new") {
  if (then === 0n) return element("span", { class: "note" }, now === 0n ? "–" : isNew);
  const share = ratio(now - then, magnitude(then));
  const shade = Math.abs(share) < SMALL ? "" : direction(now - then);
  return element("span", { class: `change ${shade}` }, signed(share));
}

function signed(share) {
  if (Math.abs(share) < 0.0005) return "±0%";
  return (share > 0 ? "+" : "") + percent(share);
}

function direction(difference) {
  return difference > 0n ? "up" : difference < 0n ? "down" : "";
}

function pill(text, kind) {
  return element("span", { class: `pill ${kind}` }, text);
}

function empty(text) {
  return element("p", { class: "empty" }, text);
}

function card(title, note, ...children) {
  const heading = title ? element("h3", {}, title) : null;
  return element("div", { class: "card" }, heading, note ? element("p", { class: "note" }, note) : null, ...children);
}

function table(heads, rows, attributes = {}) {
  const cell = (tag, value, n) =>
    element(tag, heads[n].isText ? { class: "text" } : {}, ...(Array.isArray(value) ? value : [value]));
  const line = (row) => element("tr", {}, ...row.map((value, n) => cell("td", value, n)));
  const head = element("tr", {}, ...heads.map((each, n) => cell("th", each.name, n)));
  return element("table", attributes, element("thead", {}, head), element("tbody", {}, ...rows.map(line)));
}

function text(name) {
  return { name, isText: true };
}

function figure(name) {
  return { name };
}

function fill(section, answer, ...content) {
  const place = document.getElementById(section);
  place.querySelector(".answer").replaceChildren(...answer);
  place.querySelector(".content").replaceChildren(...content);
}

/* Charts */

const CHART = {
  background: null,
  autosize: { type: "fit-x", contains: "padding" },
  config: {
    font: "inherit",
    view: { stroke: null },
    axis: {
      labelColor: "var(--soft)", labelFontSize: 11, labelPadding: 6, gridColor: "var(--line)",
      domain: false, ticks: false, title: null,
    },
    axisX: { grid: false },
    axisY: { tickCount: 5, labelExpr: "datum.value === 0 ? '0' : format(datum.value, '~s')" },
  },
};

function chart(label, height, spec) {
  const place = element("div", { class: "chart", role: "img", "aria-label": label });
  place.style.minHeight = `${height}px`;
  charts.push({ place, spec: { ...CHART, height, ...spec } });
  return place;
}

function draw() {
  for (const each of charts) {
    const width = each.place.clientWidth;
    if (!width || width === each.width) continue;
    each.width = width;
    each.drawn?.then((drawn) => drawn.finalize());
    each.drawn = vegaEmbed(each.place, { ...each.spec, width }, {
      actions: false, ast: true, defaultStyle: false, renderer: "svg", tooltip: showTip,
    });
    each.drawn.then(({ view }) => Object.assign(each, { view }));
  }
}

/** Drawn anew at once, as printing does not wait. */
function redraw(widthOf) {
  for (const each of charts) each.view?.width(widthOf(each)).run();
}

function showTip(handler, event, item, value) {
  const tip = document.getElementById("tip");
  tip.hidden = !value;
  if (!value) return;
  tip.textContent = value;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - width - 8)}px`;
  tip.style.top = `${Math.max(event.clientY - height - 12, 8)}px`;
}

function legend(...entries) {
  const line = ([name, shade, shape = ""]) =>
    element("span", {}, element("i", { class: shape, "--shade": shade }), name);
  return element("div", { class: "legend" }, ...entries.filter(Boolean).map(line));
}

/** Each day of some months, by what it came to; days that were not loaded are left out. */
function dailyChart(budget) {
  const { book, month } = shown;
  const months = month === ALL ? book.months : book.months.filter((each) => each <= month).slice(-3);
  const first = `${months[0]}-01`;
  const last = lastDay(months.at(-1));
  const amounts = byDay(first, last);
  const strange = strangeDays();
  const days = book.days
    .filter((day) => day >= first && day <= last)
    .map((day) => {
      const amount = amounts.get(day) ?? 0n;
      const isShown = month === ALL || day.startsWith(month);
      const shade = (isShown ? "accent" : "past") + (isWeekend(day) ? "-soft" : "");
      const open = book.open_days.includes(day) ? "\nThe day was not over when it was read" : "";
      const tip = `${WEEKDAYS[weekday(day)]}, ${dayName(day)}\n${cents(amount)} ${book.currency}${open}`;
      const said = strange.get(day) ? `${tip}\n${strange.get(day)}` : tip;
      return { day, amount: number(amount), shade: `var(--${shade})`, tip: said, isStrange: strange.has(day) };
    });
  const x = {
    field: "day", type: "temporal", timeUnit: "utcyearmonthdate",
    scale: { domain: [first, later(last, 1)].map(moment), nice: false },
    axis: {
      values: dayTicks(months).map(moment), format: months.length > 3 ? "%b" : "%-d %b",
      labelAlign: "left", labelOverlap: true,
    },
  };
  if (!days.length) return card("Day by day", "", empty("No day of this time is loaded."));
  const y = { field: "amount", type: "quantitative" };
  const layer = [{
    mark: { type: "bar", cornerRadiusEnd: 1.5 },
    encoding: { x, y, color: { field: "shade", type: "nominal", scale: null }, tooltip: { field: "tip" } },
  }];
  const before = month === ALL ? null : meanOf(monthBefore(month));
  if (before !== null) layer.push(dayRule(before, `${monthBefore(month)}-01`, lastDay(month), "var(--soft)"));
  if (budget) layer.push(dayRule(number(budget) / daysIn(month), `${month}-01`, lastDay(month), "var(--critical)"));
  const high = days.filter((day) => day.isStrange);
  if (high.length) {
    layer.push({
      data: { values: high },
      mark: { type: "point", shape: "triangle-down", filled: true, size: 60, yOffset: -8, opacity: 1 },
      encoding: { x, y, color: { value: "var(--critical)" }, tooltip: { field: "tip" } },
    });
  }
  return card(
    "Day by day",
    `What each day cost, in ${book.currency}`,
    legend(
      [month === ALL ? "Weekdays" : monthName(month), "var(--accent)"],
      months.length > 1 && month !== ALL && ["Before", "var(--past)"],
      ["Weekends are lighter", "var(--accent-soft)"],
      before !== null && [`${monthName(monthBefore(month))}, mean of a day`, "var(--soft)", "dashed"],
      budget && ["Budget by day", "var(--critical)", "dashed"],
      high.length && ["Unusually high", "var(--critical)", "mark"],
    ),
    chart("Cost of each day", 230, { data: { values: days }, layer }),
  );
}

/** A day as Vega-Lite takes it in a scale or an axis. */
function moment(day) {
  const [year, month, number] = day.split("-").map(Number);
  return { year, month, date: number, utc: true };
}

/** Where the axis names days: each month's first and, of few months, its middle. */
function dayTicks(months) {
  const days = months.length > 3 ? ["01"] : ["01", "15"];
  return months.flatMap((month) => days.map((day) => `${month}-${day}`));
}

function byDay(first, last) {
  const amounts = new Map();
  for (const [day, project, amount] of shown.book.by_day) {
    if (day < first || day > last || !isProject(project)) continue;
    amounts.set(day, (amounts.get(day) ?? 0n) + units(amount));
  }
  return amounts;
}

function meanOf(month) {
  const days = loadedIn(`${month}-01`, lastDay(month));
  return days && shown.book.months.includes(month) ? number(total(month)) / days : null;
}

function dayRule(amount, first, last, shade) {
  return {
    data: { values: [{ first, last, amount }] },
    mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1.5 },
    encoding: {
      x: { field: "first", type: "temporal", timeUnit: "utcyearmonthdate", bandPosition: 0 },
      x2: { field: "last", timeUnit: "utcyearmonthdate", bandPosition: 1 },
      y: { field: "amount", type: "quantitative" },
      color: { value: shade },
    },
  };
}

/** Days that cost much more than usual, and a sentence for each; the largest event of the day. */
function strangeDays() {
  const project = shown.project === ALL ? null : shown.book.projects[shown.project].id;
  const days = new Map();
  for (const [day, scope, id, name, , expected, excess] of shown.book.anomalies) {
    if (days.has(day) || (project !== null && (scope !== "project" || id !== project))) continue;
    const more = cents(units(excess));
    days.set(day, `${name ?? id ?? "All"}: ${more} more than the ${cents(units(expected))} expected`);
  }
  return days;
}

/** The month as it adds up, against the month before, the budget and what is expected. */
function burnUpChart(budget, forecast) {
  const { month, book } = shown;
  const before = monthBefore(month);
  const series = [
    ...adding(month, monthName(month), "var(--accent)"),
    ...(book.months.includes(before) ? adding(before, monthName(before), "var(--past)") : []),
  ];
  if (!series.length) return card("As the month adds up", "", empty("No day of this month is loaded."));
  const highest = Math.max(...series.map((each) => each.amount), forecast?.expected ?? 0);
  const isBudgetNear = budget && number(budget) <= 2.5 * highest;
  const x = { field: "day", type: "quantitative", scale: { domain: [1, daysIn(month) > 30 ? 31 : 30], nice: false }, axis: { tickCount: 8, format: "d" } };
  const y = { field: "amount", type: "quantitative" };
  const shade = { field: "shade", type: "nominal", scale: null };
  const layer = [
    { mark: { type: "line", strokeWidth: 2.5, strokeCap: "round", clip: true }, encoding: { x, y, color: shade, detail: { field: "name" } } },
    { mark: { type: "point", filled: true, size: 90, opacity: 0 }, encoding: { x, y, tooltip: { field: "tip" } } },
  ];
  const reached = series.filter((each) => each.isLast);
  if (reached.length) {
    layer.push({ data: { values: reached }, mark: { type: "point", filled: true, size: 55, opacity: 1 }, encoding: { x, y, color: shade, tooltip: { field: "tip" } } });
  }
  if (isBudgetNear) {
    layer.push({ data: { values: [{ amount: number(budget), tip: `Budget\n${cents(budget)} ${book.currency}` }] }, mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1.5, color: "var(--critical)" }, encoding: { y, tooltip: { field: "tip" } } });
  }
  if (forecast) layer.push(...forecastLayers(forecast, series, x, y));
  return card(
    "As the month adds up",
    `Sum since the first day of the month, in ${book.currency}`,
    legend(
      [monthName(month), "var(--accent)", "line"],
      book.months.includes(before) && [monthName(before), "var(--past)", "line"],
      forecast && ["Expected", "var(--accent)", "dashed"],
      budget && [isBudgetNear ? "Budget" : `Budget ${cents(budget)}, above the chart`, "var(--critical)", "dashed"],
    ),
    chart("Costs of the month as they add up", 230, { data: { values: series }, layer }),
  );
}

function adding(month, name, shade) {
  const amounts = byDay(`${month}-01`, lastDay(month));
  let reached = 0n;
  const days = shown.book.days.filter((day) => day.startsWith(month)).map((day) => {
    reached += amounts.get(day) ?? 0n;
    const tip = `${name}, until ${dayName(day)}\n${cents(reached)} ${shown.book.currency}`;
    return { name, shade, day: Number(day.slice(8)), amount: number(reached), tip, isLast: false };
  });
  if (days.length) days.at(-1).isLast = month === lastMonth();
  return days;
}

function forecastLayers({ asOf, expected, error, month }, series, x, y) {
  const from = series.find((each) => each.name === monthName(month) && each.day === asOf);
  const last = daysIn(month);
  const tip = `Expected on ${dayName(lastDay(month))}\n${grouping(expected)} ${shown.book.currency}`;
  const line = [from, { day: last, amount: expected }].filter(Boolean);
  const end = [{ day: last, amount: expected, tip, low: expected * (1 - error), high: expected * (1 + error) }];
  return [
    { data: { values: line }, mark: { type: "line", strokeDash: [4, 3], strokeWidth: 2, color: "var(--accent)" }, encoding: { x, y } },
    { data: { values: end }, mark: { type: "rule", strokeWidth: 6, opacity: 0.3, color: "var(--accent)" }, encoding: { x, y: { field: "low", type: "quantitative" }, y2: { field: "high" } } },
    { data: { values: end }, mark: { type: "point", size: 55, opacity: 1, fill: "var(--paper)", color: "var(--accent)", strokeWidth: 2 }, encoding: { x, y, tooltip: { field: "tip" } } },
  ];
}

function grouping(amount) {
  return Math.round(amount).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

// Under the first month and each January, the year too.
const MONTH_LABEL = `datum.index === 0 || substring(datum.value, 5) === '01'
  ? [monthAbbrevFormat(toNumber(substring(datum.value, 5)) - 1), substring(datum.value, 0, 4)]
  : monthAbbrevFormat(toNumber(substring(datum.value, 5)) - 1)`;

/** Months side by side, each split by project. */
function monthlyChart() {
  const { book } = shown;
  const order = ranked(DIMENSIONS.project(ALL)).map((each) => each.key);
  const named = order.slice(0, order.length > SERIES + 1 ? SERIES : SERIES + 1);
  const values = new Map();
  for (const [day, project, amount] of dailyRows(ALL)) {
    const place = named.includes(project) ? named.indexOf(project) : SERIES;
    const key = `${day.slice(0, 7)} ${place}`;
    values.set(key, (values.get(key) ?? 0n) + units(amount));
  }
  const name = (place) => (place < named.length ? book.projects[named[place]].name : "Other projects");
  const bars = [...values.entries()].map(([key, amount]) => {
    const [month, place] = key.split(" ");
    const tip = `${monthName(month)}\n${name(Number(place))}\n${cents(amount)} ${book.currency}`;
    return { month, place: Number(place), amount: number(amount), shade: `var(--series-${Number(place) + 1})`, tip };
  });
  const places = [...new Set(bars.map((bar) => bar.place))].sort((a, b) => a - b);
  return card(
    "Month by month",
    isWhole(book.months[0]) ? `By project, in ${book.currency}` : `By project, in ${book.currency}; ${monthName(book.months[0])} is not loaded whole`,
    legend(...places.map((place) => [name(place), `var(--series-${place + 1})`])),
    !bars.length ? empty("Nothing was billed.") : chart("Costs of each month by project", 210, {
      data: { values: bars },
      mark: { type: "bar", cornerRadiusEnd: 0 },
      encoding: {
        x: { field: "month", type: "nominal", sort: null, scale: { domain: book.months, paddingInner: 0.35, paddingOuter: 0.2 }, axis: { labelAngle: 0, labelExpr: MONTH_LABEL } },
        y: { field: "amount", type: "quantitative", stack: "zero" },
        order: { field: "place" },
        color: { field: "shade", type: "nominal", scale: null },
        tooltip: { field: "tip" },
      },
    }),
  );
}

/* 1. How much? */

const STATUSES = { breached: "critical", "at risk": "warning", "on track": "good", kept: "good" };
const SOURCES = { "budgets.csv": "budgets.csv", spend_limit: "Hard limit at OpenAI", spend_alert: "Mail alert at OpenAI" };

function budgets() {
  const { book, month, project } = shown;
  return book.budgets
    .map(([when, scope, id, name, source, budget, cost, share, expected, breachedOn, expectedOn, status]) => ({
      month: when.slice(0, 7), scope, id, name, source, budget: units(budget), cost: units(cost), share,
      expected, breachedOn, expectedOn, status,
    }))
    .filter((each) => each.month === month)
    .filter((each) => project === ALL || (each.scope === "project" && each.id === book.projects[project].id))
    .sort((a, b) => urgency(a) - urgency(b) || (b.budget > a.budget) - (b.budget < a.budget));
}

/** Passed budgets come first, and OpenAI's mere mails after a person's own. */
function urgency({ status, source }) {
  return 3 * Object.keys(STATUSES).indexOf(status) + Object.keys(SOURCES).indexOf(source);
}

function budgetPill({ status, source }) {
  if (status === "breached" && source === "spend_alert") return pill("passed", "warning");
  return pill(status, STATUSES[status]);
}

/** The budget of all that is shown: a person's own comes before the limits at OpenAI. */
function mainBudget() {
  const scope = shown.project === ALL ? "organization" : "project";
  const fitting = budgets().filter((each) => each.scope === scope);
  const order = Object.keys(SOURCES);
  return fitting.sort((a, b) => order.indexOf(a.source) - order.indexOf(b.source))[0];
}

function forecast() {
  const { book, month, project } = shown;
  const id = project === ALL ? null : book.projects[project].id;
  if (project !== ALL && id === null) return undefined;
  const row = book.forecasts.find((each) => each[0] === id && each[1].slice(0, 7) === month);
  if (!row || isOver(month) || row[3] === null) return undefined;
  const [, , asOf, expected, months, error] = row;
  return { month, asOf: Number(asOf.slice(8)), expected: Number(expected), months, error: error ?? 0, isTested: error !== null };
}

function showHowMuch() {
  const { month } = shown;
  const budget = month === ALL ? undefined : mainBudget();
  const expected = month === ALL ? undefined : forecast();
  const limit = budget?.budget;
  const drawn = month === ALL ? [dailyChart()] : [burnUpChart(limit, expected), dailyChart(limit)];
  fill(
    "how-much",
    howMuchAnswer(budget, expected),
    element("div", { class: "row figures" }, ...figures(budget, expected)),
    element("div", { class: "row charts" }, ...drawn),
    ...(month === ALL ? [] : [budgetsCard()]),
  );
}

function howMuchAnswer(budget, expected) {
  const { month, book } = shown;
  if (month === ALL) {
    return [`${monthName(book.months[0])} to ${monthName(lastMonth())} cost `, money(total(ALL), true), "."];
  }
  const compared = comparison();
  const said = [`${monthName(month)} ${isOver(month) ? "cost" : "has cost"} `, money(total(month), true)];
  if (!isOver(month)) said.push(" so far");
  if (compared.now) said.push(...againstBefore(compared));
  said.push(".");
  if (expected) said.push(` It is expected to end at about ${grouping(expected.expected)} ${book.currency}`);
  if (expected && budget) said.push(`, ${expected.expected > number(budget.budget) ? "above" : "within"} its budget of `, money(budget.budget));
  if (expected) said.push(".");
  if (!expected && budget) said.push(" Its budget of ", money(budget.budget), budget.status === "breached" ? " is exceeded." : " holds.");
  return said;
}

function againstBefore({ now, then, nowName, thenName }) {
  const [amount, before] = [total(now), total(then)];
  if (before === 0n) return [];
  const share = ratio(amount - before, magnitude(before));
  const more = percent(Math.abs(share)) + (share < 0 ? " less" : " more");
  return isOver(shown.month) ? [`, ${more} than ${thenName}`] : [`; ${nowName} cost ${more} than ${thenName}`];
}

function figures(budget, expected) {
  const { month, book } = shown;
  if (month === ALL) return allFigures();
  const before = monthBefore(month);
  const loaded = loadedIn(`${month}-01`, lastDay(month));
  const compared = comparison();
  const against = compared.now
    ? [change(total(compared.now), total(compared.then)), isOver(month) ? ` against ${compared.thenName}` : `, ${compared.nowName} against ${compared.thenName}`]
    : [compared.because];
  return [
    bigFigure("total", isOver(month) ? monthName(month) : `${monthName(month)} so far`, total(month), [...against, element("br"), `${loaded} of ${daysIn(month)} days loaded`]),
    book.months.includes(before)
      ? bigFigure("before", monthName(before), total(before), [isWhole(before) ? "The whole month" : `${loadedIn(`${before}-01`, lastDay(before))} of ${daysIn(before)} days loaded`])
      : bigFigure("before", monthName(before), null, ["Not in this report"]),
    isOver(month) ? dayFigure(month) : expectedFigure(expected),
    budgetFigure(budget),
  ];
}

function bigFigure(id, name, amount, note) {
  const large = amount === null ? "–" : [money(amount), " ", element("small", {}, shown.book.currency)];
  return element(
    "div", { class: "card figure", id: `figure-${id}` },
    element("h3", {}, name), element("p", { class: "large" }, ...large), element("p", { class: "note" }, ...note),
  );
}

function estimateFigure(id, name, text, note) {
  const large = text === null ? ["–"] : [text, " ", element("small", {}, shown.book.currency)];
  return element(
    "div", { class: "card figure", id: `figure-${id}` },
    element("h3", {}, name), element("p", { class: "large" }, ...large), element("p", { class: "note" }, ...note),
  );
}

function expectedFigure(expected) {
  if (!expected) return estimateFigure("expected", "Expected month end", null, ["Too few days to tell"]);
  const { months, error, isTested } = expected;
  const name = months === 1 ? "1 past month" : `${months} past months`;
  const note = isTested
    ? `±${percent(error)}: how far it was off on average at this point of ${name}`
    : "Not tested yet: no past month is loaded whole";
  return estimateFigure("expected", "Expected month end", `≈ ${grouping(expected.expected)}`, [note]);
}

function dayFigure(month) {
  const mean = meanOf(month);
  return estimateFigure("day", "A day, on average", mean === null ? null : grouping(mean), [`Of ${loadedIn(`${month}-01`, lastDay(month))} days loaded`]);
}

function budgetFigure(budget) {
  if (!budget) {
    const whose = shown.project === ALL ? "the organization" : "this project";
    return bigFigure("budget", "Budget", null, [`None is set for ${whose} in ${monthName(shown.month)}`]);
  }
  const made = bigFigure("budget", "Budget", budget.budget, [budgetPill(budget), ` ${percent(budget.share)} spent`]);
  made.append(gauge(budget));
  return made;
}

function allFigures() {
  const { book } = shown;
  const [first, last] = [book.months[0], lastMonth()];
  const months = book.months.map((month) => [month, total(month)]);
  const [highest, amount] = months.reduce((best, each) => (each[1] > best[1] ? each : best));
  const days = loadedIn(...bounds(ALL));
  return [
    bigFigure("total", `${monthName(first, true)} – ${monthName(last, true)}`, total(ALL), [`${days} days loaded, in ${book.months.length} months`]),
    bigFigure("highest", "Highest month", amount, [monthName(highest)]),
    bigFigure("last", `${monthName(last)}${isOver(last) ? "" : " so far"}`, total(last), [`${loadedIn(`${last}-01`, lastDay(last))} of ${daysIn(last)} days loaded`]),
    estimateFigure("day", "A day, on average", grouping(number(total(ALL)) / days), [`Of ${days} days loaded`]),
  ];
}

/** What is spent of a budget, with a mark at the budget and one at what is expected. */
function gauge({ budget, cost, expected, status, source }) {
  const whole = Math.max(number(budget), number(cost), expected ?? 0) * 1.02 || 1;
  const place = (amount) => `${Math.max(0, Math.min(100, (100 * amount) / whole))}%`;
  const shade = `var(--${source === "spend_alert" && status === "breached" ? "warning" : STATUSES[status]})`;
  return element(
    "div", { class: "gauge", "--shade": shade },
    element("i", { class: "spent", width: place(number(cost)) }),
    expected === null || isOver(shown.month) ? null : element("i", { class: "expected", left: place(expected), title: `expected: ${grouping(expected)}` }),
    element("i", { class: "limit", left: place(number(budget)), title: "budget" }),
  );
}

function budgetsCard() {
  const all = budgets();
  const month = monthName(shown.month);
  if (!all.length) {
    const whose = shown.project === ALL ? "" : " for this project";
    return card(`Budgets of ${month}`, "", empty(`No budget is set${whose}: budgets.csv among the seeds takes them, and limits set at OpenAI are read.`));
  }
  const line = (each) => element(
    "li", {},
    element("div", {}, each.name ?? each.id ?? shown.book.organization_name, ...noted(`${capital(each.scope)} · ${SOURCES[each.source] ?? each.source}`)),
    gauge(each),
    element("div", { class: "amounts" }, money(each.cost), " of ", money(each.budget), ...noted(budgetNote(each))),
    element("div", { class: "status" }, budgetPill(each), ...noted(budgetDay(each))),
  );
  const note = `In ${shown.book.currency}. Bar: what is spent. Line: the budget.${isOver(shown.month) ? "" : " Dots: the expected month end."}`;
  const lines = all.map(line);
  const fit = lines.length > TOP_BUDGETS + 1 ? TOP_BUDGETS : lines.length;
  const list = element("ul", { class: "budgets", id: "budgets" }, ...lines.slice(0, fit));
  const made = card(`Budgets of ${month}`, note, list);
  if (fit < lines.length) {
    const statuses = [...new Set(all.slice(fit).map((each) => each.status))].join(", ");
    made.append(more(`${lines.length - fit} more: ${statuses}`, () => list.append(...lines.slice(fit))));
  }
  return made;
}

function budgetNote({ share, expected }) {
  const end = isOver(shown.month) || expected === null ? "" : `, ${grouping(expected)} expected`;
  return `${percent(share)} spent${end}`;
}

function budgetDay({ breachedOn, expectedOn }) {
  if (breachedOn) return `on ${dayName(breachedOn)}`;
  return expectedOn ? `by ${dayName(expectedOn)}` : "";
}

function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1).replace("_", " ");
}

/* 2. Where does it go? */

function showWhere() {
  const whole = total(shown.month);
  const groups = Object.keys(DIMENSIONS).map((dimension) => [dimension, ranked(DIMENSIONS[dimension](shown.month))]);
  const [projects, people, models, meters] = groups.map(([dimension, rows]) => rankedCard(dimension, rows));
  const row = (...cards) => element("div", { class: "row" }, ...cards);
  fill("where", whereAnswer(groups, whole), row(projects, monthlyChart()), row(people, models), row(meters, attributionCard(whole)));
}

function whereAnswer(groups, whole) {
  if (whole === 0n) return [`Nothing was billed in ${shown.month === ALL ? "these months" : monthName(shown.month)}.`];
  const names = { project: "of projects", person: "of people and service accounts", model: "of models" };
  const largest = groups
    .filter(([dimension]) => names[dimension] && (dimension !== "project" || shown.project === ALL))
    .map(([dimension, rows]) => [dimension, rows.find((row) => row.key !== null) ?? rows[0]])
    .filter(([, row]) => row);
  const said = ([dimension, row], n) => [
    `${n ? ", " : "The largest shares: "}${names[dimension]} `,
    element("strong", {}, row.name), ` ${percent(ratio(row.amount, whole))}`,
  ];
  return [...largest.flatMap(said), "."];
}

const TITLES = { project: "Projects", person: "People and service accounts", model: "Models", meter: "Meters" };

function rankedCard(dimension, rows) {
  const compared = comparison();
  const [now, then] = compared.now ? [DIMENSIONS[dimension](compared.now), DIMENSIONS[dimension](compared.then)] : [];
  const whole = rows.reduce((sum, row) => sum + row.amount, 0n);
  const largest = rows.length && rows[0].amount > 0n ? rows[0].amount : 1n;
  const line = ({ key, name, note, amount }) => [
    [name, ...noted(note), bar(ratio(amount, largest))],
    money(amount),
    element("span", { class: "number" }, percent(ratio(amount, whole))),
    ...(now ? [change(now.get(key)?.amount ?? 0n, then.get(key)?.amount ?? 0n)] : []),
  ];
  const heads = [text(""), figure(shown.book.currency), figure("Share"), ...(now ? [figure("Change")] : [])];
  const top = dimension === "meter" ? TOP_METERS : TOP;
  const fit = rows.length > top + 1 ? rows.slice(0, top) : rows;
  const made = table(heads, fit.map(line), { class: "ranked", id: `by-${dimension}` });
  const all = rows.slice(fit.length);
  const place = card(TITLES[dimension], compared.now ? `Change: ${compared.nowName} against ${compared.thenName}` : "", made);
  if (all.length) addRest(place, made, all, line, whole);
  const sumOf = element("tr", {}, element("td", { class: "text" }, "Total"), element("td", {}, money(whole)), ...heads.slice(2).map(() => element("td")));
  made.append(element("tfoot", {}, sumOf));
  return rows.length ? place : card(TITLES[dimension], "", empty("Nothing was billed."));
}

/** One line for all that are not among the first, until they are asked for. */
function addRest(place, made, rest, line, whole) {
  const amount = rest.reduce((sum, row) => sum + row.amount, 0n);
  const cells = [`${rest.length} more`, money(amount), element("span", { class: "number" }, percent(ratio(amount, whole))), ...line(rest[0]).slice(3).map(() => "")];
  const body = made.querySelector("tbody");
  const row = (values) => element("tr", {}, ...values.map((value, n) => element("td", n ? {} : { class: "text" }, ...(Array.isArray(value) ? value : [value]))));
  const summed = row(cells);
  summed.className = "rest";
  body.append(summed);
  place.append(more("", () => summed.replaceWith(...rest.map((each) => row(line(each))))));
}

/** What is left out, and a button that shows it. */
function more(left, showAll) {
  const button = element("button", { type: "button" }, "Show all");
  const made = element("p", { class: "more note" }, button, left ? ` ${left}` : "");
  button.addEventListener("click", () => {
    showAll();
    made.remove();
  });
  return made;
}

function bar(share) {
  return element("div", { class: "bar" }, element("i", { width: `${Math.max(0, 100 * (share ?? 0))}%` }));
}

const WAYS = {
  reported: ["Named by OpenAI", "OpenAI's bill says whose request it was"],
  key_owner: ["Owner of the API key", "OpenAI's bill says which key it was, and its list of keys whose that is"],
  unattributed: ["Nobody named", ""],
};

/** How it is known who spent, and why some of it is nobody's. */
function attributionCard(whole) {
  const ways = new Map();
  for (const [place, amount] of personRows(shown.month)) {
    const { attribution } = shown.book.people[place];
    ways.set(attribution, (ways.get(attribution) ?? 0n) + units(amount));
  }
  const nobodys = unattributed(ways.get("unattributed") ?? 0n);
  const largest = [...ways.values()].reduce((most, each) => (each > most ? each : most), 1n);
  const lines = Object.entries(WAYS).filter(([way]) => ways.has(way)).map(([way, [name, note]]) => [
    [name, ...noted(note), ...(way === "unattributed" ? nobodys.map((each) => noted(each)[0]) : []), bar(ratio(ways.get(way), largest))],
    money(ways.get(way)),
    element("span", { class: "number" }, percent(ratio(ways.get(way), whole))),
  ]);
  if (!lines.length) return card("How we know who spent it", "", empty("Nothing was billed."));
  return card("How we know who spent it", "", table([text(""), figure(shown.book.currency), figure("Share")], lines, { class: "ranked", id: "attribution" }));
}

function noted(note) {
  return note ? [element("span", { class: "note" }, note)] : [];
}

/** Why nobody is named: with amounts where those of single charges come to the same. */
function unattributed(amount) {
  const reasons = unattributedReasons();
  const notes = [...reasons.values()].reduce((a, b) => a + b, 0n) === amount
    ? [...reasons].map(([because, part]) => `${capital(because)}: ${cents(part)}`)
    : [...new Set(personRows(shown.month).map(([place]) => shown.book.people[place].because).filter(Boolean))].map(capital);
  if (shown.project !== ALL && reasons.has("the API names nobody")) {
    notes.push("On some days OpenAI tells people apart from projects: who spent this project's money is not known.");
  }
  return notes;
}

/** Charge by charge, which `daily_costs_by_user` sums up as several reasons. */
function unattributedReasons() {
  const reasons = new Map();
  for (const [period, project, person, amount] of shown.book.by_person) {
    const { because } = shown.book.people[person];
    if (project === null || !because || !isPeriod(period, shown.month) || !isProject(project)) continue;
    reasons.set(because, (reasons.get(because) ?? 0n) + units(amount));
  }
  return reasons;
}

/* 3. What changed? */

function showChanges() {
  const compared = comparison();
  if (!compared.now) {
    fill("changes", [compared.because], ...newsCards());
    return;
  }
  const moved = ["project", "person", "model"].map((dimension) => [dimension, movers(dimension, compared)]);
  const cards = moved.map(([dimension, rows]) => moversCard(dimension, rows, compared));
  fill("changes", changesAnswer(moved, compared), element("div", { class: "row thirds", "--least": "300px" }, ...cards), ...newsCards());
}

function movers(dimension, { now, then }) {
  const [after, before] = [DIMENSIONS[dimension](now), DIMENSIONS[dimension](then)];
  return [...new Set([...after.keys(), ...before.keys()])]
    .map((key) => {
      const [is, was] = [after.get(key)?.amount ?? 0n, before.get(key)?.amount ?? 0n];
      return { key, name: (after.get(key) ?? before.get(key)).name, is, was, moved: is - was };
    })
    .filter((row) => row.moved !== 0n)
    .sort((a, b) => Number(magnitude(b.moved) > magnitude(a.moved)) - Number(magnitude(b.moved) < magnitude(a.moved)));
}

function changesAnswer(moved, { now, then, nowName, thenName }) {
  const difference = total(now) - total(then);
  const answer = [`${nowName} cost `, money(magnitude(difference), true), ` ${difference < 0n ? "less" : "more"} than ${thenName}.`];
  const most = moved.slice(shown.project === ALL ? 0 : 1)
    .map(([dimension, rows]) => [dimension, rows.find((row) => row.key !== null)])
    .filter(([, row]) => row);
  most.forEach(([dimension, row], n) => {
    const name = { project: "project", person: "of people and service accounts", model: "model" }[dimension];
    answer.push(n ? ", " : " What moved most: ", `${name} `, element("strong", {}, row.name), " ", signedMoney(row.moved));
  });
  if (most.length) answer.push(".");
  return answer;
}

function signedMoney(amount) {
  const made = money(amount);
  made.prepend(amount > 0n ? "+" : "");
  return made;
}

function moversCard(dimension, rows, { nowName, thenName }) {
  if (!rows.length) return card(TITLES[dimension], "", empty("Nothing moved."));
  const largest = rows[0].moved;
  const lines = rows.slice(0, MOVERS).map(({ name, is, was, moved }) => [
    [name, diverging(moved, largest)],
    [element("span", { class: `change ${direction(moved)}` }, signedMoney(moved)), element("span", { class: "note" }, was === 0n ? "new" : is === 0n ? "gone" : signed(ratio(moved, magnitude(was))))],
  ]);
  return card(TITLES[dimension], `${nowName} against ${thenName}`, table([text(""), figure(shown.book.currency)], lines, { class: "movers", id: `moved-${dimension}` }));
}

function diverging(moved, largest) {
  const share = Math.abs(ratio(moved, magnitude(largest))) * 50;
  const isMore = moved > 0n;
  const made = element("i", { width: `${share}%`, left: isMore ? "50%" : `${50 - share}%` });
  made.style.background = isMore ? "var(--critical)" : "var(--good)";
  return element("div", { class: "diverging" }, made);
}

function newsCards() {
  return [element("div", { class: "row" }, pricesCard(), firstsCard())];
}

function isShownDay(day) {
  const [first, last] = bounds(shown.month);
  return day >= first && day <= last;
}

function pricesCard() {
  const { book } = shown;
  const used = new Set(modelRows(shown.month).map(([[place, meter]]) => `${book.models[place].name} ${meter}`));
  const rows = book.prices.filter(([day, model, service, meter]) => isShownDay(day) && used.has(`${model ?? service} ${meter}`));
  if (!rows.length) return card("Prices", "What was really paid for a unit", empty("No price that was paid changed."));
  const lines = rows.map(([day, model, service, meter, tier, modality, context, per, before, price]) => [
    [model ?? service, element("span", { class: "note" }, [meter, tier, modality, context === "long" ? "long context" : null].filter(Boolean).join(", "))],
    priceText(before), priceText(price),
    price === null || !before ? "–" : element("span", { class: `change ${price > before ? "up" : "down"}` }, signed((price - before) / before)),
    dayName(day),
  ]);
  const heads = [text("Model and meter"), figure("Before"), figure("Now"), figure("Change"), figure("Since")];
  const pers = [...new Set(rows.map((row) => row[7]).filter(Boolean))].join(", ");
  return card("Prices", `What was really paid${pers ? `, per ${pers}` : ""}`, table(heads, lines, { id: "prices" }));
}

function priceText(price) {
  return price === null ? "free" : Number(Number(price).toPrecision(6)).toString();
}

function firstsCard() {
  const kinds = { project: "Project", person: "Person or service account", key: "API key", model: "Model" };
  const note = "With a first cost in the time shown";
  if (shown.month === shown.book.months[0] || shown.month === ALL || !isWhole(monthBefore(shown.month))) {
    return card("New", note, empty("What is new is told of months whose month before is loaded whole."));
  }
  const groups = new Map();
  for (const [kind, id, name, project, first, anywhere, cost] of shown.book.firsts) {
    if (!isProject(project) || !isShownDay(shown.project === ALL ? anywhere : first)) continue;
    const group = groups.get(`${kind} ${id}`) ?? { kind, name, places: new Set(), first, cost: 0n };
    group.places.add(shown.book.projects[project]?.name);
    group.cost += units(cost);
    if (first < group.first) group.first = first;
    groups.set(`${kind} ${id}`, group);
  }
  if (!groups.size) return card("New", note, empty("No key, person, project or model had its first cost."));
  const where = ({ kind, places }) => (kind === "project" ? "" : ` in ${[...places].join(", ")}`);
  const lines = [...groups.values()].map((group) => [
    [group.name, element("span", { class: "note" }, kinds[group.kind] + where(group))], dayName(group.first), money(group.cost),
  ]);
  return card("New", note, table([text(""), figure("First cost"), figure("Cost since")], lines, { id: "new" }));
}

/* 4. What looks wrong? */

function showWrong() {
  const { alerts } = shown.book;
  const count = (severity) => alerts.filter((alert) => alert.severity === severity).length;
  if (!alerts.length) {
    fill("wrong", ["Nothing looks wrong."], card("", "", empty("No unusual day, no budget in danger, no check that differs, no stale data: each was looked for in all projects.")));
    return;
  }
  const counts = ["critical", "warning", "info"].filter(count).map((severity) => `${count(severity)} ${severity}`);
  const found = alerts.length === 1 ? "One thing was found" : `${alerts.length} things were found`;
  const line = ({ severity, kind, subject, day, text: said }) => element(
    "li", {},
    element("span", {}, pill(severity, severity)), element("p", {}, said), element("time", { datetime: day ?? "" }, day ? `${dayName(day)} ${day.slice(0, 4)}` : ""),
    element("span", { class: "note" }, [capital(kind), subject].filter(Boolean).join(": ")),
  );
  fill("wrong", [`${found}, in all projects: ${counts.join(", ")}.`], element("ul", { class: "card alerts", id: "alerts" }, ...alerts.map(line)));
}

/* 5. Can I trust it? */

const CHECK_STATUSES = ["equal", "within tolerance", "not comparable", "differs"];

function showTrust() {
  const { book } = shown;
  fill("trust", trustAnswer(), element("div", { class: "row" }, checksCard(), loadedCard()));
  document.getElementById("written").textContent =
    `Written ${told.written_at} from the schema openai_marts, by python pipeline.py report.`;
}

function trustAnswer() {
  const counts = Object.fromEntries(CHECK_STATUSES.map((status) => [status, checkCount(status)]));
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const missing = missingDays().length;
  if (!all) return ["Nothing could be checked yet."];
  const differ = counts.differs ? `${counts.differs.toLocaleString("en")} of ${all.toLocaleString("en")} checks differ` : `Yes: of ${all.toLocaleString("en")} checks none differs`;
  const days = missing ? `${missing === 1 ? "1 day" : `${missing} days`} between the first and the last ${missing === 1 ? "is" : "are"} missing` : "no day between the first and the last is missing";
  return [`${differ}; ${days}.`];
}

function checkCount(status, name = null) {
  return shown.book.checks
    .filter(([check, each]) => each === status && (name === null || check === name))
    .reduce((sum, row) => sum + row[2], 0);
}

function checksCard() {
  const names = [...new Set(shown.book.checks.map((row) => row[0]))];
  const cell = (status, name) => {
    const count = checkCount(status, name);
    const shade = count && status === "differs" ? "number up" : "number";
    return element("span", { class: shade }, count ? count.toLocaleString("en") : "–");
  };
  const line = (label, name) => [label, ...CHECK_STATUSES.map((status) => cell(status, name))];
  const heads = [text("Check"), figure("Equal"), figure("Within tolerance"), figure("Not comparable"), figure("Differs")];
  const made = table(heads, names.map((name) => line(name, name)), { id: "checks" });
  const sums = line("All checks", null).map((value, n) => element("td", n ? {} : { class: "text" }, value));
  made.append(element("tfoot", {}, element("tr", {}, ...sums)));
  return card("Does it add up?", "The bill against itself, against usage and against invoices: openai_marts.reconciliation", names.length ? made : empty("No check was made."));
}

function loadedCard() {
  return card("What is loaded", "", facts(), ...calendar());
}

function facts() {
  const { book } = shown;
  const { days, times, days_after: after } = book.restated;
  const restated = days
    ? `${days} ${days === 1 ? "day" : "days"} came back different, ${times} ${times === 1 ? "time" : "times"}, up to ${after} days after; the newest figure counts`
    : "No closed day came back different so far";
  const open = book.open_days.length ? `; not over when read: ${book.open_days.map(dayName).join(", ")}` : "";
  const told = [
    ["Exact total", element("span", { id: "exact-total", "data-exact": book.total }, `${book.total} ${book.currency}`)],
    ["Days", `${book.days.length.toLocaleString("en")}, ${book.days[0]} to ${book.days.at(-1)}${open}`],
    ["Loaded", element("span", {}, `${book.loaded.replace(/ ago$/, " before this was written")} `, book.is_stale ? pill("stale", "warning") : "")],
    ["Restated", restated],
  ];
  return element("dl", { class: "facts" }, ...told.flatMap(([name, fact]) => [element("dt", {}, name), element("dd", {}, fact)]));
}

function missingDays() {
  const loaded = new Set(shown.book.days);
  const missing = [];
  for (let day = shown.book.days[0]; day < shown.book.days.at(-1); day = later(day, 1)) {
    if (!loaded.has(day)) missing.push(day);
  }
  return missing;
}

/** A square for each day of each month: loaded, not over when read, missing, or not told. */
function calendar() {
  const { book } = shown;
  const loaded = new Set(book.days);
  const state = (day) => {
    if (book.open_days.includes(day)) return "open";
    if (loaded.has(day)) return "loaded";
    return day > book.days[0] && day < book.days.at(-1) ? "missing" : "untold";
  };
  const line = (month) => {
    const days = Array.from({ length: 31 }, (_, n) => `${month}-${String(n + 1).padStart(2, "0")}`);
    const square = (day, n) => (n < daysIn(month) ? element("i", { class: state(day), title: `${day}: ${{ loaded: "loaded", open: "not over when read", missing: "missing", untold: "not told" }[state(day)]}` }) : element("i"));
    return element("div", {}, element("span", {}, monthName(month, true)), ...days.map(square), element("b", {}, `${loadedIn(`${month}-01`, lastDay(month))} of ${daysIn(month)}`));
  };
  const key = legend(["Loaded", "var(--accent)"], book.open_days.length && ["Not over when read", "var(--accent-soft)"], missingDays().length && ["Missing", "var(--critical)"], ["Before the first or after the last", "var(--past-soft)"]);
  return [key, element("div", { class: "calendar" }, ...book.months.map(line))];
}

/* The page */

function option(value, name) {
  return element("option", { value: String(value) }, name);
}

function setUpChoosers() {
  const [book, project, month] = ["book", "project", "month"].map((id) => document.getElementById(id));
  book.replaceChildren(...told.books.map((each, n) => option(n, [each.organization_name, each.currency].filter(Boolean).join(" · "))));
  document.getElementById("book-chooser").hidden = told.books.length < 2;
  book.addEventListener("change", () => chooseBook(Number(book.value)));
  project.addEventListener("change", () => {
    shown.project = project.value === ALL ? ALL : Number(project.value);
    show();
  });
  month.addEventListener("change", () => {
    shown.month = month.value;
    show();
  });
}

function chooseBook(place) {
  const book = told.books[place];
  Object.assign(shown, { book, project: ALL, month: book.months.at(-1) });
  const byName = book.projects.map((each, n) => [n, each.name]).sort((a, b) => a[1].localeCompare(b[1], "en"));
  document.getElementById("project").replaceChildren(option(ALL, "All projects"), ...byName.map(([n, name]) => option(n, name)));
  const months = [...book.months].reverse().map((month) => option(month, monthName(month)));
  document.getElementById("month").replaceChildren(...months, option(ALL, "All months"));
  show();
}

function show() {
  const { book, project, month } = shown;
  const time = month === ALL ? "All months" : monthName(month);
  const what = project === ALL ? "All projects" : book.projects[project].name;
  document.title = `OpenAI costs of ${book.organization_name}, ${time}`;
  document.getElementById("organization").textContent = book.organization_name;
  document.getElementById("standing").textContent = `${time} · ${what} · ${book.currency || "no costs"} · through ${dayName(book.days.at(-1))} ${book.days.at(-1).slice(0, 4)}`;
  for (const each of charts.splice(0)) each.drawn?.then((drawn) => drawn.finalize());
  showHowMuch();
  showWhere();
  showChanges();
  showWrong();
  showTrust();
  draw();
}

setUpChoosers();
chooseBook(0);
new ResizeObserver(draw).observe(document.body);
window.addEventListener("beforeprint", () => redraw(() => PAPER_WIDTH));
window.addEventListener("afterprint", () => redraw((each) => each.width));
