import { Comment, Converter } from 'typedoc';
import { settings } from './lib/settings/table.js';

/** What an option means is said once, in its help text for operators; their seconds are ms here. */
function documentOptions({ converter }) {
  converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (reflection.parent?.name !== 'ServerOptions') return;
    const setting = settings[reflection.name];
    if (setting === undefined) return;
    const unit = setting.placeholder === '<seconds>' ? ', in ms' : '';
    const text = `${setting.help}${unit}; by default \`${JSON.stringify(setting.value)}\``;
    reflection.comment = new Comment([{ kind: 'text', text }]);
  });
}

/** @type {import('typedoc').TypeDocOptions} */
export default {
  entryPoints: ['lib/index.ts'],
  out: 'docs/api',
  name: 'a-chat',
  readme: 'none',
  plugin: [documentOptions],
  // Of a stream only what is added to it, not what Node documents.
  excludeExternals: true,
  excludeInternal: true,
  disableSources: true,
  // Anything that is not documented is an error.
  validation: { notDocumented: true, notExported: true, invalidLink: true },
  requiredToBeDocumented: ['Class', 'Interface', 'TypeAlias', 'Function', 'Method', 'Property'],
  intentionallyNotDocumented: ['OptionError.name'],
  treatWarningsAsErrors: true,
};
