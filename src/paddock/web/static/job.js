// The log of a job follows its end, unless one has scrolled up.
"use strict";
(() => {
  const log = () => document.getElementById("job-log");
  let kept = null;
  const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "job") return;
    const box = log();
    kept = box ? { end: atEnd(box), top: box.scrollTop, focus: document.activeElement === box } : { end: true };
  });
  document.addEventListener("htmx:afterSwap", () => {
    const box = log();
    if (!box || !kept) return;
    box.scrollTop = kept.end ? box.scrollHeight : kept.top;
    if (kept.focus) box.focus({ preventScroll: true });
    kept = null;
  });
  const box = log();
  if (box) box.scrollTop = box.scrollHeight;
})();
