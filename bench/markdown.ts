/**
 * A table in Markdown, its columns as wide as what is in them. The first `left` of them begin at the left.
 */
export function markdownTable(head: readonly string[], body: readonly string[][], left: number): string {
  const rows = [head, ...body];
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const written = rows.map((row) => {
    const cells = widths.map((width, column) => {
      const cell = row[column] ?? '';
      return column < left ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${cells.join(' | ')} |`;
  });
  const rules = widths.map((width, column) =>
    column < left ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  written.splice(1, 0, `| ${rules.join(' | ')} |`);
  return written.join('\n');
}
