// Somebody else's site. It is on another port of localhost: to a browser that is the same site, so its cookies go along
// with what a page of it asks, whatever their SameSite says, and another origin.

import { createServer } from "node:http";

export class Elsewhere {
  #server;
  #pages = new Map();
  /** What was asked for here: method, path and Referer. */
  visits = [];

  /** Opens the site. The caller must call close. */
  static async open() {
    const site = new Elsewhere();
    site.#server = createServer((request, response) => {
      if (request.url !== "/favicon.ico") site.visits.push({ method: request.method, path: request.url, referer: request.headers.referer ?? "" });
      response.setHeader("content-type", "text/html; charset=utf-8").end(site.#pages.get(request.url) ??
        '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Elsewhere</title><h1>Elsewhere</h1>');
    });
    await new Promise((resolve) => { site.#server.listen(0, "localhost", resolve); });
    site.host = `localhost:${site.#server.address().port}`;
    site.url = `http://${site.host}`;
    return site;
  }

  /** Serves a page under a path; answers its address. */
  page(path, body) {
    this.#pages.set(path, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Elsewhere</title><h1>Elsewhere</h1>${body}`);
    return this.url + path;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
