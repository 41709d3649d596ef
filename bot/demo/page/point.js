/** The pointer of the tour: a ring around what is to be pressed. It is a rule, so it stays on what is drawn again. */

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets.push(sheet);

/** Point at what this selector finds; null: at nothing. */
export function pointAt(selector) {
  const rule = selector === null ? "" : `${selector} {
    outline: 3px solid var(--point); outline-offset: var(--point-offset, 2px); animation: pointed 1.2s ease-in-out 3; }`;
  sheet.replaceSync(rule);
}
