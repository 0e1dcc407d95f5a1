// Checks what axe does not: the contrast of fields, placeholders, and focus rings, and that every part stays visible in
// forced colors.
import assert from "node:assert/strict";

/** @typedef {import("playwright-core").Page} Page */

/** Runs in the page: adds functions that measure colors as the browser draws them. */
function addMeasures() {
  const canvas = new OffscreenCanvas(1, 1);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    canvas.getContext("2d", { willReadFrequently: true })
  );
  /**
   * Draws colors over each other, and returns the result.
   * @param {string[]} colors
   */
  const blend = (...colors) => {
    context.fillStyle = "white";
    context.fillRect(0, 0, 1, 1);
    for (const color of colors) {
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  /** @param {number[]} color */
  const luminance = ([red = 0, green = 0, blue = 0]) => {
    const linear = [red, green, blue].map((channel) => {
      const share = channel / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
  };
  /**
   * The backgrounds of an element and of its ancestors, the outermost first.
   * @param {Element | null} element
   * @returns {string[]}
   */
  const grounds = (element) =>
    element ? [...grounds(element.parentElement), getComputedStyle(element).backgroundColor] : [];
  /**
   * The contrast of a color to the background of an element (WCAG 2.2).
   * @param {string} color
   * @param {Element | null} element
   */
  const contrast = (color, element) => {
    const [a, b] = [blend(...grounds(element), color), blend(...grounds(element))].map(luminance);
    return (Math.max(a ?? 0, b ?? 0) + 0.05) / (Math.min(a ?? 0, b ?? 0) + 0.05);
  };
  Object.assign(globalThis, { contrast });
}

/**
 * Fails if a field of the page is hard to see: its text, its placeholder, or its edge.
 * @param {Page} page
 * @param {string} state
 */
export async function assertFieldsAreVisible(page, state) {
  await page.evaluate(addMeasures);
  const weak = await page.evaluate(() => {
    const { contrast } = /** @type {any} */ (globalThis);
    /** @type {string[]} */
    const found = [];
    for (const field of document.querySelectorAll("input, select, textarea")) {
      const style = getComputedStyle(field);
      const { width } = field.getBoundingClientRect();
      // Segments and files have an input that is not drawn.
      if (width === 0 || style.opacity === "0" || field.closest("[inert], :disabled")) continue;
      const name = `${field.tagName} ${field.getAttribute("name") ?? field.getAttribute("type") ?? ""}`;
      const isDrawn = style.appearance === "none" || !field.matches("[type=radio], [type=checkbox]");
      const edge = Math.max(
        contrast(style.backgroundColor, field.parentElement),
        style.borderStyle === "none" ? 0 : contrast(style.borderTopColor, field.parentElement),
      );
      if (isDrawn && edge < 3) found.push(`the edge of ${name}: ${edge.toFixed(2)}`);
      if (field.matches("[type=radio], [type=checkbox]")) continue;
      const text = contrast(style.color, field);
      if (text < 4.5) found.push(`the text of ${name}: ${text.toFixed(2)}`);
      const hint = contrast(getComputedStyle(field, "::placeholder").color, field);
      if (field.getAttribute("placeholder") && hint < 4.5) found.push(`the hint of ${name}: ${hint.toFixed(2)}`);
    }
    for (const bar of document.querySelectorAll(".headway-bar")) {
      const fill = bar.querySelector(".headway-fill");
      if (!fill || bar.getBoundingClientRect().height === 0) continue;
      const share = contrast(getComputedStyle(fill).backgroundColor, bar);
      if (share < 1.5) found.push(`the fill of a bar: ${share.toFixed(2)}`);
    }
    return found;
  });
  assert.deepEqual(weak, [], state);
}

/**
 * Presses Tab through the whole page, and fails if an element with the focus has no ring, or a faint one. It returns the
 * names of these elements.
 * @param {Page} page
 * @param {string} state
 */
export async function assertFocusIsVisible(page, state) {
  await page.evaluate(addMeasures);
  await page.evaluate(() => {
    // The next Tab starts at the top of the page.
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  /** @type {string[]} */
  const reached = [];
  for (let tabs = 0; tabs < 400; tabs++) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const { contrast } = /** @type {any} */ (globalThis);
      const active = document.activeElement;
      if (!active || active === document.body || active.hasAttribute("data-walked")) return undefined;
      active.setAttribute("data-walked", "");
      // A segment's input is not drawn. The text after it has the ring.
      const drawn = active.matches(".segments input") ? active.nextElementSibling : active;
      const style = getComputedStyle(/** @type {Element} */ (drawn));
      const isAuto = style.outlineStyle === "auto";
      return {
        name: `${active.tagName} “${(active.textContent || active.getAttribute("aria-label") || "").trim().slice(0, 40)}”`,
        width: style.outlineStyle === "none" ? 0 : Number.parseFloat(style.outlineWidth),
        contrast: isAuto ? 21 : contrast(style.outlineColor, drawn?.parentElement ?? null),
      };
    });
    if (!stop) break;
    reached.push(stop.name);
    assert.ok(stop.width >= 1, `${state}: ${stop.name} has no focus ring`);
    assert.ok(stop.contrast >= 3, `${state}: the focus ring of ${stop.name} has a contrast of ${stop.contrast}`);
  }
  await page.evaluate(() => {
    for (const element of document.querySelectorAll("[data-walked]")) element.removeAttribute("data-walked");
  });
  return reached;
}
