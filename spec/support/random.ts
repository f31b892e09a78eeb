import fc from 'fast-check';

// The same in each run, so that none fails by chance, unless the environment says otherwise.
fc.configureGlobal({ seed: Number(process.env.SEED ?? 1) });

export { default } from 'fast-check';
