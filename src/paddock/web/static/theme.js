// Sets theme and density before anything is painted. Loaded in <head>, blocking, and therefore tiny.
"use strict";
(function () {
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function read(name) { try { return localStorage.getItem(name); } catch (e) { return null; } }
  function apply() {
    var wish = read("paddock.theme") || "auto";
    root.dataset.bsTheme = wish === "auto" ? (dark.matches ? "dark" : "light") : wish;
    root.dataset.theme = wish;
    root.dataset.density = read("paddock.density") || "comfortable";
  }
  apply();
  dark.addEventListener("change", apply);
  window.paddockTheme = apply;
})();
