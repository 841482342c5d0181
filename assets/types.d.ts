// Types that modules share: what the server sends, what Dash and Plotly put into the page. No code.

interface Window {
  dash_clientside: DashClientside;
  Plotly?: any;
  loptscope: Loptscope;
}

/** The page's public face. */
interface Loptscope {
  readonly step: number;
  readonly steps: number;
  readonly ready: Promise<void>;
  readonly playing: boolean;
  readonly view: View | null;
  seek(step: number | string): number;
  play(): void;
  pause(): void;
}

interface DashClientside {
  no_update: unknown;
  callback_context: { triggered_id?: string; inputs_list: Control[]; states_list: Control[] };
  set_props(id: string, props: Record<string, unknown>): void;
  [namespace: string]: any;
}

interface Control {
  id: string;
  value?: any;
}

/** A graph that Plotly has drawn, or will draw. */
interface Plot extends HTMLElement {
  data?: any[];
  layout?: any;
  _fullLayout?: any;
  _fullData?: any[];
  on(event: string, handler: (event: any) => void): void;
}

/** What the server tells the browser once, in the page itself. */
interface Tables {
  pages: Record<string, PageEntry>;
  states: Record<string, StateEntry>;
  /** Optimizers without a training of ours: hand-designed ones, and those of plugins. */
  untrained: string[];
  /** Of the hand-designed optimizers, by name. */
  titles: Record<string, string>;
  /** Whether nothing can be trained, imported, changed or deleted here. */
  readOnly: boolean;
}

interface PageEntry {
  name: string;
  path: string;
  /** Its entry module. */
  module: string;
  /** The fields of its link that the browser writes, and what an empty link says of each. */
  link: Record<string, string>;
  /** What its link takes of the subject of the page before. */
  takes: "" | "task" | "learned" | "any";
  /** What its figures are drawn in. */
  draws: "" | "plane" | "space";
}

/** A state of a run: what may be asked of it, whether it is over, whether its last snapshot is a result. */
interface StateEntry {
  allows: string[];
  over: boolean;
  kept: boolean;
}

/** An array of a bundle. */
interface BundleArray {
  data: Float32Array | Int8Array;
  shape: number[];
  strides: number[];
}

interface Bundle {
  about: any;
  arrays: Record<string, BundleArray>;
}

/** What the server says of one column of Explore. */
interface ColumnView {
  key: string;
  bundle: string;
  title: string;
  detail: string;
  color: string;
  optimizers: { name: string; title: string; row: number; color: string }[];
  components: { index: number; name: string; color: string }[];
  moving: Record<string, Moving>;
  muted: string;
  theme: "light" | "dark";
}

/** What moves in a panel, and its legend (app/shared/marks.py says what each field means). */
interface Moving {
  /** The key of the panel's figure. */
  figure: string;
  marks: Mark[];
  legend: Chip[];
  /** The value at which the horizontal axis turns from linear to logarithmic, where it does. */
  spread: number | null;
  startable: boolean;
}

/** Numbers of an array of the bundle: a position, "step", ":" or ":step" for each of its axes. */
interface Ref {
  array: string;
  index: (number | string)[];
}

interface Owner {
  component?: number;
  optimizer?: string;
}

interface MarkBase extends Owner {
  color: string;
  name: string;
  reading?: Ref;
  lights?: "mark" | "track";
}

type Mark = MarkBase &
  (
    | { kind: "line"; x: Ref; y: Ref; width: number; opacity: number }
    | { kind: "point"; x: Ref; y: Ref; ring: string; radius: number; edge: number }
    | { kind: "tick"; x: Ref; width: number; height: number }
    | { kind: "band"; x: Ref; shares: Ref }
    | { kind: "cursor"; x: Ref; width: number; opacity: number }
    | { kind: "field"; positive: string; values: Ref; unit: Ref; window: Ends[]; opacity: number }
    | { kind: "boundary"; values: Ref; window: Ends[]; width: number }
  );

type Ends = [number, number];

/** One entry of a legend: its mark is a colour or a sign. */
interface Chip extends Owner {
  name: string;
  title?: string;
  color?: string;
  sign?: string;
  dashed: boolean;
}

/** A view of Explore: its first column, and those beside it with their figures. */
interface View extends ColumnView {
  query: string;
  config: object;
  beside: (ColumnView & { figures: Record<string, any> })[];
}

/** A straight-line map from (linearised) axis values to pixels, and where the axis lies. */
interface AxisMap {
  zero: number;
  slope: number;
  start: number;
  length: number;
}

interface Axes {
  x: AxisMap;
  y: AxisMap;
}
