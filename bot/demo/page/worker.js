/** The shared worker: the hub of all open pages of a browser. */

import { Hub } from "./hub.js";

const hub = new Hub();

onconnect = ({ ports: [port] }) => {
  const tell = (kind, text) => port.postMessage([kind, text]);
  // a page says which kinds of changes it knows, and in the end nothing more
  port.onmessage = ({ data: kinds }) => (kinds ? hub.join(tell, kinds) : hub.leave(tell));
};
