import { useRef } from "react";

/** Returns a function that gives a request an ID, which stays the same while the same request is repeated. */
export function useRequestId(): (request: object) => string {
  const last = useRef({ text: "", id: "" });
  return (request) => {
    const text = JSON.stringify(request);
    if (text !== last.current.text)
      last.current = { text, id: `page-${Date.now()}-${Math.random().toString(36).slice(2)}` };
    return last.current.id;
  };
}
