// The editor of articles. Without this file it is a form with a plain field for the text and a button for the preview.
const form = document.getElementById("art"), body = form.elements.body, title = form.elements.title, said = document.getElementById("saved");
const can = !body.readOnly;

// Typing that the browser can undo.
function put(from, to, text, start = from + text.length, end = start) {
  body.focus();
  body.setSelectionRange(from, to);
  if (!document.execCommand(text ? "insertText" : "delete", false, text)) { body.setRangeText(text, from, to, "end"); body.dispatchEvent(new Event("input", { bubbles: true })); }
  body.setSelectionRange(start, end);
}
// Marks around what is selected; pressed again, it takes them away.
function around(mark) {
  const [a, b] = [body.selectionStart, body.selectionEnd], n = mark.length, v = body.value, inner = v.slice(a, b);
  if (v.slice(a - n, a) === mark && v.slice(b, b + n) === mark) put(a - n, b + n, inner, a - n, b - n);
  else if (a === b && v.slice(b, b + n) === mark) body.setSelectionRange(b + n, b + n); // Writing goes on after them.
  else put(a, b, mark + inner + mark, a + n, b + n);
}
// The whole lines of the selection, each changed.
function lines(change) {
  const v = body.value, a = v.lastIndexOf("\n", body.selectionStart - 1) + 1, next = v.indexOf("\n", body.selectionEnd), b = next < 0 ? v.length : next;
  const text = v.slice(a, b).split("\n").map(change).join("\n");
  put(a, b, text, body.selectionStart === body.selectionEnd ? a + text.length : a, a + text.length);
}
const prefix = (mark) => { const has = body.value.slice(body.value.lastIndexOf("\n", body.selectionStart - 1) + 1).startsWith(mark); lines((l) => (has ? l.replace(mark, "") : mark + l)); };
const marks = {
  bold: () => around("**"),
  italic: () => around("_"),
  code: () => (body.value.slice(body.selectionStart, body.selectionEnd).includes("\n") ? around("\n```\n") : around("`")),
  quote: () => prefix("> "),
  list: () => prefix("- "),
  heading: () => lines((l) => (l.startsWith("### ") ? l.slice(4) : l.startsWith("## ") ? "#" + l : "## " + l)),
  link() {
    const [a, b] = [body.selectionStart, body.selectionEnd], text = body.value.slice(a, b);
    if (/^https?:\S+$/.test(text)) put(a, b, `[](${text})`, a + 1);
    else if (!text) put(a, b, "[](https://)", a + 1);
    else put(a, b, `[${text}](https://)`, a + text.length + 3, a + text.length + 11);
  },
};
const keys = { KeyB: "bold", KeyI: "italic", KeyK: "link", KeyE: "code", "shift Digit8": "list", "shift Digit9": "quote", "alt Digit2": "heading" };

const buttons = [...document.querySelectorAll("[data-md]")];
if (can) {
  for (const button of buttons) {
    button.hidden = false;
    button.tabIndex = button === buttons[0] ? 0 : -1;
    button.addEventListener("click", () => marks[button.dataset.md]());
  }
  // One stop for Tab; the arrows go along the toolbar.
  document.querySelector(".bits").addEventListener("keydown", (e) => {
    const at = buttons.indexOf(e.target), step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (at < 0 || !step) return;
    const next = buttons[(at + step * (document.dir === "rtl" ? -1 : 1) + buttons.length) % buttons.length];
    e.target.tabIndex = -1; next.tabIndex = 0; next.focus(); e.preventDefault();
  });
  body.addEventListener("keydown", (e) => {
    const name = keys[(e.altKey ? "alt " : "") + (e.shiftKey ? "shift " : "") + e.code];
    if ((e.ctrlKey || e.metaKey) && name && buttons.length) { e.preventDefault(); e.stopPropagation(); marks[name](); return; }
    // A list goes on; an empty item ends it.
    if (e.key !== "Enter" || e.shiftKey || e.ctrlKey || e.metaKey || e.isComposing || !buttons.length || body.selectionStart !== body.selectionEnd) return;
    const at = body.selectionStart, from = body.value.lastIndexOf("\n", at - 1) + 1, item = /^(\s*)([-*+]|(\d+)[.)]|>) (.*)$/.exec(body.value.slice(from, at));
    if (!item) return;
    e.preventDefault();
    if (!item[4]) put(from, at, "\n");
    else put(at, at, `\n${item[1]}${item[3] ? item[2].replace(item[3], +item[3] + 1) : item[2]} `);
  });
  title.addEventListener("keydown", (e) => { if (e.key === "Enter" && !e.isComposing) { e.preventDefault(); body.focus(); } });
  const live = document.querySelector("[data-live]");
  if (live) live.hidden = true;
}

