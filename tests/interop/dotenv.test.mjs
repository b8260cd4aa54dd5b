// `.env` files as Sterna reads them, against the package `dotenv` 17 itself: a table of cases, then generated ones.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import dotenv from 'dotenv'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const binary = process.env.STERNA_BIN ?? join(root, 'target', 'debug', 'sterna')
const dir = mkdtempSync(join(tmpdir(), 'sterna-dotenv-'))
after(() => rmSync(dir, { recursive: true, force: true }))

/** Variables of any text, which no preset sets, and whose names in a text do not make it look like a secret. */
const NAMES = ['AWS_ENDPOINT_URL', 'STORAGE_NODE_UPLOAD_URLS', 'R2_ENDPOINT', 'R2_DELEGATION_BUCKET_NAME']

/** What Sterna reads: values by name; an empty one is none. */
function ours(file) {
  const args = ['config', 'show', '--env-file', file, '--output', 'json']
  const done = spawnSync(binary, args, { cwd: dir, env: {}, encoding: 'utf8' })
  assert.ok([0, 2].includes(done.status), `${done.status}: ${done.stderr}`)
  const { settings } = JSON.parse(done.stdout)
  const values = settings.filter(({ name, value }) => NAMES.includes(name) && value !== null)
  return Object.fromEntries(values.map(({ name, value }) => [name, value]))
}

function theirs(text) {
  const read = Object.entries(dotenv.parse(text))
  return Object.fromEntries(read.filter(([name, value]) => NAMES.includes(name) && value !== ''))
}

/** Compares the two; `A` to `D` at the start of a word stand for names. */
function compare(template) {
  const text = template.replace(/\b[A-D]\b/g, (letter) => NAMES['ABCD'.indexOf(letter)])
  const file = join(dir, 'case.env')
  writeFileSync(file, text)
  const sorted = (values) => Object.entries(values).sort()
  assert.deepEqual(sorted(ours(file)), sorted(theirs(text)), JSON.stringify(text))
}

const CASES = [
  'A=1\nB=2\r\nC=3\rD=4',
  '\ufeffA=1\r\nB=2\r\n',
  '  A = 1  \n\tB=\t2\n\nC\n=3\nD=\n4',
  'A: 1\nB:2\nC:\t3\nD :4',
  'A:\n1\nB:\n\n2',
  'export A=1\nexport\tB=2\nexport\nC=3\nexport D',
  'exportA=1\nexport A\nexport export B=2',
  '# A=1\nA=2 # three\nB=4#5\nC=#6\nD="7 # 8" # 9',
  'A="#"#\nB=\'x\'# y\nC="x" y # z\nD=`a` b',
  "A='one'\nB=\"two\"\nC=`three`",
  "A='\"x\"'\nB=\"it's\"\nC=`\"it's\"`\nD='`x`'",
  "A=' x '\nB= ' y ' \nC=''\nD=\"\"",
  "A='x\nB=y\nC='z'",
  "A=x'y'\nB='x'y\nC='x'y'\nD='x' 'y'",
  'A="x\\"y"\nB=\'x\\\'y\'\nC=`x\\`y`',
  "A='x\\'\nB=1\nC='y\\\\'\nD='z'",
  "A='\nB=2'\nC=3",
  'A="x\n  y\n" # z\nB=`p\r\nq`',
  'A=\n\'x\'\nB=\n"y" z\nC=1',
  'A="x\\ny\\rz\\tt"\nB=\'x\\ny\'\nC=x\\ny\nD=`x\\ny`',
  'A="x\\ny" z\nB="p\\nq\nC="\\\\n"',
  'A=$B\nB=${A}\nC=a=b=c\nD={"x": "y"}',
  'this is no line\nA=1\n=2\n!x=3\n[section]\nA.B=4\nA-B=5\nB=6',
  'A=1\nA=2\nB=1\nB=\nB',
  'A=x\u2028B=y\nC="p\u2028q"\nD=\u00a0z\u3000',
  'A=ä\nB="€ \\n"\nC=\u0085x\u0085',
  'A="\'x"\'\n"y"\nB=1',
]

for (const [index, text] of CASES.entries()) test(`case ${index}`, () => compare(text))

test('generated files', () => {
  const pieces = [
    ...['A', 'B', 'C', 'D', 'A=', 'B=', 'C: ', 'D =', 'export ', 'x', 'y', ' ', ' ', '  ', '\t'],
    ...['\n', '\n', '\n', '\r\n', '\r', '=', ':', '#', ' # ', "'", "'", '"', '"', '`', '`'],
    ...['\\', '\\n', '\\r', "\\'", '\\"', '\\`', '\ufeff', '\u2028', '\u00a0', 'ä', '$', '.', '-'],
  ]
  let state = 17
  const below = (most) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % most
  }
  const files = Number(process.env.STERNA_DOTENV_FILES ?? 600)
  for (let file = 0; file < files; file += 1) {
    const length = 3 + below(24)
    compare(Array.from({ length }, () => pieces[below(pieces.length)]).join(''))
  }
})
