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
}

interface PageEntry {
  name: string;
  path: string;
  /** Its entry module. */
  module: string;
  /** The fields of its link that the browser writes, and what an empty link says of each. */
  link: Record<string, string>;
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
  optimizers: { name: string; title: string; row: number; color: string; column: boolean }[];
  components: { index: number; name: string; color: string }[];
  symlog: boolean;
  scale: number;
  sgd: string | null;
  theme: "light" | "dark";
  colors: { text: string; surface: string; fill: string; muted: string };
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
