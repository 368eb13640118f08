// The filter of the API reference: hides what does not contain what was typed, without asking the server.
"use strict";
(() => {
  const input = document.getElementById("api-filter");
  if (!input) return;
  const articles = [...document.querySelectorAll("article[data-op]")];
  const entries = new Map([...document.querySelectorAll("li[data-op]")].map((li) => [li.dataset.op, li]));
  const texts = new Map(articles.map((article) => [article, article.textContent.toLowerCase()]));
  function filter() {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const article of articles) {
      const fits = texts.get(article).includes(wanted);
      article.hidden = !fits;
      entries.get(article.dataset.op).hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const group of document.querySelectorAll("[data-group]")) {
      group.hidden = !group.querySelector("[data-op]:not([hidden])");
    }
    document.getElementById("api-none").hidden = shown > 0 || articles.length === 0;
  }
  input.addEventListener("input", filter);
  input.form.addEventListener("submit", (event) => { if (articles.length) { event.preventDefault(); filter(); } });
})();
