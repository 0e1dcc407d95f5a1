/** Announces a text to screen readers, politely, whenever it changes. It is not visible. */
export function Announcer({ text }: { text: string }) {
  return (
    <p className="visually-hidden" role="status" aria-live="polite">
      {text}
    </p>
  );
}
