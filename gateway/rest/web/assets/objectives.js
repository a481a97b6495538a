// The objectives of an organization, for what the member may do with them, kept up to date while the page is open.

import { call, callAll } from "./api.js";
import { button, Forms, h, replace, say } from "./dom.js";

const roleNames = { stytch_admin: "CEO", manager: "Manager", stytch_member: "Employee" };
const verbs = { CREATE: "create", UPDATE: "change", DELETE: "delete", READ: "see" };
const nouns = { objective: "objectives", key_result: "key results" };

/** The role that counts most, in words. */
export function roleOf(principal) {
  const named = Object.keys(roleNames).find((role) => principal.roles.includes(role));
  return named ? roleNames[named] : principal.roles.join(", ");
}

/**
 * Shows the objectives and answers a function that ends it.
 * @param {HTMLElement} main
 * @param {{session: object, ended: () => void}} options ended is called when there is no session any more
 */
export function showObjectives(main, { session, ended }) {
  const forms = new Forms(() => render());
  const editing = new Set(); // ids whose title is being edited
  const deleting = new Set(); // ids whose deletion waits for a yes
  let objectives = null;
  let cursor = "";
  let problem = "";
  let closed = false;
  let source = null;
  let timer = 0;
  let failures = 0;

  // why says why the member may not do something, or "".
  const why = (action, resource) => {
    const allowed = session.principal.rolePermissions.some((p) => p.resource === resource && p.action === `ACTION_${action}`);
    return allowed ? "" : `Your role (${roleOf(session.principal)}) cannot ${verbs[action]} ${nouns[resource]}.`;
  };

  // act does something and shows what became of it.
  const act = async (action) => {
    try {
      await action();
    } catch (failure) {
      if (failure.status === 401) ended();
      else if (failure.reason === "ETAG_MISMATCH") {
        await load();
        throw new Error("Somebody else changed this meanwhile.");
      }
      throw failure;
    }
    await load();
  };

  async function load() {
    try {
      const all = await callAll("objectives", "objectives");
      if (closed) return;
      [objectives, cursor, problem] = [all.items, all.cursor, ""];
    } catch (failure) {
      if (closed) return;
      if (failure.status === 401) ended();
      problem = failure.message;
    }
    render();
  }

  function title(item, kind, level, noun) {
    if (!editing.has(item.id)) return h(level, { class: "title", id: `title-${item.id}` }, item.title);
    const path = kind === "objective" ? `objectives/${item.id}` : `keyResults/${item.id}`;
    const etag = forms.drafts.get(`etag-${item.id}`);
    const close = () => {
      editing.delete(item.id);
      forms.clear(`edit-${item.id}`);
      render();
    };
    return h("div", { class: "title" }, forms.field({
      key: `edit-${item.id}`, label: `Text of the ${noun}`, hidden: true, initial: item.title, submit: "Save",
      input: { maxlength: "500" }, oncancel: close,
      onsubmit: async (text) => {
        try {
          await act(() => call("PATCH", path, { body: { title: text }, etag }));
        } catch (failure) {
          const now = find(item.id);
          if (!now || now.etag === etag) throw failure;
          forms.drafts.set(`etag-${item.id}`, now.etag);
          throw new Error(`Somebody else changed this to “${now.title}”. Save again to replace it.`);
        }
        editing.delete(item.id);
        say("Saved.");
      },
    }));
  }

  const find = (id) => objectives.flatMap((o) => [o, ...o.keyResults]).find((item) => item.id === id);

  function tools(item, kind, noun) {
    const path = kind === "objective" ? `objectives/${item.id}` : `keyResults/${item.id}`;
    if (deleting.has(item.id)) {
      const key = `delete-${item.id}`;
      return [
        h("span", {}, `Delete this ${noun} for good?`),
        button("Delete", {
          key: `${key}-yes`, describe: item.title,
          onclick: () => forms.run(key, async () => {
            await act(() => call("DELETE", path));
            deleting.delete(item.id);
            say("Deleted.");
          }),
        }),
        button("Keep", { key, plain: true, describe: item.title, onclick: () => { deleting.delete(item.id); render(); } }),
        forms.error(key),
      ];
    }
    return [
      !editing.has(item.id) && button("Edit", {
        key: `editing-${item.id}`, plain: true, describe: item.title, why: why("UPDATE", kind),
        onclick: () => {
          editing.add(item.id);
          forms.drafts.set(`etag-${item.id}`, item.etag);
          render();
          main.querySelector(`[data-key="edit-${item.id}"]`)?.focus();
        },
      }),
      button("Delete", {
        key: `delete-${item.id}`, plain: true, describe: item.title, why: why("DELETE", kind),
        onclick: () => { deleting.add(item.id); render(); },
      }),
    ];
  }

  function keyResult(kr) {
    const value = String(kr.attainment ?? 0);
    return h("li", {},
      h("div", { class: "row" }, title(kr, "key_result", "span", "key result"), ...tools(kr, "key_result", "key result")),
      h("div", { class: "row" },
        h("progress", { max: "100", value, "aria-label": `Attainment: ${kr.title}` }), h("span", {}, `${value} %`),
        forms.field({
          key: `attainment-${kr.id}`, label: `How far along, in percent: ${kr.title}`, hidden: true, initial: value,
          input: { type: "number", min: "0", max: "100", step: "1" }, submit: "Set", describe: kr.title,
          why: why("UPDATE", "key_result"),
          onsubmit: async (typed) => {
            await act(() => call("POST", `keyResults/${kr.id}:setAttainment`, { body: { attainment: Number(typed) } }));
            say("Saved.");
          },
        })));
  }

  function objective(o) {
    const key = `add-${o.id}`;
    const mayReadKeyResults = !why("READ", "key_result");
    return h("article", { "aria-labelledby": `title-${o.id}` },
      h("div", { class: "row" }, title(o, "objective", "h2", "objective"), ...tools(o, "objective", "objective")),
      o.progress === undefined
        ? h("p", { class: "quiet" }, mayReadKeyResults ? "No key results yet." : why("READ", "key_result"))
        : h("div", { class: "row" }, h("progress", { max: "100", value: String(o.progress), "aria-label": `Progress: ${o.title}` }),
          h("span", {}, `${o.progress} %`)),
      h("ul", { class: "plain" }, o.keyResults.map(keyResult)),
      forms.field({
        key, label: `Add a key result to ${o.title}`, hidden: true, submit: "Add key result", describe: o.title,
        input: { maxlength: "500", placeholder: "A measurable result" }, why: why("CREATE", "key_result"),
        onsubmit: async (text) => {
          await act(() => call("POST", `objectives/${o.id}/keyResults?requestId=${forms.requestId(key)}`, { body: { title: text } }));
          say("Key result added.");
        },
      }));
  }

  function render() {
    if (closed) return;
    replace(main,
      h("h1", {}, `Objectives of ${session.organizationName || "your organization"}`),
      problem && h("p", { class: "error", role: "alert" }, problem, " ",
        button("Try again", { key: "reload", plain: true, onclick: load })),
      objectives === null && !problem && h("p", {}, "Loading …"),
      objectives?.length === 0 && h("p", {}, "There are no objectives yet."),
      objectives?.map(objective),
      h("div", { class: "panel" }, forms.field({
        key: "add", label: "New objective", submit: "Add objective",
        input: { maxlength: "500", placeholder: "What do you want to achieve?" }, why: why("CREATE", "objective"),
        onsubmit: async (text) => {
          await act(() => call("POST", `objectives?requestId=${forms.requestId("add")}`, { body: { title: text } }));
          say("Objective added.");
        },
      })));
  }

  // watch keeps the page up to date. The browser reconnects by itself where the connection breaks, and not where it was
  // refused: then everything is loaded anew.
  function watch() {
    if (closed) return;
    source = new EventSource(`/api/v1/changes:watch?afterCursor=${encodeURIComponent(cursor)}`);
    let due = 0;
    source.onopen = () => {
      if (failures > 0) say("Connected again.");
      failures = 0;
    };
    source.addEventListener("change", () => {
      clearTimeout(due);
      due = setTimeout(load, 100); // changes often come in groups
    });
    source.addEventListener("end", (event) => {
      source.close();
      const { error } = JSON.parse(event.data);
      if (error.code === 401) ended();
      else again();
    });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) again();
      else if (failures === 0) {
        failures = 1;
        say("The connection is lost. Trying to connect again …");
      }
    };
  }

  function again() {
    if (closed) return;
    failures += 1;
    timer = setTimeout(async () => {
      await load();
      watch();
    }, Math.min(30_000, 500 * 2 ** failures) * (0.5 + Math.random()));
  }

  render();
  load().then(watch);
  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
  };
}
