/**
 * The hub: one connection to the server's events for all open pages of a browser, which has six at most.
 * It hands on each change as text. Runs in a shared worker, or in the page where there is none.
 */

const AGAIN_MS = 1000;

export class Hub {
  #pages = new Map(); // a page's function -> whether it has had a snapshot
  #kinds = new Set();
  #source = null;
  #isThere = true;

  /**
   * Begin to call `tell(kind, text)`: with a snapshot, then with each change of these kinds. The kinds
   * "there" and "lost" are about the connection.
   */
  join(tell, kinds) {
    this.#pages.set(tell, false);
    if (!this.#isThere) tell("lost");
    if (this.#source) this.#askWhole();
    else this.#open();
    for (const kind of ["whole", ...kinds]) this.#listen(kind);
  }

  /** Call it no more. */
  leave(tell) {
    this.#pages.delete(tell);
    if (this.#pages.size > 0) return;
    this.#source?.close();
    this.#source = null;
    this.#kinds.clear();
  }

  #open() {
    this.#source = new EventSource("/events");
    this.#source.onopen = () => this.#connected(true);
    this.#source.onerror = () => this.#connected(false);
  }

  #listen(kind) {
    if (this.#kinds.has(kind)) return;
    this.#kinds.add(kind);
    this.#source.addEventListener(kind, (event) => this.#hand(kind, event.data));
  }

  #connected(isThere) {
    this.#isThere = isThere;
    for (const tell of this.#pages.keys()) tell(isThere ? "there" : "lost");
  }

  /** A page that comes later needs a snapshot of its own: it is asked for, and comes in its place among the changes. */
  async #askWhole() {
    try {
      await fetch("/api/whole", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
    } catch {
      // a new connection begins with one; this one may still be good
      setTimeout(() => [...this.#pages.values()].includes(false) && this.#askWhole(), AGAIN_MS);
    }
  }

  #hand(kind, text) {
    for (const [tell, isFilled] of this.#pages) {
      const isWhole = kind === "snapshot" || (kind === "whole" && !isFilled);
      if (isWhole) this.#pages.set(tell, true);
      if (isWhole) tell("snapshot", text);
      else if (kind !== "whole" && isFilled) tell(kind, text);
    }
  }
}
