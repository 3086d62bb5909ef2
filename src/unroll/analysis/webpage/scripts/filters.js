// Filters and order of the grid and of the results, both kept in the address.

const FILTERS = at("filters");
const KEYS = [...new FormData(FILTERS).keys()];
const TABLES = { grid: document.querySelector("table.grid"), results: document.querySelector("table.results") };

const wanted = () => Object.fromEntries(new FormData(FILTERS));

/** Whether a problem is one that was asked for. */
function hasProblem(problem, want) {
  return (!want.task || problem.task === want.task) && (!want.metric || problem.metric === want.metric);
}

/** Whether a row of a problem is one that was asked for. Baselines belong to every budget. */
function hasRow(row, want) {
  const budget = !want.budget || row.budget === want.budget || row.baseline;
  const name = !want.name || row.label.toLowerCase().includes(want.name.toLowerCase());
  return budget && name && (!want.family || row.family === want.family);
}

/** The problems and their rows that were asked for. */
function chosen() {
  const want = wanted();
  return DATA.problems
    .filter((problem) => hasProblem(problem, want))
    .map((problem) => ({ problem, rows: problem.rows.filter((row) => hasRow(row, want)) }))
    .filter((one) => one.rows.length);
}

/** Hide what was not asked for. */
function applyFilters() {
  const want = wanted();
  const isShown = DATA.problems.map((problem) => hasProblem(problem, want));
  let count = 0;
  const has = (where) => {
    const [problem, place] = where.split(":");
    return isShown[problem] && hasRow(DATA.problems[problem].rows[place], want);
  };
  for (const line of all("tbody tr", TABLES.results)) {
    line.hidden = !has(line.dataset.openRow);
    count += line.hidden ? 0 : 1;
  }
  if (TABLES.grid) {
    for (const cell of all("[data-problem]", TABLES.grid)) cell.hidden = !isShown[Number(cell.dataset.problem)];
    for (const line of all("tbody tr", TABLES.grid)) line.hidden = !all("[data-open]", line).some((cell) => has(cell.dataset.open));
  }
  at("count").value = `${count} of ${DATA.problems.reduce((sum, one) => sum + one.rows.length, 0)} rows`;
}

/** The value by which a cell is sorted: a number where it is one, else text; empty ones come last. */
function sortKey(line, place) {
  const cell = line.children[place];
  const text = cell.dataset.sort ?? cell.textContent.trim();
  if (text === "" || text === "—") return null;
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

/** Sort a table by a column; the same order for the same address. */
function sortBy(name, place, descending) {
  const found = TABLES[name];
  const head = found?.tHead.rows[0].cells[place];
  if (!head) return;
  for (const cell of found.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const lines = [...found.tBodies[0].rows].map((line) => ({ line, key: sortKey(line, place) }));
  lines.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    return (descending ? -1 : 1) * compare(a.key, b.key);
  });
  found.tBodies[0].append(...lines.map((one) => one.line));
}

/** Take filters and orders from the address. */
function readAddress() {
  const found = asked();
  for (const key of KEYS) FILTERS.elements[key].value = found.get(key) ?? "";
  for (const name of Object.keys(TABLES)) {
    const [place, way] = (found.get(`sort-${name}`) ?? "").split(".");
    if (place) sortBy(name, Number(place), way === "down");
  }
  applyFilters();
}

function listenToFilters(changed) {
  FILTERS.addEventListener("input", () => {
    remember(wanted());
    applyFilters();
    changed();
  });
  FILTERS.addEventListener("submit", (event) => event.preventDefault());
  FILTERS.addEventListener("reset", () => setTimeout(() => FILTERS.dispatchEvent(new Event("input"))));
  for (const [name, found] of Object.entries(TABLES)) {
    found?.tHead.addEventListener("click", (event) => {
      const head = event.target.closest("button.sort")?.parentElement;
      if (!head) return;
      const descending = head.getAttribute("aria-sort") === "ascending";
      sortBy(name, head.cellIndex, descending);
      remember({ [`sort-${name}`]: `${head.cellIndex}.${descending ? "down" : "up"}` });
    });
  }
  const header = ["problem", "row", "family", "budget", "metric", "unit", "direction", "mean", "low", "high", "letters", "place", "n", "parameters", "seconds", "trials"];
  const lines = (problems) =>
    problems.flatMap(({ problem: p, rows }) =>
      rows.map((r) => [p.title, r.label, r.family, r.budget, p.metric, p.unit, p.direction, r.mean, r.low, r.high, r.letters, r.rank, r.n, r.costs.parameters, r.costs.seconds, r.trials.join(" ")]),
    );
  CSV.results = () => [header, ...lines(chosen())];
  CSV.grid = () => [header, ...lines(chosen().filter((one) => one.problem.has_networks))];
}
