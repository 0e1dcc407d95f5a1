import { type RefObject, useEffect, useRef } from "react";

/** Returns a ref to the latest value, for callbacks that must not restart an effect. */
export function useLatest<T>(value: T): RefObject<T> {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}
