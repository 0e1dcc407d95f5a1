/** The texts of the header and the hints, which every page has. */
import { count } from "../ui/texts.js";

export const texts = {
  skipToContent: "Skip to content",
  nav: { label: "Main", start: "Import", jobs: "Jobs", live: (n: number) => `${count(n)} in progress`, docs: "API" },
  signedInAs: "Signed in as",
  signOut: "Sign out",
  stillSignedIn: "You're still signed in, because the server can't be reached. Try again when you're back online.",
  startPage: "Import a file",
  streams: {
    buffered: {
      heading: "Live updates are delayed.",
      lead: "A proxy or security software between this browser and the server buffers them. Ask its administrator to turn off buffering for event streams.",
    },
    cut: {
      heading: "Live updates are interrupted repeatedly.",
      lead: "A proxy or security software between this browser and the server ends long responses. Ask its administrator to allow them.",
    },
    dismiss: "Dismiss",
  },
};
