// Runs in a copy of a report and tells the page around it what a browser sees.
addEventListener("load", async () => {
  const beyond = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const closed = beyond();
  for (const details of document.querySelectorAll("details")) details.open = true;
  const seen = {
    width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    // How far the page goes beyond its window to the right, with its tables folded and not.
    overflow: Math.max(closed, beyond()),
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    // Text of a chart that does not stand within it, as it is really drawn.
    cut: [],
    // Texts of a chart that lie on each other.
    collisions: [],
    marks: [],
    violations: null,
  };
  for (const chart of document.querySelectorAll("svg.chart")) {
    const box = chart.getBoundingClientRect();
    const texts = [...chart.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
    texts.forEach(([text, own], at) => {
      if (own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1)
        seen.cut.push(`${chart.id}: ${text.textContent}`);
      for (const [other, its] of texts.slice(at + 1))
        if (own.left < its.right - 1 && its.left < own.right - 1 && own.top < its.bottom - 3 && its.top < own.bottom - 3)
          seen.collisions.push(`${chart.id}: ${text.textContent} and ${other.textContent}`);
    });
    // A group has what its marks have in common.
    for (const mark of chart.querySelectorAll(":not(g, title)")) {
      const data = { ...mark.closest("g")?.dataset, ...mark.dataset };
      if (Object.keys(data).length) seen.marks.push({ chart: chart.id, class: mark.getAttribute("class"), ...data });
    }
  }
  if (globalThis.axe) {
    const result = await axe.run(document, { resultTypes: ["violations"] });
    seen.violations = result.violations.map(({ id, help, nodes }) => {
      const where = nodes.slice(0, 3).map((node) => `${node.target.join(" ")}: ${node.failureSummary}`);
      return `${id}: ${help} (${nodes.length}): ${where.join(" | ")}`;
    });
  }
  parent.postMessage(seen, "*");
});
