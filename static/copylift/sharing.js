// A button that copies an address; without this the address stands in a field all the same. Says so aloud.
(() => {
  "use strict";
  const told = document.querySelector("[data-copied]");
  if (!navigator.clipboard || !told) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.copy);
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        told.textContent = told.dataset.copied;
      } catch {
        // The address is selected: Ctrl-C does it.
      }
    });
  }
})();
