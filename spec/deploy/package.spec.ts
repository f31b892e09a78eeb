import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { Peer } from '../support/peer.ts';
import { until } from '../support/until.ts';

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

/** ms that npm may take. */
const NPM = 300_000;

const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];

/** Scripts that npm runs for whoever installs a package, or warns of. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

const { version, dependencies, devDependencies, scripts, allowScripts } = JSON.parse(
  readFileSync('package.json', 'utf8'),
) as Manifest;

/** An empty project, with the packed file installed. */
const project = mkdtempSync(join(tmpdir(), 'a-chat-'));
let files: readonly string[] = [];

/** Runs a command in the project; rejects, with what it printed, where that fails. */
async function run(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: project });
    return stdout;
  } catch (failure) {
    const { stdout, stderr } = failure as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`, { cause: failure });
  }
}

function write(name: string, text: string): void {
  writeFileSync(join(project, name), text);
}

/** The modules that a file of the package imports, as they are written. */
function imports(file: string): string[] {
  const text = readFileSync(join(project, 'node_modules/a-chat', file), 'utf8');
  return ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
}

/** `entry` and all that it imports from the package, whole: what is declared, or what runs. */
function closure(entry: string, extension: '.js' | '.d.ts', found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const path of imports(entry).filter((name) => name.startsWith('.'))) {
    closure(normalize(join(dirname(entry), path)).replace(/\.[jt]s$/, extension), extension, found);
  }
  return found;
}

beforeAll(async () => {
  // The test command has built what is packed.
  const packed = await promisify(execFile)('npm', [
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    project,
  ]);
  const [tarball] = JSON.parse(packed.stdout) as { filename: string; files: { path: string }[] }[];
  files = tarball?.files.map(({ path }) => path) ?? [];
  write('package.json', '{ "name": "somebody", "private": true }');
  await run('npm', 'install', '--omit=dev', ...QUIET, `./${tarball?.filename ?? ''}`);
}, NPM);

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

describe('the package', () => {
  it('holds what its program and its module import, and nothing else', () => {
    const entered = [...closure('lib/index.js', '.js'), ...closure('lib/index.d.ts', '.d.ts')];
    const modules = new Set(entered.map((file) => file.replace(/\.(js|d\.ts)$/, '')));
    // The compiler writes a declaration for each module.
    const needed = [...modules].flatMap((module) => [`${module}.js`, `${module}.d.ts`]);
    needed.push('LICENSE', 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'package.json', 'lib/main.js');
    needed.push(
      ...readdirSync('docs')
        .filter((name) => name.endsWith('.md'))
        .map((name) => join('docs', name)),
    );
    expect([...files].sort()).toEqual(needed.sort());
  });

  it('runs nothing for whoever installs it', () => {
    expect(INSTALL_SCRIPTS.filter((name) => name in scripts)).toEqual([]);
  });

  it('is built without the install scripts of what builds it, and says so of each', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean; os?: readonly string[] }>;
    };
    const scripted = Object.entries(packages).filter(
      ([, { hasInstallScript, os }]) => hasInstallScript === true && (os?.includes('linux') ?? true),
    );
    const names = scripted.map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(allowScripts).toEqual(Object.fromEntries(names.map((name) => [name, false])));
  });

  it('depends on what it imports, and on nothing else', () => {
    const modules = new Set(
      files.filter((file) => /\.(js|d\.ts)$/.test(file)).flatMap((file) => imports(file)),
    );
    const external = [...modules].filter(
      (name) => !name.startsWith('.') && !name.startsWith('node:') && !builtinModules.includes(name),
    );
    expect(external.sort()).toEqual(Object.keys(dependencies).sort());
  });

  it('is declared without what is large: a compiler would read all of that', () => {
    const declared = [...closure('lib/index.d.ts', '.d.ts')].flatMap(imports);
    const external = declared.filter((name) => !name.startsWith('.') && !name.startsWith('node:'));
    expect(new Set(external)).toEqual(new Set(['rxjs', 'prom-client']));
  });
});

describe('installed into an empty project', () => {
  it('runs as a command', async () => {
    expect(await run('npx', 'a-chat', '--version')).toBe(`${version}\n`);

    const child = spawn('npx', ['a-chat', 'serve', '--port', '0'], { cwd: project, detached: true });
    let log = '';
    let code: number | null | undefined;
    child.stdout.on('data', (data: Buffer) => (log += data.toString()));
    child.on('close', (result) => (code = result));
    try {
      await until(() => log.includes('\n'), 'the server to listen');
      const { port } = JSON.parse(log) as { port: number };
      const alice = await Peer.login(port, 'alice');
      alice.send('alice: hello\n');
      await alice.heard('from alice: hello\n');
      // As Ctrl-C in a terminal does: npx and the program, both.
      process.kill(-(child.pid ?? 0), 'SIGINT');
      expect(await alice.whole()).toContain('* closing shutdown: accepted 1, delivered 1\n');
      alice.end();
      await until(() => code !== undefined, 'the end of npx');
      expect(log).toContain('"event":"drained"');
    } finally {
      if (code === undefined) process.kill(-(child.pid ?? 0), 'SIGKILL');
    }
  });

  it('works in plain JavaScript', async () => {
    write(
      'plain.mjs',
      `import { bot, chatServer, startChatServer } from 'a-chat';
       const server = await startChatServer({ port: 0 });
       const report = await server.close();
       console.log(typeof chatServer, typeof bot, server.port > 0, report.abandoned);`,
    );
    expect(await run('node', 'plain.mjs')).toBe('function function true 0\n');
  });

  it('works as the page on embedding says', async () => {
    const chapter = readFileSync('docs/embedding.md', 'utf8');
    const programs = [...chapter.matchAll(/^```js\n(.*?)^```$/gms)].map(([, program = '']) => program);
    expect(programs).toHaveLength(3);
    for (const program of programs.filter((text) => text.includes('SIGINT'))) {
      write('chat.mjs', program.replace('8080', '0'));
      // With promises it heeds signals once it has its server.
      const ready = program.includes('startChatServer') ? /^nc /m : /listening/;
      const child = spawn('node', ['chat.mjs'], { cwd: project });
      let out = '';
      let code: number | null | undefined;
      child.stdout.on('data', (data: Buffer) => {
        out += data.toString();
        if (ready.test(out) && !child.killed) child.kill('SIGINT');
      });
      child.on('close', (result) => (code = result));
      await until(() => code !== undefined, 'the end of the program');
      expect(code).toBe(0);
      expect(out).toMatch(/abandoned: 0/);
    }
  });

  it(
    'has types in a strict TypeScript project, however that resolves modules',
    async () => {
      const types = `@types/node@${devDependencies['@types/node'] ?? ''}`;
      await run('npm', 'install', '--save-dev', ...QUIET, types);
      write(
        'typed.mts',
        `import { type DrainReport, type Said, type ServerEvent, bot, chatServer, startChatServer } from 'a-chat';
       import { Observable, map } from 'rxjs';
       const events$: Observable<ServerEvent> = chatServer({ port: 0 });
       events$.subscribe((event) => {
         if (event.type === 'joined') console.log(event.name.toUpperCase());
         // @ts-expect-error: only a drained server has a report
         else console.log(event.report);
       });
       const echo = bot('echo', map(({ from, text }): Said => ({ to: from, text })));
       const server = await startChatServer({ connections$: echo, shutdown$: new AbortController().signal });
       const report: DrainReport = await server.close();
       await using other = await startChatServer();
       console.log(report.abandoned.toFixed(), other.port?.toFixed());
       // @ts-expect-error: a port is a number
       chatServer({ port: '8080' });
       // @ts-expect-error: there is no such option
       chatServer({ prot: 8080 });`,
      );
      for (const [module, moduleResolution] of [
        ['nodenext', 'nodenext'],
        ['preserve', 'bundler'],
      ]) {
        const compilerOptions = {
          strict: true,
          exactOptionalPropertyTypes: true,
          // All that it declares is looked at once.
          skipLibCheck: moduleResolution === 'bundler',
          noEmit: true,
          target: 'es2022',
          lib: ['es2023', 'esnext.disposable'],
          types: ['node'],
          module,
          moduleResolution,
        };
        write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['typed.mts'] }));
        expect(await run('node', join(process.cwd(), 'node_modules/typescript/bin/tsc'))).toBe('');
      }
    },
    NPM,
  );
});
