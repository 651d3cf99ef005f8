"use strict";
// Follows what is chosen (the address behind #: a table or a column) through the lineage that the page carries.
const tables = JSON.parse(document.getElementById("tables").textContent);
const tableOf = new Map(tables.map((table) => [table.key, table]));
const columnOf = new Map(tables.flatMap((table) => table.columns.map((column) => [`${table.key}.${column.name}`, { ...column, table }])));
const users = new Map([...columnOf.keys()].map((name) => [name, { direct: [], decides: [] }]));
for (const [name, column] of columnOf)
  for (const kind of ["direct", "decides"]) for (const source of column[kind]) users.get(source)?.[kind].push(name);
// What filters a whole table decides about the table, not about each of its columns once more.
for (const table of tables) for (const source of table.filtered) users.get(source)?.decides.push(table.key);

const map = document.querySelector(".map"), edges = document.querySelector(".edges"), about = document.getElementById("about");
const search = document.querySelector("input[type=search]"), results = document.getElementById("results");
const deciding = document.getElementById("deciding"), status = document.querySelector("[role=status]");
const boxes = new Map([...map.querySelectorAll("[data-table]")].map((box) => [box.dataset.table, box]));
const rows = new Map([...map.querySelectorAll("[data-column]")].map((button) => [button.dataset.column, button.parentElement]));

// --- what is connected ---

// name → kind, and the edges between: all whose values enter, and of each of these what decides about it, one step.
function reached(name, next) {
  const found = new Map([[name, "direct"]]), crossed = [], waiting = [name];
  while (waiting.length) {
    const at = waiting.pop();
    for (const other of next(at).direct) {
      crossed.push([at, other, "direct"]);
      if (found.get(other) !== "direct") { found.set(other, "direct"); waiting.push(other); }
    }
    if (!deciding.checked) continue;
    for (const other of next(at).decides) crossed.push([at, other, "decides"]);
    for (const other of next(at).filtered ?? []) crossed.push([columnOf.get(at).table.key, other, "decides"]);
    for (const other of [...next(at).decides, ...(next(at).filtered ?? [])]) {
      if (!found.has(other)) found.set(other, "decides");
    }
  }
  found.delete(name);
  return { found, crossed };
}
const nothing = { direct: [], decides: [] };
const filters = (name) => (columnOf.get(name).filtered ? columnOf.get(name).table.filtered : []);
const restsOn = (name) => reached(name, (at) => (columnOf.has(at) ? { ...columnOf.get(at), filtered: filters(at) } : nothing));
const usedBy = (name) => reached(name, (at) => users.get(at) ?? nothing);

// --- the map ---

let drawn = [];
function draw(pairs) {
  drawn = pairs;
  const frame = map.getBoundingClientRect();
  edges.setAttribute("width", 0); edges.setAttribute("height", 0);
  edges.setAttribute("width", map.scrollWidth); edges.setAttribute("height", map.scrollHeight);
  const place = (element) => {
    const box = element.closest(".table").getBoundingClientRect(), row = (element.dataset.table ? element.firstElementChild : element).getBoundingClientRect();
    return { left: box.left - frame.left + map.scrollLeft, right: box.right - frame.left + map.scrollLeft, y: row.top - frame.top + map.scrollTop + row.height / 2 };
  };
  const ends = pairs.map(([source, target]) => [place(source), place(target)]);
  edges.replaceChildren(...pairs.map(([source, target, kind], n) => {
    const [a, b] = ends[n], path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const inLane = Math.abs(a.left - b.left) < 20, bend = inLane ? 14 : Math.max(24, Math.abs(b.left - a.right) / 2);
    path.setAttribute("d", inLane
      ? `M${a.left} ${a.y}C${a.left - bend} ${a.y} ${b.left - bend} ${b.y} ${b.left} ${b.y}`
      : `M${a.right} ${a.y}C${a.right + bend} ${a.y} ${b.left - bend} ${b.y} ${b.left} ${b.y}`);
    path.classList.add(kind);
    path.dataset.from = source.dataset.table ?? source.firstElementChild.dataset.column;
    path.dataset.to = target.dataset.table ?? target.firstElementChild.dataset.column;
    return path;
  }));
}
// Between tables: as their SQL reads them, and as columns of what Python writes rest on them.
const between = tables.flatMap((table) => table.from.filter((key) => tableOf.has(key)).map((key) => [key, table.key]));
const draws = (pairs) => draw(pairs.map(([source, target]) => [boxes.get(source), boxes.get(target), "tables"]));

