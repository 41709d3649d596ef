/** Frames: what changes is drawn with the next one, all of it together, however much came. */

const UNSEEN_MS = 200; // a page that nobody sees has no frames

const waiting = new Set();
let asked = null; // the frame and the timer, whichever comes first

/** Call `draw` once before the next frame, however often it is asked for until then. */
export function soon(draw) {
  waiting.add(draw);
  asked ??= { frame: requestAnimationFrame(run), timer: setTimeout(run, UNSEEN_MS) };
}

function run() {
  cancelAnimationFrame(asked.frame);
  clearTimeout(asked.timer);
  asked = null;
  const draws = [...waiting];
  waiting.clear();
  for (const draw of draws) {
    try {
      draw();
    } catch (error) {
      reportError(error); // the others are drawn all the same
    }
  }
}
