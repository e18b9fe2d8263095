// The buttons that copy code come up only where the browser can copy.
(() => {
  if (!navigator.clipboard) return;
  const said = document.getElementById("copied");
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
      said.textContent = "";
      said.textContent = said.dataset.said;
    });
  }
})();
