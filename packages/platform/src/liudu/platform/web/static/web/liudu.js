/* What HTML cannot do alone: say that a part of the page did not come, close menus, unfold filters,
   find errors, keep what was typed while the language changes. */
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

  // Another language loads the page again: what was typed and not yet sent goes over, once.
  // So it does where the session had ended and the login stood between; never account numbers.
  const KEPT = "liudu-typed";
  const fields = () => [...document.querySelectorAll("main form[method=post] [name]")].filter(
    (field) => !["hidden", "password", "file", "submit"].includes(field.type) && field.tagName !== "BUTTON",
  );
  const box = (field) => ["checkbox", "radio"].includes(field.type);
  const entrance = () => location.pathname.startsWith("/accounts/");
  const keep = (kept) => sessionStorage.setItem(KEPT, JSON.stringify(kept));
  document.addEventListener("submit", (event) => {
    const words = event.target.action.endsWith("/i18n/setlang/");
    if (!words && (entrance() || event.target.method !== "post")) return;
    const open = (field) => words || field.autocomplete !== "off";
    const typed = fields().map((field) => [field.name, box(field) ? field.checked : open(field) ? field.value : ""]);
    keep({ at: location.pathname, typed, login: !words });
  });
  document.addEventListener("DOMContentLoaded", () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
    if (kept.login && entrance()) return keep({ ...kept, passed: true });
    sessionStorage.removeItem(KEPT);
    if (kept.at !== location.pathname || (kept.login && !kept.passed)) return;
    const here = fields();
    if (here.length !== kept.typed.length) return;
    kept.typed.forEach(([name, value], number) => {
      const field = here[number];
      if (field.name !== name) return;
      if (box(field)) field.checked = value;
      else if (value || !kept.login) field.value = value;
      if (kept.login && value && !box(field) && field.value !== field.defaultValue) field.closest("details")?.setAttribute("open", "");
    });
    here[0]?.form.dispatchEvent(new Event("change", { bubbles: true }));
  });
})();
