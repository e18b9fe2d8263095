// Says a new alert aloud, once: the live part is replaced every few seconds, which would repeat everything in it.
(() => {
  const said = document.getElementById("alerts-said");
  if (!said) return;
  const keys = () => new Map([...document.querySelectorAll("[data-alert]")].map((one) => [one.dataset.alert, one.textContent]));
  let known = keys();
  document.addEventListener("htmx:afterSettle", () => {
    const now = keys();
    const fresh = [...now].filter(([key]) => !known.has(key)).map(([, text]) => text.replace(/\s+/g, " ").trim());
    if (fresh.length) said.textContent = fresh.join(" ");
    known = now;
  });
})();
