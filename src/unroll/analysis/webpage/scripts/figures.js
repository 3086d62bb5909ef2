// Figures by plotly: quality against cost, ranks, rate and distortion, and the curves of a cell.

// Okabe and Ito's colours (2008), told apart without colour, too: by their marker and dash.
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star", "pentagon"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const look = (place) => ({ colour: COLOURS[place % 6], symbol: SYMBOLS[place % 9], dash: DASHES[Math.floor(place / 6) % 6] });

/** Draw into an element, with its text for those who do not see it. */
function draw(id, traces, layout, said) {
  const place = at(id);
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("faint"), automargin: true, title: { standoff: 8 } };
  const isNarrow = innerWidth < 640;
  place.setAttribute("aria-label", said);
  Plotly.react(
    place,
    traces,
    {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("ink"), family: "system-ui, sans-serif", size: isNarrow ? 10 : 12 },
      margin: { l: 60, r: 10, t: 10, b: 50 },
      hoverlabel: { bgcolor: colour("panel"), font: { color: colour("ink") } },
      legend: isNarrow ? { orientation: "h", y: 1.02, yanchor: "bottom", font: { size: 10 } } : { font: { size: 11 } },
      ...layout,
      xaxis: { ...axis, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
    },
    { displayModeBar: false, responsive: true, scrollZoom: false },
  );
}

/** Whether values want a logarithmic axis. */
function isWide(values, factor) {
  const known = values.filter((value) => value !== null);
  return known.length > 0 && Math.min(...known) > 0 && Math.max(...known) > factor * Math.min(...known);
}

const metricOf = (problem) => `${problem.metric}, ${problem.unit} (${problem.arrow})`;

/** The values of a row's seeds. */
const seedsOf = (row) => row.trials.map((id) => DATA.trials[id].value).filter((value) => value !== undefined);

function costLines(problem, kind) {
  return problem.rows
    .filter((row) => row.mean !== null && row.costs[kind] !== null)
    .map((row) => ({ row, x: row.costs[kind], front: problem.fronts[kind].includes(row.label) && !row.baseline, seeds: seedsOf(row) }));
}

function drawCost() {
  const problem = DATA.problems[at("cost-problem").value];
  const kind = at("cost-kind").value;
  if (!problem) return;
  const want = wanted();
  const lines = costLines(problem, kind).filter((one) => hasRow(one.row, { ...want, family: "" }));
  const points = lines.filter((one) => !one.row.baseline && (!want.family || one.row.family === want.family));
  const families = [...new Set(problem.rows.filter((row) => !row.baseline).map((row) => row.family))].sort();
  const traces = families.map((family, place) => {
    const own = points.filter((one) => one.row.family === family);
    return {
      name: family,
      mode: "markers",
      x: own.map((one) => one.x),
      y: own.map((one) => one.row.mean),
      text: own.map((one) => one.row.label),
      hovertemplate: "%{text}<br>%{y} at %{x}<extra></extra>",
      marker: { color: look(place).colour, size: 9, symbol: own.map((one) => look(place).symbol + (one.row.rank === null ? "-open" : "")) },
      error_y: {
        type: "data",
        symmetric: false,
        array: own.map((one) => Math.max(...one.seeds) - one.row.mean),
        arrayminus: own.map((one) => one.row.mean - Math.min(...one.seeds)),
        thickness: 1,
        width: 3,
      },
    };
  });
  const front = points.filter((one) => one.front).sort((a, b) => a.x - b.x);
  traces.push({
    name: "front",
    mode: innerWidth < 640 ? "lines" : "lines+text",
    x: front.map((one) => one.x),
    y: front.map((one) => one.row.mean),
    text: front.map((one) => one.row.label),
    textposition: problem.direction === "higher" ? "top left" : "bottom left",
    textfont: { size: 11 },
    line: { shape: "hv", color: colour("ink"), width: 1.5 },
    cliponaxis: false,
    hoverinfo: "skip",
  });
  const reach = points.map((one) => one.x);
  const levels = problem.rows.filter((row) => row.baseline && row.rank !== null && row.mean !== null);
  levels.forEach((row, place) => {
    traces.push({
      name: `${row.label} (baseline)`,
      mode: "lines",
      x: [Math.min(...reach), Math.max(...reach)],
      y: [row.mean, row.mean],
      line: { color: colour("faint"), dash: DASHES[(place % 5) + 1], width: 1.5 },
      hovertemplate: `${row.label}: %{y}<extra></extra>`,
    });
  });
  const values = [...points.map((one) => one.row.mean), ...levels.map((row) => row.mean)];
  const names = `On the front, from cheap to dear: ${front.map((one) => one.row.label).join(", ") || "none"}.`;
  const said = `${problem.title}: ${problem.metric} against ${DATA.costs[kind]}. ${names}`;
  at("cost-front").textContent = names;
  draw(
    "cost-figure",
    traces,
    {
      xaxis: { title: { text: `${DATA.costs[kind]} (fewer is better)` }, type: isWide(reach, 10) ? "log" : "linear" },
      yaxis: { title: { text: metricOf(problem) }, type: isWide(values, 30) ? "log" : "linear" },
    },
    said,
  );
  CSV.cost = () => [
    ["problem", "row", "family", "unranked", DATA.costs[kind], problem.metric, "lowest seed", "highest seed", "on the front"],
    ...costLines(problem, kind).map((one) => [problem.title, one.row.label, one.row.family, one.row.rank === null, one.x, one.row.mean, Math.min(...one.seeds), Math.max(...one.seeds), one.front]),
  ];
}