function light(name, up, down) {
  const lit = new Map([...up.found, ...down.found, [name, "chosen"]]);
  map.classList.add("traced");
  for (const [at, kind] of lit) {
    rows.get(at)?.classList.add("lit", kind);
    (rows.get(at)?.closest(".table") ?? boxes.get(at))?.classList.add("lit", "open");
  }
  const ends = (at) => rows.get(at) ?? boxes.get(at);
  const pairs = [...up.crossed.map(([at, other, kind]) => [other, at, kind]), ...down.crossed];
  draw([...new Map(pairs.map((pair) => [pair.join(), pair])).values()].map(([source, target, kind]) => [ends(source), ends(target), kind])
    .filter(([source, target]) => source && target));
}

function lightTable(name) {
  const lit = new Set([name]);
  for (const [from, to] of [[0, 1], [1, 0]]) {
    const waiting = [name];
    while (waiting.length) {
      const at = waiting.pop();
      for (const pair of between) if (pair[from] === at && !lit.has(pair[to])) { lit.add(pair[to]); waiting.push(pair[to]); }
    }
  }
  map.classList.add("traced");
  for (const key of lit) boxes.get(key).classList.add("lit");
  const box = boxes.get(name);
  box.classList.add("open", "chosen", "whole");
  box.querySelector("h3 button").setAttribute("aria-expanded", "true");
  box.firstElementChild.scrollIntoView({ block: "nearest" });
  draws(between.filter((pair) => pair.every((key) => lit.has(key))));
  near(box);
}

function clear() {
  map.classList.remove("traced");
  for (const element of map.querySelectorAll(".lit, .open, .chosen")) element.classList.remove("lit", "open", "chosen", "whole", "direct", "decides");
  for (const button of map.querySelectorAll("[aria-current], [aria-expanded=true]")) {
    button.removeAttribute("aria-current");
    if (button.hasAttribute("aria-expanded")) button.setAttribute("aria-expanded", "false");
  }
}

// --- what is said about it ---

function make(tag, content, attributes = {}) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...[content].flat().filter((part) => part !== ""));
  return element;
}
// What `sql/` marks as a name, and the label of a paragraph.
const marked = (text) => text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) =>
  part.startsWith("`") ? make("code", part.slice(1, -1)) : part.startsWith("**") ? make("b", part.slice(2, -2)) : part);
const count = (number, what) => `${number || "no"} ${what}${number === 1 ? "" : "s"}`;
// A name too long for its line breaks where one of its words ends.
const broken = (name) => name.split(/(?<=[._])/).flatMap((part, n) => (n ? [document.createElement("wbr"), part] : [part]));
const link = (name, kind = "direct") => make("a", broken(name), { href: `#${name}`, class: kind });
const section = (title, ...content) => (content.flat().length ? [make("h3", title), ...content.flat()] : []);
const list = (title, items) => (items.length ? section(`${title} (${items.length})`, make("ul", items.map((item) => make("li", item)))) : []);
const links = (title, names, kind) => list(title, names.map((name) => [columnOf.has(name) || tableOf.has(name) ? link(name, kind) : name]));
const facts = (pairs) => make("dl", pairs.filter(([, value]) => value && value.length).flatMap(([term, value]) => [make("dt", term), make("dd", value)]));
const lines = (parts) => parts.map((part) => make("div", part));

