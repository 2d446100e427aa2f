// What the page is given, for `tsc` alone: the document of schemas/state.schema.json, without what
// the page does not look at. A field that would be null is left out.

export interface Refusal {
  error?: string;
  next?: string;
}
export interface Finding {
  code: string;
  cause: string;
  next_step: string;
  service?: string;
  evidence?: string;
  fatal: boolean;
  victims?: string[];
  since?: string;
}
export interface Service {
  state: string;
  health?: string;
  ready: boolean;
  ready_since?: string;
  started_at?: string;
  answer?: string;
  restarts?: number;
  ports?: { host: string; published: number; target: number }[];
  not_offered?: string[];
  image?: string;
  contains?: string;
  version?: string;
  findings?: Finding[];
  needs?: string[];
  stand_in?: boolean;
  links?: { name: string; url: string }[];
  healths?: { at: string; exit_code: number; output: string }[];
}
/** Moments are seconds since the command began. */
export interface Run {
  began: string;
  seconds: number;
  prepared?: number;
  verdict: string;
  going?: boolean;
  why?: string;
  next_step?: string;
  services?: {
    service: string;
    created?: number;
    started?: number;
    answered?: number;
    ready?: number;
    held_by?: string;
    critical?: boolean;
    state?: string;
  }[];
  phases?: {
    name: string;
    what?: string;
    began: number;
    ended?: number;
    outcome?: string;
    critical?: boolean;
  }[];
}
export interface Reload {
  version: number;
  outcome: string;
  began: string;
  seconds?: Record<string, number>;
  file?: string;
  line?: number;
  error?: string;
}
export interface Action {
  id: number;
  task: string;
  words?: string[];
  began: string;
  lines?: string[];
  ended?: string;
  exit_code?: number;
}
export interface State {
  project?: string;
  checkout?: string;
  read_only?: boolean;
  notes?: string[];
  engine?: { answers: boolean; error?: string; next?: string };
  services: Record<string, Service>;
  order: string[];
  findings: Finding[];
  start?: Run;
  starts?: Run[];
  reloads?: Reload[];
  action?: Action;
  actions?: Action[];
  memos?: {
    api?: { calls: object[]; tasks: object[] };
    models?: { models: object[] };
    silent?: { service: string; error: string; next: string }[];
  };
  memories?: {
    cubes?: object[];
    nodes_without_vector?: number;
    vectors_without_node?: number;
    orphans?: number;
  };
  past?: { at: string; kind: string; service?: string; text: string; until?: string }[];
}
/** What was asked for, and the plan and question that came. */
export interface Asked extends Refusal {
  task: string;
  options: object;
  id?: string;
  plan?: string[];
  question?: string;
}
export interface Tried extends Refusal {
  form?: "add" | "search";
  waiting?: boolean;
  memories?: { text: string; score?: number }[];
  seconds?: number;
}
/** A number that grows, service, time, level, text. */
export type Line = [number, string, string, string, string];
export type Link = "connecting" | "live" | "lost" | "locked";
export type Attributes = Record<string, unknown>;
export type Content = Node | string | number | boolean | null | undefined | Content[];
export interface Lines {
  lines: Line[];
  lost?: Record<string, number>;
  first?: boolean;
}
/** Seconds since 1970; of each service percent of a core, and bytes. */
export interface Usage {
  at: number;
  services: Record<string, [number, number]>;
}
export type Follow = (
  url: string,
  from: { id: string },
  end: AbortSignal,
  hear: (event: string, data: any) => void,
  say: (is: Link) => void,
) => Promise<void>;
/** A row of a start: what it is, pieces as kind, begin and end, and when it first answered. */
export type Bar = (
  name: string,
  label: Content,
  kind: string,
  pieces: [string, number, number][],
  note: string,
  answered?: number,
) => Element;
export type Part = Content | Attributes;
