import { t } from "../messages/index.js";
import type { Column, Node, Point, Records } from "./records.js";

/** Shows the records of an output: a table, a tree, or a scatter plot. */
export function RecordsView({ records }: { records: Records }) {
  switch (records.view) {
    case "table":
      return <TableView columns={records.columns} rows={records.rows} />;
    case "tree":
      return <TreeView roots={records.roots} count={records.count} />;
    default:
      return <PlotView points={records.points} centers={records.centers} />;
  }
}

/** The maximum number of rows that are shown. */
const maxRows = 500;

function TableView({ columns, rows }: { columns: Column[]; rows: Record<string, unknown>[] }) {
  const shown = rows.slice(-maxRows);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="records-box" aria-label={t("ui.rows", { n: rows.length })} tabIndex={0}>
      <table className="records-table">
        <caption>
          {shown.length < rows.length
            ? t("job.records.lastRows", { shown: shown.length, n: rows.length })
            : t("ui.rows", { n: rows.length })}
        </caption>
        <thead>
          <tr>
            {columns.map(({ name, label }) => (
              <th key={name} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows are only appended
            <tr key={rows.length - shown.length + index} data-state={String(row.state ?? "")}>
              {columns.map(({ name }) => (
                <td key={name}>{String(row[name] ?? "")}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function TreeView({ roots, count }: { roots: Node[]; count: number }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="records-box records-tree" aria-label={t("job.records.entries", { n: count })} tabIndex={0}>
      <p className="muted fine">{t("job.records.entries", { n: count })}</p>
      <Branch nodes={roots} />
    </section>
  );
}

function Branch({ nodes }: { nodes: Node[] }) {
  return (
    <ul>
      {nodes.map(({ id, label, note, state, children }) => (
        <li key={id} data-id={id} data-state={state}>
          <span>{label}</span> <span className="muted fine">{[stateName(state), note].filter(Boolean).join(": ")}</span>
          {children.length > 0 && <Branch nodes={children} />}
        </li>
      ))}
    </ul>
  );
}

const stateName = (state: Node["state"]) => (state === "done" ? "" : t(`job.records.${state}`));

function PlotView({ points, centers }: { points: Point[]; centers: Point[] }) {
  const title = t("job.records.plot", { points: points.length, groups: centers.length });
  return (
    <figure className="records-plot">
      <svg viewBox="-2 -2 104 104" role="img" aria-label={title}>
        {points.map(({ x, y, group }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: points are only appended
          <circle key={index} cx={x} cy={100 - y} r={0.7} data-group={group} />
        ))}
        {centers.map(({ x, y, group }) => (
          <path key={group} d={`M${x - 2} ${100 - y}h4M${x} ${98 - y}v4`} data-group={group} />
        ))}
      </svg>
      <figcaption className="muted fine">{title}</figcaption>
    </figure>
  );
}
