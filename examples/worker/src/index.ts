/** The worker's side of the jobs service, from its proto alone. */

export { main } from "./main.js";
export { type KindDescription, type KindField, Service, type ServiceOptions, tokenFromEnvironment } from "./service.js";
export {
  Failure,
  type Handler,
  type HeldJob,
  type Json,
  type JsonObject,
  type Log,
  type StopReason,
  work,
} from "./worker.js";
