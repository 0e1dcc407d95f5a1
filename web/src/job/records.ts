/** Output that consists of records: JSON lines, the first of which states how to show the others. */

/** A record's column in a table. */
export interface Column {
  name: string;
  label: string;
}

/** A node of a tree. A later line with its ID replaces it. */
export interface Node {
  id: string;
  label: string;
  note: string;
  state: "done" | "skipped" | "failed";
  children: Node[];
}

/** A point of a plot, by its position from 0 to 100, with its group, or -1. */
export interface Point {
  x: number;
  y: number;
  group: number;
}

/** The view of an output of records. */
export type Records =
  | { view: "table"; columns: Column[]; rows: Record<string, unknown>[] }
  | { view: "tree"; roots: Node[]; count: number }
  | { view: "points"; points: Point[]; centers: Point[] };

/** The maximum number of nodes and points that the web UI draws. More would make the page slow. */
const maxNodes = 2000;
const maxPoints = 5000;

type Line = Record<string, unknown>;

/** Returns the records in an output, or undefined if it has none. An incomplete line is left out. */
export function parseRecords(text: string): Records | undefined {
  if (!text.startsWith('{"view":')) return undefined;
  const [head, ...lines] = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  const first = parse(head ?? "");
  const rest = lines.map(parse).filter((line) => line !== undefined);
  switch (first?.view) {
    case "table":
      return { view: "table", columns: columns(first), rows: rest };
    case "tree":
      return tree(rest);
    case "points":
      return plot(rest);
    default:
      return undefined;
  }
}

function parse(line: string): Line | undefined {
  if (line === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

function columns(first: Line): Column[] {
  return list(first.columns).flatMap((column) => {
    const { name, label } = (column ?? {}) as Line;
    return text(name) ? { name: text(name), label: text(label) || text(name) } : [];
  });
}

const states = ["done", "skipped", "failed"] as const;

function tree(lines: Line[]): Records {
  const nodes = new Map<string, Node>();
  const roots: Node[] = [];
  for (const line of lines) {
    const id = text(line.id);
    if (!id) continue;
    const shown = {
      label: text(line.label) || id,
      note: text(line.note),
      state: states.find((state) => state === line.state) ?? "done",
    };
    const known = nodes.get(id);
    if (known) {
      Object.assign(known, shown);
      continue;
    }
    if (nodes.size === maxNodes) break;
    const node: Node = { id, ...shown, children: [] };
    nodes.set(id, node);
    (nodes.get(text(line.parent))?.children ?? roots).push(node);
  }
  return { view: "tree", roots, count: nodes.size };
}

function plot(lines: Line[]): Records {
  const points: Point[] = [];
  let centers: Point[] = [];
  for (const { add, moves, centers: moved } of lines) {
    points.push(...positions(add));
    if (moved !== undefined) centers = positions(moved).map((center, group) => ({ ...center, group }));
    for (const move of list(moves)) {
      const [index, group] = list(move);
      const point = points[Number(index)];
      if (point && typeof group === "number") point.group = group;
    }
  }
  return { view: "points", points: points.slice(0, maxPoints), centers };
}

function positions(value: unknown): Point[] {
  return list(value).flatMap((position) => {
    const [x, y] = list(position);
    return typeof x === "number" && typeof y === "number" ? { x, y, group: -1 } : [];
  });
}
