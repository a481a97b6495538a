// A second factor where an organization asks for one, and of a member's own accord: an authenticator app is set up, used,
// lost, and removed.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { acme, emma, globex, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** What an authenticator app shows, now or so many half minutes later (RFC 6238). */
function shows(secret, later = 0) {
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const sum = createHmac("sha1", key).update(step).digest();
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

const require = (system, more = {}) => system.provider("PUT", `/v1/b2b/organizations/${acme}`, { mfa_policy: "REQUIRED_FOR_ALL", ...more });

/** Proves an address, and enters Acme. */
async function enter(v, person) {
  await v.go("/signin");
  await v.page.getByLabel("E-mail address").fill(person.email);
  await v.page.keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "Enter the code" }).waitFor();
  await v.page.getByLabel("Code").fill(await v.system.code(person.email));
  await v.page.keyboard.press("Enter");
  await v.button("Enter Acme").click();
}

/** Sets an app up, and answers its secret and the recovery codes. */
async function setUp(v) {
  await v.page.getByRole("heading", { name: "A second factor is needed" }).waitFor();
  const secret = await takeSecret(v);
  return { secret, recovery: (await v.copies(v.button("Copy the recovery codes"))).split(" ") };
}

/** Begins to set an app up, and answers its secret. */
async function takeSecret(v) {
  const { page } = v;
  await v.button("Set up an authenticator app").click();
  await v.focuses(/^Scan this with your authenticator app/);
  const secret = await v.copies(v.button("Copy the secret"));
  assert.match(secret, /^[A-Z2-7]{32}$/);
  const address = await v.copies(v.button("Copy the address"));
  assert.equal(address, await page.getByRole("link", { name: "Open it in an app on this device" }).getAttribute("href"));
  const uri = new URL(address);
  assert.deepEqual([uri.protocol, uri.searchParams.get("secret"), uri.searchParams.get("issuer")], ["otpauth:", secret, "Acme"]);
  return secret;
}

async function signIn(v, code) {
  await v.page.getByLabel("Code of the app").fill(code);
  await v.button("Sign in").click();
}

const isIn = (v) => v.page.getByRole("heading", { name: "Objectives", exact: true }).waitFor();

for (const [width, size, dark] of [["phone", phone, true], ["desk", desk, false]]) {
  visit(`an authenticator app is set up at the first sign-in, asked for at the next, and a recovery code takes its place (${width})`, async (open, { system }) => {
    await require(system);
    const v = await open({ size, dark });
    v.tolerate(/400 \(Bad Request\)/);
    v.tolerate(/401 \(Unauthorized\).*changes:watch/); // what the page listens to ends with the session
    const { page } = v;
    await enter(v, emma);
    await page.getByText("Acme asks for a second factor").waitFor();
    await v.focuses(/^A second factor is needed$/);
    await v.accessible(`a second factor is needed (${width})`);
    const { secret, recovery } = await setUp(v);
    assert.equal(recovery.length, 10);
    const picture = page.getByRole("img", { name: "QR code for an authenticator app" });
    await page.waitForFunction((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return canvas.width > 150 && new Set(data.filter((_, i) => i % 4 === 0)).size > 1;
    }, await picture.elementHandle());
    await v.accessible(`an authenticator app is set up (${width})`);
    await v.fits(`an authenticator app is set up (${width})`);
    await v.picture(`totp-${width}`, { fullPage: true });
    await signIn(v, "12345");
    await page.getByText("The code has six digits.").waitFor();
    await signIn(v, "000000");
    await page.getByText("This code is wrong, was used before, or has expired").waitFor();
    await signIn(v, shows(secret));
    await isIn(v);

    await v.context.clearCookies();
    await enter(v, emma);
    await page.getByText("Enter the code that your authenticator app shows.").waitFor();
    assert.equal(await v.button("Set up an authenticator app").count(), 0);
    await v.accessible(`the code of an authenticator app (${width})`);
    await signIn(v, shows(secret, 1));
    await isIn(v);

    await v.context.clearCookies();
    await enter(v, emma);
    await v.button("Use a recovery code").click();
    await v.focuses(/^Recovery code$/);
    await page.keyboard.type("abcd-efgh-ijkl");
    await page.keyboard.press("Enter");
    await page.getByText("This code is wrong, was used before, or has expired").waitFor();
    await page.getByLabel("Recovery code").fill(recovery[0]);
    await v.accessible(`a recovery code (${width})`);
    await page.keyboard.press("Enter");
    await page.getByText("You are signed in. You have 9 recovery codes left.").waitFor();
    await v.focuses(/^Go on$/);
    await page.keyboard.press("Enter");
    await isIn(v);
    await page.reload();
    await isIn(v);
  });
}

