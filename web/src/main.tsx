import "./styles/tokens.css";
import "./styles/base.css";
import "@headway/client/styles.css";
import "./styles/parts.css";
import "./styles/views.css";
import "./styles/other-jobs.css";
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
