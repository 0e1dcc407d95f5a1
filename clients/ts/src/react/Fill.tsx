/** The filled part of a bar, from 0 to 100. It grows with a transform, which needs no work on the page's main thread. */
export function Fill({ percent }: { percent: number }) {
  return (
    <span className="headway-fill" style={{ transform: `scaleX(${(percent / 100).toFixed(4)})` }} aria-hidden="true" />
  );
}
