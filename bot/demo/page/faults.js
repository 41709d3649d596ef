/** Faults by name: what each will do, the key that begins or ends it, and what came of it. */

import { setFault } from "./api.js";
import { behind } from "./behind.js";
import { $, el, sync } from "./dom.js";
import { on } from "./store.js";
import { toast } from "./toast.js";

function line(fault) {
  const mayEnd = fault.on && fault.back !== "";
  const isWaiting = fault.on && fault.back === "";
  return el("li", { class: `fault ${fault.on ? "is-on" : ""}` },
    el("h3", { id: `fault-${fault.name}` }, fault.title),
    el("p", { class: "small" }, fault.before),
    fault.after !== "" && el("p", { class: "came" }, fault.after),
    el("button", {
      type: "button", class: mayEnd ? "quiet" : "quiet dangerous", disabled: isWaiting || fault.once,
      "data-fault": fault.name, "data-on": mayEnd ? "" : "on", "aria-describedby": `fault-${fault.name}`,
    }, fault.once ? "It stays one" : mayEnd ? fault.back : isWaiting ? "Under way …" : "Let it happen"));
}

function draw() {
  const list = $("faults");
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.fault : null;
  sync(list, behind.faults.map(line));
  if (focused && !list.contains(document.activeElement)) list.querySelector(`[data-fault="${focused}"]`)?.focus();
  const count = behind.faults.filter((fault) => fault.on).length;
  $("faults-on").hidden = count === 0;
  $("faults-on").textContent = count === 1 ? "1 under way" : `${count} under way`;
}

async function press(event) {
  const key = event.target.closest("[data-fault]");
  if (!key || key.getAttribute("aria-busy")) return;
  key.setAttribute("aria-busy", "true");
  try {
    await setFault(key.dataset.fault, key.dataset.on === "on");
  } catch (error) {
    toast(error.message);
  } finally {
    key.removeAttribute("aria-busy");
  }
}

/** In the sheet what was opened comes in sight. */
function show() {
  const part = $("faults-part");
  if (part.open && $("behind").hasAttribute("data-open")) part.scrollIntoView({ block: "start" });
}

/** Start the list. */
export function startFaults() {
  $("faults-part").addEventListener("toggle", show);
  on("behind", draw);
  $("faults").addEventListener("click", press);
}
