import { otherAnswers, refusals } from "./scripts/answers.js";
import { frames } from "./scripts/frames.js";
import { runCases } from "./scripts/run.js";
import { states } from "./scripts/states.js";
import { time } from "./scripts/time.js";
import { fetches, tokens } from "./scripts/tokens.js";

runCases("alone", {
  "a response of another program": otherAnswers,
  "a refusal": refusals,
  "a stream in unusual bytes": frames,
  "a stream that starts again": states,
  "a stream that falls silent": time,
  "a token": tokens,
  "a fetch with bugs": fetches,
});
