import { type RefObject, useEffect, useRef, useState } from "react";

/** How far beyond what is in sight things count as near: about two screens. */
const margin = "1500px";

/** What a watched element does when it comes near or goes. */
const told = new WeakMap<Element, (near: boolean, height: number) => void>();
let shared: IntersectionObserver | undefined;

/** One observer for all: hundreds of them would cost more than what they save. */
function observer(): IntersectionObserver {
  shared ??= new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting, boundingClientRect } of entries) {
        told.get(target)?.(isIntersecting, boundingClientRect.height);
      }
    },
    // The list may scroll inside a box of its own (scrollMargin) or with the whole page (rootMargin).
    { rootMargin: margin, scrollMargin: margin } as IntersectionObserverInit,
  );
  return shared;
}

/** Whether an element is in sight or nearly so. */
export interface Nearby<T> {
  ref: RefObject<T | null>;
  near: boolean;
  /** Its height in pixels when it was near last: what it must keep while its content is away. */
  height: number;
}

/** Tells whether an element is in sight or nearly so, that its content can be left out while it is not. */
export function useNearby<T extends Element>(): Nearby<T> {
  const ref = useRef<T>(null);
  const [state, setState] = useState({ near: true, height: 0 });
  useEffect(() => {
    const element = ref.current;
    if (!element || typeof IntersectionObserver === "undefined") return;
    told.set(element, (near, height) =>
      setState((before) => (before.near === near ? before : { near, height: near ? before.height : height })),
    );
    observer().observe(element);
    return () => {
      observer().unobserve(element);
      told.delete(element);
    };
  }, []);
  return { ref, ...state };
}
