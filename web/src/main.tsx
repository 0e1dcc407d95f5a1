import "./styles/tokens.css";
import "./styles/base.css";
import "@headway/client/styles.css";
import "./styles/parts.css";
import "./styles/views/sign-in.css";
import "./styles/views/start.css";
import "./styles/views/jobs.css";
import "./styles/views/job.css";
import "./styles/views/verdict.css";
import "./styles/views/issues.css";
import "./styles/views/output.css";
import "./styles/views/other-jobs.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";

const root = document.getElementById("page");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
