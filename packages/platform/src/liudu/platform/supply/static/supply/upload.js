"use strict";
// How far an upload is, and a word at once when the file is too large. The form works without.
for (const form of document.querySelectorAll("form[data-upload]")) {
  const error = form.querySelector("[data-upload-error]");
  const bar = form.querySelector("[data-upload-progress]");
  const [label, progress] = [bar.firstElementChild, bar.lastElementChild];
  const button = form.querySelector("button[type=submit]");

  const fail = (text) => {
    error.textContent = text;
    error.hidden = !text;
    bar.hidden = Boolean(text) || bar.hidden;
    button.disabled = false;
  };

  const told = (event) => {
    const part = event.lengthComputable ? Math.floor((100 * event.loaded) / event.total) : 0;
    progress.value = part;
    label.textContent = part < 100 ? `${form.dataset.sending} ${part} %` : form.dataset.reading;
  };

  const answered = (request) => {
    if (request.status < 400) {
      window.location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const notice = page.querySelector("#upload [role=alert], main [role=alert]");
    fail(notice ? notice.textContent.trim() : form.dataset.lost);
  };

  form.addEventListener("submit", (event) => {
    const [file] = form.querySelector("input[type=file]").files;
    if (!file) return;
    event.preventDefault();
    fail("");
    if (file.size > Number(form.dataset.sizeMax)) {
      fail(form.dataset.tooLarge);
      return;
    }
    const request = new XMLHttpRequest();
    request.open("POST", form.action || window.location.href);
    request.upload.addEventListener("progress", told);
    request.addEventListener("load", () => answered(request));
    request.addEventListener("error", () => fail(form.dataset.lost));
    button.disabled = true;
    bar.hidden = false;
    request.send(new FormData(form));
  });
}
