// Single keys for who reviews much: silent while somebody types, with a modifier held, or where they are switched off
// (WCAG 2.1.4). j and k walk the list; a, r and e act on the open copy, or on
// the one beside the list.
(() => {
  const help = document.getElementById("review-keys");
  const box = document.getElementById("review-keys-on");
  if (!help || !box) return;
  const STORE = "copylift.review.keys";
  help.hidden = false;
  try { box.checked = localStorage.getItem(STORE) !== "off"; } catch { /* no storage: on for this page */ }
  box.addEventListener("change", () => {
    try { localStorage.setItem(STORE, box.checked ? "on" : "off"); } catch { /* as above */ }
  });
  const walk = (step) => {
    const rows = [...document.querySelectorAll("a[data-row]")];
    const next = rows[rows.indexOf(document.activeElement) + step];
    if (next) next.focus();
  };
  // What stands beside the list follows the focus with a delay: a key never decides about the copy of another row.
  const isLate = (target) => {
    const row = document.activeElement?.closest("a[data-row]");
    const beside = target.closest("[data-beside]");
    return Boolean(row && beside && row.dataset.row !== beside.dataset.beside);
  };
  const use = (key) => {
    const target = document.querySelector(`[data-key="${key}"]`);
    if (!target || isLate(target)) return;
    const details = target.closest("details");
    if (details) details.open = true;
    if (key === "a") target.form.requestSubmit(target);
    else if (target.href) target.click();
    else target.focus();
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    if (!box.checked || typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.key === "j") walk(1);
    else if (event.key === "k") walk(-1);
    else if (event.key === "?") { help.open = !help.open; help.querySelector("summary").focus(); }
    else if (["a", "r", "e"].includes(event.key)) { event.preventDefault(); use(event.key); }
  });
})();
