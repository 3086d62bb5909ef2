// One cell: its seeds, curves, cost, examples, records, and the commands that train it again.

/** A line of facts about a row. */
function factsOf(problem, row) {
  const said = [
    ["Mean ± sd", `${row.value} ${problem.unit}`],
    ["95 % t-interval", row.interval],
    ["Seeds", row.n],
    ["Not surely apart from rows with", row.letters || "—"],
    ["To the best network", row.difference],
    ["Place", row.rank === null ? `unranked: ${row.unranked ?? "no trial finished"}` : `${row.rank} of ${problem.ranked}`],
    ...Object.entries(DATA.costs).map(([name, title]) => [title[0].toUpperCase() + title.slice(1), amount(name, row.costs[name])]),
  ];
  return table(["Of all seeds", "value"], said, "What all seeds say together", "facts");
}

function seedsTable(problem, row) {
  const lines = row.trials.map((id) => {
    const one = DATA.trials[id];
    const name = one.record ? make("a", { href: one.record }, id) : make("code", {}, id);
    return [name, String(one.seed), one.status === "finished" ? number(one.value, 6) : (one.error ?? one.status), number(one.steps), amount("seconds", one.seconds), amount("flops", one.flops), amount("memory", one.memory), one.code, one.date];
  });
  return table(["Trial", "seed", `${problem.metric}, ${problem.unit}`, "steps", "training", "computed", "memory at peak", "code", "date"], lines, "Seeds", "seeds");
}

/** The commands: today's or, where today's code makes another trial, what was run and at which commit. */
function commands(row) {
  const found = row.trials.map((id) => DATA.trials[id]);
  const today = found.map((one) => one.command).filter(Boolean);
  if (today.length) return [make("h3", {}, "Train it again"), make("pre", {}, today.join("\n"))];
  const ran = found.filter((one) => one.ran).map((one) => one.ran);
  if (!ran.length) return [make("p", {}, "No command is known that trains it again.")];
  const commits = [...new Set(found.map((one) => one.commit).filter(Boolean))];
  const said = `Today's code makes another trial of this config. At commit ${commits.join(", ") || "unknown"} it was:`;
  return [make("h3", {}, "Train it again"), make("p", {}, said), make("pre", {}, ran.join("\n"))];
}

function curveNames(problem, row) {
  const names = row.trials.flatMap((id) => Object.keys(DATA.trials[id].curves ?? {}));
  const unique = [...new Set(names)].filter((name) => row.trials.some((id) => (DATA.trials[id].curves?.[name]?.x.length ?? 0) > 1));
  return unique.sort((a, b) => (b === problem.metric) - (a === problem.metric) || (b === problem.selection) - (a === problem.selection));
}

function drawCurves(row, name) {
  const traces = row.trials
    .filter((id) => DATA.trials[id].curves?.[name])
    .map((id, place) => {
      const { x, y } = DATA.trials[id].curves[name];
      return { name: `seed ${DATA.trials[id].seed}`, mode: "lines+markers", x, y, line: { color: look(place).colour, dash: DASHES[place % 6] }, marker: { symbol: look(place).symbol } };
    });
  draw("curves-figure", traces, { xaxis: { title: { text: "optimizer steps" } }, yaxis: { title: { text: `${name} on validation` } } }, `${row.label}: ${name} on validation against steps, ${traces.length} seeds.`);
  CSV.curves = () => [["trial", "seed", "step", name], ...row.trials.flatMap((id) => (DATA.trials[id].curves?.[name]?.x ?? []).map((x, i) => [id, DATA.trials[id].seed, x, DATA.trials[id].curves[name].y[i]]))];
}

function curves(names) {
  if (!names.length) return [];
  const choice = make("select", { id: "curves-name" }, ...names.map((name) => make("option", {}, name)));
  return [
    make("h3", {}, "While training"),
    make("label", {}, "Metric on validation", choice),
    make("figure", {}, make("div", { id: "curves-figure", class: "plot", role: "img" }), make("button", { type: "button", "data-csv": "curves" }, "CSV of this figure")),
  ];
}

function openCell(where, opener) {
  const [number_, place] = where.split(":").map(Number);
  const problem = DATA.problems[number_];
  const row = problem?.rows[place];
  if (!row) return;
  const box = at("cell");
  const names = curveNames(problem, row);
  const close = make("button", { type: "button", class: "close" }, "Close");
  close.addEventListener("click", () => box.close());
  const metrics = problem.metric_names.map((name, i) => [name, row.metrics[i]]);
  box.replaceChildren(
    close,
    make("h2", { id: "cell-title" }, `${row.label} – ${problem.title}`),
    make("p", { class: "small" }, `${row.family}. ${metricOf(problem)}, on test.`),
    make("div", { class: "halves" }, make("div", {}, factsOf(problem, row)), make("div", {}, ...curves(names))),
    make("h3", {}, "Seeds, each with its record"),
    seedsTable(problem, row),
    ...commands(row),
    make("h3", {}, "All test metrics"),
    table(["Metric", "mean ± sd"], metrics, "All test metrics"),
    ...examplesOf(problem, row),
  );
  box.onclose = () => {
    remember({ cell: "" });
    if (at("curves-figure")) Plotly.purge("curves-figure");
    (opener ?? document.querySelector(`[data-open="${where}"]`))?.focus();
  };
  box.showModal();
  box.scrollTop = 0;
  remember({ cell: `${problem.id}:${row.label}` });
  if (names.length) {
    drawCurves(row, names[0]);
    at("curves-name").addEventListener("change", (event) => drawCurves(row, event.target.value));
  }
}

/** Open the cell that the address names. */
function openAsked() {
  const [id, label] = [asked().get("cell")?.split(":")[0], asked().get("cell")?.split(":").slice(1).join(":")];
  const problem = DATA.problems.find((one) => one.id === id);
  const place = problem?.rows.findIndex((row) => row.label === label) ?? -1;
  if (place >= 0) openCell(`${problem.number}:${place}`);
}
