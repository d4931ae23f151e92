"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  document.documentElement.classList.add("scripted");
  const list = $("cards"), cards = [...list.querySelectorAll("article")], shown = $("shown");
  const fields = ["severity", "kind", "region", "owner", "rule"];
  for (const field of fields.slice(1)) {
    const values = new Set();
    for (const card of cards) for (const value of (card.dataset[field] || "").split("\n")) if (value) values.add(value);
    for (const value of [...values].sort()) $("by-" + field).append(new Option(value, value));
  }
  const matches = (card) => {
    const least = $("by-severity").value, text = $("by-text").value.trim().toLowerCase();
    if (least && Number(card.dataset.severity) < Number(least)) return false;
    for (const field of fields.slice(1)) {
      const wanted = $("by-" + field).value;
      if (wanted && !(card.dataset[field] || "").split("\n").includes(wanted)) return false;
    }
    return !text || card.textContent.toLowerCase().includes(text);
  };
  const filter = () => {
    let count = 0;
    for (const card of cards) { card.hidden = !matches(card); if (!card.hidden) count += 1; }
    shown.textContent = count === cards.length ? `All ${count} shown.` : `${count} of ${cards.length} shown.`;
  };
  const orders = {
    severity: (a, b) => b.dataset.severity - a.dataset.severity || a.dataset.name.localeCompare(b.dataset.name),
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name),
    first: (a, b) => a.dataset.first.localeCompare(b.dataset.first) || a.dataset.name.localeCompare(b.dataset.name),
  };
  $("sort").addEventListener("change", (event) => {
    cards.sort(orders[event.target.value]);
    list.append(...cards);
  });
  for (const field of fields) $("by-" + field).addEventListener("change", filter);
  $("by-text").addEventListener("input", filter);
  filter();
  // A spreadsheet takes a text that begins like a formula for one: names of secrets are hostile input.
  const cell = (text) => `"${text.trim().replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
  const rows = (card) => [...card.querySelectorAll("h4")].map((head) => {
    let remedy = "";
    for (let it = head.nextElementSibling; it && it.tagName !== "H4"; it = it.nextElementSibling)
      if (it.tagName === "PRE") remedy = it.textContent;
    const [severity, title] = [head.firstElementChild.textContent, head.lastChild.textContent];
    const { name, kind, region, account } = card.dataset, { rule, state } = head.dataset;
    return [severity, rule, state, name, kind, region, account, title, head.nextElementSibling.textContent, remedy];
  });
  const head = ["severity", "rule", "state", "name", "class", "region", "account", "title", "evidence", "remedy"];
  $("save").addEventListener("click", () => {
    const found = cards.filter((card) => !card.hidden).flatMap(rows);
    const text = [head, ...found].map((row) => row.map(cell).join(",")).join("\r\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    link.download = `secrets-audit-${document.title.slice(-10)}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  const rest = JSON.parse($("rest").textContent), button = $("show-rest"), table = $("rest-rows");
  let next = 0;
  button.addEventListener("click", () => {
    table.hidden = false;
    const body = table.tBodies[0];
    for (const end = Math.min(next + 500, rest.length); next < end; next += 1) {
      const row = body.insertRow();
      for (const value of rest[next]) row.insertCell().textContent = value;
    }
    button.textContent = next < rest.length ? `Show more (${rest.length - next} left)` : "All are shown";
    button.disabled = next >= rest.length;
  });
  addEventListener("hashchange", () => {
    const target = $(decodeURIComponent(location.hash.slice(1)));
    if (target) target.hidden = false;
  });
})();
