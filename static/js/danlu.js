// The one script of every page: the live stream, the islands, and what pages need beside them (ui.js).
import "./ui.js";
import "./time.js";
import "./log.js";
import "./chart.js";
import { startLive } from "./live.js";

startLive();
