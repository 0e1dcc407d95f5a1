/** A worker that writes stories: jobs of kind `story`. README.md describes it. */
import { main } from "@headway/example-worker";
import { loadModel } from "./model.js";
import { description, story } from "./story.js";

await main(description, story(await loadModel(process.env.STORY_MODEL)));
