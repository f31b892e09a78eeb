import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hotspots } from '../../bench/hotspots.ts';

const folder = mkdtempSync(join(tmpdir(), 'hotspots-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('self time by function, of the time that was not idle, with the file a function was bundled from', () => {
  const bundle = join(folder, 'main.js');
  writeFileSync(
    bundle,
    '// lib/one.ts\nfunction one() {}\n// node_modules/two/index.js\nconst two = () => {};\n',
  );
  const node = (id: number, functionName: string, lineNumber = -1) => ({
    id,
    callFrame: { functionName, lineNumber, url: lineNumber < 0 ? '' : pathToFileURL(bundle).href },
  });
  const file = join(folder, 'made.cpuprofile');
  // `one` has two nodes: it was called from two places.
  const nodes = [node(1, '(idle)'), node(2, 'one', 1), node(3, '', 3), node(4, 'one', 1), node(5, 'native')];
  const made = { nodes, samples: [1, 2, 3, 4, 5], timeDeltas: [900, 30, 25, 35, 10] };
  writeFileSync(file, JSON.stringify(made));

  const [, , ...body] = hotspots(file).split('\n');
  expect(body.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    '| `one` lib/one.ts | 65.0 |',
    '| `(anonymous)` node_modules/two/index.js | 25.0 |',
    '| `native` | 10.0 |',
  ]);
});
