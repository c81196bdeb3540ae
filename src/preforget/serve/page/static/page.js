// What the page can do without this file, too, done more pleasantly: no request goes anywhere but here.
"use strict";

document.documentElement.classList.add("has-script");
const announce = (text) => { document.getElementById("announce").textContent = text; };

// Light, dark or the system's, without loading the page again.
for (const form of document.querySelectorAll("form.themes")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = event.submitter.value;
    document.documentElement.dataset.theme = chosen;
    for (const button of form.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.value === chosen));
    }
    const body = new URLSearchParams({ csrf: form.elements.csrf.value, next: "/verify", theme: chosen });
    fetch(form.action, { method: "POST", body, redirect: "manual" });
  });
}

// Files: dropped, and refused here if they are too large to be sent.
for (const form of document.querySelectorAll("form[data-most]")) {
  const input = form.querySelector("input[type=file]");
  const area = form.querySelector(".drop");
  const check = () => {
    const size = input.files.length ? input.files[0].size : 0;
    const most = Number(form.dataset.most) - 65536;
    input.setCustomValidity(size > most ? `This file is too large: up to ${Math.floor(most / 1048576)} MiB.` : "");
    if (size > most) input.reportValidity();
    return size <= most;
  };
  input.addEventListener("change", check);
  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, (event) => { event.preventDefault(); area.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    area.addEventListener(kind, () => area.classList.remove("over"));
  }
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    if (check()) form.requestSubmit();
  });
}

// A form that was sent is not sent a second time by a double click.
for (const form of document.querySelectorAll("form:not(.themes)")) {
  form.addEventListener("submit", () => {
    announce("Working …");
    setTimeout(() => {
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    });
  });
}
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

// How far a forgetting is, until it is done or has failed.
const look = async () => {
  try {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (response.redirected) { location.replace(response.url); return; }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!page.querySelector("[data-pending]")) { location.reload(); return; }
    announce("Still forgetting …");
  } catch {
    announce("The service can't be reached; the request is kept.");
  }
  setTimeout(look, 1000);
};
if (document.querySelector("[data-pending]")) setTimeout(look, 400);
