/** Options that are invalid, or contradict each other. The message names every mistake. */
export class OptionError extends RangeError {
  override readonly name = 'OptionError';
  /** The mistakes, one line each. */
  readonly mistakes: readonly string[];

  constructor(mistakes: string | readonly string[]) {
    const list = typeof mistakes === 'string' ? [mistakes] : mistakes;
    super(list.join('; '));
    this.mistakes = list;
  }
}
