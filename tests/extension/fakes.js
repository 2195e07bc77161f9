/** A browser and a server in memory, with as much of them as the worker touches. */

/** What extensions see of a browser. `shown` is what stands on its bar; `alarms` those that are set. */
export class FakeBrowser {
  constructor(kept = {}) {
    this.stored = structuredClone(kept);
    this.shown = { text: "", title: "", colour: "" };
    this.set = new Map();
    this.told = [];
    const stored = () => this.stored;
    this.storage = {
      local: {
        get: async (names) => structuredClone(Object.fromEntries([names].flat().filter((name) => name in stored()).map((name) => [name, stored()[name]]))),
        set: async (values) => void Object.assign(this.stored, structuredClone(values)),
        remove: async (names) => [names].flat().forEach((name) => delete this.stored[name]),
      },
    };
    this.action = {
      setBadgeText: async ({ text }) => void (this.shown.text = text),
      setTitle: async ({ title }) => void (this.shown.title = title),
      setBadgeBackgroundColor: async ({ color }) => void (this.shown.colour = color),
    };
    this.alarms = {
      get: async (name) => this.set.get(name),
      create: async (name, given) => void this.set.set(name, { name, ...given }),
    };
    this.runtime = { getPlatformInfo: async () => ({ os: "linux" }), getURL: (path) => `chrome-extension://id/${path}` };
    this.notifications = { create: async (id, given) => void this.told.push(given) };
  }
}

/** Says a message by its key and words, so that tests do not depend on a language. */
export const say = (key, ...words) => [key, ...words].join(" ").trim();

/** A server that answers from a table: "GET /matches" → a value, or a function of the request. Paths without parameters. */
export class FakeServer {
  constructor(answers = {}) {
    this.answers = answers;
    this.asked = [];
    this.gone = false;
  }

  fetch = async (url, { method, headers, body }) => {
    const { pathname, search } = new URL(url);
    const path = pathname.replace("/api/v1", "");
    this.asked.push({ method, path, search, headers, body: body && JSON.parse(body) });
    if (this.gone) throw new TypeError("Failed to fetch");
    const found = this.answers[`${method} ${path}`] ?? { status: 404, body: { status: 404, type: "about:blank" } };
    const { status = 200, body: said = {}, headers: given = {} } = typeof found === "function" ? await found(this.asked.at(-1)) : found;
    return new Response([204, 304].includes(status) ? null : JSON.stringify(said), { status, headers: given });
  };

  /** What was asked, in short: "GET /matches". */
  get short() {
    return this.asked.map(({ method, path }) => `${method} ${path}`);
  }
}
