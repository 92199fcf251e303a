// Charts: drawing, resizing and printing, the tooltip and the legend.

const PAPER_WIDTH = 316; // The width of a chart in one of two columns on A4.
const charts = [];

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

/** An empty element, into which `drawCharts` draws the chart once the element has a width. */
function chart(label, height, spec) {
  const place = element("div", { class: "chart", role: "img", "aria-label": label });
  place.style.minHeight = `${height}px`;
  charts.push({ place, spec: { ...CHART, height, ...spec } });
  return place;
}

function removeCharts() {
  for (const chart of charts.splice(0)) chart.drawn?.then((drawn) => drawn.finalize());
}

/** Draw the charts that are new or whose width changed. */
function drawCharts() {
  for (const chart of charts) {
    const width = chart.place.clientWidth;
    if (!width || width === chart.width) continue;
    chart.width = width;
    chart.drawn?.then((drawn) => drawn.finalize());
    chart.drawn = vegaEmbed(chart.place, { ...chart.spec, width }, {
      actions: false, ast: true, defaultStyle: false, renderer: "svg", tooltip: showTip,
    });
    chart.drawn.then(({ view }) => Object.assign(chart, { view }));
  }
}

/** Resize the drawn charts synchronously, because printing does not wait. */
function resizeCharts(widthOf) {
  for (const chart of charts) chart.view?.width(widthOf(chart)).run();
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

/** A legend of [name, color, shape]; entries that are false are skipped. */
function legend(...entries) {
  const line = ([name, color, shape = ""]) =>
    element("span", {}, element("i", { class: shape, "--shade": color }), name);
  return element("div", { class: "legend" }, ...entries.filter(Boolean).map(line));
}

function amountAxis(field = "amount") {
  return { field, type: "quantitative" };
}

const COLOR = { field: "color", type: "nominal", scale: null };
const TIP = { field: "tip" };