visit("a second factor is asked for after single sign-on, too", async (open, { system }) => {
  await require(system);
  const v = await open();
  await v.go("/");
  await v.page.getByText("Single sign-on of your organization").click();
  await v.page.getByLabel("Short name of your organization").fill("acme");
  await v.page.keyboard.press("Enter");
  await v.page.getByRole("button", { name: /Emma Eriksen/ }).click();
  const { secret } = await setUp(v);
  await signIn(v, shows(secret));
  await isIn(v);
});

visit("whoever switches to an organization that asks for a second factor gives it and is in", async (open, { system }) => {
  await require(system);
  const v = await open({ person: { ...max, organization: globex } });
  await v.go("/organizations");
  await v.button("Enter Acme").click();
  const { secret } = await setUp(v);
  await v.accessible("a second factor on the way to another organization");
  await signIn(v, shows(secret));
  await isIn(v);
  await v.page.getByText("Acme").first().waitFor();
});

visit("where authenticator apps are not taken, the page says so and leads elsewhere", async (open, { system }) => {
  await require(system, { mfa_methods: "RESTRICTED", allowed_mfa_methods: ["sms_otp"] });
  const v = await open();
  await enter(v, max);
  await v.page.getByText("It does not take authenticator apps").waitFor();
  await v.accessible("a second factor that cannot be given here");
  await v.button("Choose another organization").click();
  await v.button("Enter Globex").click();
  await isIn(v);
});

/** Opens the dialog from the menu. */
async function openOwn(v) {
  await v.button(/account menu/).click();
  await v.button("Second factor").click();
  await v.page.getByRole("dialog", { name: "Second factor" }).waitFor();
}

async function give(v, code, verb) {
  await v.page.getByLabel("Code of the app").fill(code);
  await v.button(verb).click();
}

for (const [width, size, dark] of [["phone", phone, true], ["desk", desk, false]]) {
  visit(`who is signed in sets an authenticator app up, and the next sign-in asks for its code (${width})`, async (open, { system }) => {
    const v = await open({ person: emma, size, dark });
    v.tolerate(/400 \(Bad Request\)/);
    v.tolerate(/401 \(Unauthorized\).*changes:watch/); // what the page listens to ends with the session
    const { page } = v;
    const look = async (where, name) => {
      await v.accessible(`${where} (${width})`);
      await v.fits(`${where} (${width})`);
      await v.picture(`own-factor-${name}-${width}`);
    };
    await v.go("/");
    await isIn(v);
    await v.button(/account menu/).click();
    await v.picture(`own-factor-menu-${width}`);
    await v.button(/account menu/).click();
    await openOwn(v);
    await page.getByText("Off: whoever reads your e-mail can sign in as you.").waitFor();
    await look("no second factor", "off");
    await page.keyboard.press("Escape");
    await v.focuses(/account menu/);
    await openOwn(v);
    const secret = await takeSecret(v);
    assert.equal(await v.button("Copy the recovery codes").count(), 0);
    await page.getByRole("img", { name: "QR code for an authenticator app" }).waitFor();
    await look("an app is set up by choice", "setting-up");
    await give(v, "12345", "Turn on");
    await page.getByText("The code has six digits.").waitFor();
    await give(v, "000000", "Turn on");
    await page.getByText("This code is wrong, was used before, or has expired").waitFor();
    await look("a wrong code", "wrong");
    const code = shows(secret);
    await page.getByLabel("Code of the app").fill(code);
    await page.keyboard.press("Enter");
    await v.hears(/From now on you are asked for a code/);
    await v.focuses(/^Second factor$/);
    const recovery = (await v.copies(v.button("Copy the recovery codes"))).split(" ");
    assert.equal(recovery.length, 10);
    await look("recovery codes", "codes");
    await v.button("I have kept them").click();
    await page.getByText("On: whenever you sign in").waitFor();
    await page.getByText("You have 10 recovery codes left.").waitFor();
    await v.focuses(/^Second factor$/);
    await look("a second factor", "on");

    await v.button("New recovery codes").click();
    await v.focuses(/^Code of the app$/);
    await give(v, code, "Make new codes"); // it was used
    await page.getByText("This code is wrong, was used before, or has expired").waitFor();
    await give(v, shows(secret, 1), "Make new codes");
    await v.hears(/from before do not work/);
    const replaced = (await v.copies(v.button("Copy the recovery codes"))).split(" ");
    assert.equal(new Set([...recovery, ...replaced]).size, 20);
    await v.button("I have kept them").click();
    await v.button("Close").click();
    await v.focuses(/account menu/);

    await v.context.clearCookies();
    await enter(v, emma);
    await page.getByText("Enter the code that your authenticator app shows.").waitFor();
    await v.button("Use a recovery code").click();
    await page.getByLabel("Recovery code").fill(replaced[0]);
    await page.keyboard.press("Enter");
    await page.getByText("You have 9 recovery codes left.").waitFor();
    await v.button("Go on").click();
    await isIn(v);
  });
}

