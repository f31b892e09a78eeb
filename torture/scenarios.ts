import { breaks } from './breaks.ts';
import type { Scenario } from './cast.ts';
import { crowds } from './crowds.ts';
import { endings } from './endings.ts';
import { floods } from './floods.ts';
import { readers } from './readers.ts';

/** All of them by name. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  ...floods,
  ...readers,
  ...crowds,
  ...breaks,
  ...endings,
};
