// The count follows what is typed: any change of a row asks for it again, HTMX waits for a pause. Values are suggested
// for the attribute of their row once the rows come back from the server.
(() => {
  const inRows = (target) => target instanceof Element && target.closest("#audience-rows");
  const recount = () => document.body.dispatchEvent(new CustomEvent("recount"));
  document.addEventListener("input", (event) => inRows(event.target) && recount());
  document.addEventListener("change", (event) => inRows(event.target) && recount());
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "audience-rows") return;
    recount();
    const rows = document.querySelectorAll("#audience-rows input[name=attribute]");
    if (rows.length) rows[rows.length - 1].focus();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "audience-count") event.target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.id === "audience-count") event.target.setAttribute("aria-busy", "false");
  });
  const problems = document.getElementById("problems");
  if (problems) problems.focus();
})();
