/**
 * The hostile member: one process with a user of its own and the spool's group, which runs the JavaScript that it is
 * sent, in the folder of a spool.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { asUser, MEMBER, TOP } from './users.ts';

/** `fs`, `Sqlite`, `world` and `held` are there for a script; what is in `held` is closed when a world ends. */
const SOURCE = `
  const fs = require('node:fs');
  const Sqlite = require(${JSON.stringify(join(TOP, 'node_modules/better-sqlite3'))});
  const held = new Map();
  process.umask(0o007);
  process.on('message', ({ id, world, script }) => {
    let error = null;
    try {
      process.chdir(world.spool);
      if (!held.has(world.spool)) held.set(world.spool, []);
      new Function('fs', 'Sqlite', 'world', 'held', script)(fs, Sqlite, world, held.get(world.spool));
    } catch (thrown) {
      error = String(thrown.stack);
    }
    process.send({ id, error });
  });`;

interface Answer {
  readonly id: number;
  readonly error: string | null;
}

/** What a script knows of its world. */
export interface Places {
  readonly spool: string;
}

export class Member implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (error: string | null) => void>();
  #lastId = 0;

  constructor() {
    const [program = '', ...args] = asUser(MEMBER, [process.execPath, '-e', SOURCE]);
    this.#child = spawn(program, args, { cwd: '/', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer.error);
      this.#waiting.delete(answer.id);
    });
    this.#child.once('exit', () => {
      for (const done of this.#waiting.values()) done('the member ended');
    });
  }

  async run(world: Places, script: string): Promise<void> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<string | null>((done) => this.#waiting.set(id, done));
    this.#child.send({ id, world, script });
    const error = await answered;
    if (error !== null) throw new Error(`the member failed: ${error}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
