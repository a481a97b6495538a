// What ways of signing in are called within a sentence.

/** @type {Record<string, string>} */
export const methodNames = {
  sso: "single sign-on", google_oauth: "Google", email_otp: "a code by e-mail", magic_link: "a link by e-mail",
  password: "a password", microsoft_oauth: "Microsoft", github_oauth: "GitHub", slack_oauth: "Slack", hubspot_oauth: "HubSpot",
};