visit("an authenticator app is removed by its code, and by keyboard alone", async (open, { system }) => {
  const v = await open({ person: max });
  v.tolerate(/401 \(Unauthorized\).*changes:watch/);
  const { page } = v;
  await v.go("/");
  await isIn(v);
  await openOwn(v);
  const secret = await takeSecret(v);
  await give(v, shows(secret), "Turn on");
  await v.button("I have kept them").click();
  await page.getByText("On: whenever you sign in").waitFor();
  for (let i = 0; i < 9 && !/^Remove the app$/.test(await v.focused()); i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await v.focuses(/^Code of the app$/);
  await page.keyboard.type(shows(secret, 1));
  await page.keyboard.press("Enter");
  await v.hears(/is removed/);
  await page.getByText("Off: whoever reads your e-mail").waitFor();
  await v.context.clearCookies();
  await enter(v, max);
  await isIn(v);
});

visit("who has an authenticator app and is not asked for it turns that on", async (open, { system }) => {
  const v = await open({ person: emma });
  const { secret } = await v.client.call("POST", "session/secondFactor:startTotpEnrollment", {});
  await v.client.call("POST", "session/secondFactor:completeTotpEnrollment", { code: shows(secret) });
  await system.provider("PUT", `/v1/b2b/organizations/${acme}/members/${emma.id}`, { mfa_enrolled: false });
  await v.go("/");
  await isIn(v);
  await openOwn(v);
  await v.page.getByText("Off: you have an authenticator app, and are not asked for its codes.").waitFor();
  await v.accessible("an app that is not asked for");
  await v.button("Ask me for a code").click();
  await v.focuses(/^Code of the app$/);
  await give(v, shows(secret, 1), "Turn on");
  await v.page.getByText("On: whenever you sign in").waitFor();
  await v.focuses(/^Second factor$/);
});

visit("who lost the authenticator app removes it with a recovery code, and sets up another", async (open) => {
  const v = await open({ person: emma, size: phone });
  v.tolerate(/400 \(Bad Request\).*secondFactor/);
  const { page } = v;
  await v.go("/");
  await isIn(v);
  await openOwn(v);
  const secret = await takeSecret(v);
  await give(v, shows(secret), "Turn on");
  const recovery = (await v.copies(v.button("Copy the recovery codes"))).split(" ");
  await v.button("I have kept them").click();
  await v.button("Remove the app").click();
  await v.button("Use a recovery code").click();
  await v.focuses(/^Recovery code$/);
  await page.keyboard.press("Enter");
  await page.getByText("Write something first.").waitFor();
  await page.keyboard.type("abcd-efgh-ijkl");
  await page.keyboard.press("Enter");
  await page.getByText("This code is wrong").waitFor();
  await v.accessible("an app is removed with a recovery code");
  await v.fits("an app is removed with a recovery code");
  await v.picture("own-factor-lost");
  await page.getByLabel("Recovery code").fill(recovery[0]);
  await page.keyboard.press("Enter");
  await page.getByText("the next sign-in will ask you to set one up").waitFor();
  await v.focuses(/^Second factor$/);
  assert.notEqual(await takeSecret(v), secret);
});

visit("the second factor that an organization asks for, or does not take, is told to who is signed in", async (open, { system }) => {
  const v = await open({ person: emma });
  v.tolerate(/404 \(Not Found\).*secondFactor/);
  v.tolerate(/400 \(Bad Request\).*secondFactor/);
  const { page } = v;
  await v.go("/");
  await isIn(v);
  await require(system);
  await openOwn(v);
  await page.getByText("the next sign-in will ask you to set one up").waitFor();
  await page.getByText("Acme asks all its members for a second factor.").waitFor();
  const secret = await takeSecret(v);
  for (let i = 0; i < 5; i++) {
    const answered = page.waitForResponse(/completeTotpEnrollment$/);
    await give(v, "000000", "Turn on");
    await answered;
    await page.getByText("This code is wrong").waitFor();
  }
  await give(v, shows(secret), "Turn on");
  await page.getByText("There is no authenticator app to this code").waitFor();
  await v.button("Cancel").click();
  await system.provider("PUT", `/v1/b2b/organizations/${acme}`, { mfa_policy: "OPTIONAL", mfa_methods: "RESTRICTED", allowed_mfa_methods: ["sms_otp"] });
  await v.button("Close").click();
  await openOwn(v);
  await page.getByText("Acme does not take authenticator apps.").waitFor();
  assert.equal(await v.button("Set up an authenticator app").count(), 0);
  await v.accessible("apps are not taken");
});
