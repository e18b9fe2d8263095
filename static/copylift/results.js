// A running result is swapped in anew when there is something new; what was opened in it stays open.
(() => {
  "use strict";
  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "result") return;
    open = [...event.detail.target.querySelectorAll("details[open][id]")].map((one) => one.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) {
      const found = document.getElementById(id);
      if (found) found.open = true;
    }
  });
})();
