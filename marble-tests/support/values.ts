/** Texts by the characters that stand for them in diagrams. */
export type Values = Readonly<Record<string, string>>;

/** What is typed: letters log in, digits are messages to bob. */
export const typed = {
  a: 'alice',
  b: 'bob',
  c: 'carol',
  1: 'bob: 1',
  2: 'bob: 2',
  3: 'bob: 3',
  4: 'bob: 4',
} as const;

/** What is heard: small letters are welcomes, digits are messages of alice, capitals are ends of sessions. */
export const heard = {
  o: 'opened',
  a: '* welcome alice',
  b: '* welcome bob',
  c: '* welcome carol',
  1: 'from alice: 1',
  2: 'from alice: 2',
  3: 'from alice: 3',
  4: 'from alice: 4',
  E: 'closed eof',
  Q: 'closed quit',
  R: 'closed reset',
  S: 'closed shutdown',
} as const;

/** The failure that a `#` stands for. */
export const broke = new Error('broke');
