// Applies the theme of the surrounding Airflow page before the first paint; without one, the system's theme applies.
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
}
