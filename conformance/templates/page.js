"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const STATES = ["pass", "gap", "fail", "vacuous"], PROGRAM = "program:";
const $ = (id) => document.getElementById(id);
const esc = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const cellAt = new Map(), rowOf = new Map();
for (const c of D.cells) cellAt.set(c[0] * 1000 + c[1], c);
const isProgram = D.ops.map((op) => op.startsWith(PROGRAM));
const columns = D.properties.map((_, p) => p).filter((p) => D.properties[p] !== "program");
const counts = [0, 0, 0, 0];
for (const c of D.cells) counts[c[2]]++;

/* light and dark: the system's choice until the reader makes one */
const root = document.documentElement;
root.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
$("theme").onclick = () => root.classList.toggle("dark");

function matrix() {
  const failing = new Set(D.cells.filter((c) => c[2] === 2).map((c) => c[1]));
  let html = "<thead><tr><th></th>";
  for (const p of columns) html += `<th data-p="${p}" class="${failing.has(p) ? "bad" : ""}" title="${esc(D.docs[D.properties[p]] || "")}"><span>${esc(D.properties[p])}</span></th>`;
  html += '<th class="end"></th></tr></thead><tbody>';
  D.ops.forEach((op, o) => {
    if (isProgram[o]) return;
    html += `<tr data-o="${o}"><th class="op">${esc(op)}</th>`;
    for (const p of columns) {
      const c = cellAt.get(o * 1000 + p);
      html += c ? `<td><b class="s${c[2]}"></b></td>` : "<td></td>";
    }
    html += '<td class="end"></td></tr>';
  });
  $("matrix").innerHTML = html + "</tbody>";
  for (const row of $("matrix").tBodies[0].rows) rowOf.set(+row.dataset.o, row);
  if (!rowOf.size) document.querySelector(".scroll").hidden = true;
}

function programs() {
  const areas = new Map();
  D.ops.forEach((op, o) => {
    if (!isProgram[o]) return;
    const [area, ...rest] = op.slice(PROGRAM.length).split(".");
    if (!areas.has(area)) areas.set(area, []);
    areas.get(area).push([o, rest.join(".") || area]);
  });
  if (!areas.size) return;
  const p = D.properties.indexOf("program");
  let html = "<h2>Programs, by area</h2><div class=areas>";
  for (const [area, list] of [...areas].sort((a, b) => b[1].length - a[1].length)) {
    const ok = list.filter(([o]) => cellAt.get(o * 1000 + p)[2] === 0).length;
    html += `<div class=area><h3>${esc(area.replaceAll("_", " "))}<span class=quiet>${ok} of ${list.length}</span></h3>`;
    for (const [o, name] of list) html += `<button data-cell="${o},${p}"><b class="s${cellAt.get(o * 1000 + p)[2]}"></b>${esc(name.replaceAll("_", " "))}</button>`;
    html += "</div>";
  }
  $("programs").innerHTML = html + "</div>";
}

function findings() {
  let html = D.findings.length ? "<h2>What differs from the ledger</h2>" : "";
  for (const { kind, words, rows } of D.findings) {
    const open = kind === "worse" || kind === "gone" || kind === "vacuous";
    html += `<details class="group ${kind}" ${open ? "open" : ""}><summary>${rows.length.toLocaleString("en")} ${esc(words)}</summary>`;
    for (const [cell, was, now, message, more] of rows.slice(0, 200)) html += `<div class=row><a class=mono href="#${encodeURIComponent(cell)}">${esc(cell)}</a><span>${esc(was)} → ${esc(now)}</span><span class=quiet title="${esc(message)}">${more ? `<b>+${more}</b> ` : ""}${esc(message)}</span></div>`;
    html += rows.length > 200 ? `<p class=quiet>and ${rows.length - 200} more</p></details>` : "</details>";
  }
  $("findings").innerHTML = html;
  $("findings").hidden = !D.findings.length;
}

