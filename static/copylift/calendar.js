// The arrow keys walk the months: silent while somebody types or chooses, with a modifier held, or in a part that scrolls.
(() => {
  const months = document.querySelector("[data-months]");
  const help = document.querySelector("[data-months-help]");
  if (!months) return;
  if (help) help.hidden = false;
  document.addEventListener("keydown", (event) => {
    const busy = event.target instanceof Element && event.target.closest("input, select, textarea, .scroll");
    if (busy || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.repeat) return;
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (rel) months.querySelector(`[rel=${rel}]`).click();
  });
})();
