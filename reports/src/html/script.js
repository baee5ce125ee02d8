"use strict";
// Only what is nice: the page is complete without it.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

  // A column is sorted by its heading: figures by their size, as they are first; text by the alphabet.
  const value = (row, at) => row.cells[at].textContent.trim();
  const size = (text) => {
    const figure = text.replace(/,/g, "").replace(/\u2212/g, "-").match(/-?\d+(\.\d+)?/);
    return figure ? Number(figure[0]) : -Infinity;
  };
  for (const table of all("main table")) {
    const body = table.tBodies[0];
    if (body.rows.length < 3) continue;
    all("thead th", table).forEach((heading, at) => {
      const button = make("button", { type: "button", className: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") !== "descending";
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const isFigure = heading.classList.contains("n");
        const order = (a, b) => isFigure ? size(value(a, at)) - size(value(b, at)) : value(b, at).localeCompare(value(a, at));
        const rows = [...body.rows].sort(order);
        body.append(...(down ? rows.reverse() : rows));
      });
    });
  }

  // Plugins are picked by buttons; in all charts the marks of others step back.
  const marks = all("svg.chart [data-plugin]");
  const plugins = [...new Set(marks.map((mark) => mark.dataset.plugin))].filter((plugin) => !/^A'?$/.test(plugin));
  const place = document.querySelector("section[id$=added] .facts");
  if (place && plugins.length > 2) {
    const picked = new Set();
    const group = make("div", { className: "pick" });
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Plugins to pick out in all charts");
    group.append(make("span", { textContent: "Pick out" }));
    for (const plugin of plugins.slice(0, 24)) {
      const button = make("button", { type: "button", textContent: plugin.slice(0, 24) });
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        const on = !picked.delete(plugin);
        if (on) picked.add(plugin);
        button.setAttribute("aria-pressed", String(on));
        for (const mark of marks) mark.classList.toggle("aside", picked.size > 0 && !picked.has(mark.dataset.plugin));
      });
      group.append(button);
    }
    place.after(group);
  }

  // A mark's figures at once where the pointer is, in place of the browser's own slow ones.
  const tip = make("div", { className: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  document.addEventListener("pointerover", ({ target }) => {
    const title = target.closest?.("svg.chart *")?.querySelector(":scope > title");
    if (title && title.parentNode.localName !== "svg") {
      title.parentNode.tip = title.textContent;
      title.remove();
    }
    tip.textContent = target.tip ?? "";
    tip.hidden = !target.tip;
  });
  document.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (tip.hidden) return;
    tip.style.left = `${Math.max(4, Math.min(clientX + 14, innerWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${clientY > innerHeight - 60 ? clientY - tip.offsetHeight - 10 : clientY + 14}px`;
  });

  // Each part can be linked to.
  for (const section of all("main section[id]")) {
    const heading = section.querySelector("h2, h3");
    const link = make("a", { className: "anchor", href: `#${section.id}`, textContent: "#" });
    link.setAttribute("aria-label", `Link to ${heading.textContent}`);
    heading.append(" ", link);
  }
})();
