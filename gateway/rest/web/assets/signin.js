// Signing in: prove an e-mail address, then choose or create an organization.

import { call } from "./api.js";
import { button, Forms, h, replace, say } from "./dom.js";

/** Where to go once there is a session: only ever a path of this host. */
function returnPath() {
  const wanted = new URLSearchParams(location.search).get("return");
  if (!wanted || !wanted.startsWith("/")) return "";
  const target = new URL(wanted, location.origin);
  return target.origin === location.origin ? target.pathname + target.search + target.hash : "";
}

/**
 * Shows the way in, from where the person stands, and calls done with the session.
 * @param {HTMLElement} main
 * @param {{session?: object, done: (session: object) => void, cancel?: () => void}} options session: of somebody who is
 *   signed in and changes organizations
 */
export async function showSignIn(main, { session, done, cancel }) {
  const forms = new Forms(() => render());
  let step = "loading";
  let email = "";
  let organizations = [];
  let over = false;

  const finish = (signedIn) => {
    over = true;
    const target = returnPath();
    if (target) location.assign(target);
    else done(signedIn);
  };

  // next goes on after a step; the server says what is left to do.
  const next = (answer) => {
    switch (answer.step) {
      case "SIGN_IN_STEP_DONE":
        finish(answer.session);
        return;
      case "SIGN_IN_STEP_CHOOSE_ORGANIZATION":
        [step, email, organizations] = ["organizations", answer.emailAddress, answer.organizations];
        return;
      case "SIGN_IN_STEP_AUTHENTICATE_AGAIN":
        throw new Error(`This organization asks you to sign in by ${answer.allowedAuthMethods.join(" or ").replaceAll("_", " ")}.`);
      default:
        throw new Error("This organization asks for a second factor, which cannot be given here yet.");
    }
  };

  const start = () => {
    const back = returnPath();
    return h("div", { class: "narrow" },
      h("h1", {}, "Sign in to OKR Manager"),
      forms.field({
        key: "email", label: "E-mail address", initial: email, submit: "Send me a code",
        input: { type: "email", autocomplete: "email", maxlength: "254" },
        onsubmit: async (address) => {
          await call("POST", "session:sendEmailCode", { body: { emailAddress: address } });
          [step, email] = ["code", address];
          say("A code is on its way.");
        },
      }),
      h("p", {}, h("a", { class: "button plain", href: `/signin/google${back && `?return=${encodeURIComponent(back)}`}` },
        "Continue with Google")),
      forms.field({
        key: "sso", label: "Single sign-on: short name of your organization", submit: "Go on",
        onsubmit: async (slug) => {
          const query = new URLSearchParams({ organization: slug, return: back || "/" });
          location.assign(`/signin/sso?${query}`);
        },
      }));
  };

  const code = () => h("div", { class: "narrow" },
    h("h1", {}, "Enter the code"),
    h("p", {}, `We sent six digits to ${email}. They are good for ten minutes.`),
    forms.field({
      key: "code", label: "Code", submit: "Sign in",
      input: { inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9]{6}", maxlength: "6" },
      onsubmit: async (digits) => {
        next(await call("POST", "session:authenticateEmailCode", { body: { emailAddress: email, code: digits } }));
      },
    }),
    button("Use another address", { key: "back", plain: true, onclick: () => { step = "start"; render(); } }));

  const enter = session ? "session:switchOrganization" : "session:joinOrganization";
  const current = session?.principal.organizationId;
  const memberships = {
    MEMBERSHIP_INVITED: "you are invited", MEMBERSHIP_ELIGIBLE: "you may join", MEMBERSHIP_PENDING: "you were added",
  };
  const choose = () => h("div", { class: "narrow" },
    h("h1", {}, "Choose an organization"),
    email && h("p", { class: "quiet" }, `Signed in as ${email}.`),
    organizations.length === 0 && h("p", {}, "There is none yet that you can enter."),
    h("ul", { class: "plain" }, organizations.map((o) => h("li", { class: "row" },
      h("span", { class: "title" }, o.displayName, " ",
        h("span", { class: "quiet" }, o.organizationId === current ? "you are here" : memberships[o.membership] || "")),
      o.organizationId !== current && button("Enter", {
        key: `enter-${o.organizationId}`, describe: o.displayName,
        onclick: () => forms.run("enter", async () => next(await call("POST", enter, { body: { organizationId: o.organizationId } }))),
      })))),
    forms.error("enter"),
    !session && forms.field({
      key: "create", label: "Create an organization", submit: "Create", input: { maxlength: "128" },
      onsubmit: async (name) => {
        next(await call("POST", "session:createOrganization", { body: { displayName: name } }));
      },
    }),
    session
      ? button("Back", { key: "cancel", plain: true, onclick: () => { over = true; cancel(); } })
      : button("Sign in as somebody else", { key: "restart", plain: true, onclick: () => { step = "start"; render(); } }));

  function render() {
    if (over || step === "loading") return;
    replace(main, { start, code, organizations: choose }[step]());
  }

  try {
    const found = await call("GET", "session/organizations");
    [step, email, organizations] = ["organizations", found.emailAddress, found.organizations];
  } catch (failure) {
    step = "start";
    if (failure.status !== 401) say(failure.message);
  }
  render();
}