function drawRanks() {
  const group = DATA.groups[at("rank-group")?.value];
  if (!group) return;
  const many = group.problems.length;
  const lane = (place) => (many > 1 ? 0.5 * (place / (many - 1) - 0.5) : 0); // equal ranks of two problems stay apart
  const traces = group.problems.map((problem, place) => ({
    name: problem,
    mode: "markers",
    x: group.ranks[place],
    y: group.networks.map((_, line) => line + lane(place)),
    text: group.networks,
    marker: { color: look(place).colour, symbol: look(place).symbol, size: 7 },
    hovertemplate: `%{text}: rank %{x} in ${problem}<extra></extra>`,
  }));
  traces.push({
    name: "mean over problems",
    mode: "markers",
    x: group.mean_ranks,
    y: group.networks.map((_, line) => line),
    text: group.networks,
    marker: { symbol: "line-ns-open", size: 16, color: colour("ink"), line: { width: 3, color: colour("ink") } },
    hovertemplate: "%{text}: mean rank %{x:.2f}<extra></extra>",
  });
  at("rank-figure").style.height = `${10 + 1.4 * group.networks.length}rem`;
  const lines = { tickvals: group.networks.map((_, line) => line), ticktext: group.networks, range: [group.networks.length - 0.5, -0.5], zeroline: false };
  draw(
    "rank-figure",
    traces,
    { xaxis: { title: { text: "rank (fewer is better)" }, range: [0, Math.max(...group.ranks.flat()) + 1] }, yaxis: lines, legend: { orientation: "h", y: 1.01, yanchor: "bottom", font: { size: 10 } } },
    `Ranks of ${group.networks.length} networks in ${many} problems; by mean rank the first is ${group.networks[0]}, ${group.mean_ranks[0].toFixed(1)}, and the last ${group.networks.at(-1)}, ${group.mean_ranks.at(-1).toFixed(1)}.`,
  );
  CSV.rank = () => [["network", "mean rank", ...group.problems], ...group.networks.map((name, place) => [name, group.mean_ranks[place], ...group.ranks.map((ranks) => ranks[place])])];
}

function drawRate() {
  const problem = DATA.problems[at("rate-problem")?.value];
  if (!problem) return;
  const want = wanted();
  const rows = new Map(problem.rows.map((row) => [`${row.baseline}:${row.label}`, row]));
  const left = problem.rates.filter((line) => hasRow(rows.get(`${line.baseline}:${line.label}`), want));
  const networks = left.filter((line) => !line.baseline);
  const shown = at("rate-lines").value === "all" ? networks : networks.slice(0, 6);
  const traces = [...shown, ...left.filter((line) => line.baseline)].map((line, place) => ({
    name: line.baseline ? `${line.label} (baseline)` : line.label,
    mode: "lines+markers",
    x: line.x,
    y: line.y,
    line: { color: line.baseline ? colour("faint") : look(place).colour, dash: look(place).dash },
    marker: { symbol: look(place).symbol, size: 7 },
    hovertemplate: `${line.label}: %{y} dB at %{x} bits per pixel<extra></extra>`,
  }));
  draw(
    "rate-figure",
    traces,
    { xaxis: { title: { text: "rate on test, bits per pixel (fewer is better)" } }, yaxis: { title: { text: "PSNR on test, dB (higher is better)" } } },
    `${problem.title}: distortion against rate of ${traces.map((trace) => trace.name).join(", ")}.`,
  );
  CSV.rate = () => [["problem", "row", "bits per pixel", "psnr", "seeds"], ...problem.rates.flatMap((line) => line.x.map((x, i) => [problem.title, line.label, x, line.y[i], line.n]))];
}

/** Fill a choice of problems with those that have something to show; keep the chosen one where it is still there. */
function offerProblems(id, has) {
  const choice = at(id);
  if (!choice) return;
  const before = choice.value;
  const shown = chosen().map((one) => one.problem).filter(has);
  choice.replaceChildren(...shown.map((problem) => make("option", { value: problem.number }, problem.title)));
  if (shown.some((problem) => String(problem.number) === before)) choice.value = before;
}

function drawFigures() {
  offerProblems("cost-problem", (problem) => problem.has_networks);
  offerProblems("rate-problem", (problem) => problem.rates.length > 0);
  drawCost();
  drawRanks();
  drawRate();
}
