// Elements of the page: text, cards, tables. Text is never parsed as HTML.

const NEGLIGIBLE_CHANGE = 0.01;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("--") || name === "width" || name === "left") node.style.setProperty(name, value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** Replace the answer and the content of a section. */
function fillSection(id, answer, ...content) {
  const section = document.getElementById(id);
  section.querySelector(".answer").replaceChildren(...answer);
  section.querySelector(".content").replaceChildren(...content);
}

function card(title, note, ...children) {
  const heading = title ? element("h3", {}, title) : null;
  return element("div", { class: "card" }, heading, note ? element("p", { class: "note" }, note) : null, ...children);
}

function row(...cards) {
  return element("div", { class: "row" }, ...cards);
}

function empty(text) {
  return element("p", { class: "empty" }, text);
}

function pill(text, kind) {
  return element("span", { class: `pill ${kind}` }, text);
}

function notes(...texts) {
  return texts.filter(Boolean).map((text) => element("span", { class: "note" }, text));
}

function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1).replace("_", " ");
}

/* Amounts */

function money(amount) {
  return moneyElement(amount, cents(amount));
}

function moneyWithCurrency(amount) {
  return moneyElement(amount, `${cents(amount)} ${selection.bill.currency}`);
}

function signedMoney(amount) {
  const node = money(amount);
  node.prepend(amount > 0n ? "+" : "");
  return node;
}

function moneyElement(amount, text) {
  const title = `exactly ${exact(amount)} ${selection.bill.currency}`;
  return element("span", { class: "money", "data-exact": exact(amount), title }, text);
}

function share(part, whole) {
  return element("span", { class: "number" }, percent(ratio(part, whole)));
}

function change(now, then) {
  if (then === 0n) return element("span", { class: "note" }, now === 0n ? "–" : "new");
  const relative = ratio(now - then, absolute(then));
  const direction = Math.abs(relative) < NEGLIGIBLE_CHANGE ? "" : directionOf(now - then);
  return element("span", { class: `change ${direction}` }, signedPercent(relative));
}

function directionOf(difference) {
  return difference > 0n ? "up" : difference < 0n ? "down" : "";
}

/* Tables */

function textColumn(name) {
  return { name, isText: true };
}

function numberColumn(name) {
  return { name };
}

/** A table; the value of a cell is a child, or a list of children. */
function table(columns, rows, attributes = {}) {
  const cell = (tag, value, n) =>
    element(tag, columns[n].isText ? { class: "text" } : {}, ...(Array.isArray(value) ? value : [value]));
  const line = (values) => element("tr", {}, ...values.map((value, n) => cell("td", value, n)));
  const head = element("tr", {}, ...columns.map((column, n) => cell("th", column.name, n)));
  return element("table", attributes, element("thead", {}, head), element("tbody", {}, ...rows.map(line)));
}

function bar(part) {
  return element("div", { class: "bar" }, element("i", { width: `${Math.max(0, 100 * (part ?? 0))}%` }));
}

/** A button that shows the hidden rows, with a text about them. */
function showAllButton(text, showAll) {
  const button = element("button", { type: "button" }, "Show all");
  const paragraph = element("p", { class: "more note" }, button, text ? ` ${text}` : "");
  button.addEventListener("click", () => {
    showAll();
    paragraph.remove();
  });
  return paragraph;
}
