/** The page: starts its parts and feeds them the server's changes. */

import { startAgain } from "./again.js";
import { subscribe } from "./api.js";
import { startBot } from "./bot.js";
import { startChat } from "./chat.js";
import { startChats } from "./chats.js";
import { replyWith, sendCommand, startComposer } from "./composer.js";
import { startDialogs } from "./dialog.js";
import { $ } from "./dom.js";
import { startDoors } from "./doors.js";
import { startFaults } from "./faults.js";
import { startKeys } from "./keys.js";
import { startNode } from "./node.js";
import { startScore } from "./score.js";
import { changes, on } from "./store.js";
import { openPrivate, startOffers } from "./start.js";
import { startSwitches } from "./switches.js";
import { choose, startTimeline } from "./timeline.js";
import { startTour } from "./tour.js";
import { openWallet, startWallet } from "./wallet.js";

const AWAY = $("offline").textContent;
on("ended", () => {
  $("offline").textContent = "The demo has ended. Once it is started again, this page comes back.";
  $("offline").hidden = false;
});

startAgain(); // before whatever was kept since the demo started
startDialogs();
startChats();
startKeys();
startChat({ reply: replyWith, pay: openWallet, command: sendCommand, open: openPrivate, timeline: choose });
startOffers(); // before the composer, which takes the focus where START does not
startComposer();
startSwitches();
startWallet();
startTour();
startBot();
startNode();
startFaults();
startScore();
startTimeline();
startDoors();

subscribe(
  Object.keys(changes),
  (kind, detail) => changes[kind](detail),
  (isThere) => {
    $("offline").hidden = isThere;
    if (isThere) $("offline").textContent = AWAY;
  },
);
