// The same test examples side by side: a line an architecture, or its picture.

/** A value of an example as text. */
function shownValue(value) {
  if (value === null || value === undefined) return "—";
  return Array.isArray(value) ? value.map((one) => number(one)).join(" ") : number(value);
}

const picture = (one, name) =>
  make("figure", {}, make("img", { src: one.source, alt: `${name}: ${one.caption}`, loading: "lazy" }), make("figcaption", {}, name ? `${name}. ${one.caption}` : one.caption));

/** What is shown of one row: its tables and pictures. */
function examplesOf(problem, row) {
  const id = row.trials.find((one) => DATA.examples[problem.id]?.[one]);
  if (!id) return [];
  const found = DATA.examples[problem.id][id];
  return [
    make("h3", {}, `Test examples of seed ${found.seed}`),
    ...found.pictures.map((one) => picture(one, "")),
    ...found.tables.map((one) => table(one.columns, one.rows.map((line) => line.map(shownValue)), one.name)),
  ];
}

// What a row makes of an example, even where all rows make the same of it.
const MADE = ["predicted", "hypothesis", "recalled", "correct", "correct_share", "score"];

/** The columns of examples that all rows share, such as the source, and those that are each row's own. */
function sharedColumns(tables) {
  const first = tables[0];
  return first.columns.filter((name, place) => !MADE.includes(name) && tables.every((one) => one.columns[place] === name && one.rows.length === first.rows.length && one.rows.every((line, i) => JSON.stringify(line[place]) === JSON.stringify(first.rows[i][place]))));
}

/** One example: what all share above, then a line a row. */
function sideBySide(found, place) {
  const entries = Object.values(found).map((one) => ({ name: one.row, table: one.tables.find((each) => each.name === "examples") })).filter((one) => one.table);
  if (!entries.length) return [];
  const shared = sharedColumns(entries.map((one) => one.table));
  const first = entries[0].table;
  const own = first.columns.filter((name) => !shared.includes(name));
  const given = shared.map((name) => [name, shownValue(first.rows[place][first.columns.indexOf(name)])]);
  const lines = entries.map((one) => [one.name, ...own.map((name) => shownValue(one.table.rows[place]?.[one.table.columns.indexOf(name)]))]);
  CSV.examples = () => [["row", ...shared, ...own], ...entries.flatMap((one) => one.table.rows.map((line) => [one.name, ...[...shared, ...own].map((name) => line[one.table.columns.indexOf(name)])]))];
  return [table(["given", "of this example"], given, "What is given", "given"), table(["row", ...own], lines, "What each row makes of it", "made"), make("button", { type: "button", "data-csv": "examples" }, "CSV of all examples")];
}

function drawExamples() {
  const problem = DATA.problems[at("examples-problem")?.value];
  const found = problem && DATA.examples[problem.id];
  const shown = at("examples-shown");
  if (!found) return shown?.replaceChildren();
  const kind = at("examples-kind").value;
  if (kind.startsWith("picture:")) {
    const name = kind.slice("picture:".length);
    const figures = Object.values(found).flatMap((one) => one.pictures.filter((each) => each.name === name).map((each) => picture(each, one.row)));
    shown.replaceChildren(make("div", { class: "pictures" }, ...figures));
  } else shown.replaceChildren(...sideBySide(found, Number(kind)));
}

/** Offer the kinds of pictures, then the examples by their index in test. */
function offerExamples() {
  offerProblems("examples-problem", (problem) => DATA.examples[problem.id]);
  const found = DATA.examples[DATA.problems[at("examples-problem")?.value]?.id];
  if (found) {
    const pictures = new Set(Object.values(found).flatMap((one) => one.pictures.map((each) => each.name)));
    const first = Object.values(found).flatMap((one) => one.tables).find((one) => one.name === "examples");
    const places = first ? first.rows.map((line, place) => make("option", { value: place }, `example ${line[0]}`)) : [];
    at("examples-kind").replaceChildren(...[...pictures].map((name) => make("option", { value: `picture:${name}` }, name)), ...places);
  }
  drawExamples();
}
