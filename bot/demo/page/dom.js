/** Elements: makes them. What people write goes in as text nodes only and never becomes markup. */

export const $ = (id) => document.getElementById(id);

/** A new element; attributes named on… are listeners, null, undefined and false ones are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Words that matter most. */
export const strong = (words) => el("strong", {}, words);

/** Give a parent these children, replacing only what differs: a press under way is not lost. */
export function sync(parent, children) {
  children.forEach((child, place) => {
    const there = parent.children[place];
    if (!there) parent.append(child);
    else if (!there.isEqualNode(child)) there.replaceWith(child);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}

const PATHS = {
  back: "M15 5l-7 7 7 7",
  bolt: "M13 2L4.5 13.5H11L10 22l8.5-11.5H12z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  forward: "M9 5l7 7-7 7",
  line: "M6 5v14M6 7h12M6 12h9M6 17h5",
  reply: "M10 7L4.5 12.5 10 18M5 12.5h8.5a6 6 0 016 6v.5",
  send: "M4 12l16-7.5L14.5 20l-3-6.5zM11.5 13.5L20 4.5",
};

/** A line drawing, hidden from screen readers: its button has the words. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
