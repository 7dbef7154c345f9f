// Decodes values strictly into the types of the official SDK: what its .d.ts files declare is what must come, every
// required property, no value outside an enum, no property that the SDK does not know unless it is named as ours.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = path.dirname(fileURLToPath(import.meta.url));

/**
 * Extra properties: those that filmcan documents as its own (docs/mux-differences.md), and what Mux still sends
 * although the newest types have lost it (fact sheet, 2.2).
 */
const EXTRA = new Set(['$.master.sha256', '$.master.size', '$.tracks[].max_channel_layout']);

/**
 * Returns for each named type a function check(value): a list of complaints, empty when the value is of the type.
 * @param {Record<string, string>} types such as {asset: 'Mux.Video.Asset'}
 */
export function validators(types) {
  const file = path.join(here, '__types.ts');
  const source = [
    `import Mux from '@mux/mux-node';`,
    `import type { UnwrapWebhookEvent } from '@mux/mux-node/resources/webhooks/webhooks';`,
    ...Object.entries(types).map(([name, expression]) => `export type ${name} = ${expression};`),
  ].join('\n');
  const options = {
    strict: true, noEmit: true, skipLibCheck: true, types: [],
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? source : readFile.call(host, name));
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022, true) : getSourceFile.call(host, name, ...rest);
  const program = ts.createProgram([file], options, host);
  const problems = program.getSemanticDiagnostics(program.getSourceFile(file));
  if (problems.length > 0) {
    throw new Error(ts.flattenDiagnosticMessageText(problems[0].messageText, ' '));
  }
  const checker = program.getTypeChecker();
  const aliases = program.getSourceFile(file).statements.filter(ts.isTypeAliasDeclaration);
  return Object.fromEntries(aliases.map((alias) => {
    const root = checker.getTypeFromTypeNode(alias.type);
    return [alias.name.text, (value) => complaints(checker, alias, root, value, '$')];
  }));
}

function tag(checker, at, type) {
  const property = checker.getPropertyOfType(type, 'type');
  const declared = property && checker.getTypeOfSymbolAtLocation(property, at);
  return declared?.isStringLiteral() ? declared.value : undefined;
}

function complaints(checker, at, type, value, where) {
  const name = () => checker.typeToString(type);
  const wrong = () => [`${where}: ${JSON.stringify(value)?.slice(0, 80)} is not ${name()}`];
  if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return [];
  if (type.isUnion()) {
    // A union that its members' `type` tells apart is decoded by it, so that a complaint names the right member.
    const tagged = type.types.filter((t) => tag(checker, at, t) === value?.type && value?.type !== undefined);
    const members = tagged.length > 0 ? tagged : type.types;
    const tries = members.map((t) => complaints(checker, at, t, value, where));
    if (tries.some((t) => t.length === 0)) return [];
    const objects = tries.filter((_, i) => members[i].flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection));
    return objects.length > 0 && value !== null && typeof value === 'object'
      ? objects.reduce((a, b) => (b.length < a.length ? b : a))
      : wrong();
  }
  if (type.isStringLiteral() || type.isNumberLiteral()) return value === type.value ? [] : wrong();
  if (type.flags & ts.TypeFlags.BooleanLiteral) return String(value) === name() ? [] : wrong();
  if (type.flags & ts.TypeFlags.String) return typeof value === 'string' ? [] : wrong();
  if (type.flags & ts.TypeFlags.Number) return typeof value === 'number' && Number.isFinite(value) ? [] : wrong();
  if (type.flags & ts.TypeFlags.Boolean) return typeof value === 'boolean' ? [] : wrong();
  if (type.flags & ts.TypeFlags.Null) return value === null ? [] : wrong();
  if (type.flags & ts.TypeFlags.Undefined) return value === undefined ? [] : wrong();
  if (checker.isArrayType(type)) {
    if (!Array.isArray(value)) return wrong();
    const [element] = checker.getTypeArguments(type);
    return value.flatMap((v, i) => complaints(checker, at, element, v, `${where}[${i}]`));
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return wrong();
  const found = [];
  const known = new Set();
  for (const property of checker.getPropertiesOfType(type)) {
    known.add(property.name);
    const optional = property.flags & ts.SymbolFlags.Optional;
    if (!(property.name in value)) {
      if (!optional) found.push(`${where}.${property.name} is missing`);
      continue;
    }
    const declared = checker.getTypeOfSymbolAtLocation(property, at);
    found.push(...complaints(checker, at, declared, value[property.name], `${where}.${property.name}`));
  }
  const index = checker.getIndexTypeOfType(type, ts.IndexKind.String);
  for (const key of Object.keys(value)) {
    const place = `${where}.${key}`;
    if (known.has(key)) continue;
    if (index) found.push(...complaints(checker, at, index, value[key], place));
    else if (!EXTRA.has(place.replace('$.data', '$').replace(/\[\d+\]/g, '[]'))) found.push(`${place} is not known to the SDK`);
  }
  return found;
}
