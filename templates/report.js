"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending";
      const words = head.classList.contains("word");
      // Numbers begin with the largest, words with the first.
      const ascending = head.hasAttribute("aria-sort") ? down : words;
      const rows = [...table.tBodies[0].rows];
      const key = (row) => {
        const cell = row.cells[column];
        return "value" in cell.dataset ? cell.dataset.value : cell.textContent;
      };
      const compare = (a, b) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
        return ascending ? order : -order;
      };
      rows.sort((a, b) => compare(key(a), key(b)));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      table.tBodies[0].append(...rows);
    });
  });
}
for (const line of document.querySelectorAll(".slider")) {
  const slider = line.querySelector("input");
  const numbers = slider.dataset.slices.split(" ");
  const sheets = line.closest(".image").querySelectorAll(".column:first-child .sheet");
  const show = () => {
    sheets.forEach((sheet, place) => { sheet.hidden = place !== Number(slider.value); });
    line.querySelector("output").textContent = numbers[slider.value];
    slider.setAttribute("aria-valuetext", "slice " + numbers[slider.value]);
  };
  slider.addEventListener("input", show);
  line.hidden = false;
  show();
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
