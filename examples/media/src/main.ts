/** A worker that renders pictures: jobs of kind `media`. README.md describes it. */
import { main } from "@headway/example-worker";
import { description, paint } from "./paint.js";

await main(description, paint);
