// The page at "/": signs people in and shows them their objectives.

import { call } from "./api.js";
import { button, h, replace, say } from "./dom.js";
import { roleOf, showObjectives } from "./objectives.js";
import { showSignIn } from "./signin.js";

const header = document.getElementById("header");
const main = document.getElementById("main");
let leave = () => {}; // ends what is shown

function showHeader(session) {
  const name = session?.principal.displayName || session?.emailAddress;
  replace(header,
    h("p", { class: "brand" }, h("a", { href: "/" }, "OKR Manager")),
    session && h("span", {}, `${name || "You"} – ${roleOf(session.principal)}`),
    session && button("Change organization", { key: "switch", plain: true, onclick: () => chooseOrganization(session) }),
    session && button("Log out", { key: "logout", plain: true, onclick: logOut }));
}

function showSession(session) {
  leave();
  showHeader(session);
  leave = showObjectives(main, { session, ended: () => signIn("Your session has ended. Sign in again.") });
}

function signIn(message = "") {
  leave();
  leave = () => {};
  showHeader(null);
  say(message);
  return showSignIn(main, { done: showSession });
}

function chooseOrganization(session) {
  leave();
  leave = () => {};
  return showSignIn(main, { session, done: showSession, cancel: () => showSession(session) });
}

async function logOut() {
  try {
    await call("DELETE", "session");
  } catch (failure) {
    say(`You are still signed in: ${failure.message}`);
    return;
  }
  await signIn("You are logged out.");
}

async function boot() {
  showHeader(null);
  let session;
  try {
    session = await call("GET", "session");
  } catch (failure) {
    if (failure.status === 401) await signIn();
    else {
      replace(main, h("p", { class: "error", role: "alert" }, failure.message, " ",
        button("Try again", { key: "retry", plain: true, onclick: boot })));
    }
    return;
  }
  showSession(session);
}

boot();
