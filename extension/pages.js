/**
 * On a paper's page at arXiv or Hugging Face, where the reader allowed it: a button that follows its authors, its
 * subject or its organisation. It reads the page, and asks the worker; it knows no token and no server.
 *
 * A plain script, not a module: browsers load content scripts so.
 */
(() => {
  const MOST = 8; // authors
  const browser = globalThis.browser ?? globalThis.chrome;
  const say = (key, ...words) => browser.i18n.getMessage(key, words) || key;
  if (document.querySelector(".paperlark-follow")) return;

  /** Where the button goes, and what can be followed: [{kind, value}]. Null where the page has no paper. */
  function read() {
    return location.hostname === "arxiv.org" ? readArxiv() : readHuggingFace();
  }

  function readArxiv() {
    const title = document.querySelector("h1.title");
    const names = contents('meta[name="citation_author"]');
    const linked = [...document.querySelectorAll(".authors a")].map((each) => each.textContent);
    const subject = /\(([a-z-]+(?:\.[A-Za-z-]+)?)\)/u.exec(document.querySelector(".primary-subject")?.textContent ?? "");
    return title && { beside: title, wishes: wishes(names.length ? names : linked, subject ? [subject[1]] : [], []) };
  }

  function readHuggingFace() {
    const title = document.querySelector("main h1");
    const { paper } = props(["paper"]);
    const authors = (paper?.authors ?? []).map((each) => each?.name).filter((name) => typeof name === "string");
    const organisation = paper?.organization?.fullname ?? paper?.organization?.name;
    const found = authors.length ? authors : contents('meta[name="citation_author"]');
    return title && { beside: title, wishes: wishes(found, [], typeof organisation === "string" ? [organisation] : []) };
  }

  /** The page's own data: Hugging Face writes it beside what it shows. */
  function props(names) {
    for (const element of document.querySelectorAll("[data-props]")) {
      try {
        const found = JSON.parse(element.dataset.props);
        if (names.every((name) => found?.[name])) return found;
      } catch {
        // Not what we look for.
      }
    }
    return {};
  }

  function contents(selector) {
    return [...document.querySelectorAll(selector)].map((each) => each.content ?? "");
  }

  function wishes(authors, categories, organisations) {
    const some = (kind, values) => values.map((each) => each.trim()).filter(Boolean).map((value) => ({ kind, value }));
    return [...some("author", authors).slice(0, MOST), ...some("words", categories), ...some("organisation", organisations)];
  }

  function element(name, text, ...children) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  }

  function make(found) {
    const open = element("button", say("follow_here"));
    const list = element("div", "", element("p", say("follow_whom")));
    const said = element("p", "");
    open.type = "button";
    open.setAttribute("aria-expanded", "false");
    said.setAttribute("role", "status");
    list.hidden = true;
    open.addEventListener("click", () => {
      list.hidden = !list.hidden;
      open.setAttribute("aria-expanded", String(!list.hidden));
    });
    for (const { kind, value } of found.wishes) {
      const choice = element("button", say(`follow_${kind}`, value));
      choice.type = "button";
      choice.addEventListener("click", async () => {
        choice.disabled = true;
        const answer = await browser.runtime.sendMessage({ do: "follow-here", kind, value });
        said.textContent = answer?.said ?? say("standing_fault");
        choice.disabled = Boolean(answer?.well);
      });
      list.append(choice);
    }
    list.append(said);
    const whole = element("div", "", open, list);
    whole.className = "paperlark-follow";
    whole.addEventListener("keydown", (pressed) => {
      if (pressed.key !== "Escape") return;
      list.hidden = true;
      open.setAttribute("aria-expanded", "false");
      open.focus();
    });
    return whole;
  }

  const found = read();
  if (found && found.wishes.length) found.beside.after(make(found));
})();
