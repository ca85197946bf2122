"use strict";
// The page lives on /api/v1/events: each event has the name of a part of the state, and the same JSON as GET /api/v1/NAME. Names of users and
// repositories come from clients, so text is only ever set as text.

const $ = (id) => document.getElementById(id);
const TOKEN = "berth-admin-token";
const HISTORY = 120; // seconds of a sparkline
const SILENCE = 5000; // milliseconds without an event after which the connection counts as lost

// Elements.

function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Writes nothing that is there already: a reader's selection, and what a screen reader is at, stay.
function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

function attribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

// Keeps the element of each key, in the order of the items.
function list(parent, items, key, create, update) {
  const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const name = String(key(item));
    let child = kept.get(name);
    kept.delete(name);
    if (!child) {
      child = create(item);
      child.dataset.key = name;
    }
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
    update(child, item);
  });
  for (const child of kept.values()) child.remove();
  while (parent.children.length > items.length) parent.lastElementChild.remove(); // of items with the same key
}

// A table whose rows a narrow screen shows as lists, which takes away its roles unless they are written down.
// columns: [title, is text, value(item), tone(item)?]; the first names the row. A value is a text, or nodes that replace what is there.
function table(element, columns, items, key) {
  if (!element.tHead) {
    element.setAttribute("role", "table");
    const row = make("tr", "", ...columns.map(([title, isText]) => {
      const head = make("th", isText ? "text" : "", title);
      head.scope = "col";
      head.setAttribute("role", "columnheader");
      return head;
    }));
    row.setAttribute("role", "row");
    const [head, body] = [make("thead", "", row), make("tbody")];
    for (const group of [head, body]) group.setAttribute("role", "rowgroup");
    element.append(head, body);
  }
  show(element, items.length > 0);
  list(element.tBodies[0], items, key, () => {
    const row = make("tr", "", ...columns.map(([title, isText], index) => {
      const cell = make(index ? "td" : "th", isText ? "text" : "");
      cell.dataset.label = title;
      cell.setAttribute("role", index ? "cell" : "rowheader");
      if (!index) cell.scope = "row";
      cell.append(make("span"));
      return cell;
    }));
    row.setAttribute("role", "row");
    return row;
  }, (row, item) => columns.forEach(([, , value, tone], index) => {
    const span = row.children[index].firstChild;
    const content = value(item);
    if (typeof content === "string") text(span, content);
    else if (span.textContent !== content.textContent) span.replaceChildren(content);
    if (tone) {
      const name = tone(item);
      span.className = name ? "tone" : "";
      attribute(span, "data-tone", name || "none");
    }
  }));
}

// Words and figures.

const whole = new Intl.NumberFormat("en");

function number(value) {
  return whole.format(value);
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function duration(seconds) {
  const value = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(value / 86400), Math.floor(value / 3600) % 24, Math.floor(value / 60) % 60];
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  return minutes ? `${minutes} min` : `${value} s`;
}

