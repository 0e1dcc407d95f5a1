/** The texts of the sign-in page. */
export const texts = {
  checking: "Connecting…",
  expired: (user: string) => `Your session has ended. Sign in as ${user} to continue where you left off.`,
  heading: "Sign in",
  lead: "This server needs a token. Ask its operator for one, or create one with “headway token --sub NAME”.",
  localLead: "Open the link that Headway printed when it started. Each link works once.",
  localHint: "To get a new link, run:",
  token: "Token",
  submit: "Sign in",
  submitting: "Signing in…",
  offlineHeading: "The server isn't responding",
  offlineLead: "This page connects as soon as the server responds.",
};