// Text from a word processor or a page arrives as Markdown, without its styles.
const clean = (text) => text.replace(/[\s\u00a0]+/g, " ");
function inline(node) {
  if (node.nodeType === 3) return clean(node.data).replace(/([\\`*_[\]<])/g, "\\$1");
  if (node.nodeType !== 1 || /mso-list:\s*Ignore/i.test(node.dataset.style)) return "";
  const text = [...node.childNodes].map(inline).join(""), style = node.dataset.style || "";
  const wrap = (mark) => text.replace(/^(\s*)(.*?)(\s*)$/s, (_, a, t, b) => (t ? a + mark + t + mark + b : text));
  switch (node.localName) {
    case "br": return "\n";
    case "script": case "style": case "head": case "title": return "";
    case "b": case "strong": return /font-weight:\s*normal/.test(style) ? text : wrap("**");
    case "i": case "em": return wrap("_");
    case "code": return wrap("`");
    case "a": return /^(https?|mailto|tel):/.test(node.href) && text.trim() ? `[${text.trim()}](${node.getAttribute("href")})` : text;
    default: return text;
  }
}
const blocky = "p,div,h1,h2,h3,h4,h5,h6,ul,ol,li,blockquote,pre,table,tr,section,article,header,footer,main,body";
function blocks(node, out = [], indent = "") {
  let loose = "";
  const flush = () => { if (loose.trim()) out.push(indent + loose.trim()); loose = ""; };
  for (const child of node.childNodes) {
    if (child.nodeType !== 1 || (!child.matches(blocky) && !child.querySelector(blocky))) { loose += inline(child); continue; }
    flush();
    const name = child.localName, heading = /^h([1-6])$/.exec(name);
    if (heading) out.push("#".repeat(Math.max(2, +heading[1])) + " " + inline(child).trim());
    else if (name === "ul" || name === "ol") out.push([...child.children].map((li, i) => blocks(li, [], "").join("\n").replace(/^/, name === "ol" ? `${i + 1}. ` : "- ").replace(/\n+/g, "\n  ")).join("\n").replace(/^/gm, indent));
    else if (name === "pre") out.push("```\n" + child.textContent.trim() + "\n```");
    else if (name === "blockquote") out.push(blocks(child).join("\n\n").replace(/^/gm, "> "));
    else if (name === "tr") out.push([...child.cells].map((c) => inline(c).trim()).join(" | "));
    else if (/MsoList/.test(child.className)) { const item = "- " + inline(child).trim(); /^- /.test(out.at(-1)) ? (out[out.length - 1] += "\n" + item) : out.push(item); }
    else if (name === "p") { const text = inline(child).trim(); if (text) out.push(indent + text); }
    else blocks(child, out, indent);
  }
  flush();
  return out;
}
body.addEventListener("paste", (e) => {
  // Styles are read, never applied.
  const html = e.clipboardData.getData("text/html").replace(/\sstyle=/gi, " data-style=");
  if (!html || !buttons.length || !can) return;
  const text = blocks(new DOMParser().parseFromString(html, "text/html").body).join("\n\n");
  if (!text) return;
  e.preventDefault();
  put(body.selectionStart, body.selectionEnd, text);
});

// What is typed is kept in this browser until the server has it: by member, node and language.
const names = ["title", "slug", "excerpt", "body"], key = form.dataset.draft, box = document.getElementById("kept");
const typed = () => Object.fromEntries(names.filter((n) => form.elements[n]).map((n) => [n, form.elements[n].value]));
const same = (kept, now) => names.every((n) => (kept[n] || "").trim() === (now[n] || "").trim() || (n === "slug" && !kept[n]));
const read = (k) => { try { return JSON.parse(localStorage.getItem(k)); } catch { return null; } };
const forget = (k) => { try { localStorage.removeItem(k); } catch { /* No storage: nothing is kept. */ } };
const tag = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const clock = (at) => new Date(at).toLocaleTimeString(tag, { hour: "2-digit", minute: "2-digit" });
const words = () => `${form.dataset.words} ${(body.value.match(/[\p{L}\p{N}]+(['’-][\p{L}\p{N}]+)*/gu) || []).length}`;
function keep(sent = false) {
  const at = Date.now();
  try { localStorage.setItem(key, JSON.stringify({ ...typed(), at, sent })); } catch { return false; }
  return at;
}
if (can) {
  const first = typed(), month = 30 * 86400e3;
  for (const k of Object.keys(localStorage).filter((k) => k.startsWith("draft "))) {
    const kept = read(k);
    // A text that was sent from the page of a new article is this one now.
    if (!kept || Date.now() - kept.at > month || (k !== key && kept.sent && k.includes(" new-") && same(kept, first))) forget(k);
  }
  const kept = "unsaved" in form.dataset && !(key.includes(" new-") && !first.body && !first.title) ? null : read(key);
  let asked = false;
  if (kept && same(kept, first)) forget(key);
  else if (kept) {
    asked = true;
    box.hidden = false;
    const time = box.querySelector("time");
    time.dateTime = new Date(kept.at).toISOString();
    time.textContent = new Date(kept.at).toLocaleString(tag, { dateStyle: "medium", timeStyle: "short" });
    box.querySelector("[data-take]").addEventListener("click", () => {
      for (const n of names) if (form.elements[n] && n in kept) form.elements[n].value = kept[n];
      asked = false; box.hidden = true; body.focus();
      body.dispatchEvent(new Event("input", { bubbles: true }));
    });
    box.querySelector("[data-forget]").addEventListener("click", () => { asked = false; forget(key); box.hidden = true; body.focus(); });
  }
  said.textContent = words();
  let wait;
  const changed = (e) => {
    if (!names.includes(e.target.name)) return;
    clearTimeout(wait);
    wait = setTimeout(() => {
      // An older text that is still offered is not written over.
      const at = !asked && keep();
      said.textContent = at ? `${form.dataset.kept} ${clock(at)} · ${words()}` : words();
    }, 300);
  };
  for (const n of names) form.elements[n]?.addEventListener("input", changed);
  addEventListener("pagehide", () => { if (!asked && !same(typed(), first)) keep(read(key)?.sent); });
  form.addEventListener("submit", () => {
    clearTimeout(wait);
    if (!asked) keep(true);
    try { sessionStorage.setItem("caret", [location.pathname, body.selectionStart, document.activeElement === body, body.scrollTop]); } catch { /* The caret is then at the start. */ }
  });
  document.querySelector("[data-drop]")?.addEventListener("click", () => forget(key));
  // After a save one writes on where one was.
  try {
    const [path, at, was, top] = (sessionStorage.getItem("caret") || "").split(",");
    sessionStorage.removeItem("caret");
    if (path === location.pathname && was === "true" && !document.querySelector("[autofocus]")) { body.focus({ preventScroll: true }); body.setSelectionRange(+at, +at); body.scrollTop = +top; }
  } catch { /* As above. */ }
}
