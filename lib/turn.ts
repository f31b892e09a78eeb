let turn: Promise<void> | undefined;

/** Resolves when whatever else this turn of the event loop has read is handled; one promise for all who ask in it. */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