let wanted = null;
function chips() {
  const list = [["all", null, D.cells.length], ...STATES.map((s, i) => [s, i, counts[i]])].filter((c) => c[1] === null || c[2]);
  $("chips").innerHTML = list.map(([name, i, n]) => `<button data-s="${i}" aria-pressed="${i === wanted}">${name} <span class=quiet>${n.toLocaleString("en")}</span></button>`).join("");
}

function filter() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  const keep = (o) => words.every((w) => D.ops[o].toLowerCase().includes(w));
  const has = new Set(wanted === null ? [] : D.cells.filter((c) => c[2] === wanted).map((c) => c[0]));
  for (const [o, row] of rowOf) {
    row.hidden = !(keep(o) && (wanted === null || has.has(o)));
    shown += !row.hidden;
  }
  for (const area of document.querySelectorAll("#programs .area")) {
    let any = false;
    for (const button of area.querySelectorAll("button")) {
      const o = +button.dataset.cell.split(",")[0];
      button.hidden = !(keep(o) && (wanted === null || has.has(o)));
      any ||= !button.hidden;
    }
    area.hidden = !any;
  }
  $("shown").textContent = `${shown} of ${rowOf.size} ops`;
  $("nothing").hidden = shown > 0 || !rowOf.size;
}

function pairs(flat, names) {
  const list = [];
  for (let i = 0; i < flat.length; i += 2) list.push([names[flat[i]], flat[i + 1]]);
  return list.sort((a, b) => b[1] - a[1]);
}

function countTable(title, list, note) {
  if (!list.length) return "";
  const most = Math.max(...list.map((x) => x[1]));
  return `<h3>${title} <span class=quiet>${note}</span></h3><div class=counts>` +
    list.map(([name, n]) => `<span>${esc(name)}</span><i style="width:${(100 * n) / most}%"></i><em>${n.toLocaleString("en")}</em>`).join("") + "</div>";
}

const copyable = (text) => `<div class=copy><button data-copy>copy</button><pre>${esc(text)}</pre></div>`;

function failure(f, why) {
  const both = f.subject || f.truth ? `<div class=both><div><span class=quiet>engine</span><pre>${esc(f.subject)}</pre></div><div><span class=quiet>PyTorch</span><pre>${esc(f.truth)}</pre></div></div>` : "";
  const json = typeof f.case === "string" ? f.case : JSON.stringify(f.case, null, 1);
  return `<div class="failure ${why === undefined ? "" : "known"}"><h3>${esc(f.kind)}</h3><p>${esc(f.message)}</p>` +
    (why === undefined ? "" : `<p class=quiet>Known gap: ${esc(why)}</p>`) + both +
    (f.command ? `<h3>Repeat it</h3>${copyable(f.command)}` : "") +
    (f.script ? `<details><summary>Stand-alone script with the exact inputs</summary>${copyable(f.script)}</details>` : "") +
    (json && json !== "{}" ? `<details><summary>The smallest case as data</summary>${copyable(json)}</details>` : "") + "</div>";
}

function openCell(o, p) {
  const c = cellAt.get(o * 1000 + p);
  if (!c) return;
  const name = `${D.ops[o]}::${D.properties[p]}`;
  const gaps = D.gaps[name] || [], found = D.failures[name] || [];
  const why = Object.fromEntries(gaps.map((g) => [g.kind, g.why]));
  const seen = new Set(found.map((f) => f.kind));
  $("drawer").innerHTML = `<button class=close title="Close (Esc)">✕</button><h2 class=mono>${esc(name)}</h2><span class="tag s${c[2]}">${STATES[c[2]]}</span>
    <p class=quiet>${esc(D.docs[D.properties[p]] || "")}</p>
    <div class=facts><div><b>${c[3].toLocaleString("en")}</b>examples</div><div><b>${c[4].toLocaleString("en")}</b>comparisons</div><div><b>${c[5].toLocaleString("en")} ms</b>CPU time</div></div>` +
    found.map((f) => failure(f, why[f.kind])).join("") +
    gaps.filter((g) => !seen.has(g.kind)).map((g) => `<div class="failure known"><h3>${esc(g.kind)}</h3><p class=quiet>Known gap, not met by this run's random cases: ${esc(g.why)}</p></div>`).join("") +
    countTable("Verdicts", pairs(c[6], D.verdicts), "how each comparison was decided") +
    countTable("What was drawn", pairs(c[7], D.census), "") +
    (found.length ? "" : `<h3>Run it again</h3>${copyable(`python -m conformance run '${name}'`)}`);
  show(name);
  document.querySelector("td.on")?.classList.remove("on");
  const row = rowOf.get(o);
  if (row) row.cells[1 + columns.indexOf(p)].classList.add("on");
}

