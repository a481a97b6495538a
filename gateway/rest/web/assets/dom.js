// Building pages from text: nothing here turns text into markup.

/**
 * Makes an element. Properties that begin with "on" are event handlers; false, null and undefined leave one out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node|string|null|false|undefined|Array<Node|string|null|false|undefined>)} children
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child) element.append(child);
  }
  return element;
}

/** Puts new content into an element, and the focus back to where it was: elements are known by data-key. */
export function replace(element, ...content) {
  const active = document.activeElement;
  const key = element.contains(active) ? active.dataset.key : undefined;
  const selection = key && active.selectionStart !== undefined && active.type !== "number"
    ? [active.selectionStart, active.selectionEnd] : null;
  element.replaceChildren(...content.flat().filter(Boolean));
  if (!key) return;
  const again = element.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!again) return;
  again.focus({ preventScroll: true });
  if (selection) again.setSelectionRange(...selection);
}

/** Says something to everyone, screen readers included. */
export function say(text) {
  document.getElementById("status").textContent = text;
}

/**
 * A button. With a reason why not it stays where it is, can be reached, and says the reason instead of acting.
 */
export function button(label, { key, plain, why, describe, onclick, submit }) {
  return h("button", {
    type: submit ? "submit" : "button",
    class: plain && "plain",
    "data-key": key,
    "aria-disabled": why ? "true" : null,
    "aria-label": describe ? `${label}: ${describe}` : null,
    title: why,
    onclick: (event) => {
      if (why) {
        event.preventDefault();
        say(why);
      } else if (onclick) {
        onclick(event);
      }
    },
  }, label);
}

/** What people have typed and not yet sent, what went wrong with it, and what is on its way; by the form's key. */
export class Forms {
  /** @param {() => void} changed is called when a form has to be shown anew. */
  constructor(changed) {
    this.changed = changed;
    this.drafts = new Map();
    this.errors = new Map();
    this.busy = new Set();
    this.ids = new Map();
  }

  /** An id for the request that a form makes: the same until what is typed changes, so that trying again is safe. */
  requestId(key) {
    if (!this.ids.has(key)) this.ids.set(key, crypto.randomUUID());
    return this.ids.get(key);
  }

  /** Forgets what was typed. */
  clear(key) {
    for (const map of [this.drafts, this.errors, this.ids]) map.delete(key);
  }

  /** Runs what a form does; keeps what was typed if that fails, and shows why beside it. */
  async run(key, action) {
    if (this.busy.has(key)) return;
    this.busy.add(key);
    this.errors.delete(key);
    try {
      await action();
      this.clear(key);
    } catch (failure) {
      this.errors.set(key, failure.message);
      if (!failure.retryable) this.ids.delete(key);
    } finally {
      this.busy.delete(key);
    }
    this.changed();
  }

  /** The error beside a form. */
  error(key) {
    const text = this.errors.get(key);
    return text && h("p", { class: "error", role: "alert", id: `error-${key}` }, text);
  }

  /**
   * A form of one field.
   * @param {{key: string, label: string, hidden?: boolean, initial?: string, input?: object, submit: string, why?: string,
   *   describe?: string, onsubmit: (value: string) => Promise<void>, oncancel?: () => void}} options
   */
  field({ key, label, hidden, initial = "", input = {}, submit, why, describe, onsubmit, oncancel }) {
    const id = `field-${key}`;
    const box = h("input", {
      id, required: true, autocomplete: "off", "data-key": key, value: this.drafts.get(key) ?? initial,
      "aria-label": hidden ? label : null,
      "aria-invalid": this.errors.has(key) ? "true" : null,
      "aria-describedby": this.errors.has(key) ? `error-${key}` : null,
      readonly: Boolean(why), ...input,
      oninput: () => {
        this.drafts.set(key, box.value);
        this.ids.delete(key);
      },
    });
    return h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        if (why) say(why);
        else this.run(key, () => onsubmit(box.value.trim()));
      },
    },
    !hidden && h("label", { for: id }, label),
    h("div", { class: "row" }, box,
      button(this.busy.has(key) ? "…" : submit, { key: `${key}-submit`, why, describe, submit: true }),
      oncancel && button("Cancel", { key: `${key}-cancel`, plain: true, onclick: oncancel })),
    this.error(key));
  }
}