function aboutColumn(name, up, down) {
  const column = columnOf.get(name), table = column.table;
  const origins = [...up.found].filter(([at, kind]) => kind === "direct" && !columnOf.get(at)?.direct.length).map(([at]) => at);
  about.replaceChildren(
    make("h2", [link(table.key), ` . ${column.name}`]),
    make("p", column.says),
    facts([["type", column.type], ["may I sum it?", column.sum], ["personal data", column.personal ? "yes" : ""], ["one row is", table.says],
      ["grain", table.grain.join(", ")], ["day", table.day], ["owner", table.owner], ["written in", table.path]]),
    ...(column.sql ? section("Expression", make("pre", column.sql)) : []),
    ...links("Derived from", column.direct), ...links("Filtered by", column.decides, "decides"),
    ...links("Filtered by, like every column of the table", filters(name), "decides"),
    ...links("Comes in the end from", origins),
    ...links("Used by", users.get(name).direct), ...links("Decides about", users.get(name).decides, "decides"));
  const whole = [...down.found.keys()].filter((at) => tableOf.has(at)).length, rest = down.found.size - whole;
  status.textContent = `${name} rests on ${count(up.found.size, "column")}. ${down.found.size ? `It enters or decides about ${count(rest, "column")}, and filters ${count(whole, "table")}.` : "Nothing rests on it."}`;
}

function aboutTable(table) {
  about.replaceChildren(
    make("h2", table.key),
    make("p", table.says),
    facts([["kind", table.kind], ["grain", table.grain.join(", ")], ["day", table.day], ["owner", table.owner], ["room", table.room],
      ["filtered by", lines(table.filtered.map((source) => link(source, "decides")))],
      ["settings", table.settings.map(([setting, value]) => `${setting} (default ${value})`).join(", ")],
      ["made of", lines(table.from.map((key) => (tableOf.has(key) ? link(key) : key)))], ["used by", lines(table.users.map((key) => (tableOf.has(key) ? link(key) : key)))],
      ["written in", table.path]]),
    ...(table.rules ? section("Rules", ...table.rules.split("\n").filter(Boolean).map((line) => make("p", marked(line)))) : []),
    ...list("Columns", table.columns.map((column) => [link(`${table.key}.${column.name}`), ` ${column.says}`])),
    ...list("Checks", table.checks.map(([check, severity, says]) => [make("b", check), ` (${severity}) ${says}`])),
    ...list("Functions called", table.calls.map(([key, says]) => [make("b", key), ` ${says}`])),
    ...table.queries.flatMap(([asks, sql]) => section(`Query: ${asks}`, make("pre", sql))),
    ...(table.sql ? [make("details", [make("summary", "SQL"), make("pre", table.sql)])] : []));
  status.textContent = `${table.key}: ${count(table.columns.length, "column")}, made of ${count(table.from.length, "table")}, read by ${count(table.users.length, "other")}.`;
}

function aboutAll() {
  about.replaceChildren(
    make("h2", "From the app's events to what is published"),
    make("p", "Choose a column, and what it rests on and what rests on it lights up; choose a table, and it opens."),
    make("p", "Keys: / searches, the arrows walk over the map, Enter chooses, Escape goes back to the whole map.", { class: "quiet" }),
    make("p", "What is published stands in preferences, revenue and funnel; what leads there stands to the left; health watches the database itself."),
    ...[...map.querySelectorAll(".room")].flatMap((room) => list(room.firstElementChild.textContent,
      [...room.querySelectorAll(".table")].map((box) => [link(box.dataset.table), ` ${tableOf.get(box.dataset.table).says}`]))));
  status.textContent = `${tables.length} tables, ${columnOf.size} columns.`;
}

let landing = false;  // The focus follows who came by a result: from there the arrows go on.
function show() {
  const name = decodeURIComponent(location.hash.slice(1));
  clear();
  about.parentElement.scrollTop = map.scrollTop = 0;
  if (columnOf.has(name)) {
    const up = restsOn(name), down = usedBy(name);
    light(name, up, down);
    aboutColumn(name, up, down);
    rows.get(name).firstElementChild.setAttribute("aria-current", "true");
    rows.get(name).scrollIntoView({ block: "nearest" });
  } else if (tableOf.has(name)) {
    lightTable(name);
    aboutTable(tableOf.get(name));
  } else {
    draws(between);
    aboutAll();
    if (name) status.textContent = `There is no ${name} here.`;
  }
  document.title = name ? `${name} · atlas` : "aclue-pipeline: atlas";
  if (landing) (rows.get(name)?.firstElementChild ?? boxes.get(name)?.querySelector("button"))?.focus();
  landing = false;
}

