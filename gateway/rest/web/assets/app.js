// The page: a frame, and in it the view of the address.

import { useEffect, useRef } from "./vendor/preact-hooks.js";
import { arrival, unfinished } from "./core/arrival.js";
import { openDrafts } from "./core/drafts.js";
import { html } from "./core/html.js";
import { spoken } from "./core/live.js";
import { address, navigate, navigations, returnPath, route, routes } from "./core/router.js";
import { adopt, ended, failure, identity, load, session, state } from "./core/session.js";
import { text } from "./core/strings.js";
import { styled } from "./core/style.js";
import { Lazy, preload } from "./ui/lazy.js";
import { Problem } from "./ui/problem.js";
import { Footer, Header } from "./ui/shell.js";

const signIn = () => styled(import("./signin/signin.js"), "views.css");
const endedSession = () => import("./signin/ended.js");
const tip = () => import("./ui/tip-box.js").catch(() => ({ default: () => "" })); // the page works without

export function App() {
  openDrafts(identity.value);
  const signedIn = session.value !== null;
  useEffect(() => {
    if (signedIn) preload(endedSession);
  }, [signedIn]);
  const main = useRef(/** @type {HTMLElement|null} */ (null));
  return html`
    <a class="skip" href="#main">${text.skip}</a>
    <${Header} />
    ${signedIn && ended.value && html`<${Lazy} load=${endedSession} />`}
    <main id="main" tabindex="-1" ref=${main}><${Content} /></main>
    <${Footer} />
    <p class="visually-hidden" role="status" aria-live="polite" id="live">${spoken.value}</p>
    <${Lazy} load=${tip} meanwhile="" />`;
}

function Content() {
  const at = route.value;
  if (state.value === "loading" && !at.open) return html`<p class="visually-hidden" role="status">${text.loading}</p>`;
  if (state.value === "failed" && !at.open) {
    return html`<div class="narrow"><h1 tabindex="-1">${text.product}</h1><${Problem} failure=${failure.value} onRetry=${load} /></div>`;
  }
  if (state.value === "out" && !at.open) return html`<${SignInView} />`;
  return html`<${Arrived} /><${View} key=${`${at.path} ${identity.value}`} />`;
}

/** The view of the address, which takes the focus unless the page was opened with it. */
function View() {
  const at = route.value;
  const first = useRef(navigations.peek() === 0);
  const leaving = at.path === "/signin" || new URL(address.value, location.origin).searchParams.has("return");
  useEffect(() => {
    if (leaving) follow();
    else document.title = text.titled(at.title);
  }, [leaving]);
  const focus = () => {
    if (!first.current && !document.querySelector("main :focus")) document.querySelector("h1")?.focus({ preventScroll: true });
  };
  if (leaving) return null;
  return html`<${Lazy} load=${at.load} title=${at.title} onLoad=${focus} />`;
}

const arrived = () => styled(import("./signin/arrived.js"), "views.css");

/** What became of a sign-in that led through another site. */
const Arrived = () => arrival.value && html`<${Lazy} load=${arrived} ...${arrival.value} />`;

/** Goes where a sign-in was to end; or where another one goes on, if somebody is signed in who just made one. */
function follow() {
  const target = unfinished(arrival.peek()) ? "/organizations" : returnPath(location.search) || "/";
  if (routes.some((r) => r.path === new URL(target, location.origin).pathname)) navigate(target, { replace: true });
  else location.replace(target);
}

function SignInView() {
  const at = address.value;
  useEffect(() => { document.title = text.titled(text.titles.signIn); }, []);
  const wanted = returnPath(location.search);
  const done = (/** @type {import("./core/api.js").Session} */ entered) => {
    navigations.value += 1; // the view takes the focus
    arrival.value = null;
    adopt(entered);
  };
  const back = wanted || (route.value.path === "/signin" ? "/" : at);
  return html`
    <div class="narrow">
      <${Arrived} />
      ${back.startsWith("/oauth/authorize") && html`<p class="notice">${text.consentFirst}</p>`}
      <${Lazy} load=${signIn} title=${text.titles.signIn} back=${back} onDone=${done} />
    </div>`;
}
