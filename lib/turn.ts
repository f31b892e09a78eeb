const actions: (() => void)[] = [];

/** Calls `action` when whatever else this turn of the event loop has read is handled. */
export function atEndOfTurn(action: () => void): void {
  if (actions.push(action) > 1) return;
  setImmediate(() => {
    for (const due of actions.splice(0)) due();
  });
}
