// The review of an import: the button says how many nodes are ticked, and one box ticks them all.
"use strict";
(() => {
  const form = document.getElementById("review");
  if (!form) return;
  const boxes = [...form.querySelectorAll("[name=members]:not(:disabled)")];
  const all = form.querySelector("[data-all]");
  const buttons = [...document.querySelectorAll("[data-ticked]")];
  function show() {
    const count = boxes.filter((box) => box.checked).length;
    for (const button of buttons) {
      button.textContent = count === 1 ? "Import 1 node" : count ? `Import ${count} nodes` : "Tick nodes to import";
      button.disabled = count === 0;
    }
    all.checked = boxes.length > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    all.disabled = boxes.length === 0;
    for (const box of boxes) box.closest("tr").classList.toggle("sel", box.checked);
  }
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  form.addEventListener("change", show);
  window.addEventListener("pageshow", show);
  show();
})();
