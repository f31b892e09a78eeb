/** Settings that cannot be: the message names them. */
export class OptionError extends RangeError {
  override readonly name = 'OptionError';
  /** One line for each of them. */
  readonly mistakes: readonly string[];

  constructor(mistakes: string | readonly string[]) {
    const list = typeof mistakes === 'string' ? [mistakes] : mistakes;
    super(list.join('; '));
    this.mistakes = list;
  }
}
