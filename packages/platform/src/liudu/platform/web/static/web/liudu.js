/* What HTML cannot do alone: say that a part of the page did not come, close menus, unfold filters,
   find errors. */
"use strict";
(() => {
  const say = (text) => {
    const box = document.getElementById("live");
    if (!box) return;
    const notice = document.createElement("div");
    notice.className = "notice notice-bad";
    notice.textContent = text;
    box.replaceChildren(notice);
  };
  const words = (name) => document.body.dataset[name] || "";

  document.addEventListener("htmx:responseError", (event) => {
    say(event.detail.xhr.status === 503 ? words("away") : words("broken"));
  });
  document.addEventListener("htmx:sendError", () => say(words("offline")));
  document.addEventListener("htmx:beforeSwap", () => document.getElementById("live")?.replaceChildren());

  const close = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open], details.confirm[open]")) {
      if (menu !== except) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => close(event.target.closest("details.menu, details.confirm")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.activeElement?.closest("details.menu[open], details.confirm[open]");
    close(null);
    open?.querySelector("summary")?.focus();
  });
  // Filters are folded on a phone only: CSS shows them at once, this tells the rest of the browser.
  const roomy = matchMedia("(min-width: 44.01rem)");
  const unfold = () => {
    for (const more of document.querySelectorAll("details.filters-more")) more.open = roomy.matches;
  };
  roomy.addEventListener("change", unfold);
  document.addEventListener("DOMContentLoaded", unfold);
  document.addEventListener("DOMContentLoaded", () => document.querySelector(".error-summary")?.focus());
})();
