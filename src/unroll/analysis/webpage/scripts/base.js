"use strict";
// Shared by all that follows: the data, elements, numbers, CSV, colours, and the page's address.

const DATA = JSON.parse(document.getElementById("data").textContent);
const CSV = {}; // a figure's name -> a function that gives its lines
document.documentElement.classList.add("js");

/** The element of an id. */
const at = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** A new element: attributes, then children, texts or elements. Nothing is ever read as HTML. */
function make(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) found.setAttribute(name, value);
  }
  found.append(...children.filter((child) => child !== null && child !== undefined));
  return found;
}

/** A number as text, with so many significant digits; a dash where there is none. */
function number(value, digits = 4) {
  if (value === null || value === undefined) return "—";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e7) ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
}

/** A cost as people say it: seconds, 2.08 TFLOP, 1.75 GB, 192,458. */
function amount(kind, value) {
  if (value === null || value === undefined) return "—";
  if (kind === "seconds") return `${number(value)} s`;
  if (kind === "parameters") return number(value);
  const power = Math.min(5, Math.max(0, Math.floor(Math.log10(value || 1) / 3)));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${["", "k", "M", "G", "T", "P"][power]}${kind === "memory" ? "B" : "FLOP"}`;
}

/** A table of texts or elements; the first column names the row. */
function table(header, rows, name, kind = "") {
  const isNumber = (cell) => typeof cell !== "object" && /^[-+−]?\d\S*( ± \S+)?( \w{1,5})?$|^—$/.test(cell ?? "—");
  const side = header.map((_, place) => (place && rows.every((row) => isNumber(row[place])) ? "number" : null));
  const head = make("tr", {}, ...header.map((text, place) => make("th", { scope: "col", class: side[place] }, text)));
  const body = rows.map((row) =>
    make("tr", {}, ...row.map((cell, place) => (place ? make("td", { class: side[place] }, cell ?? "—") : make("th", { scope: "row" }, cell)))),
  );
  const shown = make("table", { class: `plain ${kind}` }, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "wide", role: "region", tabindex: "0", "aria-label": name }, shown);
}

/** A value as a cell of CSV; no text becomes a formula in a spreadsheet. */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  let text = String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Give the reader a file with lines of values. */
function download(name, lines) {
  const text = lines.map((line) => line.map(csvCell).join(",")).join("\n") + "\n";
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = make("a", { href: address, download: `${name}.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** A colour of the style sheet. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

/** What the address says after #: an anchor's name, or filters as key=value. */
function asked() {
  const text = location.hash.slice(1);
  return new URLSearchParams(text.includes("=") ? text : "");
}

/** Write one key into the address; an empty value takes it away. */
function remember(changes) {
  const found = asked();
  for (const [key, value] of Object.entries(changes)) {
    if (value) found.set(key, value);
    else found.delete(key);
  }
  const text = found.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}