function openProperty(p) {
  const list = D.cells.filter((c) => c[1] === p), sum = (i) => list.reduce((a, c) => a + c[i], 0);
  const bad = list.filter((c) => c[2] !== 0);
  $("drawer").innerHTML = `<button class=close title="Close (Esc)">✕</button><h2>${esc(D.properties[p])}</h2><p class=quiet>${esc(D.docs[D.properties[p]] || "")}</p>
    <div class=facts><div><b>${list.length}</b>cells</div><div><b>${list.length - bad.length}</b>pass</div><div><b>${sum(4).toLocaleString("en")}</b>comparisons</div><div><b>${(sum(5) / 1000).toFixed(1)} s</b>CPU time</div></div>` +
    (bad.length ? "<h3>Not passing</h3>" + bad.map((c) => `<div><a class=mono href="#${encodeURIComponent(D.ops[c[0]] + "::" + D.properties[p])}">${esc(D.ops[c[0]])}</a> <span class="tag s${c[2]}">${STATES[c[2]]}</span></div>`).join("") : "") +
    countTable("Slowest", [...list].sort((a, b) => b[5] - a[5]).slice(0, 8).map((c) => [D.ops[c[0]], c[5]]), "CPU milliseconds");
  show(null);
}

function show(name) {
  $("drawer").hidden = false;
  $("drawer").scrollTop = 0;
  if (name) history.replaceState(null, "", "#" + encodeURIComponent(name));
}
function close() {
  $("drawer").hidden = true;
  document.querySelector("td.on")?.classList.remove("on");
  history.replaceState(null, "", location.pathname);
}
function openHash() {
  const [op, prop] = decodeURIComponent(location.hash.slice(1)).split("::");
  const o = D.ops.indexOf(op), p = D.properties.indexOf(prop);
  if (o >= 0 && p >= 0) openCell(o, p);
}

matrix(); programs(); findings(); chips(); filter(); openHash();
$("search").oninput = filter;
addEventListener("hashchange", openHash);
addEventListener("keydown", (e) => {
  if (e.key === "Escape") close();
  if (e.key === "/" && document.activeElement !== $("search")) { e.preventDefault(); $("search").focus(); }
});
document.addEventListener("click", (e) => {
  const t = e.target;
  const chip = t.closest("[data-s]"), program = t.closest("[data-cell]"), head = t.closest("th[data-p]");
  if (t.matches("#matrix td b")) openCell(+t.closest("tr").dataset.o, columns[t.parentElement.cellIndex - 1]);
  else if (program) openCell(...program.dataset.cell.split(",").map(Number));
  else if (head) openProperty(+head.dataset.p);
  else if (chip) { wanted = chip.dataset.s === "null" ? null : +chip.dataset.s; chips(); filter(); }
  else if (t.matches("[data-copy]")) { navigator.clipboard?.writeText(t.nextElementSibling.textContent); t.textContent = "copied"; }
  else if (t.closest(".close") || (!t.closest("#drawer") && !$("drawer").hidden && !t.closest("a"))) close();
});
document.addEventListener("mouseover", (e) => {
  if (!e.target.matches("#matrix td b") || e.target.title) return;
  const o = +e.target.closest("tr").dataset.o, p = columns[e.target.parentElement.cellIndex - 1], c = cellAt.get(o * 1000 + p);
  e.target.title = `${D.ops[o]}::${D.properties[p]}: ${STATES[c[2]]}, ${c[4].toLocaleString("en")} comparisons`;
});
