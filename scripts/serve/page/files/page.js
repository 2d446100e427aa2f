// A document comes in, then patches; a view is drawn anew, and what differs is put on screen.
// What came from outside becomes a text node by `plain`, never markup.

/** @import {Action, Asked, Attributes, Bar, Content, Finding, Follow, Line, Lines, Link, Part, Refusal, Run, Service, State, Tried, Usage} from "../document" */

// ---- words

/** English|Chinese; what stands in braces is filled in. */
const WORDS = {
  nav: "Views|视图",
  services: "Services|服务",
  service: "Service|服务",
  start: "Start|启动",
  logs: "Logs|日志",
  memories: "Memories|记忆",
  actions: "Actions|操作",
  past: "Past|历史",
  colours: "Light or dark|浅色或深色",
  connecting: "connecting|连接中",
  live: "live|实时",
  lost: "connection lost|连接中断",
  locked: "key changed|密钥已变",
  lost_more: "As it was at {at}; it is tried again all the time. If the page has ended:|当前显示 {at} 的内容，正在不断重试。若页面服务已停止：",
  locked_more: "Open the address that this prints:|请打开以下命令给出的地址：",
  no_engine: "The stack cannot be looked at|无法查看服务栈",
  nothing_runs: "Nothing is running|没有服务在运行",
  all_ready: "All {all} services are ready|全部 {all} 个服务已就绪",
  some_broken: "{n} of {all} services broken|{all} 个服务中 {n} 个故障",
  going_on: "Starting: {n} of {all} ready|启动中：{all} 个中 {n} 个就绪",
  some_ready: "{n} of {all} services ready|{all} 个服务中 {n} 个就绪",
  to_start: "To start the stack:|启动整个栈：",
  kind_good: "ready|就绪",
  kind_warn: "attention|注意",
  kind_bad: "broken|故障",
  kind_work: "not ready yet|尚未就绪",
  kind_off: "not running|未运行",
  since: "for {time}|已 {time}",
  name: "Name|名称",
  answer: "Answer to a real call|真实调用的回答",
  cpu: "CPU|CPU",
  memory: "Memory|内存",
  most: "at most {most} in 15 minutes|15 分钟内最高 {most}",
  restarted: "restarted {n}×|重启 {n} 次",
  stand_in: "stand-in|替代品",
  image: "Image|镜像",
  contains: "It contains|内容",
  ports: "Ports|端口",
  not_offered: "Not offered|不提供",
  ready_since: "Ready since|就绪时间",
  needs: "Needs|依赖",
  needed_by: "Needed by|被依赖",
  healths: "Last health outputs|最近的健康检查输出",
  exit: "exit code {n}|退出码 {n}",
  unknown: "There is no service {name}|没有服务 {name}",
  holds_up: "holds up|影响",
  copy: "Copy|复制",
  graph: "Dependencies: what is needed stands above|依赖关系：下方的依赖上方的",
  start_was: "Start of {at}: {verdict} after {time}|{at} 的启动：{time} 后{verdict}",
  start_long: "Took longest: {way}.|耗时最长：{way}。",
  verdict_ready: "ready|就绪",
  verdict_starting: "time was up|超时",
  verdict_refused: "refused|被拒绝",
  verdict_broken: "broken|故障",
  verdict_interrupted: "interrupted|被中断",
  before: "Before the first container|第一个容器之前",
  phase_engine: "engine|引擎",
  phase_base: "base image|基础镜像",
  phase_pull: "pull|拉取",
  phase_build: "build|构建",
  phase_load: "load|载入",
  phase_checks: "checks|检查",
  phase_create: "create|创建",
  phase_data: "data|数据",
  phase_images: "kind of images|镜像来源",
  phase_remove: "remove|移除",
  phase_stop: "stop|停止",
  held: "held by {name}|等待 {name}",
  key_wait: "made, not started yet|已创建，未启动",
  key_work: "until it was ready|直到就绪",
  key_long: "took longest|耗时最长",
  key_first: "first answer|首次回答",
  starts: "The last starts|最近的启动",
  reloads: "Reloads of the API|API 重载",
  outcome_answers: "answers|已响应",
  outcome_stopped: "stopped|已停止",
  outcome_failed: "failed|失败",
  outcome_superseded: "superseded|被取代",
  level: "Level|级别",
  level_info: "info|信息",
  level_warning: "warning|警告",
  level_error: "error|错误",
  find: "Text|文本",
  every: "All|全部",
  follow: "Follow|跟随",
  pause: "Pause|暂停",
  log_shown: "{n} lines|{n} 行",
  log_new: "paused; {n} new|已暂停；新增 {n} 行",
  log_gone: "{n} older ones let go: 5,000 of each service are kept|已丢弃 {n} 行旧日志：每个服务保留 5,000 行",
  log_gap: "{n} lines did not come through|{n} 行未能送达",
  lines: "Log lines; arrow keys choose one|日志行；方向键选择",
  cubes: "Cubes|记忆库",
  calls: "Calls of the API|API 调用",
  models: "Calls of models|模型调用",
  tasks: "Tasks of the scheduler|调度任务",
  memories_none: "Not known: no store has answered.|未知：存储尚未响应。",
  orphans: "{n} halves lack the other:|{n} 条数据缺少另一半：",
  try: "Try it|试一试",
  add: "Add|添加",
  add_what: "Something to remember|要记住的内容",
  search: "Search|搜索",
  search_what: "Words to search by|搜索词",
  tried: "{n} in {time} s|{time} 秒，{n} 条",
  reading: "This page only looks: --read-only.|此页面只读：--read-only。",
  do_restart: "Restart|重启",
  do_down: "Stop|停止",
  do_up: "Start|启动",
  do_reload: "Reload the code|重载代码",
  do_smoke: "Smoke test|冒烟测试",
  do_doctor: "Doctor|诊断",
  "do_snapshot.save": "Save a snapshot|保存快照",
  "do_snapshot.list": "List snapshots|列出快照",
  "do_snapshot.restore": "Restore a snapshot|恢复快照",
  "do_snapshot.undo": "Undo the restore|撤销恢复",
  do_reset: "Delete data|清除数据",
  yes: "Do it|执行",
  no: "Cancel|取消",
  runs: "running|运行中",
  done: "done|完成",
  unseen: "nobody saw how it ended|结果未知",
  none: "Nothing has happened yet|还没有记录",
  past_finding: "finding|问题",
  past_start: "start|启动",
  past_reload: "reload|重载",
  past_action: "action|操作",
  still: "still so|仍然如此",
  col_began: "began|开始",
  col_call: "call|调用",
  col_completed: "completed|完成",
  col_count: "count|次数",
  col_cube: "cube|记忆库",
  col_enqueued: "queued|入队",
  col_errors: "errors|错误",
  col_failed: "failed|失败",
  col_model: "model|模型",
  col_nodes: "memories|记忆",
  col_nodes_without_vector: "without vector|缺向量",
  col_preferences: "preferences|偏好",
  col_prepared: "before the first|准备",
  col_p50: "p50, s|p50，秒",
  col_p95: "p95, s|p95，秒",
  col_seconds: "seconds|秒",
  col_task: "task|任务",
  col_tokens: "tokens|词元",
  col_vectors: "vectors|向量",
  col_vectors_without_node: "without memory|缺记忆",
  col_verdict: "result|结果",
  col_version: "version|版本",
};
/** @typedef {keyof typeof WORDS} Word */

