// Section 4, "What looks wrong?": the alerts of all projects.

function showAlerts() {
  const { alerts } = selection.bill;
  if (!alerts.length) {
    const checked = "Checked in all projects: anomalies, budgets, reconciliation, loads, deleted keys and credits.";
    fillSection("wrong", ["Nothing looks wrong."], card("", "", empty(checked)));
    return;
  }
  const countOf = (severity) => alerts.filter((alert) => alert.severity === severity).length;
  const counts = ["critical", "warning", "info"].filter(countOf).map((severity) => `${countOf(severity)} ${severity}`);
  const number = alerts.length === 1 ? "1 alert" : `${alerts.length} alerts`;
  const list = element("ul", { class: "card alerts", id: "alerts" }, ...alerts.map(alertLine));
  fillSection("wrong", [`${number} in all projects: ${counts.join(", ")}.`], list);
}

function alertLine({ severity, kind, subject, day, text }) {
  return element(
    "li", {},
    element("span", {}, pill(severity, severity)),
    element("p", {}, text),
    element("time", { datetime: day ?? "" }, day ? fullDayName(day) : ""),
    element("span", { class: "note" }, [capital(kind), subject].filter(Boolean).join(": ")),
  );
}
