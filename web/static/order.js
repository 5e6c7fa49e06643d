// Rows are dragged by their arrows, with finger, mouse or arrow keys; the numbers follow. Without this file the numbers are typed.
const body = document.querySelector("#order tbody");
let moving = null; // the row that is dragged

function put(row, before) {
  if (before !== row && before !== row.nextElementSibling) body.insertBefore(row, before);
  [...body.rows].forEach((r, i) => { r.querySelector(".place").value = i + 1; });
}

function drop() {
  if (moving) moving.classList.remove("moving");
  moving = null;
}

// A row that is put elsewhere loses the pointer, so the whole page listens.
document.addEventListener("pointermove", e => {
  if (!moving) return;
  const over = [...body.rows].find(r => r !== moving && e.clientY >= r.getBoundingClientRect().top && e.clientY < r.getBoundingClientRect().bottom);
  if (!over) return;
  const box = over.getBoundingClientRect();
  put(moving, e.clientY > box.top + box.height / 2 ? over.nextElementSibling : over);
});
document.addEventListener("pointerup", drop);
document.addEventListener("pointercancel", drop);

for (const grip of body ? body.querySelectorAll(".grip") : []) {
  const row = grip.closest("tr");
  grip.hidden = false;
  grip.addEventListener("pointerdown", e => {
    e.preventDefault();
    if (grip.hasPointerCapture(e.pointerId)) grip.releasePointerCapture(e.pointerId); // a finger is caught by what it touches first
    grip.focus();
    moving = row;
    row.classList.add("moving");
  });
  grip.addEventListener("keydown", e => {
    if (e.key !== "ArrowUp" && e.key !== "ArrowDown") return;
    e.preventDefault();
    if (e.key === "ArrowUp" && row.previousElementSibling) put(row, row.previousElementSibling);
    if (e.key === "ArrowDown" && row.nextElementSibling) put(row, row.nextElementSibling.nextElementSibling);
    grip.focus();
  });
}
