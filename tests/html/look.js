addEventListener("load", () => {
  const seen = { ...window.trouble, tables: {}, sorted: {}, slider: {} };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.querySelectorAll("details").forEach((details) => { details.open = true; });
  const pictures = all("#pictures img");
  const broken = pictures.filter((picture) => !picture.complete || picture.naturalWidth === 0);
  seen.broken = broken.map((picture) => "broken: " + picture.alt);
  seen.requests = performance.getEntriesByType("resource").map((entry) => entry.name)
    .filter((name) => !name.startsWith("data:")).map((name) => "requested: " + name);
  seen.value = document.getElementById("value").textContent;
  for (const table of all("table")) {
    seen.tables[table.id] = [...table.tBodies[0].rows].map((row) =>
      [...row.cells].map((cell) => cell.textContent.trim()));
  }
  seen.bars = all("svg.bars").map((panel) =>
    all(".bar", panel).map((bar) => bar.querySelector("rect").getBoundingClientRect().width));
  // What says that a class is drowned by its colour alone.
  const says = (element) => element.textContent + all("th, h3", element)
    .map((name) => getComputedStyle(name, "::after").content).join("");
  seen.unmarked = all(".drowned").filter((element) => !says(element).includes("drowned")).length;
  seen.pictures = pictures.length;
  seen["without text"] = all("img:not([alt]), img[alt=''], svg:not([role=img]), svg:not(:has(title))").length;
  if (pictures.length > 0) {
    const box = pictures[0].getBoundingClientRect();
    seen.aspect = box.width / box.height;
  }

  const slider = document.querySelector(".slider input");
  if (slider) {
    const output = document.querySelector(".slider output");
    seen.slider.before = output.textContent;
    slider.value = 0;
    slider.dispatchEvent(new Event("input"));
    seen.slider.after = output.textContent;
    seen.slider.spoken = slider.getAttribute("aria-valuetext");
    const sheets = all(".image:first-of-type .column:first-child .sheet");
    seen.slider.shown = sheets.filter((sheet) => sheet.offsetHeight > 0).map((sheet) => sheet.dataset.slice);
  }

  seen.width = innerWidth;
  seen["too wide"] = all("body *").filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
    .map((element) => element.outerHTML.slice(0, 80));

  const classes = document.getElementById("classes");
  for (const button of all("thead button", classes)) {
    const names = () => [...classes.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
    button.click();
    const first = names();
    button.click();
    seen.sorted[button.textContent] = { first, second: names() };
  }
  seen.errors.push(...window.trouble.errors.slice(seen.errors.length));
  const out = document.createElement("pre");
  out.id = "seen";
  out.textContent = JSON.stringify(seen);
  // A narrow page stands in a frame.
  (window === parent ? document : parent.document).body.append(out);
});
