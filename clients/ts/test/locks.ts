/** Locks as browsers keep them (W3C Web Locks §2): one holder, a line of waiters, and theft. */
export class Locks {
  private holder: { reject: (error: unknown) => void } | undefined;
  private readonly waiting: (() => void)[] = [];

  request(_name: string, options: LockOptions, callback: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = () => {
        const me = { reject };
        this.holder = me;
        void Promise.resolve()
          .then(callback)
          .then(resolve, reject)
          .finally(() => {
            if (this.holder !== me) return;
            this.holder = undefined;
            this.waiting.shift()?.();
          });
      };
      if (options.steal) {
        this.holder?.reject(new DOMException("stolen", "AbortError"));
        take();
      } else if (this.holder) {
        this.waiting.push(take);
        options.signal?.addEventListener("abort", () => {
          const index = this.waiting.indexOf(take);
          if (index >= 0) this.waiting.splice(index, 1);
          reject(options.signal?.reason);
        });
      } else take();
    });
  }
}
