// Small manners of every page. No framework; works on what is there, also after htmx has swapped something in.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } };

  // --- theme and density
  const themes = ["auto", "light", "dark"];
  const words = { auto: "automatic", light: "light", dark: "dark" };
  function showTheme() {
    const now = document.documentElement.dataset.theme || "auto";
    for (const button of $$("[data-theme-toggle]")) {
      const word = $("[data-theme-word]", button);
      if (word) { word.textContent = words[now]; continue; }
      button.setAttribute("aria-label", `Theme: ${words[now]}`);
      button.title = `Theme: ${words[now]}`;
    }
  }
  function nextTheme() {
    const now = document.documentElement.dataset.theme || "auto";
    remember("paddock.theme", themes[(themes.indexOf(now) + 1) % themes.length]);
    window.paddockTheme();
    showTheme();
  }
  function toggleDensity() {
    remember("paddock.density", document.documentElement.dataset.density === "compact" ? "comfortable" : "compact");
    window.paddockTheme();
  }

  // --- menu on the phone
  function menu(open) {
    const nav = $("#nav"), veil = $(".nav-veil"), burger = $(".burger");
    if (!nav || !veil) return;
    nav.classList.toggle("is-open", open);
    veil.hidden = !open;
    burger.setAttribute("aria-expanded", String(open));
    for (const rest of [$(".top"), $("#main")]) if (rest) rest.inert = open;
    (open ? $("[data-menu=close]", nav) : burger).focus();
  }

  // --- copy, reveal, toast
  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "visually-hidden";
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const word = $("[data-copy-word]", button);
    if (word) {
      const before = word.textContent;
      word.textContent = "Copied";
      setTimeout(() => { word.textContent = before; }, 1600);
    }
    say("Copied");
  }
  function reveal(button) {
    const input = document.getElementById(button.dataset.reveal);
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    input.focus();
  }
  function say(text) {
    let place = $("#said");
    if (!place) {
      place = document.createElement("div");
      place.id = "said";
      place.className = "visually-hidden";
      place.setAttribute("role", "status");
      document.body.append(place);
    }
    place.textContent = text;
  }
  function toast(text, kind = "", href = "") {
    const box = $("#toasts");
    if (!box) return;
    const item = document.createElement("div");
    item.className = `toast-p ${kind ? "is-" + kind : ""}`;
    const body = document.createElement(href ? "a" : "p");
    if (href) body.href = href;
    body.className = "strong";
    body.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn btn-bare";
    close.dataset.dismiss = "";
    close.textContent = "Dismiss";
    item.append(body, close);
    box.append(item);
    if (kind !== "bad") setTimeout(() => item.remove(), 8000);
  }
  window.paddock = { toast, say };

  // --- ages that tick
  function duration(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h`;
    return `${Math.floor(whole / 86400).toLocaleString("en")} days`;
  }
  const clock = { offset: 0, now: () => Date.now() + clock.offset };
  window.paddock.clock = clock;
  window.paddock.duration = duration;
  setInterval(() => {
    if (document.hidden) return;
    for (const time of $$("time[data-ago]")) {
      const text = `${duration((clock.now() - Date.parse(time.dateTime)) / 1000)} ago`;
      if (time.textContent !== text) time.textContent = text;
    }
  }, 1000);

  // --- forms: sent once, button says so
  function busy(form, submitter) {
    const button = submitter || $("[type=submit]", form);
    if (!button || form.dataset.busy) return;
    form.dataset.busy = "yes";
    button.setAttribute("aria-busy", "true");
    setTimeout(() => { for (const b of $$("[type=submit]", form)) b.disabled = true; }, 0);
  }
  function free(form) {
    delete form.dataset.busy;
    for (const button of $$("[type=submit]", form)) { button.disabled = false; button.removeAttribute("aria-busy"); }
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.busy) { event.preventDefault(); return; }
    if (form.method === "post" || form.hasAttribute("hx-post")) busy(form, event.submitter);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form");
    if (form) free(form);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) $$("form[data-busy]").forEach(free);
  });
  document.addEventListener("input", (event) => {
    const typed = event.target.dataset?.typed;
    if (typed === undefined) return;
    const button = $("[type=submit]", event.target.form);
    button.disabled = event.target.value !== typed;
  });
  document.addEventListener("change", async (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-file-into]") && event.target.files.length)
      document.getElementById(event.target.dataset.fileInto).value = (await event.target.files[0].text()).slice(0, 250000);
  });

  // --- one listener for all clicks
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    let hit;
    if (at("[data-theme-toggle]")) nextTheme();
    else if (at("[data-density]:not(html)")) toggleDensity();
    else if ((hit = at("[data-menu]"))) menu(hit.dataset.menu === "open");
    else if ((hit = at("[data-copy]"))) copy(hit);
    else if ((hit = at("[data-reveal]"))) reveal(hit);
    else if ((hit = at("[data-dialog]"))) document.getElementById(hit.dataset.dialog).showModal();
    else if ((hit = at("[data-close]"))) hit.closest("dialog").close();
    else if ((hit = at("[data-dismiss]"))) hit.closest(".toast-p, .note, [data-dismissible]").remove();
    else if (event.target.matches?.("dialog")) event.target.close();
    else if ((hit = at("tr[data-row]")) && !at("a, button, input, label, summary") && window.getSelection().isCollapsed) $("a.name", hit).click();
    if (!at(".find")) closeFinds();
    for (const pop of $$("details.pop[open]")) if (!pop.contains(event.target)) pop.open = false;
  });

  // --- what the search box finds while one types
  function closeFinds() {
    const found = $("#found");
    if (found) found.textContent = "";
  }
  function walkFinds(event) {
    const hits = $$("#found .hit");
    if (!hits.length) return;
    event.preventDefault();
    const at = hits.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    (hits[Math.min(at, hits.length - 1)] || $("#find")).focus();
  }

  // --- keys
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if ($("#nav.is-open")) menu(false);
      if (event.target.closest(".find")) { $("#find").focus(); closeFinds(); }
      for (const pop of $$("details.pop[open]")) { pop.open = false; $("summary", pop).focus(); }
      return;
    }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.closest(".find")) { walkFinds(event); return; }
    const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target);
    const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    const find = $("#find");
    if (find && (slash || ctrlK)) { event.preventDefault(); find.focus(); find.select(); return; }
    if ((event.key === "j" || event.key === "k") && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) {
      const names = $$("main .t .name");
      if (!names.length) return;
      const at = names.indexOf(document.activeElement);
      const next = event.key === "j" ? at + 1 : Math.max(0, at - 1);
      names[Math.min(next, names.length - 1)].focus();
    }
  });

  // --- after load, and after a swap
  function arrive(root) {
    $("[data-focus]", root)?.focus();
    for (const item of $$("[data-toast]", root)) item.removeAttribute("data-toast");
    showTheme();
  }
  document.addEventListener("htmx:afterSwap", (event) => arrive(event.target));
  document.addEventListener("htmx:sendError", () => toast("Paddock did not answer. It will be tried again.", "bad"));
  arrive(document);
})();
