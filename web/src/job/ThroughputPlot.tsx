import { useMemo } from "react";
import { t } from "../messages/index.js";
import { formatShort } from "../ui/format.js";

/** The job's speed at a point in time. */
export interface Sample {
  /** Milliseconds. */
  at: number;
  /** Units per second. */
  rate: number;
}

const width = 300;
const height = 64;

/** The speed over time as an area, as wide as the time that the samples cover. */
export function ThroughputPlot({ samples, unit }: { samples: readonly Sample[]; unit: string }) {
  const { line, area, peak } = useMemo(() => draw(samples), [samples]);
  const label = t("job.plot", { peak: t("job.perSecond", { rate: formatShort(peak), unit }) });
  return (
    <svg className="plot" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path className="plot-area" d={area} />
      <path className="plot-line" d={line} />
    </svg>
  );
}

function draw(samples: readonly Sample[]) {
  const first = samples[0];
  const last = samples.at(-1);
  const peak = Math.max(1, ...samples.map((sample) => sample.rate));
  if (!first || !last || last.at === first.at) return { line: "", area: "", peak: first?.rate ?? 0 };
  const points = samples.map(({ at, rate }) => {
    const x = ((at - first.at) / (last.at - first.at)) * width;
    const y = height - 2 - (rate / peak) * (height - 6);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  const line = `M${points.join("L")}`;
  return { line, area: `${line}L${width} ${height}L0 ${height}Z`, peak };
}
