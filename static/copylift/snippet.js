// Copylift: fills the marked places of a shop's page. docs/placements.md tells how it is wired in.
// It fails open: whatever goes wrong, the page keeps its own content. It sets no cookie, and reads and stores nothing
// before the shopper agreed. Texts are set as text, never as HTML.
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || (window.copylift && window.copylift.track)) return;
  const queued = [].concat(window.copylift || []);
  const given = script.dataset;
  const PATIENCE = Math.min(Number(given.timeout) || 300, 10000);
  const STORE = "copylift";
  const PARTS = ["headline", "body", "call_to_action"];
  const now = () => performance.now();
  const hex = (byte) => byte.toString(16).padStart(2, "0");
  const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");
  const address = (key, door) => new URL(`/api/v1/placements/${encodeURIComponent(key)}/${door}`, script.src).href;
  const ready = new Promise((go) => {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", go);
    else go();
  });

  // What is known of the shopper: a unit, and the tokens of what was decided, by test.
  const read = () => {
    try {
      return Object(JSON.parse(localStorage.getItem(STORE)));
    } catch {
      return {};
    }
  };
  const keep = () => {
    if (!agreed) return;
    try {
      localStorage.setItem(STORE, JSON.stringify(memory));
    } catch {}
  };
  let agreed = given.consent === "true";
  let memory = agreed ? read() : {};
  memory = { unit: memory.unit || `web-${fresh()}`, tokens: Object(memory.tokens) };
  keep();
  let attributes = {};
  try {
    attributes = JSON.parse(given.attributes || "{}");
  } catch {}

  const send = (key, event) => {
    const body = JSON.stringify({ events: [{ id: fresh(), ...event }] });
    const url = address(key, "events");
    // A plain string needs no preflight, and a beacon outlives the page.
    if (!(navigator.sendBeacon && navigator.sendBeacon(url, body)))
      fetch(url, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
  };

  const asked = new Map();
  const ask = (key, left) => {
    if (!asked.has(key)) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), left);
      const body = JSON.stringify({ unit: given.unit || memory.unit, attributes });
      const options = { method: "POST", body, signal: stop.signal, credentials: "omit", cache: "no-store" };
      asked.set(key, fetch(address(key, "decide"), options).then((answer) => (answer.ok ? answer.json() : null)));
    }
    return asked.get(key);
  };

  // Whether the parser is past an element, so that nothing of its own content is still to come.
  const whole = (element) => {
    for (let node = element; node; node = node.parentNode) if (node.nextSibling) return true;
    return document.readyState !== "loading";
  };
  const link = (url) => {
    try {
      const found = new URL(url);
      return /^https?:$/.test(found.protocol) ? found.href : "";
    } catch {
      return "";
    }
  };
  const make = (name, part, text) => {
    const element = document.createElement(name);
    element.className = `copylift-${part}`;
    element.textContent = text;
    return element;
  };
  const fill = (element, said) => {
    const texts = {};
    for (const part of PARTS) texts[part] = typeof said[part] === "string" ? said[part] : "";
    if (!PARTS.some((part) => texts[part])) return false;
    const url = link(said.url);
    const places = element.querySelectorAll("[data-copylift-part]");
    for (const place of places) {
      const part = place.dataset.copyliftPart;
      if (!(part in texts)) continue;
      place.textContent = texts[part];
      place.hidden = !texts[part];
      if (place.tagName === "A" && url) place.href = url;
    }
    if (!places.length) {
      const button = url ? "a" : "span";
      const shown = PARTS.filter((part) => texts[part]);
      element.replaceChildren(...shown.map((part) => make(part === PARTS[2] ? button : "p", part, texts[part])));
      for (const one of element.querySelectorAll("a")) one.href = url;
    }
    if (said.language) element.lang = said.language;
    if (said.ai) element.dataset.copyliftAi = JSON.stringify(said.ai);
    return true;
  };

  const follow = (element, key, said) => {
    const test = { token: said.token, kept: agreed || !!given.unit };
    memory.tokens[said.test] = { key, token: said.token };
    for (const old of Object.keys(memory.tokens).slice(0, -20)) delete memory.tokens[old];
    keep();
    let clicked = false;
    element.addEventListener("click", (event) => {
      if (clicked || !event.target.closest("a, button")) return;
      clicked = true;
      send(key, { type: "click", ...test });
    });
    const seen = () => send(key, { type: "exposure", ...test });
    if (!window.IntersectionObserver) return seen();
    const watch = new IntersectionObserver(
      (entries) => {
        // Half of it, or half of the window where it is larger than that.
        if (!entries.some((one) => one.intersectionRatio >= 0.5 || one.intersectionRect.height * 2 >= innerHeight)) return;
        watch.disconnect();
        seen();
      },
      { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] },
    );
    watch.observe(element);
  };

  const place = async (element, since) => {
    const key = element.dataset.copylift;
    const due = since + PATIENCE;
    let state = "default";
    try {
      const said = now() < due && (await ask(key, due - now()));
      if (said && said.show === true) {
        if (!whole(element)) await ready;
        if (now() < due && fill(element, said)) {
          state = "shown";
          if (said.token) follow(element, key, said);
        }
      }
    } catch {}
    element.dataset.copyliftState = state;
  };

  const known = new WeakSet();
  const scan = (since) => {
    for (const element of document.querySelectorAll("[data-copylift]")) {
      if (known.has(element)) continue;
      known.add(element);
      place(element, typeof since === "number" ? since : now());
    }
  };
  const start = () => {
    // What was painted before this ran has been read already: the patience counts from then.
    const painted = performance.getEntriesByName("first-contentful-paint")[0];
    scan(painted && painted.startTime);
    const watch = new MutationObserver(() => scan());
    watch.observe(document, { childList: true, subtree: true });
    ready.then(() => {
      watch.disconnect();
      scan();
    });
  };

  const api = {
    // The shopper agrees to be remembered on this device, or takes that back.
    consent(yes) {
      agreed = yes === true;
      if (agreed) {
        const old = read();
        memory = { unit: old.unit || memory.unit, tokens: { ...old.tokens, ...memory.tokens } };
        return keep();
      }
      try {
        localStorage.removeItem(STORE);
      } catch {}
    },
    // Something the shopper did: "purchase" with value and currency, or a name of your own. `id` drops repeats.
    track(name, { value, currency, id } = {}) {
      const type = name === "purchase" ? { type: "conversion" } : { type: "custom", name };
      const about = { ...type, value, currency, kept: agreed || !!given.unit };
      if (id) about.id = `${name}:${id}`;
      return ready
        .then(() => Promise.allSettled(asked.values()))
        .then(() => {
          for (const { key, token } of Object.values(memory.tokens)) send(key, { ...about, token });
        });
    },
    // For pages that change without loading: looks for new places.
    scan: () => scan(),
    push: ([name, ...values]) => name in api && api[name](...values),
  };
  window.copylift = api;
  if (document.prerendering) document.addEventListener("prerenderingchange", start, { once: true });
  else start();
  queued.forEach(api.push);
})();
