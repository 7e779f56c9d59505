/** Tells the server that an item is still being worked on, so that nobody else is given it. */

import { Unreachable, send } from "./server.js";

const EVERY_S = 60;
/** Who did nothing for so long has gone away; the lease may run out. */
const AWAY_S = 600;

/** Beats while somebody works; `onLate` is called once when the lease has run out all the same. */
export function keepAlive(address, activeTime, onLate) {
  const timer = setInterval(async () => {
    if (activeTime.idle > AWAY_S) return;
    try {
      const { status, body } = await send("POST", address, {});
      if (status === 200 && body.is_late) {
        clearInterval(timer);
        onLate();
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
  }, EVERY_S * 1000);
}
