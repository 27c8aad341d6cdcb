// Before the first paint: the theme of the Airflow page around us, else the system's.
"use strict";

const airflow = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // framed by a page of another origin, which keeps its document to itself
  }
})();

if (airflow) {
  const root = airflow.document.documentElement;
  const follow = () => {
    document.documentElement.dataset.theme = root.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new airflow.MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["class"] });
}
