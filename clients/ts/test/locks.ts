type Callback = (lock: { name: string } | null) => Promise<unknown> | undefined;

interface Line {
  holder: { reject: (error: unknown) => void; mode: LockMode } | undefined;
  waiting: (() => void)[];
}

/** Locks as in browsers (W3C Web Locks §2): one holder per name, a queue of requests, and the option `steal`. */
export class Locks {
  private readonly lines = new Map<string, Line>();

  request(name: string, options: LockOptions, callback: Callback): Promise<unknown> {
    const line = this.lines.get(name) ?? { holder: undefined, waiting: [] };
    this.lines.set(name, line);
    return new Promise((resolve, reject) => {
      const take = () => {
        const me = { reject, mode: options.mode ?? "exclusive" };
        line.holder = me;
        void Promise.resolve()
          .then(() => callback({ name }))
          .finally(() => {
            if (line.holder !== me) return;
            line.holder = undefined;
            line.waiting.shift()?.();
          })
          .then(resolve, reject);
      };
      if (options.steal) {
        line.holder?.reject(new DOMException("stolen", "AbortError"));
        take();
      } else if (line.holder && options.ifAvailable) {
        void Promise.resolve()
          .then(() => callback(null))
          .then(resolve, reject);
      } else if (line.holder) {
        line.waiting.push(take);
        options.signal?.addEventListener("abort", () => {
          const index = line.waiting.indexOf(take);
          if (index >= 0) line.waiting.splice(index, 1);
          reject(options.signal?.reason);
        });
      } else take();
    });
  }

  async query(): Promise<{ held: { name: string; mode: LockMode }[] }> {
    return { held: [...this.lines].flatMap(([name, { holder }]) => (holder ? [{ name, mode: holder.mode }] : [])) };
  }
}
