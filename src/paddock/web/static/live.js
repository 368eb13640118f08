// Live updates. The server names the views that changed; each becomes an event on <body>:
//   <div hx-get="/nodes?part=rows" hx-trigger="paddock:nodes from:body">
// When the stream is cut, everything that listens is fetched every 15 s, and the top bar says "Not live".
"use strict";
(() => {
  const address = document.body.dataset.live;
  if (!address) return;
  const POLL = 15000;
  let source = null;
  let polling = 0;
  let retry = 0;
  let heard = 0;
  let greeted = false;
  let state = "connecting";

  const listened = () => {
    const names = new Set();
    for (const element of document.querySelectorAll("[hx-trigger*='paddock:']")) {
      for (const [, name] of element.getAttribute("hx-trigger").matchAll(/paddock:([\w.-]+)/g)) names.add(name);
    }
    return names;
  };
  const waiting = new Set();
  let due = 0;
  function tell(names) {
    for (const name of names) waiting.add(name);
    if (document.hidden || due) return;
    due = setTimeout(() => {
      due = 0;
      const now = [...waiting];
      waiting.clear();
      for (const name of now) document.body.dispatchEvent(new CustomEvent(`paddock:${name}`));
    }, 50);
  }
  const all = () => tell(listened());

  function show() {
    const place = document.getElementById("live");
    if (!place) return;
    const age = heard ? window.paddock.duration((window.paddock.clock.now() - heard) / 1000) : "";
    const word = state === "live" ? "Live" : state === "connecting" ? "Connecting" : "Not live";
    const text = state === "live" && age ? `Live, ${age} ago` : word;
    const target = place.querySelector("[data-live-word]");
    place.classList.toggle("is-cut", state === "cut");
    place.classList.toggle("is-waiting", state === "connecting");
    if (place.dataset.state !== state) { place.dataset.state = state; place.setAttribute("aria-label", word); }
    if (target.textContent !== text) target.textContent = text;
    place.title = state === "cut"
      ? "The connection for live updates is cut. This page is fetched anew every 15 s."
      : heard ? `Last change ${new Date(heard).toLocaleString()}` : "";
  }
  setInterval(show, 1000);

  function cut() {
    state = "cut";
    if (!polling) polling = setInterval(() => { if (!document.hidden) all(); }, POLL);
    show();
  }
  function connect() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource(address);
    source.addEventListener("hello", (event) => {
      const greeting = JSON.parse(event.data);
      window.paddock.clock.offset = Date.parse(greeting.at) - Date.now();
      if (!greeting.live) { cut(); return; }
      const again = greeted; // what changed between two streams was not told
      greeted = true;
      state = "live";
      heard = heard || window.paddock.clock.now();
      clearInterval(polling);
      polling = 0;
      if (again) all();
      show();
    });
    source.addEventListener("views", (event) => {
      heard = window.paddock.clock.now();
      tell(event.data.split(","));
    });
    source.addEventListener("error", () => {
      // A stream that ends in the regular way is opened again by the browser within 3 s; only then is it "cut".
      if (!source) return;
      if (source.readyState === EventSource.CLOSED) {
        cut();
        retry = setTimeout(connect, POLL);
      } else {
        setTimeout(() => { if (source && source.readyState !== EventSource.OPEN) cut(); }, 5000);
      }
    });
  }

  // A browser has six connections per server: a tab that nobody looks at gives its stream back.
  let leaving = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.hidden) {
      leaving = setTimeout(() => { source?.close(); source = null; }, 10000);
      return;
    }
    if (!source) connect();
    all();
  });
  // What a page fetches by itself must not keep a session alive.
  document.addEventListener("htmx:configRequest", (event) => {
    const cause = event.detail.triggeringEvent?.type || "";
    const marked = window.getSelection();
    if (cause.startsWith("paddock:") && !marked.isCollapsed && event.detail.elt.contains(marked.anchorNode)) {
      event.preventDefault(); // somebody is about to copy this; it is fetched with the next change
      return;
    }
    if (cause.startsWith("paddock:") || cause === "every") event.detail.headers["Paddock-Refresh"] = "1";
  });
  // Nothing is replaced under a pressed pointer: the click would be lost.
  let held = false;
  let missed = false;
  window.addEventListener("pointerdown", () => { held = true; }, true);
  for (const end of ["pointerup", "pointercancel", "blur"]) {
    window.addEventListener(end, () => {
      held = false;
      if (missed) { missed = false; all(); }
    }, true);
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!held || !event.detail.requestConfig.headers["Paddock-Refresh"]) return;
    event.detail.shouldSwap = false;
    missed = true;
  });
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
})();
