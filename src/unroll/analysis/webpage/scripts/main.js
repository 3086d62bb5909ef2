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

function start() {
  listenToFilters(redraw);
  readAddress();
  redraw();
  for (const [id, make_] of [["cost", drawCost], ["ranks", drawRanks], ["rate", drawRate], ["examples", offerExamples]]) {
    whenNear(id, () => {
      drawn.add(id);
      make_();
    });
  }
  at("cost-problem").addEventListener("change", drawCost);
  at("cost-kind").addEventListener("change", drawCost);
  at("rank-group")?.addEventListener("change", drawRanks);
  at("rate-problem")?.addEventListener("change", drawRate);
  at("examples-problem")?.addEventListener("change", offerExamples);
  at("examples-kind")?.addEventListener("change", drawExamples);
  document.addEventListener("click", (event) => {
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
  nameTheme();
  openAsked();
  const poll = Number(at("data").dataset.poll);
  if (poll) follow(poll);
}

start();
