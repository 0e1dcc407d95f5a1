import { type RefObject, useEffect, useRef, useState } from "react";

/** How far outside the visible area an element counts as near: about two screens. */
const margin = "1500px";

/** The callbacks of the observed elements. */
const callbacks = new WeakMap<Element, (near: boolean, height: number) => void>();
let shared: IntersectionObserver | undefined;

/** Returns the observer for all elements: hundreds of observers would cost more than they save. */
function observer(): IntersectionObserver {
  shared ??= new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting, boundingClientRect } of entries) {
        callbacks.get(target)?.(isIntersecting, boundingClientRect.height);
      }
    },
    // The list can scroll inside its own box (scrollMargin) or with the whole page (rootMargin).
    { rootMargin: margin, scrollMargin: margin } as IntersectionObserverInit,
  );
  return shared;
}

/** An element that can be near the visible area. */
export interface Nearby<T> {
  ref: RefObject<T | null>;
  near: boolean;
  /** Its height in pixels when it was last near. It must keep this height without its content. */
  height: number;
}

/** Reports whether an element is near the visible area. If not, its content can be omitted. */
export function useNearby<T extends Element>(): Nearby<T> {
  const ref = useRef<T>(null);
  const [state, setState] = useState({ near: true, height: 0 });
  useEffect(() => {
    const element = ref.current;
    if (!element || typeof IntersectionObserver === "undefined") return;
    callbacks.set(element, (near, height) =>
      setState((before) => (before.near === near ? before : { near, height: near ? before.height : height })),
    );
    observer().observe(element);
    return () => {
      observer().unobserve(element);
      callbacks.delete(element);
    };
  }, []);
  return { ref, ...state };
}
