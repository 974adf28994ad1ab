"use strict";

/** Making the page's elements. Text only ever becomes text nodes: nothing in a bundle is read as markup. */
Tallystick.elements = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  /** An element with attributes and children; those that are null are left out. */
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  function icon(path) {
    const drawn = document.createElementNS(SVG, "svg");
    drawn.setAttribute("viewBox", "0 0 24 24");
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    drawn.append(line);
    return drawn;
  }

  return { element, icon };
})();
