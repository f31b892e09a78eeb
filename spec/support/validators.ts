import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validate } from 'dockerfile-utils';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';

/** What a linter of Dockerfiles says against one. */
export function dockerfileProblems(text: string): string[] {
  return validate(text).map(({ message, range }) => {
    const words = typeof message === 'string' ? message : message.value;
    return `line ${range.start.line + 1}: ${words}`;
  });
}

/** What `npx` would run, in half of the time. */
const DCLINT = 'node_modules/.bin/dclint';

/** Matters of taste: the image is built here, and its name is what the other files call it. */
const TASTE = ['no-build-and-image', 'service-image-require-explicit-tag'];

/** What the schema of the Compose Specification, and then a linter of compose files, says against one. */
export function composeProblems(text: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
  try {
    const path = join(folder, 'compose.yaml');
    writeFileSync(path, text);
    const args = [DCLINT, path, '--formatter', 'json', '--disable-rule', ...TASTE];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    const results = JSON.parse(stdout) as { messages: { line: number; message: string }[] }[];
    expect(results).toHaveLength(1);
    return results.flatMap(({ messages }) => messages.map(({ line, message }) => `line ${line}: ${message}`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Where the types of the Kubernetes API, which are made from its schema, have those that the manifest is of.
 */
const KINDS: Readonly<Record<string, string>> = {
  'apps/v1 Deployment': 'kubernetes-types/apps/v1',
  'v1 Service': 'kubernetes-types/core/v1',
};

/**
 * What the compiler says against the documents of a manifest as values of their types. Like a cluster that
 * validates strictly, it takes no field that the API does not know.
 */
export function manifestProblems(text: string): string[] {
  const problems: string[] = [];
  const source = parseAllDocuments(text).map((document, index) => {
    problems.push(...document.errors.map(({ message }) => message));
    const value = document.toJS() as { apiVersion: string; kind: string };
    const from = KINDS[`${value.apiVersion} ${value.kind}`];
    if (from === undefined) problems.push(`unknown: ${value.apiVersion} ${value.kind}`);
    return from === undefined
      ? ''
      : `export const it${index}: import('${from}').${value.kind} = ${JSON.stringify(value)};\n`;
  });
  return [...problems, ...complaints(source.join(''))];
}

function complaints(source: string): string[] {
  const name = join(process.cwd(), 'manifest.ts');
  const options = {
    strict: true,
    noEmit: true,
    types: [],
    lib: ['lib.es5.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const onDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (file, language, ...others) =>
    file === name ? ts.createSourceFile(file, source, language) : onDisk(file, language, ...others);
  return ts
    .getPreEmitDiagnostics(ts.createProgram([name], options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}
