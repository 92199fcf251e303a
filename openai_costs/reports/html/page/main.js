// Sets up the three selectors, and shows all sections for the selection.

function setUpSelectors() {
  const [bill, project, month] = ["bill", "project", "month"].map((id) => document.getElementById(id));
  const billName = ({ organization_name: name, currency }) => [name, currency].filter(Boolean).join(" · ");
  bill.replaceChildren(...REPORT.bills.map((entry, n) => option(n, billName(entry))));
  document.getElementById("bill-selector").hidden = REPORT.bills.length < 2;
  bill.addEventListener("change", () => selectBill(Number(bill.value)));
  project.addEventListener("change", () => {
    selection.project = project.value === ALL ? ALL : Number(project.value);
    show();
  });
  month.addEventListener("change", () => {
    selection.month = month.value;
    show();
  });
}

function option(value, name) {
  return element("option", { value: String(value) }, name);
}

function selectBill(index) {
  const bill = REPORT.bills[index];
  Object.assign(selection, { bill, project: ALL, month: bill.months.at(-1) });
  const projects = bill.projects
    .map(({ name }, n) => [n, name])
    .sort((a, b) => a[1].localeCompare(b[1], "en"))
    .map(([n, name]) => option(n, name));
  document.getElementById("project").replaceChildren(option(ALL, "All projects"), ...projects);
  const months = [...bill.months].reverse().map((month) => option(month, monthName(month)));
  document.getElementById("month").replaceChildren(...months, option(ALL, "All months"));
  show();
}

function show() {
  const { bill, project, month } = selection;
  const period = month === ALL ? "All months" : monthName(month);
  const projectName = project === ALL ? "All projects" : bill.projects[project].name;
  const through = `through ${fullDayName(bill.days.at(-1))}`;
  document.title = `OpenAI costs of ${bill.organization_name}, ${period}`;
  document.getElementById("organization").textContent = bill.organization_name;
  document.getElementById("standing").textContent =
    [period, projectName, bill.currency || "no costs", through].join(" · ");
  removeCharts();
  showHowMuch();
  showBreakdown();
  showChanges();
  showAlerts();
  showTrust();
  drawCharts();
}

setUpSelectors();
selectBill(0);
new ResizeObserver(drawCharts).observe(document.body);
window.addEventListener("beforeprint", () => resizeCharts(() => PAPER_WIDTH));
window.addEventListener("afterprint", () => resizeCharts((chart) => chart.width));
