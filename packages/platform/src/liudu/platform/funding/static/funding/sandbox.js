/* A slider tells its value, and the value may be typed; without this the sliders are sent as they stand. */
"use strict";
(() => {
  const pair = (range) => {
    const box = document.getElementById(`${range.id}-value`);
    if (!box) return;
    const factor = Number(range.dataset.factor);
    const places = Number(range.dataset.places);
    const shown = () => String(Number((Number(range.value) * factor).toFixed(places)));
    box.value = shown();
    box.hidden = false;
    range.addEventListener("input", () => { box.value = shown(); });
    box.addEventListener("change", () => {
      range.value = String(Number(box.value) / factor);
      box.value = shown();
      range.dispatchEvent(new Event("input", { bubbles: true }));
      range.dispatchEvent(new Event("change", { bubbles: true }));
    });
  };
  for (const range of document.querySelectorAll(".slider input[type=range]")) pair(range);
})();
