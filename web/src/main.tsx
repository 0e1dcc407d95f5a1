import "./ui/tokens.css";
import "./ui/base.css";
import "@headway/client/styles.css";
import "./ui/ui.css";
import "./shell/shell.css";
import "./ui/fields.css";
import "./screens/sign-in/sign-in.css";
import "./screens/start/start.css";
import "./importer/upload/upload.css";
import "./importer/mapping/mapping.css";
import "./job/job-list.css";
import "./screens/jobs/jobs.css";
import "./job/job.css";
import "./importer/totals.css";
import "./importer/importer.css";
import "./importer/review/review.css";
import "./importer/verdict/verdict.css";
import "./importer/issues/issues.css";
import "./job/output.css";
import "./job/records.css";
import "./screens/start/other-jobs.css";
import "./job/result.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";
import { languageReady } from "./messages/language.js";
import { keepFocus } from "./ui/keepFocus.js";

keepFocus(document);

const root = document.getElementById("page");
if (root) {
  await languageReady;
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
