// Refreshes the numbers, copies texts, and folds the filters on a phone.
"use strict";

// The body of a page whose numbers change has the interval in seconds; other pages are not refreshed.
const refreshMilliseconds = 1000 * Number(document.body.dataset.refresh ?? 0);

// Replaces only elements that changed, so that nothing flickers; focus stays on the element with the same id. While a
// dialog is open, nothing is replaced.
function show(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const replacement = fresh.getElementById(old.id);
    if (!replacement || old.isEqualNode(replacement)) continue;
    if (document.querySelector("dialog[open]")) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(document.adoptNode(replacement));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

function stale(reason) {
  const notice = document.getElementById("stale");
  if (!notice) return;
  notice.hidden = !reason;
  notice.textContent = reason ? `These numbers are out of date: ${reason}. Trying again.` : "";
}

async function refresh() {
  try {
    const response = await fetch(location.href, { headers: { Accept: "*/*" } });
    if (response.status === 401) return location.reload(); // to the login
    if (!response.ok) return stale(`the server answered ${response.status}`);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (fresh.body.dataset.page !== document.body.dataset.page) return location.reload();
    show(fresh);
    stale("");
    document.dispatchEvent(new Event("refreshed"));
  } catch {
    stale("the server cannot be reached");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const link = button.dataset.copyLink;
  const text = link ? new URL(link, location.href).href : button.dataset.copy;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without permission, or without https: the text is shown to be copied by hand.
    const field = Object.assign(document.createElement("input"), { value: text, readOnly: true, size: 40 });
    field.setAttribute("aria-label", label);
    button.replaceWith(field);
    field.select();
    return;
  }
  setTimeout(() => { button.textContent = label; }, 2000);
});

// On a phone the filters begin folded; without this script, they are unfolded.
if (matchMedia("(max-width: 56rem)").matches) {
  for (const box of document.querySelectorAll("details.filter-box")) box.open = false;
}

let timer;
function follow() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    await refresh();
    if (!document.hidden) follow();
  }, refreshMilliseconds);
}

if (refreshMilliseconds) {
  document.addEventListener("visibilitychange", async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    await refresh();
    follow();
  });
  if (!document.hidden) follow();
}
