// Applies the theme of the surrounding Airflow page, and opens links to Airflow there. It runs before the first paint, so
// that no link is visible before it can be opened. Without such a page, the system's theme applies and links are links.
"use strict";

const airflow = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // a page of another origin does not expose its document
  }
})();

if (airflow) {
  const root = airflow.document.documentElement;
  const follow = () => {
    document.documentElement.dataset.theme = root.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new airflow.MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["class"] });

  // When the iframe has loaded, Airflow replaces its own address with the iframe's, and would end a navigation that began
  // before.
  const loaded = new Promise((resolve) => window.frameElement.addEventListener("load", resolve, { once: true }));

  // The iframe's sandbox forbids target="_top". Airflow's router listens to its own history: the link is pushed there.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    await loaded;
    airflow.history.pushState({}, "", link.href);
    airflow.dispatchEvent(new airflow.PopStateEvent("popstate", { state: {} }));
  });
}
