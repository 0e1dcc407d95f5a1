/** Tells a screen reader what changed, politely and only when the text does; nothing is seen of it. */
export function Announcer({ text }: { text: string }) {
  return (
    <p className="visually-hidden" role="status" aria-live="polite">
      {text}
    </p>
  );
}
