/** The elements that can get the focus when a control inside them loses it. */
const containers = "section, article, form, fieldset, li, main";

const isUsable = (element: Element): boolean =>
  element.isConnected &&
  element.getClientRects().length > 0 &&
  !element.matches(":disabled") &&
  !element.closest("[inert]");

/**
 * Keeps the focus on the page when its element is removed, hidden, or disabled: the nearest part around it gets the focus.
 * Otherwise it falls to the body, and keyboards and screen readers start over at the top.
 */
export function keepFocus(document: Document): void {
  let focused: Element | undefined;
  let around: HTMLElement[] = [];

  document.addEventListener("focusin", ({ target }) => {
    focused = target instanceof Element ? target : undefined;
    around = [];
    for (let part = focused?.closest<HTMLElement>(containers); part; part = part.parentElement?.closest(containers))
      around.push(part);
  });
  document.addEventListener("focusout", ({ target }) => {
    // The user moved on, unless the element is gone when the change is complete.
    queueMicrotask(() => {
      if (target === focused && focused && isUsable(focused)) focused = undefined;
    });
  });

  const rescue = () => {
    const active = document.activeElement;
    // A browser takes the focus from a disabled element only when it draws the page, and sends no event then.
    if (!focused || (active !== document.body && active !== focused)) return;
    if (isUsable(focused)) {
      if (active === document.body) (focused as HTMLElement).focus({ preventScroll: true });
      return;
    }
    const container = [...around, ...document.querySelectorAll<HTMLElement>("main")].find(isUsable);
    focused = undefined;
    if (!container) return;
    if (container.tabIndex < 0) container.tabIndex = -1;
    container.focus({ preventScroll: true });
  };
  new MutationObserver(rescue).observe(document, {
    subtree: true,
    childList: true,
    attributeFilter: ["disabled", "hidden", "inert"],
  });
}