// The edges of the box under the pointer or the focus, and of the chosen one.
function near(box) {
  const marked = [box, map.querySelector(".chosen")].map((one) => one?.dataset.table);
  for (const path of edges.querySelectorAll(".tables")) path.classList.toggle("near", marked.includes(path.dataset.from) || marked.includes(path.dataset.to));
}

// --- what a person does ---

function find() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (text) => words.every((word) => text.toLowerCase().includes(word));
  // By name, by description, and a table also by its rules, its queries and its owner; what is published before what leads there.
  const rank = (name, says, table) => {
    const more = tableOf.has(name) ? [table.owner, table.room, table.rules, ...table.queries.flat()].join(" ") : "";
    const by = name.split(".").at(-1).toLowerCase() === words[0] && holds(`${name} ${says}`) ? 4
      : holds(name) ? 3 : holds(`${name} ${says}`) ? 2 : holds(`${name} ${says} ${more}`) ? 1 : -1;
    return by + (["preferences", "revenue", "funnel"].includes(table.room) ? 0.5 : 0);
  };
  const known = [...tables.map((table) => [table.key, table.says, table]), ...[...columnOf].map(([name, column]) => [name, column.says, column.table])];
  const found = words.length ? known.map(([name, says, table]) => [rank(name, says, table), name, says]).filter(([r]) => r > 0).sort((a, b) => b[0] - a[0]) : [];
  results.hidden = !words.length;
  about.hidden = !!words.length;
  results.replaceChildren(...found.slice(0, 40).map(([, name, says]) => make("li", [link(name), ` ${says}`])));
  if (words.length) status.textContent = `${found.length} found${found.length > 40 ? ", the first 40 shown" : ""}.`;
}
function leaveSearch() { search.value = ""; find(); }

function go(name) { if (location.hash.slice(1) === name) show(); else location.hash = name; }
map.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const name = button.dataset.column ?? button.closest(".table").dataset.table;
  leaveSearch();
  go(button.getAttribute("aria-expanded") === "true" || button.getAttribute("aria-current") ? "" : name);
});
for (const kind of ["pointerover", "focusin"]) map.addEventListener(kind, (event) => near(event.target.closest(".table")));
results.addEventListener("click", (event) => {
  leaveSearch();
  landing = true;
  if (event.target.closest("a")?.hash === location.hash) show();
});
search.addEventListener("input", find);
search.addEventListener("keydown", (event) => {
  const first = results.querySelector("a");
  if (event.key === "Enter" && first) first.click();
  if (event.key === "ArrowDown" && first) { first.focus(); event.preventDefault(); }
});
deciding.addEventListener("change", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) { search.focus(); event.preventDefault(); }
  if (event.key === "Escape") { leaveSearch(); go(""); map.focus(); }
});
map.addEventListener("keydown", (event) => {
  const step = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] }[event.key];
  if (!step) return;
  event.preventDefault();
  const lanes = [...map.querySelectorAll(".room")].map((room) => [...room.querySelectorAll("button")].filter((b) => b.offsetParent)).filter((lane) => lane.length);
  const x = lanes.findIndex((lane) => lane.includes(document.activeElement));
  if (x < 0) { lanes[0]?.[0]?.focus(); return; }
  const y = lanes[x].indexOf(document.activeElement), lane = lanes[x + step[0]] ?? lanes[x];
  const height = (button) => Math.abs(button.getBoundingClientRect().top - document.activeElement.getBoundingClientRect().top);
  (step[0] ? lane.reduce((best, b) => (height(b) < height(best) ? b : best)) : lane[y + step[1]])?.focus();
});
addEventListener("hashchange", show);
new ResizeObserver(() => { draw(drawn); near(null); }).observe(map);
show();
