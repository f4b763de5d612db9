// The one script of every page: the live stream and what pages need beside the islands (ui.js). Charts and logs are
// scripts of the pages that have them.
import "./ui.js";
import "./time.js";
import { startLive } from "./live.js";

startLive();
