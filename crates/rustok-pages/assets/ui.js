// Everything works without this file; it only saves steps.
const $ = (q, r = document) => r.querySelector(q), all = (q, r = document) => [...r.querySelectorAll(q)];

// Dialogs: a link that leads to the page of a form opens the form here instead.
document.addEventListener("click", (e) => {
  const open = e.target.closest("[data-open]"), close = e.target.closest("[data-close]");
  const dialog = open && document.getElementById(open.dataset.open);
  if (dialog && !e.ctrlKey && !e.metaKey) { e.preventDefault(); dialog.showModal(); }
  if (close) close.closest("dialog").close();
  if (e.target instanceof HTMLDialogElement) e.target.close(); // a click beside it
  const copy = e.target.closest("[data-copy]");
  if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say("Copied"));
});
for (const d of all("dialog[data-modal]")) { d.close(); d.showModal(); }

// A short word for everyone, screen readers too.
function say(text) {
  let box = $("#said");
  if (!box) { box = document.createElement("p"); box.id = "said"; box.className = "hide"; box.setAttribute("role", "status"); document.body.append(box); }
  box.textContent = text;
}

// Lists: select all, count, j and k, x.
function count(form) {
  const n = all("tbody [name=id]:checked, .tile [name=id]:checked", form).length, out = $("[data-count]", form);
  if (out) out.textContent = n;
}
document.addEventListener("change", (e) => {
  const form = e.target.form;
  if (e.target.matches("[data-all]")) for (const box of all("[name=id]", form)) box.checked = e.target.checked;
  if (form && e.target.matches("[data-all], [name=id]")) count(form);
});
function move(step) {
  const rows = all(".list tbody tr"), at = rows.findIndex((r) => r.getAttribute("aria-selected") === "true");
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
  if (!next) return;
  rows[at]?.removeAttribute("aria-selected");
  next.setAttribute("aria-selected", "true");
  $("a.go", next)?.focus();
}

// Keys. None is taken while something is typed.
const places = { h: "", o: "/orders", p: "/products", c: "/customers", a: "/content", s: "/settings" };
let led = 0;
document.addEventListener("keydown", (e) => {
  const palette = $("#palette");
  if ((e.ctrlKey || e.metaKey) && e.key === "k" && $(".find")) { e.preventDefault(); palette?.open ? palette.close() : palette ? palette.showModal() : $(".find").click(); return; }
  if ((e.ctrlKey || e.metaKey) && e.key === "s") { const save = $("[data-save]") || $(".save .main, .head .main[form]"); if (save) { e.preventDefault(); save.click(); } return; }
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select, dialog")) return;
  if (Date.now() - led < 1200 && e.key in places) { location.href = "/admin" + places[e.key]; return; }
  if (e.key === "g") led = Date.now();
  else if (e.key === "/") { const seek = $("[data-slash]"); if (seek) { e.preventDefault(); seek.focus(); } }
  else if (e.key === "?" && $(".find")) location.href = "/admin/keys";
  else if (e.key === "j") move(1);
  else if (e.key === "k") move(-1);
  else if (e.key === "x") $("[aria-selected=true] [name=id]")?.click();
});

// The palette: a combobox over its list.
const box = $("#palette [role=combobox]");
if (box) {
  const shown = () => all("#pal-list [role=option]").filter((o) => !o.hidden);
  const mark = (o) => {
    for (const x of all("#pal-list [role=option]")) x.setAttribute("aria-selected", x === o);
    o ? box.setAttribute("aria-activedescendant", o.id) : box.removeAttribute("aria-activedescendant");
    o?.scrollIntoView({ block: "nearest" });
  };
  document.body.addEventListener("htmx:afterSwap", (e) => { if (e.target.id === "pal-list") mark(shown()[0]); });
  box.addEventListener("keydown", (e) => {
    const list = shown(), at = list.findIndex((o) => o.getAttribute("aria-selected") === "true");
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); mark(list[(at + (e.key === "ArrowDown" ? 1 : list.length - 1)) % list.length]); }
    if (e.key === "Enter" && list[at]) { e.preventDefault(); list[at].click(); }
  });
}

// Text that is not saved is not lost by a closed tab.
let dirty = !!$("[data-dirty=now]");
for (const f of all("[data-dirty]")) { f.addEventListener("input", () => (dirty = true)); f.addEventListener("submit", () => (dirty = false)); }
addEventListener("beforeunload", (e) => dirty && e.preventDefault());

// Order by dragging; the arrow buttons do the same without a mouse or this file.
let held = null;
for (const grid of all("[data-sort]")) {
  grid.addEventListener("dragstart", (e) => (held = e.target.closest("[draggable]")));
  grid.addEventListener("dragover", (e) => {
    const over = e.target.closest("[draggable]");
    if (!held || !over || over === held || over.parentNode !== held.parentNode) return;
    e.preventDefault();
    const all = [...grid.children];
    all.indexOf(over) > all.indexOf(held) ? over.after(held) : over.before(held);
  });
  grid.addEventListener("dragend", () => { held = null; dirty ||= !!grid.closest("[data-dirty]"); say("Order changed"); });
}