function relative(time, now) {
  const seconds = (time - now) / 1000;
  return seconds >= 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

function clock(time) {
  const sameDay = new Date(time).toDateString() === new Date(serverNow()).toDateString();
  const style = sameDay ? { timeStyle: "medium" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat("en-GB", style).format(time);
}

const parsed = (value) => (value ? Date.parse(value) : null);
const words = (label) => label.replaceAll("_", " ");

// The connection to Berth.

const parts = {}; // the last of each
let skew = 0; // milliseconds that Berth's clock is ahead of the browser's
let lastEvent = null; // by the browser's clock
let isLive = false;
let hasStopped = false;
let source = null;

const serverNow = () => Date.now() + skew;

function connect() {
  source?.close();
  const stream = source = new EventSource("/api/v1/events");
  for (const name of Object.keys(renderers)) {
    stream.addEventListener(name, (event) => {
      parts[name] = JSON.parse(event.data);
      lastEvent = Date.now();
      hasStopped = false;
      if (name === "status") skew = parsed(parts.status.time) - lastEvent;
      renderers[name](parts[name]);
      if (!isLive) {
        isLive = true;
        renderLink();
      }
    });
  }
  stream.addEventListener("end", () => {
    hasStopped = true;
    lost();
  });
  // A browser tries again by itself, but not after an answer like 503.
  stream.onerror = () => lost();
  stream.onopen = () => { opened = Date.now(); };
}

let opened = Date.now();
let retried = 0;

function lost() {
  if (isLive || lastEvent === null) {
    isLive = false;
    renderLink();
  }
}

function watch() {
  const now = Date.now();
  if (isLive && now - lastEvent > SILENCE) lost();
  const isSilent = now - Math.max(lastEvent ?? 0, opened) > SILENCE;
  if (!isLive && isSilent && now - retried > SILENCE || source.readyState === EventSource.CLOSED && now - retried > 2000) {
    retried = now;
    connect();
  }
  renderLink();
  if (parts.status) renderers.status(parts.status);
}

function renderLink() {
  const link = $("link");
  const age = lastEvent === null ? null : duration((Date.now() - lastEvent) / 1000);
  document.body.classList.toggle("stale", !isLive && lastEvent !== null);
  attribute(link, "data-tone", isLive ? "ok" : lastEvent === null ? "none" : "bad");
  text(link, isLive ? "live" : age === null ? "connecting" : `connection lost, data ${age} old`);
  renderBanner();
}

function announce(words) {
  text($("announce"), words);
}

// What is wrong, unmistakably.

function renderBanner() {
  const status = parts.status;
  let tone = null, title = "", lines = [];
  if (lastEvent !== null && !isLive) {
    tone = "bad";
    title = hasStopped ? "Berth has stopped" : "Connection to Berth lost";
    lines = ["What is shown here is no longer current. This page connects again by itself."];
  } else if (status?.draining) {
    tone = "warn";
    title = "Draining: no new request is taken";
    lines = [`Berth stops when the requests in progress have ended${parts.traffic ? `: ${number(parts.traffic.exchanges_in_flight)} now` : ""}.`];
  } else if (status && !status.ready) {
    tone = "bad";
    title = "Not ready: no upstream can serve";
    lines = status.upstreams.filter((upstream) => upstream.problem).map((upstream) => `${upstream.name}: ${upstream.problem}`);
  } else if (status?.upstreams.some((upstream) => !upstream.ready)) {
    const failing = status.upstreams.filter((upstream) => !upstream.ready);
    tone = "warn";
    title = `${failing.length} of ${status.upstreams.length} upstreams cannot serve`;
    lines = failing.map((upstream) => upstream.name);
  } else if (status?.upstreams.some((upstream) => !upstream.registry_ready)) {
    tone = "warn";
    title = "Reads go to a fallback, and writes fail";
    lines = status.upstreams.filter((upstream) => !upstream.registry_ready).map((upstream) => `${upstream.name}: ${upstream.problem}`);
  }
  const banner = $("banner");
  show(banner, tone !== null);
  attribute(banner, "data-tone", tone ?? "none");
  if ($("banner-title").textContent !== title) announce(title || (status ? "Berth is ready" : ""));
  text($("banner-title"), title);
  list($("banner-lines"), lines, (line) => line, () => make("li"), text);
}

// Parts.

const TOKENS = {
  valid: ["ok", "✓ token valid"],
  late: ["warn", "! renewal failing"],
  expired: ["bad", "✕ token expired"],
  none: ["bad", "– no token"],
};

const renderers = {
  status(status) {
    const [tone, word] = status.draining ? ["warn", "! draining"] : status.ready ? ["ok", "✓ ready"] : ["bad", "✕ not ready"];
    attribute($("state"), "data-tone", tone);
    text($("state"), word);
    document.title = `${word} · Berth`;
    const up = status.uptime_seconds + (serverNow() - parsed(status.time)) / 1000;
    text($("about"), `version ${status.version} · up ${duration(up)}`);
    list($("upstreams"), status.upstreams, (upstream) => upstream.name, createUpstream, (row, upstream) => {
      updateUpstream(row, upstream);
    });
    show($("cache"), Boolean(status.cache));
    if (status.cache) renderCache(status.cache, status.needs_token);
    if ($("log-level").dataset.current !== status.log_level) {
      $("log-level").dataset.current = status.log_level;
      $("log-level").value = status.log_level;
    }
    show($("actions"), status.needs_token);
    show($("read-only"), !status.needs_token);
    show($("forget"), sessionStorage.getItem(TOKEN) !== null);
    renderBanner();
  },

  traffic(traffic) {
    samples(traffic);
    text($("in-flight"), number(traffic.exchanges_in_flight));
    text($("connections"), number(traffic.connections.active + traffic.connections.idle));
    text($("since-start"), `${number(traffic.requests.reduce((sum, entry) => sum + entry.count, 0))} requests`);
    const operations = new Map();
    for (const { operation, status, count } of traffic.requests) {
      const row = operations.get(operation) ?? { operation, all: 0, statuses: [] };
      row.all += count;
      row.statuses.push([status, count]);
      operations.set(operation, row);
    }
    const rows = [...operations.values()].sort((a, b) => b.all - a.all);
    table($("requests"), [
      ["Operation", true, (row) => words(row.operation)],
      ["Per second", false, (row) => perSecond(rateOf(row, traffic.uptime_seconds))],
      ["All", false, (row) => number(row.all)],
      ["By status", false, (row) => statuses(row.statuses)],
    ], rows, (row) => row.operation);
    show($("requests-empty"), rows.length === 0);
  },

  transfers({ total, transfers }) {
    text($("transfers-count"), total ? number(total) : "");
    show($("transfers-empty"), total === 0);
    list($("transfers"), transfers, (transfer) => transfer.id, createTransfer, updateTransfer);
  },

  errors({ errors }) {
    show($("errors-empty"), errors.length === 0);
    show($("errors-all"), errors.length > 0);
    list($("errors"), errors.slice(0, 10), (error) => [error.first_time, error.message, error.request_id, error.upstream, error.repository, error.reason].join(" "),
      createError, updateError);
  },

  usage(usage) {
    const columns = (title, name) => [
      [title, true, name],
      ["Pulls", false, (row) => number(row.pulls)],
      ["Pushes", false, (row) => number(row.pushes)],
      ["To clients", false, (row) => size(row.bytes_sent)],
      ["From clients", false, (row) => size(row.bytes_received)],
    ];
    const other = usage.rest ? [{ ...usage.rest, repository: "other", user: "other" }] : [];
    const repositories = [...usage.repositories.slice(0, 8), ...other], users = [...usage.users.slice(0, 8), ...other];
    table($("repositories"), columns("Repository", (row) => row.repository), repositories, (row) => row.repository);
    table($("users"), columns("User", (row) => row.user), users, (row) => row.user);
    show($("usage-all"), repositories.length + users.length > 0);
    show($("usage-empty"), repositories.length + users.length === 0);
  },

  certificates() {
    renderListeners();
  },

  configuration(configuration) {
    renderListeners();
    table($("routes"), [
      ["Repositories", true, (route) => (route.prefix ? `${route.prefix}…` : "all")],
      ["Asked at", true, (route) => [route.host ?? "any host", route.namespace ? `for ${route.namespace}` : ""].join(" ").trim()],
      ["Upstream", true, (route) => route.upstream],
      ["Name there", true, (route) => (route.prefix === route.upstream_prefix ? "the same" : `${route.upstream_prefix}…`)],
    ], configuration.routes, (route) => [route.host, route.namespace, route.prefix, route.upstream].join(" "));
    show($("routes-empty"), configuration.routes.length === 0);
    text($("routes-empty"), "Every repository goes to the first upstream, under its own name.");
    const reload = configuration.last_reload;
    const loaded = parsed(configuration.last_loaded);
    const facts = [
      ["File", configuration.file === "environment" ? "none: BERTH_* variables" : configuration.file],
      ["In use since", clock(loaded)],
      ["Last reload", !reload ? "none since the start"
        : `${clock(parsed(reload.time))}${reload.cause === "file" ? ", because a file changed" : ""}: ${reload.problems.length ? "failed" : `changed ${reload.changes || "nothing"}`}`],
      ["Users", `${number(configuration.users)}${configuration.anonymous ? ", and anonymous access" : ""}`],
      ["Admin listener", configuration.admin_address],
    ];
    list($("configuration"), facts, ([name]) => name, ([name]) => make("div", "", make("dt", "", name), make("dd")),
      (row, [, value]) => text(row.lastChild, value));
    const problems = reload?.problems ?? [];
    show($("reload-problems"), problems.length > 0);
    list($("reload-lines"), problems, (line) => line, () => make("li"), text);
    text($("curl"), `curl -X POST ${location.origin}/api/v1/reload`);
  },
};

// Each status with its count; a server's error stands out.
function statuses(entries) {
  return make("span", "statuses", ...entries.map(([status, count]) => {
    const entry = make("span", status >= 500 ? "tone" : "", make("b", "", `${status} `), number(count));
    if (status >= 500) entry.dataset.tone = "bad";
    return entry;
  }));
}

function renderListeners() {
  const { configuration, certificates } = parts;
  if (!configuration) return;
  const ends = new Map((certificates?.certificates ?? []).map((certificate) => [certificate.listener, certificate]));
  const days = (certificate) => (parsed(certificate.expires) - serverNow()) / 86400000;
  const certificate = (listener) => ends.get(listener.address);
  table($("listeners"), [
    ["Address", true, (listener) => listener.address],
    ["Speaks", true, (listener) => `${listener.tls ? "TLS" : "plain HTTP"}${listener.client_certificates ? ", client certificates required" : ""}`],
    ["Clients use", true, (listener) => listener.public_url ?? "this address"],
    ["Certificate", true, (listener) => {
      const found = certificate(listener);
      if (!found) return "none";
      const end = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" }).format(parsed(found.expires));
      const left = days(found);
      if (left < 0) return `✕ expired ${end}: renew ${found.file}`;
      return left < 14 ? `! ends ${end}, in ${duration(left * 86400)}: renew ${found.file}` : `ends ${end}`;
    }, (listener) => {
      const found = certificate(listener);
      return !found || days(found) >= 14 ? "" : days(found) < 0 ? "bad" : "warn";
    }],
  ], configuration.listeners, (listener) => listener.address);
}

function createUpstream(upstream) {
  const button = make("button", "", "Fetch a new token");
  button.type = "button";
  button.setAttribute("aria-label", `Fetch a new token for ${upstream.name}`);
  const result = make("p", "result");
  result.setAttribute("role", "status");
  button.addEventListener("click", () => {
    act(`/api/v1/upstreams/${encodeURIComponent(upstream.name)}/refresh`, "POST", null, button, result);
  });
  const life = make("div", "life", make("div", "track"), make("div", "past"), make("div", "renews"), make("div", "now"));
  life.setAttribute("role", "img");
  const fact = (name) => make("div", "", make("dt", "", name), make("dd"));
  return make("li", "upstream",
    make("div", "top", make("h3", "", upstream.name), make("span", "chip"), make("code"), button),
    life, make("p", "marks", make("span"), make("span", "middle"), make("span")),
    make("dl", "facts", fact("Credentials")),
    make("p", "note problem"), make("ul", "fallbacks"), result);
}

function updateUpstream(row, upstream) {
  const find = (selector) => row.querySelector(selector);
  const now = serverNow();
  const [fetched, renews, expires] = [upstream.token_fetched, upstream.token_renews, upstream.token_expires].map(parsed);
  let [tone, word] = condition(upstream, upstream.registry_ready);
  if (upstream.ready && !upstream.registry_ready) [tone, word] = ["warn", `${word}; reads go to a fallback`];
  attribute(row, "data-tone", tone);
  text(find(".chip"), word);
  text(find("code"), upstream.registry);
  const life = find(".life"), marks = find(".marks");
  const hasLife = fetched !== null && expires !== null;
  show(life, hasLife);
  show(marks, hasLife);
  if (hasLife) {
    const share = (time) => `${Math.min(100, Math.max(0, (100 * (time - fetched)) / (expires - fetched))).toFixed(2)}%`;
    for (const element of [life, marks]) {
      element.style.setProperty("--now", share(now));
      element.style.setProperty("--renews", share(renews ?? expires));
    }
    const isAhead = renews !== null && renews > fetched && renews < expires;
    show(find(".renews"), isAhead);
    show(find(".middle"), isAhead);
    const [first, middle, last] = marks.children;
    text(first, `fetched ${clock(fetched)}, ${relative(fetched, now)}`);
    text(middle, `${upstream.token_state === "late" ? "tries again" : "renews"} ${renews === null || renews < now ? "now" : relative(renews, now)}`);
    text(last, `${expires > now ? "expires" : "expired"} ${clock(expires)}, ${relative(expires, now)}`);
    attribute(life, "aria-label", [first, isAhead ? middle : null, last].filter(Boolean).map((mark) => mark.textContent).join("; "));
  }
  const until = parsed(upstream.credentials_expire);
  const origin = upstream.credentials ?? "none found yet";
  const age = until === null ? "" : until > now ? `, valid for ${duration((until - now) / 1000)}` : ", expired";
  text(find("dd"), `${origin}${upstream.credentials ? age : ""}${upstream.credentials_problem && upstream.credentials ? "; not renewed" : ""}`);
  const note = find(".problem");
  show(note, Boolean(upstream.problem));
  attribute(note, "data-tone", tone === "ok" ? "warn" : tone);
  text(note, upstream.problem ?? "");
  const fallbacks = find(".fallbacks");
  show(fallbacks, upstream.fallbacks.length > 0);
  list(fallbacks, upstream.fallbacks, (fallback) => fallback.registry,
    () => make("li", "", make("code"), make("span", "chip"), make("p", "note")),
    updateFallback);
  show(find("button"), parts.status.needs_token);
}

/** The tone of a registry, and it in words. */
function condition(registry, isReady) {
  const [tone, word] = TOKENS[registry.token_state];
  if (isReady || tone !== "ok") return [tone, word];
  return ["bad", { open: "✕ failing", half_open: "✕ tried again" }[registry.breaker] ?? "✕ cannot be reached"];
}

function updateFallback(row, fallback) {
  const [tone, word] = condition(fallback, fallback.ready);
  attribute(row, "data-tone", tone);
  text(row.querySelector("code"), `fallback ${fallback.registry}`);
  text(row.querySelector(".chip"), word);
  const note = row.querySelector(".note");
  show(note, Boolean(fallback.problem));
  attribute(note, "data-tone", tone === "ok" ? "warn" : tone);
  text(note, fallback.problem ?? "");
}

const CACHE = { on: ["ok", "✓ in use"], starting: ["none", "reads its directory"], waiting: ["warn", "! waits"], off: ["bad", "✕ off"], stopped: ["none", "stopped"] };

function renderCache(cache, mayEmpty) {
  const [tone, word] = CACHE[cache.state];
  attribute($("cache-state"), "data-tone", tone);
  text($("cache-state"), word);
  $("cache-fill").max = cache.size;
  $("cache-fill").value = Math.min(cache.bytes, cache.size);
  const { hit = 0, shared = 0, miss = 0, stale = 0 } = cache.requests;
  const oldest = cache.oldest[0];
  const facts = [
    ["On disk", `${size(cache.bytes)} of ${size(cache.size)}, ${number(cache.entries)} ${cache.entries === 1 ? "entry" : "entries"} in ${cache.directory}`],
    ["From the cache", cache.hit_rate === undefined ? "no request yet" : `${(100 * cache.hit_rate).toFixed(1)}% of the requests`],
    ["Requests", `${number(hit)} held, ${number(shared)} shared a download, ${number(miss)} fetched, ${number(stale)} while the registry was away`],
    ["Removed next", oldest ? `last used ${relative(parsed(oldest.last_used), serverNow())}, ${size(oldest.size)}` : "nothing"],
    ["Removed", `${number(cache.evictions)} to make room${cache.corruptions ? `, ${number(cache.corruptions)} with wrong bytes: look at the disk` : ""}`],
  ];
  list($("cache-facts"), facts, ([name]) => name, ([name]) => make("div", "", make("dt", "", name), make("dd")),
    (row, [, value]) => text(row.lastChild, value));
  show($("cache-problem"), Boolean(cache.problem));
  text($("cache-problem"), cache.problem ?? "");
  show($("cache-actions"), mayEmpty);
}

function createTransfer() {
  const bar = make("progress");
  return make("li", "row", make("div", "top", make("span", "name"), make("span", "side")), bar, make("p", "detail"));
}

const moved = new Map(); // bytes of each transfer a moment ago

function updateTransfer(row, transfer) {
  const [top, bar, detail] = row.children;
  const now = serverNow();
  const before = moved.get(transfer.id);
  const rate = before && now > before.time ? Math.max(0, ((transfer.bytes - before.bytes) * 1000) / (now - before.time)) : null;
  if (!before || now - before.time > 3000) moved.set(transfer.id, { bytes: transfer.bytes, time: now });
  if (moved.size > 1000) moved.clear();
  const verb = transfer.operation.startsWith("upload") ? "push" : "pull";
  text(top.firstChild, transfer.repository);
  text(top.lastChild, transfer.total ? `${size(transfer.bytes)} of ${size(transfer.total)}` : size(transfer.bytes));
  attribute(bar, "aria-label", `${verb} of ${transfer.repository}`);
  show(bar, Boolean(transfer.total));
  bar.max = transfer.total || 1;
  bar.value = Math.min(transfer.bytes, bar.max);
  const left = transfer.total && rate ? `, ${duration((transfer.total - transfer.bytes) / rate)} left` : "";
  text(detail, `${verb} by ${transfer.user || "anonymous"} from ${transfer.client}, ${rate === null ? "" : `${size(rate)}/s${left}, `}`
    + `begun ${relative(parsed(transfer.started), now)}, upstream ${transfer.upstream}`);
}

function createError() {
  return make("li", "row", make("div", "top", make("span", "chip"), make("span", "name"), make("span", "side muted")), make("p", "reason"), make("p", "detail"),
    make("p", "fix", make("b", "", "Fix: "), make("span")));
}

function updateError(row, error) {
  const [top, reason, detail, fix] = row.children;
  const about = [
    error.operation && words(error.operation), error.repository, error.user && `user ${error.user}`, error.client && `from ${error.client}`,
    error.upstream && `upstream ${error.upstream}`, error.status && `status ${error.status}`, error.end && words(error.end),
    error.request_id && `request ${error.request_id}`,
  ].filter(Boolean).join(" · ");
  row.classList.toggle("quiet", Boolean(error.rejection));
  attribute(row, "data-tone", error.rejection ? "none" : error.level === "warning" ? "warn" : "bad");
  text(top.firstChild, error.rejection ? "rejected" : error.level);
  text(top.children[1], error.message);
  text(top.lastChild, `${error.count > 1 ? `${number(error.count)} times, last ` : ""}${clock(parsed(error.time))}`);
  text(reason, error.reason ?? "");
  text(detail, about);
  show(reason, Boolean(error.reason));
  show(detail, about !== "");
  show(fix, Boolean(error.fix));
  text(fix.lastChild, error.fix ?? "");
}

// Rates, from the difference of counters.

const rates = { requests: [], sent: [], received: [] };
let previous = null;

function samples(traffic) {
  const now = {
    time: traffic.uptime_seconds,
    requests: traffic.requests.reduce((sum, entry) => sum + entry.count, 0),
    sent: traffic.bytes.sent_to_client,
    received: traffic.bytes.received_from_client,
  };
  const seconds = previous ? now.time - previous.time : 0;
  if (seconds > 0) {
    for (const name of Object.keys(rates)) {
      rates[name].push(Math.max(0, (now[name] - previous[name]) / seconds));
      if (rates[name].length > HISTORY) rates[name].shift();
    }
    for (const name of Object.keys(rates)) {
      const unit = name === "requests" ? (value) => `${perSecond(value)}/s` : (value) => `${size(value)}/s`;
      text($(`${name}-rate`), unit(rates[name].at(-1)));
      text($(`${name}-peak`), `peak ${unit(Math.max(...rates[name]))} in ${duration(rates[name].length)}`);
      spark($(`${name}-line`), rates[name]);
    }
  }
  // A lower time is another process.
  if (seconds < 0) for (const name of Object.keys(rates)) rates[name].length = 0;
  previous = now;
}

const counts = new Map(); // of each operation, in the last seconds

// Over ten seconds: a single second of a rare operation says nothing.
function rateOf({ operation, all }, time) {
  const kept = counts.get(operation) ?? [];
  if (kept.length && kept.at(-1).time >= time) kept.length = 0;
  kept.push({ time, all });
  if (kept.length > 11) kept.shift();
  counts.set(operation, kept);
  return kept.length > 1 ? (all - kept[0].all) / (time - kept[0].time) : 0;
}

function perSecond(rate) {
  return rate === 0 ? "0" : rate < 10 ? rate.toFixed(1) : number(Math.round(rate));
}

function spark(svg, values) {
  if (!svg.firstChild) {
    svg.setAttribute("viewBox", `0 0 ${HISTORY - 1} 36`);
    svg.setAttribute("preserveAspectRatio", "none");
    for (const name of ["area", "stroke"]) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", name);
      svg.append(path);
    }
  }
  const most = Math.max(...values) || 1;
  const points = values.map((value, index) => `${HISTORY - values.length + index} ${(34.5 - (33 * value) / most).toFixed(1)}`);
  const line = `M${points.join("L")}`;
  svg.children[0].setAttribute("d", `${line}L${HISTORY - 1} 36L${HISTORY - values.length} 36Z`);
  svg.children[1].setAttribute("d", line);
}

// Actions.

async function act(path, method, body, button, result) {
  const token = sessionStorage.getItem(TOKEN) ?? (await askForToken(""));
  if (token === null) return;
  button.disabled = true;
  text(result, "Working…");
  let message, tone = "bad";
  try {
    const response = await fetch(path, { method, body, headers: { Authorization: `Bearer ${token}` }, cache: "no-store" });
    const content = await response.json();
    message = content.problems ? `Not reloaded: ${content.problems.join("; ")}` : content.message;
    if (content.changed) message += ` Changed: ${content.changed}.`;
    if (response.ok) tone = "ok";
    if (response.status === 401) {
      sessionStorage.removeItem(TOKEN);
      button.disabled = false;
      text(result, "");
      if ((await askForToken(message)) !== null) await act(path, method, body, button, result);
      return;
    }
  } catch {
    message = "Berth did not answer. The connection may be lost; try again.";
  }
  button.disabled = false;
  text(result, `${tone === "ok" ? "✓" : "✕"} ${message}`);
  result.dataset.tone = tone;
  show($("forget"), sessionStorage.getItem(TOKEN) !== null);
}

let answer = null; // resolves the question that is open

function askForToken(problem) {
  const dialog = $("dialog");
  text($("dialog-text"), problem || "Changes need the token of admin.token_file. This tab remembers it until it is closed.");
  $("token").value = "";
  dialog.showModal();
  $("token").focus();
  return new Promise((resolve) => { answer = resolve; });
}

function settle(token) {
  const resolve = answer;
  answer = null;
  if ($("dialog").open) $("dialog").close();
  $("token").value = "";
  resolve?.(token);
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = $("token").value.trim();
  // What a header field can carry.
  if (!/^[!-~]+$/.test(token)) return text($("dialog-text"), "A token has no spaces and only characters of ASCII.");
  sessionStorage.setItem(TOKEN, token);
  settle(token);
});
$("cancel").addEventListener("click", () => settle(null));
$("dialog").addEventListener("close", () => settle(null));
$("reload").addEventListener("click", () => act("/api/v1/reload", "POST", null, $("reload"), $("result")));
$("log-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = JSON.stringify({ level: $("log-level").value });
  act("/api/v1/log", "PUT", body, event.submitter, $("result"));
});
$("cache-empty").addEventListener("click", () => act("/api/v1/cache", "DELETE", null, $("cache-empty"), $("cache-result")));
$("forget").addEventListener("click", () => {
  sessionStorage.removeItem(TOKEN);
  show($("forget"), false);
  text($("result"), "The token is forgotten.");
});
for (const level of ["trace", "debug", "info", "notice", "warning", "error", "critical"]) $("log-level").append(make("option", "", level));

connect();
setInterval(watch, 1000);
