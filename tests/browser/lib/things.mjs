// What pages show, made over the API: products, orders in every state, articles.
import http from "node:http";

/// A request to a name below localhost, which not every system resolves.
export function send(url, method, path, headers = {}, body = undefined) {
  const { host, port } = new URL(url);
  return new Promise((done, failed) => {
    const request = http.request({ host: "127.0.0.1", port, method, path, headers: { host, ...headers } }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, bytes: Buffer.concat(parts), text: Buffer.concat(parts).toString() }));
    });
    request.on("error", failed);
    request.end(body);
  });
}

export class Things {
  /// `word` is what people wrote into each field, where it is given.
  constructor(server, word = undefined) {
    this.server = server;
    this.word = word;
    this.made = new Map();
    this.number = 0;
  }

  /// A request to the shop's host; the body of its answer.
  async api(method, path, body, expected = [200, 201, 204]) {
    const isStore = path.startsWith("/api/store");
    const { status, text } = await send(this.server.url, method, path, {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(!isStore && { authorization: `Bearer ${this.server.token}` }),
    }, body === undefined ? undefined : JSON.stringify(body));
    if (!expected.includes(status)) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  admin(method, path, body, expected) {
    return this.api(method, `/api/admin/v1${path}`, body, expected);
  }

  /// The thing of this kind, such as `order` or `order.paid`; the same one until it is taken.
  async thing(kind) {
    if (!this.made.has(kind)) this.made.set(kind, await this.make(kind));
    return this.made.get(kind);
  }

  async make(kind) {
    const [name, state] = kind.split(".");
    this.number += 1;
    if (name === "order") return this.order(state);
    const { number } = this;
    const word = this.word ?? "";
    switch (name) {
      case "product": return this.product(state);
      case "node": return this.node(state);
      case "term": return this.admin("POST", "/terms", { taxonomy: "category", slug: `teas-${Date.now()}-${number}`, name: `Teas ${number} ${word}` });
      case "author": return this.admin("POST", "/authors", { login: `jane-${Date.now()}-${number}`, name: `Jane ${number} ${word}` });
      case "customer": await this.order("pending"); return (await this.admin("GET", "/customers")).items[0];
      case "token": return this.admin("POST", "/tokens", { name: this.word ?? "Warehouse", role: "viewer" });
      case "import": return this.import();
      case "invitation": return this.invitation();
      case "member": {
        const { secret } = await this.invitation();
        const member = await this.api("PUT", "/api/admin/v1/session/invitation", { invitation: secret, name: `Jim ${word}`, password: "correct horse battery" });
        return { id: member.user_id ?? member.id, ...member };
      }
    }
    throw new Error(`lib/things.mjs makes no ${kind}: write how`);
  }

  invitation() {
    return this.admin("POST", "/invitations", { email: `invited-${Date.now()}-${this.number}@example.com`, role: "viewer" });
  }

  /// A trial of a file with a wrong price; returns when it has ended.
  async import() {
    const fields = { source: "shopify", dry_run: "true" };
    const parts = Object.entries(fields).map(([name, value]) => `--part\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
    const file = `--part\r\nContent-Disposition: form-data; name="file"; filename="teas.csv"\r\n\r\nHandle,Title,Variant Price\ntea,Tea,dear\n\r\n--part--\r\n`;
    const headers = { authorization: `Bearer ${this.server.token}`, "content-type": "multipart/form-data; boundary=part" };
    const { status, text } = await send(this.server.url, "POST", "/api/admin/v1/imports", headers, parts.join("") + file);
    if (status !== 202) throw new Error(`import: ${status} ${text}`);
    let made = JSON.parse(text);
    for (let tries = 0; ["queued", "pending", "running"].includes(made.status) && tries < 100; tries++) {
      await new Promise((after) => setTimeout(after, 100));
      made = await this.admin("GET", `/imports/${made.id}`);
    }
    return made;
  }

  async product(state = "active", more = {}) {
    const variants = [
      { sku: `TEA-${Date.now()}-${this.number}${this.word ?? ""}`, options: [this.word ?? "Small"], price: { amount: "5.50", currency: "USD" }, available: 100_000 },
      { sku: `TEB-${Date.now()}-${this.number}`, options: ["Large"], price: { amount: "9.90", currency: "USD" }, available: 3 },
    ];
    const isDeleted = state === "deleted";
    const product = await this.admin("POST", "/products", {
      title: `Green tea ${this.number} ${this.word ?? ""}`, status: isDeleted ? "active" : state, options: [{ name: this.word ?? "Size" }], variants,
      ...(this.word && { description_html: this.word, vendor: this.word, type: this.word }), ...more,
    });
    if (isDeleted) await this.admin("DELETE", `/products/${product.id}`);
    return product;
  }

  async order(state = "pending", email = `buyer${this.number}@example.com`) {
    const product = await this.thing("product");
    const lines = [{ variant_id: product.variants[0].id, quantity: 2 }];
    const order = await this.api("POST", "/api/store/v1/orders", { email, currency: "USD", lines });
    const steps = { pending: [], cancelled: ["cancel"], confirmed: ["confirm"], paid: ["confirm", "pay"], shipped: ["confirm", "pay", "ship"], delivered: ["confirm", "pay", "ship", "deliver"] };
    const bodies = {
      cancel: { reason: this.word ?? "changed their mind" }, confirm: {},
      pay: { payment_id: `pay-${order.id}${this.word ?? ""}`, method: this.word ?? "card" },
      ship: { tracking: this.word ?? "1Z999", carrier: this.word ?? "DHL" }, deliver: { ...(this.word && { signature: this.word }) },
    };
    for (const step of steps[state]) await this.admin("POST", `/orders/${order.id}/${step}`, bodies[step]);
    return this.admin("GET", `/orders/${order.id}`);
  }

  async node(state = "draft", more = {}) {
    const node = await this.admin("POST", "/nodes", {
      kind: "post", locale: "en", title: `How to brew ${this.number} ${this.word ?? ""}`, excerpt: this.word ?? "In short",
      body: this.word ?? "# Water\n\nHot, not boiling.", format: "markdown", ...more,
    });
    const path = `/nodes/${node.id}`;
    if (state === "published" || state === "archived") await this.admin("POST", `${path}/publish`, {});
    if (state === "archived") await this.admin("POST", `${path}/archive`, { reason: this.word ?? "Out of date" });
    if (state === "two") await this.admin("PUT", `${path}/translations/ru`, { title: `Как заваривать ${this.word ?? ""}`, body: this.word ?? "Горячей водой", format: "markdown" });
    if (state === "deleted") {
      await this.admin("DELETE", path);
      return node;
    }
    return this.admin("GET", `/nodes/${node.id}`);
  }
}
