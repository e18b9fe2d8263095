// Says how many candidates are chosen, and at once where a check blocks one of them. Cards may arrive while copy is
// being written, so the boxes are looked up anew each time.
(() => {
  const said = document.getElementById("chosen-count");
  if (!said) return;
  const tell = () => {
    const chosen = [...document.querySelectorAll("input[name=chosen][form=hand-in]:checked")];
    const blocked = chosen.some((box) => "blocked" in box.dataset);
    const count = chosen.length ? `${said.dataset.some} ${chosen.length}` : said.dataset.none;
    said.textContent = blocked ? `${count}. ${said.dataset.blocked}` : count;
    said.classList.toggle("tone-bad", blocked);
  };
  document.addEventListener("change", (event) => {
    if (event.target instanceof Element && event.target.matches("input[name=chosen]")) tell();
  });
  tell();
})();