/** What the browser keeps; a value is kept. */
function choice(name = "", value = "") {
  try {
    if (value) localStorage.setItem(name, value);
    return localStorage.getItem(name) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

let chinese = (choice("language") || navigator.language).startsWith("zh");
const language = () => (chinese ? "zh-CN" : "en-GB");

/** @param {Word} word @param {Attributes} [values] */
function t(word, values = {}) {
  return WORDS[word].split("|")[chinese ? 1 : 0].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** The text for a word of the document, or that word. */
function called(kind = "", word = "") {
  const key = /** @type {Word} */ (`${kind}_${word}`);
  return key in WORDS ? t(key) : word;
}

// ---- texts

const CODES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?/g;
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

/** Without codes of terminals; what is unseen or turns letters round is written out.
 * @param {unknown} value */
function plain(value) {
  const text = String(value);
  if (!UNSEEN.test(text)) return text;
  return text.replace(CODES, "").replace(new RegExp(UNSEEN, "g"), (one) =>
    one === "\r" ? "" : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const measure = (n = 0, unit = "") => Math.floor(n).toLocaleString(language(), { style: "unit", unit, unitDisplay: "narrow" });

function span(seconds = 0) {
  const n = Math.max(0, seconds);
  if (n < 60) return measure(n, "second");
  if (n < 3600) return measure(n / 60, "minute");
  if (n < 86400) return `${measure(n / 3600, "hour")} ${measure((n % 3600) / 60, "minute")}`;
  return measure(n / 86400, "day");
}

/** Milliseconds that the server's clock is ahead. */
let ahead = 0;
const now = () => Date.now() + ahead;
const secondsSince = (moment = "") => (now() - Date.parse(moment)) / 1000;

/** Time of day, with the date of another day. @param {string | number} moment */
function clock(moment) {
  const at = new Date(moment);
  const other = at.toDateString() !== new Date(now()).toDateString() && at.toLocaleDateString(language(), { month: "short", day: "numeric" });
  return `${other ? `${other} ` : ""}${at.toTimeString().slice(0, 8)}`;
}

/** @param {string} moment */
const since = (moment) => el("time", { datetime: moment, title: clock(moment) }, t("since", { time: span(secondsSince(moment)) }));

const number = (n = 0) => n.toLocaleString("en", { maximumFractionDigits: 3 });
const tenths = (n = 0) => n.toFixed(1);
const percent = (n = 0) => `${tenths(n)} %`;
const bytes = (n = 0) => (n < 2 ** 30 ? `${Math.round(n / 2 ** 20)} MiB` : `${tenths(n / 2 ** 30)} GiB`);
const short = (text = "", most = 0) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// ---- elements

const root = document.documentElement;
const by = (id = "") => /** @type {HTMLElement} */ (document.getElementById(id));

/** @template {Element} T @param {T} node @param {Part[]} rest @returns {T} */
function filled(node, rest) {
  for (const one of /** @type {any[]} */ (rest).flat(Infinity)) {
    if (one instanceof Node) node.append(one);
    else if (one !== null && typeof one === "object")
      for (const [name, value] of Object.entries(one)) {
        if (value !== false && value != null) node.setAttribute(name, value === true ? "" : plain(value));
      }
    else if (one || one === 0) node.append(plain(one));
  }
  return node;
}

/** `el("p.soft", {id: "x"}, "text", …)`. @param {string} kind @param {...Part} rest */
function el(kind, ...rest) {
  const [tag, ...classes] = kind.split(".");
  return filled(document.createElement(tag), [classes.length ? { class: classes.join(" ") } : null, ...rest]);
}

/** @param {string} tag @param {...Part} rest */
const svg = (tag, ...rest) => filled(document.createElementNS("http://www.w3.org/2000/svg", tag), rest);

/** @param {Node} node */
const keyOf = (node) => (node instanceof Element ? node.getAttribute("data-key") : null);

/** Make the children of `old` look like `wanted`. What is the same is left alone: focus, selection and
 * what was typed stay; what is in a data-keep is drawn by others.
 * @param {Element} old @param {Node[]} wanted */
function morph(old, wanted) {
  const keyed = new Map([...old.children].map((one) => [keyOf(one), one]));
  let at = old.firstChild;
  for (const fresh of wanted) {
    const key = keyOf(fresh);
    const same = key ? keyed.get(key) : at && !keyOf(at) ? at : null;
    keyed.delete(key);
    if (!same || same.nodeName !== fresh.nodeName) {
      old.insertBefore(fresh, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    if (same instanceof Element && fresh instanceof Element) {
      for (const { name } of [...same.attributes]) if (!fresh.hasAttribute(name)) same.removeAttribute(name);
      for (const { name, value } of fresh.attributes)
        if (same.getAttribute(name) !== value) same.setAttribute(name, value);
      if (!fresh.hasAttribute("data-keep")) morph(same, [...fresh.childNodes]);
    } else if (same.nodeValue !== fresh.nodeValue) same.nodeValue = fresh.nodeValue;
  }
  while (at) {
    const rest = at.nextSibling;
    at.remove();
    at = rest;
  }
}

/** To who sees no screen. */
const tell = (text = "") => (by("told").textContent = text);

/** @param {Content} text @param {...Part} rest */
const title = (text, ...rest) => el("h1", { tabindex: "-1" }, ...rest, text);
/** @param {...Part} rest */
const soft = (...rest) => el("span.soft", ...rest);
const HIDDEN = { "aria-hidden": "true" };
const STRETCHED = { preserveAspectRatio: "none" };
const dot = (kind = "") => el(`i.dot.${kind}`, HIDDEN);
const href = (name = "") => `#/services/${encodeURIComponent(name)}`;
const to = (name = "") => (name in state.services ? el("a", { href: href(name) }, name) : name);
/** @param {string[]} all */
const listed = (all) => all.map((name, n) => [n ? ", " : "", to(name)]);
/** @param {string} text @param {Attributes} [rest] */
const pre = (text, rest = {}) => el("pre", { tabindex: "0", ...rest }, text);
/** @param {Refusal} refusal @param {Attributes} [rest] */
const refused = ({ error, next }, rest = {}) => el("div.finding.bad", rest, error && pre(error), step(next));
/** @param {Word} word @param {Content} content */
const part = (word, content) => (Array.isArray(content) && !content.length ? null : [el("h2", t(word)), content]);

/** @param {string} what @param {...Part} rest */
const button = (what, ...rest) => el("button", { "data-do": what }, ...rest);

let copied = "";
/** The last command of a next step: ours with its options, another up to the prose. */
const STEP = /^(.*[:,;] )?((?:ENV_FILE=\S+ )?(?:\.\/dev (?:--bundle \S+ )?)?inv (?:(?:snapshot\.restore|report|images\.(?:save|load)|console\.\w+)(?: (?:'[^']*'|[^\s,;()'])+)?|\w+(?:\.\w+)*)(?: --(?:(?:service|level|tail|timeout|format|offset|write)(?: [^\s,;()]+)?|[a-z-]+))*|(?:docker|sudo|doas|systemctl|apt-get|export|kill|cp|mv|git) .*?(?= \(| (?:tells|shows) |[,;] |$))(.*)$/s;
/** What to type, with a button that copies it. */
function step(text = "") {
  const [, before, command, after] = STEP.exec(text) ?? ["", text];
  return text && el("div.step", before, command && [el("code", command),
    button("copy", { class: "quiet", "data-text": command, "aria-label": `${t("copy")}: ${command}` },
      command === copied ? "✓" : t("copy"))], after);
}

/** @param {Word} word @param {string[]} columns @param {Content[][]} rows */
function table(word, columns, rows) {
  return part(word, rows.length ? el("div.scroll", { tabindex: "0", role: "region", "aria-label": t(word) }, el("table",
    el("thead", el("tr", columns.map((one) => el("th", { scope: "col" }, called("col", one))))),
    el("tbody", rows.map((row) => el("tr", row.map((cell) => el("td", cell))))))) : []);
}

/** @param {Word} word @param {string[]} columns @param {object[]} [objects] */
const grid = (word, columns, objects = []) => table(word, columns, objects.map((one) => columns.map((name) => {
  const value = /** @type {Attributes} */ (one)[name];
  return typeof value === "number" ? number(value) : String(value || "–");
})));

// ---- what comes in

/** @type {State} */
let state = { services: {}, order: [], findings: [] };
/** Of each service: seconds since 1970, percent of a core, bytes.
 * @type {Map<string, [number, number, number][]>} */
const used = new Map();
const USED_SECONDS = 900;
/** @type {Link} */
let link = "connecting";
let heardAt = 0;
let told = "";

/** RFC 7396. @param {unknown} old @param {unknown} patch @returns {unknown} */
function merged(old, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  /** @type {Attributes} */
  const made = old !== null && typeof old === "object" && !Array.isArray(old) ? { ...old } : {};
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete made[key];
    else made[key] = merged(made[key], value);
  return made;
}

/** @param {Usage} row */
function takeUsage({ at, services }) {
  for (const [name, [cpu, memory]] of Object.entries(services)) {
    const rows = used.get(name) ?? [];
    used.set(name, rows);
    rows.push([at, cpu, memory]);
    while (rows[0][0] < at - USED_SECONDS) rows.shift();
  }
}

/** @param {string} event @param {any} data */
function take(event, data) {
  heardAt = now();
  if (event === "state" || event === "change") {
    const whole = /** @type {State} */ (event === "state" ? data : merged(state, data));
    state = { ...whole, services: whole.services ?? {}, order: whole.order ?? [], findings: whole.findings ?? [] };
    if (data.now) ahead = Date.parse(data.now) - Date.now();
    const text = verdict()[1];
    const action = state.action ? `; ${state.action.task}: ${outcome(state.action)}` : "";
    if (told && told !== text + action) tell(text + action);
    told = text + action;
  } else if (event === "usages") {
    used.clear();
    data.rows.forEach(takeUsage);
  } else if (event === "usage") takeUsage(data);
  draw();
}

/** @param {Link} is */
function linked(is) {
  if (is !== link && told) tell(t(is));
  if (link === "live") heardAt = now();
  link = is;
  draw();
}

const pause = (milliseconds = 0) => new Promise((done) => setTimeout(done, milliseconds));
/** Milliseconds until a silent connection is dead; a comment comes each 15 s. */
const SILENCE = 40000;

/** Follow server-sent events until the signal, after a break from `from.id` on. By `fetch`: an
 * EventSource waits seconds, gives up after some errors, and forgets. @type {Follow} */
const follow = async (url, from, end, hear, say) => {
  for (let wait = 100; !end.aborted; wait = Math.min(2 * wait, 1000)) {
    const silent = new AbortController();
    let watch = setTimeout(() => silent.abort(), SILENCE);
    /** @type {Link} */
    let is = "lost";
    try {
      const headers = from.id ? { "Last-Event-ID": from.id } : undefined;
      const answer = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.any([end, silent.signal]) });
      if (answer.status === 401) is = "locked";
      const reader = answer.ok && answer.body?.getReader();
      if (reader) say("live");
      for (let rest = "", decoder = new TextDecoder(); reader; wait = 100) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(watch);
        watch = setTimeout(() => silent.abort(), SILENCE);
        const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split(/\r?\n/).map((one) => one.split(/: ?(.*)/s)));
          from.id = fields.id ?? from.id;
          if (fields.data) hear(fields.event, JSON.parse(fields.data));
        }
      }
    } catch {
      // the same again
    }
    clearTimeout(watch);
    if (!end.aborted) say(is);
    await pause(wait);
  }
};

/** @param {string} path @param {object} body @returns {Promise<any>} */
async function post(path, body) {
  try {
    const session = await (await fetch("/session", { cache: "no-store" })).json();
    const headers = { "Content-Type": "application/json", "X-Token": session.token };
    return await (await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  } catch {
    return { error: t("lost"), next: "./dev inv page" };
  }
}

// ---- judgement

const unasked = () => state.engine?.answers === false;
const names = () => state.order.filter((name) => name in state.services);

function wrong(name = "") {
  const found = state.findings.filter((one) => one.service === name);
  return found.length ? found : (state.services[name].findings ?? []);
}

/** good, warn, bad, work or off. */
function kindOf(name = "") {
  const one = state.services[name];
  const found = wrong(name);
  if (found.length) return found.some((each) => each.fatal && each.code !== "stopped") ? "bad" : "warn";
  if (one.ready) return "good";
  const going = state.start?.going && state.start.services?.some((each) => each.service === name);
  return going || ["running", "restarting", "paused"].includes(one.state) ? "work" : "off";
}

/** @param {Run} run */
const readied = ({ services = [] }) => ({ n: services.filter((one) => one.ready !== undefined).length, all: services.length });

/** @returns {[string, string]} */
function verdict() {
  const kinds = names().map(kindOf);
  const all = kinds.length;
  const broken = kinds.filter((kind) => kind === "bad").length;
  const n = names().filter((name) => state.services[name].ready).length;
  if (unasked() && !state.start?.going) return ["bad", t("no_engine")];
  if (broken) return ["bad", t("some_broken", { n: broken, all })];
  if (state.start?.going) return ["work", t("going_on", readied(state.start))];
  if (all && n === all) return [state.findings.length ? "warn" : "good", t("all_ready", { all })];
  if (kinds.every((kind) => kind === "off")) return ["off", t("nothing_runs")];
  return [kinds.includes("warn") ? "warn" : kinds.includes("work") ? "work" : "off", t("some_ready", { n, all })];
}

// ---- views

/** @param {Finding[]} all */
function findings(all) {
  return all.length > 0 && el("ul.findings", all.map((one) =>
    el(`li.finding.${one.fatal ? "bad" : "warn"}`, { "data-finding": one.code, "data-key": `${one.code} ${one.service}` },
      el("b", one.cause),
      el("p.soft", one.service && [to(one.service), " · "], one.since && [since(one.since), " · "], el("code", one.code),
        one.victims?.length ? [` · ${t("holds_up")} `, listed(one.victims)] : ""),
      one.evidence && pre(one.evidence),
      step(one.next_step))));
}

/** A line of 15 minutes. @param {string} name @param {1 | 2} which of a row of `used` @param {boolean} [large] */
function line(name, which, large) {
  const cpu = which === 1;
  const what = cpu ? "cpu" : "memory";
  const written = cpu ? percent : bytes;
  const rows = used.get(name) ?? [];
  const highest = Math.max(...rows.map((row) => row[which]), 0);
  const end = Math.max(...[...used.values()].map((all) => all.at(-1)?.[0] ?? 0), 0);
  const high = large ? 96 : 24;
  const points = rows.map((row, n) => {
    const y = high - 1 - (row[which] / Math.max(highest * 1.1, 5)) * (high - 2);
    return `${n && row[0] - rows[n - 1][0] < 15 ? "L" : "M"}${Math.round(USED_SECONDS - end + row[0])} ${Math.round(y)}`;
  });
  const last = rows.at(-1);
  const is = last && last[0] === end ? written(last[which]) : "–";
  const most = t("most", { most: written(highest) });
  return el("div", { class: large ? "use large" : "use", "data-use": what },
    svg("svg", { viewBox: `0 0 ${USED_SECONDS} ${high}`, ...STRETCHED, role: "img", "aria-label": `${name}: ${t(what)} ${is}, ${most}` },
      svg("path", { d: points.join("") })),
    large ? [el("span", `${t(what)} ${is}`), soft(most)] : el("span", is));
}

/** @param {Service} one */
const links = ({ links = [] }) => links.filter(({ url }) => /^https?:/.test(url)).map(({ name, url }) =>
  [el("a", { href: url, target: "_blank", rel: "noreferrer", title: url }, name), " "]);

function how(name = "") {
  const one = state.services[name];
  const kind = kindOf(name);
  const at = one.ready ? (one.ready_since ?? one.started_at) : (wrong(name)[0]?.since ?? (kind === "work" && one.started_at));
  return [el(`span.state.${kind}`, dot(kind), called("kind", kind)), " ", at ? soft(since(at)) : "", " ",
    one.restarts ? el("span.warn", t("restarted", { n: one.restarts })) : ""];
}

function services() {
  const [kind, text] = verdict();
  const engine = unasked() && !state.start?.going && state.engine;
  return [
    title(text, dot(kind), { "data-verdict": kind }),
    engine && refused(engine, { "data-finding": "engine" }),
    kind === "off" && el("div.finding", t("to_start"), step("./dev inv up")),
    findings(state.findings),
    state.notes?.map((note) => el("p.soft", note)),
    names().length > 0 && [
      el("ul.services", names().map((name) => {
        const one = state.services[name];
        const said = wrong(name)[0]?.cause ?? one.answer ?? "";
        return el("li", { "data-key": name, "data-service": name, "data-kind": kindOf(name) },
          el("div.who", el("b", to(name)), " ", one.stand_in && el("span.tag", t("stand_in"))),
          el("div.how", how(name)),
          el("div.told.soft", said),
          line(name, 1), line(name, 2), el("div.links", links(one)));
      })),
      part("graph", graph()),
    ],
  ];
}

/** In layers, each right above the first that needs it. */
function layers() {
  /** @type {string[][]} */
  const all = [];
  for (let rest = names(); rest.length; ) {
    const free = rest.filter((name) => !usersOf(name).some((user) => rest.includes(user)));
    all.unshift(free.length ? free : rest); // who needs each other in a circle stands together
    rest = rest.filter((name) => !all[0].includes(name));
  }
  return all;
}

const usersOf = (name = "") => names().filter((user) => state.services[user].needs?.includes(name));

function graph() {
  const width = Math.min(by("main").clientWidth, 1000);
  const [wide, high] = [width < 500 ? 78 : 128, 44];
  const most = Math.max(1, Math.floor(width / (wide + 4)));
  /** @type {Map<string, [number, number]>} */
  const places = new Map();
  const middle = (name = "") => {
    const above = (state.services[name].needs ?? []).map((need) => places.get(need)?.[0] ?? 0);
    return above.reduce((sum, x) => sum + x, 0) / above.length;
  };
  let y = 1;
  for (const layer of layers()) {
    layer.sort((a, b) => middle(a) - middle(b) || 0);
    for (let n = 0; n < layer.length; n += most) {
      const row = layer.slice(n, n + most);
      const each = Math.min(width / row.length, 1.3 * wide);
      row.forEach((name, place) => places.set(name, [width / 2 + each * (place + 0.5 - row.length / 2), y]));
      y += high + (n + most < layer.length ? 10 : 40);
    }
  }
  const letters = Math.floor((wide - 8) / 7);
  const edges = [...places].flatMap(([user, [x2, y2]]) => (state.services[user].needs ?? []).map((need) => {
    const [x1, top] = places.get(need) ?? [x2, y2];
    const y1 = top + high;
    return svg("path", { class: `edge ${kindOf(need)}`, d: `M${x1} ${y1}C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}` });
  }));
  const boxes = [...places].map(([name, [x, top]]) => {
    const kind = kindOf(name);
    const label = `${name}: ${called("kind", kind)}`;
    return svg("a", { href: href(name), class: `box ${kind}`, "data-node": name }, svg("title", label),
      svg("rect", { x: x - wide / 2, y: top, width: wide, height: high, rx: 6 }),
      svg("text", { x, y: top + 18 }, short(plain(name), letters)),
      svg("text", { x, y: top + 35 }, called("kind", kind)));
  });
  return svg("svg", { class: "graph", width, height: y - 38, role: "group", "aria-label": t("graph") }, edges, boxes);
}

function service(name = "") {
  const one = state.services[name];
  if (!one) return title(names().length ? t("unknown", { name }) : verdict()[1]);
  /** @type {[Word, Content][]} */
  const facts = [
    ["answer", one.answer],
    ["ready_since", one.ready_since && clock(one.ready_since)],
    ["image", one.image && el("code", one.image)],
    ["contains", one.contains && `${one.contains} ${one.version ?? ""}`],
    ["not_offered", one.not_offered?.join(", ")],
    ["ports", one.ports?.map((port) => `${port.host}:${port.published} → ${port.target}`).join(", ")],
    ["needs", one.needs?.length && listed(one.needs)],
    ["needed_by", usersOf(name).length && listed(usersOf(name))],
  ];
  return [
    title(name, { "data-verdict": kindOf(name) }),
    el("p.how", how(name), el("a", { href: `#/logs?service=${encodeURIComponent(name)}` }, t("logs")), " ", links(one)),
    !state.read_only && el("p.buttons", ["restart", "down", "up"].map((task) =>
      button("plan", { "data-task": task, "data-name": name }, called("do", task)))),
    findings(wrong(name)),
    el("div.charts", line(name, 1, true), line(name, 2, true)),
    el("dl", facts.map(([word, value]) => (value ? [el("dt", t(word)), el("dd", value)] : ""))),
    part("healths", (one.healths ?? []).toReversed().map((each) => [
      el(`p.${each.exit_code ? "bad" : "soft"}`, `${clock(each.at)} · ${t("exit", { n: each.exit_code })}`), pre(each.output || "–")])),
  ];
}

const STEPS = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200];

/** @param {Run} run */
function drawnStart(run) {
  const all = run.services ?? [];
  const whole = Math.max(run.going ? secondsSince(run.began) : run.seconds, 0.1);
  const gap = STEPS.find((one) => whole / one <= 6) ?? whole;
  const marks = Array.from({ length: Math.floor(whole / gap) + 1 }, (_, n) => n * gap);
  const x = (at = 0) => (Math.min(at, whole) / whole) * 1000;
  /** @type {Bar} */
  const bar = (name, label, kind, pieces, note, answered = whole) => el(`li.${kind}`, { "data-key": name },
    el("span.label", label),
    svg("svg", { viewBox: "0 0 1000 16", ...STRETCHED, ...HIDDEN },
      marks.map((at) => svg("path", { class: "grid", d: `M${x(at)} 0V16` })),
      pieces.map(([piece, a, b]) => b > a && svg("rect", { class: piece, x: x(a), y: 2, width: Math.max(x(b) - x(a), 2), height: 12 })),
      answered < whole && svg("path", { class: "first", d: `M${x(answered)} 0V16` })),
    el("span.note.soft", note));
  const phases = (run.phases ?? []).map(({ name, what, began, ended, outcome = "", critical }, n) => {
    const end = ended ?? (run.going ? whole : began);
    const wrong = ["failed", "stopped"].includes(outcome);
    return bar(`${n} ${name}`, [called("phase", name), " ", soft(what)], wrong ? "never" : critical ? "critical" : "phase",
      [["work", began, end]], `${tenths(end - began)} s ${wrong ? called("outcome", outcome) : ""}`);
  });
  const bars = all.map((one) => {
    const end = one.ready ?? whole;
    const begun = one.started ?? end;
    const time = one.ready === undefined ? (one.state ?? "") : `${tenths(begun)} → ${tenths(end)} s`;
    return bar(one.service, to(one.service), one.critical ? "critical" : one.ready === undefined && !run.going ? "never" : "way",
      [["wait", one.created ?? begun, begun], ["work", begun, end]],
      one.held_by ? `${time} · ${t("held", { name: one.held_by })}` : time,
      (one.answered ?? end) < end ? one.answered : undefined);
  });
  const way = all.filter((one) => one.critical).sort((a, b) => (a.ready ?? 0) - (b.ready ?? 0));
  return [
    title(run.going ? `${t("going_on", readied(run))} · ${tenths(whole)} s`
      : t("start_was", { at: clock(run.began), verdict: called("verdict", run.verdict), time: `${tenths(run.seconds)} s` })),
    run.why && refused({ error: run.why, next: run.next_step }),
    el("p.soft", way.length ? t("start_long", { way: way.map((one) => `${one.service} ${tenths(one.ready)}`).join(" → ") }) : ""),
    part("before", phases.length ? el("ol.bars", phases) : []),
    part("services", bars.length ? el("ol.bars", bars) : []),
    el("div.axis.soft", HIDDEN, svg("svg", { height: 18 }, marks.map((at) =>
      svg("text", { x: `${x(at) / 10}%`, y: 14, "text-anchor": !at ? "start" : x(at) > 960 ? "end" : "middle" }, `${+at.toFixed(1)} s`)))),
    el("ul.key.soft", /** @type {const} */ (["wait", "work", "long", "first"]).map((one) => el("li", el(`i.${one}`), t(`key_${one}`)))),
  ];
}

function start() {
  const { start: run, starts: past = [], reloads = [] } = state;
  const longest = Math.max(...past.map((one) => one.seconds), 0.1);
  return [
    run ? drawnStart(run) : [title(t("none")), step("./dev inv up")],
    table("starts", ["began", "verdict", "seconds", "prepared"], past.map((one) => [
      clock(one.began),
      el(`span.${one.verdict === "ready" ? "good" : "bad"}`, called("verdict", one.verdict)),
      [svg("svg", { class: "length", viewBox: "0 0 100 8", ...STRETCHED, ...HIDDEN },
        svg("rect", { class: "work", width: (100 * one.seconds) / longest, height: 8 })), ` ${tenths(one.seconds)}`],
      one.prepared === undefined ? "–" : tenths(one.prepared),
    ])),
    table("reloads", ["version", "began", "verdict", "seconds"], reloads.map((one) => [
      one.version,
      clock(one.began),
      [el(`span.${{ failed: "bad", answers: "good" }[one.outcome] ?? "soft"}`, called("outcome", one.outcome)),
        one.error && el("pre", `${one.file}:${one.line}: ${one.error}`)],
      Object.entries(one.seconds ?? {}).map(([stage, time]) => `${stage} ${time.toFixed(2)}`).join(" · "),
    ])),
  ];
}

/** @type {Tried} */
let tried = {};

function memories() {
  const { cubes, nodes_without_vector: lone = 0, vectors_without_node: loose = 0, orphans = lone + loose } = state.memories ?? {};
  const { api, models, silent = [] } = state.memos ?? {};
  const { form, waiting, error, seconds = 0, memories: found = [] } = tried;
  return [
    title(t("memories")),
    orphans > 0 && el("div.finding.warn", t("orphans", { n: number(orphans) }), step("./dev inv memories")),
    cubes?.length ? grid("cubes", ["cube", "nodes", "vectors", "nodes_without_vector", "vectors_without_node", "preferences"], cubes) : el("p.soft", t(cubes ? "none" : "memories_none")),
    !state.read_only && part("try", [
      /** @type {const} */ (["add", "search"]).map((name) => el("form.try", { "data-do": "try", "data-form": name },
        el("label", t(`${name}_what`), el("input", { name: "text", required: true, maxlength: 2000, autocomplete: "off" })),
        el("button", { disabled: waiting }, t(name)))),
      el("div", { "aria-live": "polite", id: "tried" }, waiting ? el("p.soft", t("runs")) : error ? refused(tried)
        : form && [el("p.soft", `${t(form)}: ${t("tried", { n: found.length, time: seconds.toFixed(2) })}`),
          el("ol", found.map((one) => el("li", one.text, " ", one.score !== undefined && el("span.tag", one.score.toFixed(2)))))]),
    ]),
    grid("calls", ["call", "count", "errors", "p50", "p95"], api?.calls),
    grid("models", ["model", "call", "count", "errors", "tokens", "seconds"], models?.models),
    grid("tasks", ["task", "enqueued", "completed", "failed", "seconds"], api?.tasks),
    silent.map((one) => el("div.finding.warn", to(one.service), ": ", one.error, step(one.next))),
  ];
}

function past() {
  const all = state.past ?? [];
  return [
    title(t("past")),
    !all.length && el("p.soft", t("none")),
    el("ul.past", all.map(({ at, kind, service, text, until }) => el("li", { "data-past": kind },
      el("time", { datetime: at }, clock(at)),
      soft(called("past", kind)),
      el("span", service && [to(service), " "], text, kind === "finding" &&
        soft(` · ${until ? span((Date.parse(until) - Date.parse(at)) / 1000) : t("still")}`))))),
  ];
}

// ---- actions

/** With the option that is asked for. */
const TASKS = {
  up: "service", restart: "service", down: "service", smoke: "", doctor: "", reload: "", "snapshot.save": "name",
  "snapshot.list": "", "snapshot.restore": "name", "snapshot.undo": "", reset: "service",
};

/** @type {Asked | null} */
let asked = null;

/** @param {Action} one */
const outcome = (one) => (!one.ended ? t("runs") : one.exit_code === undefined ? t("unseen") : one.exit_code ? t("exit", { n: one.exit_code }) : t("done"));

/** @param {Action} one */
const ended = ({ ended, exit_code }) => (!ended ? "work" : exit_code === undefined ? "warn" : exit_code ? "bad" : "good");

/** @param {Action} one */
const typed = ({ task, words = [task] }) => `inv ${words.join(" ")}`;

async function plan(task = "", options = {}) {
  const mine = (asked = { task, options });
  drawAsked();
  const answer = await post("/plan", mine);
  if (asked !== mine) return; // a newer one is asked
  asked = { ...mine, ...answer };
  if (answer.error || answer.question) drawAsked();
  else await act();
}

async function act() {
  if (!asked) return;
  const mine = (asked = { ...asked, question: undefined });
  drawAsked();
  const answer = await post("/action", { ...mine, plan: mine.id });
  if (asked !== mine) return;
  asked = answer.error ? { ...mine, question: "", ...answer } : null;
  drawAsked();
  if (!asked) location.hash = "#/actions";
}

function drawAsked() {
  const box = /** @type {HTMLDialogElement} */ (by("ask"));
  if (!asked) return box.close();
  const { task, error, plan = [], question } = asked;
  morph(box, [
    el("h2", { id: "ask-title" }, called("do", task)),
    el("div", error && refused(asked), plan.length > 0 && pre(plan.join("\n")), el("p", question ?? (error ? "" : t("runs")))),
    el("p.buttons", question && button("act", { class: "main" }, t("yes")),
      button("cancel", { autofocus: true, "data-key": "no" }, t("no"))),
  ]);
  if (!box.open) box.showModal();
}

function actions() {
  const { action, actions = [] } = state;
  const busy = action && !action.ended;
  const before = actions.filter((one) => one.id !== action?.id);
  return [
    title(t("actions")),
    action && el("section", { "data-action": action.task },
      el("h2", dot(ended(action)), typed(action)),
      el("p.soft", outcome(action), " · ", busy ? since(action.began) : clock(action.began)),
      action.lines?.length ? pre(action.lines.join("\n"), { class: "output" }) : ""),
    state.read_only ? el("p.soft", t("reading")) : el("ul.tasks", Object.entries(TASKS).map(([task, field]) =>
      el("li", el("form", { "data-do": "plan", "data-task": task, "aria-label": called("do", task) },
        field === "service" && el("label", t("service"), el("select", { name: "service" }, (task === "down" ? names() : task === "reset" ? [...names(), ""] : ["", ...names()]).map((name) => el("option", { value: name }, name || t("every"))))),
        field === "name" && el("label", t("name"), el("input", { name: "name", autocomplete: "off", required: task === "snapshot.restore" })),
        el("button", { disabled: busy }, called("do", task)))))),
    part("past", before.length ? el("ul.past", before.map((one) => el("li",
      el("time", { datetime: one.began }, clock(one.began)), el(`span.${ended(one)}`, outcome(one)),
      el("code", typed(one))))) : []),
  ];
}

// ---- logs

/** Lines of a service. */
const KEPT = 5000;
/** @type {Record<string, number>} */
const HEAVY = { error: 3, warning: 2, info: 1, mark: 4, gap: 4 };
const log = {
  /** @type {Line[]} */ all: [],
  /** Those that fit; it stands still while not followed. @type {Line[]} */ shown: [],
  /** @type {(line: Line) => boolean} */ fits: () => true,
  /** @type {Line | null} */ chosen: null,
  following: true,
  fresh: 0,
  gone: 0,
  limit: 2 * KEPT,
  /** @type {AbortController | null} */ stream: null,
  from: { id: "" },
};

/** @param {Lines} data */
function takeLines({ lines, lost = {}, first }) {
  if (first) log.all = []; // all that is kept comes again
  let end = log.all.at(-1)?.[0] ?? 0;
  let whole = Boolean(first);
  for (const [name, n] of Object.entries(lost)) lines.unshift([end + 0.5, name, "", "gap", t("log_gap", { n: number(n) })]);
  for (const one of lines) {
    whole ||= one[0] < end; // the newest came first, then what was before
    end = one[0];
    log.all.push(one);
  }
  if (whole) log.all.sort((a, b) => a[0] - b[0]);
  if (log.all.length > log.limit) {
    letGo();
    whole = true;
  }
  if (!log.following) log.fresh += lines.filter(log.fits).length;
  else if (whole) log.shown = log.all.filter(log.fits);
  else for (const one of lines) if (log.fits(one)) log.shown.push(one);
  paintSoon();
}

function letGo() {
  /** @type {Record<string, number>} */
  const counts = {};
  const kept = log.all.reverse().filter(([, name]) => (counts[name] = (counts[name] ?? 0) + 1) <= KEPT).reverse();
  log.gone += log.all.length - kept.length;
  log.all = kept;
  log.limit = Math.max(2 * KEPT, 1.5 * kept.length);
}

function wanted() {
  const asks = new URLSearchParams(location.hash.split("?")[1]);
  return { services: asks.get("service")?.split(",") ?? [], level: asks.get("level") ?? "", text: asks.get("text") ?? "" };
}

/** @param {Partial<ReturnType<typeof wanted>>} change */
function want(change) {
  const { services, level, text } = { ...wanted(), ...change };
  const asks = new URLSearchParams(Object.entries({ service: services.join(","), level, text }).filter(([, one]) => one));
  history.replaceState(null, "", `#/logs?${asks}`);
  refit();
  draw();
}

function refit() {
  const { services, level, text } = wanted();
  const pattern = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  log.fits = ([, name, , of, said]) => (!services.length || services.includes(name)) &&
    (HEAVY[of] ?? 0) >= (HEAVY[level] ?? 0) && (HEAVY[of] === 4 || pattern.test(said));
  log.shown = log.all.filter(log.fits);
  log.fresh = 0;
}

function following(on = false) {
  if (on === log.following) return;
  log.following = on;
  if (on) refit();
  draw();
}

function logs() {
  const { services, level, text } = wanted();
  const chip = (name = "", on = false) => button("chip", { "data-name": name, "aria-pressed": String(on) }, name || t("every"));
  return [
    el("h1.hidden", { tabindex: "-1" }, t("logs")),
    el("div.chips", { role: "group", "aria-label": t("services") },
      chip("", !services.length), names().map((name) => chip(name, services.includes(name)))),
    el("div.tools",
      el("label", t("level"), el("select", { id: "level" }, ["", "info", "warning", "error"].map((one) =>
        el("option", { value: one, selected: one === level }, one ? called("level", one) : t("every"))))),
      el("label", t("find"), el("input", { id: "find", type: "search", value: text, autocomplete: "off" })),
      button("follow", { id: "follow" }, t(log.following ? "pause" : "follow"))),
    el("p.soft", { id: "counts", "data-keep": true }),
    el("div", { id: "lines", "data-keep": true, tabindex: "0", role: "region", "aria-label": t("lines") }),
    el("pre", { id: "line", "data-keep": true, "aria-live": "polite" }),
  ];
}

let painting = false;
function paintSoon() {
  if (!painting) requestAnimationFrame(paint);
  painting = true;
}

const narrow = matchMedia("(max-width: 40rem)");
const rowHeight = () => (narrow.matches ? 42 : 22);

function paint() {
  painting = false;
  const box = by("lines");
  if (!box) return;
  if (!box.firstChild) box.append(el("div"), el("div.rows"));
  const [all, rows] = /** @type {HTMLElement[]} */ ([...box.children]);
  const high = rowHeight();
  all.style.height = `${log.shown.length * high}px`;
  if (log.following) box.scrollTop = log.shown.length * high;
  const first = Math.max(0, Math.floor(box.scrollTop / high) - 4);
  rows.style.transform = `translateY(${first * high}px)`;
  morph(rows, log.shown.slice(first, first + Math.ceil(box.clientHeight / high) + 8).map((one, n) => {
    const [, name, at, level, text] = one;
    return el(`div.line.${level}`, { "data-place": first + n, "data-chosen": one === log.chosen },
      el("span.at", at && clock(at) + at.slice(19, 23)), el("span.of", name), el("span.said", text));
  }));
  by("counts").textContent = [t("log_shown", { n: number(log.shown.length) }), !log.following && t("log_new", { n: number(log.fresh) }),
    log.gone && t("log_gone", { n: number(log.gone) })].filter(Boolean).join(" · ");
  by("line").textContent = log.chosen ? plain(log.chosen[4]) : "";
}

function choose(place = 0) {
  const box = by("lines");
  const [at, high] = [Math.max(0, Math.min(log.shown.length - 1, place)), rowHeight()];
  log.chosen = log.shown[at] ?? null;
  following(false);
  box.scrollTop = Math.min(at * high, Math.max(box.scrollTop, (at + 1) * high - box.clientHeight));
  paintSoon();
}

/** Only while looked at; what was missed then comes, or is said. */
function followLogs() {
  const looked = view() === "logs" && !document.hidden;
  if (looked && !log.stream) {
    log.stream = new AbortController();
    void follow("/logs", log.from, log.stream.signal, (event, data) => event === "lines" && takeLines(data), () => {});
  } else if (!looked && log.stream) {
    log.stream.abort();
    log.stream = null;
  }
}

// ---- the page

/** @type {Record<string, (name: string) => Content>} */
const VIEWS = { services: (name) => (name ? service(name) : services()), start, logs, memories, actions, past };
const path = () => (new URLSearchParams(`at=${location.hash.slice(2).split("?")[0]}`).get("at") ?? "").split(/\/(.*)/s);
const view = () => (path()[0] in VIEWS ? path()[0] : "services");

let drawing = false;
function draw() {
  if (!drawing) requestAnimationFrame(redraw);
  drawing = true;
}

function redraw() {
  drawing = false;
  root.lang = language();
  const [kind, said] = verdict();
  if (heardAt) document.title = `${{ good: "●", bad: "✕", warn: "▲" }[kind] ?? "○"} ${said} · ${plain(state.project)}`;
  morph(by("head"), [
    el("p.brand", el("b", "MemOS "), el("span", { title: state.checkout }, state.project)),
    el("p.link", { "data-link": link }, t(link)),
    button("language", { class: "quiet", lang: chinese ? "en" : "zh-CN" }, chinese ? "English" : "中文"),
    button("theme", { class: "quiet", "aria-label": t("colours") }, "◐"),
    el("nav", { "aria-label": t("nav") }, Object.keys(VIEWS).map((name) =>
      el("a", { href: `#/${name}`, "aria-current": name === view() && "page" }, t(/** @type {Word} */ (name))))),
  ]);
  const { action } = state;
  const broken = (link === "lost" && heardAt) || link === "locked";
  morph(by("notes"), [
    broken && el("div.finding.bad", { "data-note": link }, t(link === "lost" ? "lost_more" : "locked_more", { at: clock(heardAt) }), step("./dev inv page")),
    action && !action.ended && view() !== "actions" &&
      el("div.finding", { "data-note": "action" }, dot("work"), el("a", { href: "#/actions" }, typed(action)), " ", since(action.began)),
  ].filter((one) => one instanceof Node));
  const [, name = ""] = path();
  morph(by("main"), [el("div", { "data-key": `${view()} ${name}`, "data-view": view(), class: (broken || unasked()) && "old" },
    heardAt ? VIEWS[view()](name) : el("p.soft", t(link)))]);
  paintSoon();
  followLogs();
}

const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

/** By data-do. @type {Record<string, (on: HTMLElement) => unknown>} */
const DO = {
  language() {
    chinese = !chinese;
    choice("language", language());
    draw();
  },
  theme() {
    root.dataset.theme = choice("theme", dark() ? "light" : "dark");
    draw();
  },
  async copy(on) {
    const { text = "" } = on.dataset;
    await navigator.clipboard.writeText(text);
    copied = text;
    tell(t("done"));
    draw();
    await pause(2000);
    copied = "";
    draw();
  },
  plan(on) {
    const { service = on.dataset.name, name } = on instanceof HTMLFormElement ? Object.fromEntries(new FormData(on)) : {};
    return plan(on.dataset.task, {
      ...(service ? { service: [service] } : on.dataset.task === "reset" && { all: true }), ...(name && { name }),
    });
  },
  act,
  cancel() {
    asked = null;
    drawAsked();
  },
  async try(on) {
    const form = /** @type {"add"} */ (on.dataset.form);
    const text = new FormData(/** @type {HTMLFormElement} */ (on)).get("text");
    tried = { waiting: true };
    draw();
    tried = { form, ...(await post("/try", { [form]: text })) };
    draw();
  },
  follow: () => following(!log.following),
  chip(on) {
    const name = on.dataset.name ?? "";
    const { services } = wanted();
    const others = services.filter((one) => one !== name);
    want({ services: !name ? [] : others.length < services.length ? others : [...services, name] });
  },
};

addEventListener("click", ({ target }) => {
  const on = target instanceof Element ? target.closest("[data-do], [data-place]") : null;
  if (!(on instanceof HTMLElement) || on instanceof HTMLFormElement) return;
  if (on.dataset.place) choose(Number(on.dataset.place));
  else DO[on.dataset.do ?? ""](on);
});
addEventListener("submit", (event) => {
  event.preventDefault();
  const on = /** @type {HTMLFormElement} */ (event.target);
  DO[on.dataset.do ?? ""](on);
});
addEventListener("input", ({ target }) => {
  if (target instanceof HTMLInputElement && target.id === "find") want({ text: target.value });
  if (target instanceof HTMLSelectElement && target.id === "level") want({ level: target.value });
});
addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || /** @type {Element} */ (event.target).id !== "lines") return;
  event.preventDefault();
  choose(log.chosen ? log.shown.indexOf(log.chosen) + step : log.shown.length - 1);
});
// away from the end it stops following, back there it goes on
addEventListener("scroll", ({ target }) => {
  if (!(target instanceof Element) || target.id !== "lines") return;
  following(target.scrollTop + target.clientHeight > target.scrollHeight - rowHeight());
  paintSoon();
}, true);
by("ask").addEventListener("close", () => (asked = null));
addEventListener("hashchange", () => {
  by("main").replaceChildren();
  log.following = true;
  refit();
  redraw();
  /** @type {HTMLElement | null} */ (document.querySelector("main h1"))?.focus();
});
addEventListener("resize", draw);
addEventListener("visibilitychange", draw);

if (choice("theme")) root.dataset.theme = choice("theme");
refit();
redraw();
setInterval(() => state.start?.going && draw(), 500);
void follow("/stream", { id: "" }, new AbortController().signal, take, linked);
