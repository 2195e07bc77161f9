/** Making pieces of a page. Text goes in as text, never as mark-up. */

/**
 * An element. given: `text`, `on` ({click: …}), `data` ({…}), and attributes; what is false, null or undefined is left out.
 * children: elements, text, or null.
 */
export function make(name, given = {}, ...children) {
  const { text, on = {}, data = {}, ...attributes } = given;
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(attribute, value === true ? "" : value);
  }
  for (const [what, listener] of Object.entries(on)) element.addEventListener(what, listener);
  Object.assign(element.dataset, data);
  element.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return element;
}

/** Runs of text (see `shown.runs`), the marked ones in `<mark>`. */
export function marked(runs) {
  return runs.map((run) => (run.marked ? make("mark", { text: run.text }) : document.createTextNode(run.text)));
}

/** A button. */
export function button(text, click, given = {}) {
  return make("button", { type: "button", text, on: { click }, ...given });
}

const SVG = "http://www.w3.org/2000/svg";

/** A small drawing in the colour of the text. path: as in an SVG of 16 by 16. */
export function drawing(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** The mark, as it shows on light and on dark ground. size: pixels. */
export function picture(size) {
  return make(
    "picture",
    {},
    make("source", { srcset: "icons/mark-dark.svg", media: "(prefers-color-scheme: dark)" }),
    make("img", { src: "icons/mark.svg", alt: "", width: size, height: size }),
  );
}
