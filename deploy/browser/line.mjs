// The line between a browser and the system, which can be cut while the system goes on.

import { connect, createServer } from "node:net";

export class Line {
  #server;
  #sockets = new Set();
  #whole = true;

  /** Lays a line to a system. The caller must call close. */
  static async lay(system) {
    const line = new Line();
    const { port } = new URL(system.url);
    line.#server = createServer((near) => {
      if (!line.#whole) {
        near.destroy();
        return;
      }
      const far = connect(Number(port), "127.0.0.1");
      for (const [from, to] of [[near, far], [far, near]]) {
        line.#sockets.add(from);
        from.on("error", () => {}); // what ends it is seen in "close"
        from.on("close", () => { line.#sockets.delete(from); to.destroy(); });
        from.pipe(to);
      }
    });
    await new Promise((resolve) => { line.#server.listen(0, "localhost", resolve); });
    /** The system as it is reached over the line. */
    line.system = Object.assign(Object.create(system), { url: `http://localhost:${line.#server.address().port}` });
    return line;
  }

  /** Breaks every connection, and lets none be made. */
  cut() {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() { this.#whole = true; }

  close() {
    this.cut();
    this.#server.close();
  }
}
