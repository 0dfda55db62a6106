// Only comfort: filtering the list of changes, and opening or closing all of it at once.
(() => {
  const tools = document.querySelector(".tools");
  if (!tools) return;
  tools.hidden = false;
  const changes = [...document.querySelectorAll("#changes .change")];
  tools.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const change of changes) {
      change.hidden = !change.querySelector("code").textContent.toLowerCase().includes(wanted);
    }
    for (const phase of document.querySelectorAll("#changes .did")) {
      phase.hidden = !phase.querySelector(".change:not([hidden])");
    }
  });
  for (const button of tools.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      for (const change of changes) if (!change.hidden && "open" in change) change.open = Boolean(button.dataset.open);
    });
  }
})();
