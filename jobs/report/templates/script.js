"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.classList.contains("plain")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const isNumber = head.classList.contains("n");
      const rising = head.ariaSort ? head.ariaSort !== "ascending" : !isNumber;
      const value = (row) => isNumber ? Number(row.cells[column].dataset.v) : row.cells[column].textContent;
      const compare = (a, b) => isNumber ? value(a) - value(b) : value(a).localeCompare(value(b), "en");
      const rows = [...table.tBodies[0].rows].sort((a, b) => rising ? compare(a, b) : compare(b, a));
      table.tBodies[0].append(...rows);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.ariaSort = rising ? "ascending" : "descending";
    });
  });
}
for (const input of document.querySelectorAll("input[data-filter]")) {
  const rows = document.getElementById(input.dataset.filter).tBodies[0].rows;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
  });
}
for (const place of document.querySelectorAll("[data-choices]")) {
  const groups = [...document.querySelectorAll(`[data-group="${place.dataset.choices}"]`)];
  const choose = (chosen) => {
    groups.forEach((group) => { group.hidden = chosen !== null && group !== chosen; });
    buttons.forEach(([button, group]) => button.setAttribute("aria-pressed", String(group === chosen)));
  };
  const buttons = [null, ...groups].map((group) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = group ? group.dataset.name : "all";
    button.addEventListener("click", () => choose(group));
    return [button, group];
  });
  if (groups.length > 1) place.append(...buttons.map(([button]) => button));
  choose(null);
}
