// Puts everything together, once the page is there.

/** Tell the reader which theme the switch leads to. */
function nameTheme() {
  at("theme").textContent = isDark() ? "Light theme" : "Dark theme";
}

/** Draw a section's figures when it comes near, so that the page opens at once. */
function whenNear(id, drawn) {
  const place = at(id);
  if (!place) return;
  const watcher = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watcher.disconnect();
        drawn();
      }
    },
    { rootMargin: "600px" },
  );
  watcher.observe(place);
}

const drawn = new Set();
const PAPER = 680; // pixels that fit a printed page

/** Change the figures that are drawn. */
function resize(changes) {
  all(".js-plotly-plot").forEach((place) => Plotly.relayout(place, changes));
}

function redraw() {
  offerProblems("cost-problem", (problem) => problem.has_networks);
  offerProblems("rate-problem", (problem) => problem.rates.length > 0);
  if (drawn.has("cost")) drawCost();
  if (drawn.has("ranks")) drawRanks();
  if (drawn.has("rate")) drawRate();
  if (drawn.has("examples")) offerExamples();
}

/** Look again and again whether the page has changed; only a page that is served does. */
function follow(seconds) {
  let known = null;
  setInterval(async () => {
    try {
      const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
      const now = answer.headers.get("etag");
      if (known && now && now !== known && !at("cell").open) location.reload();
      known = known ?? now;
    } catch {
      // the server has ended: the page stays as it is
    }
  }, 1000 * seconds);
}

/** Show a section; the address keeps the filters that an anchor would take the place of. */
function goTo(id, event) {
  const section = at(id);
  if (!section) return;
  event.preventDefault();
  section.setAttribute("tabindex", "-1");
  section.focus({ preventScroll: true });
  section.scrollIntoView();
}

function start() {
  listenToFilters(redraw);
  readAddress();
  redraw();
  const parts = { cost: drawCost, ranks: drawRanks, rate: drawRate, examples: offerExamples };
  const show = (id) => {
    if (!drawn.has(id) && at(id)) parts[id]();
    drawn.add(id);
  };
  for (const id of Object.keys(parts)) whenNear(id, () => show(id));
  at("cost-problem").addEventListener("change", drawCost);
  at("cost-kind").addEventListener("change", drawCost);
  at("rank-group")?.addEventListener("change", drawRanks);
  for (const id of ["rate-problem", "rate-lines"]) at(id)?.addEventListener("change", drawRate);
  at("examples-problem")?.addEventListener("change", offerExamples);
  at("examples-kind")?.addEventListener("change", drawExamples);
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest('a[href^="#"]')?.getAttribute("href").slice(1);
    if (anchor) goTo(anchor, event);
    const opener = event.target.closest("[data-open]");
    if (opener) openCell(opener.dataset.open, opener);
    const file = event.target.closest("[data-csv]")?.dataset.csv;
    if (file && CSV[file]) download(file, CSV[file]());
  });
  at("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    nameTheme();
    redraw();
  });
  addEventListener("hashchange", () => {
    if (asked().size) {
      readAddress();
      redraw();
    }
  });
  addEventListener("beforeprint", () => {
    Object.keys(parts).forEach(show);
    all("#notes details").forEach((found) => (found.open = true));
    resize({ width: PAPER, autosize: false });
  });
  addEventListener("afterprint", () => resize({ width: null, autosize: true }));
  nameTheme();
  openAsked();
  const poll = Number(at("data").dataset.poll);
  if (poll) follow(poll);
}

start();
