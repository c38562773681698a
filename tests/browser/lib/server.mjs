// The built program in a folder of its own, on a free port: with its demo data, or on a PostgreSQL database.
import { execFile, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { once } from "node:events";

const program = process.env.RUSTOK;

/// The names of the members that every server of these tests has, and their one password.
export const PASSWORD = "correct horse battery";
export const ROLES = ["owner", "admin", "manager", "editor", "author", "support", "viewer"];
export const emailOf = (role) => `${role}@example.com`;

export class Server {
  static async start({ postgres, settings = {} } = {}) {
    const server = new Server();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "rustok-browser-"));
    server.env = {
      PATH: process.env.PATH, HOME: server.folder, RUSTOK_LISTEN: "127.0.0.1:0", RUSTOK_MANAGEMENT_LISTEN: "127.0.0.1:0",
      RUSTOK_LOG: "warn", RUSTOK_LOG_FORMAT: "text", ...(postgres && { RUSTOK_DATABASE_URL: postgres }), ...settings,
    };
    if (postgres) await server.command("tenant", "create", "demo", "--name", "Demo shop");
    await server.serve();
    server.token = JSON.parse(await server.command("token", "create", "--tenant", "demo", "--role", "admin", "--json")).token;
    return server;
  }

  /// Starts serving; resolves when it listens.
  async serve() {
    this.log = fs.openSync(path.join(this.folder, "log"), "a");
    this.process = spawn(program, [], { cwd: this.folder, env: this.env, stdio: ["ignore", "pipe", this.log] });
    let out = "";
    this.url = await new Promise((found, failed) => {
      this.process.stdout.on("data", (text) => {
        out += text;
        const port = /listening on http:\/\/[^ ]*:(\d+)/.exec(out);
        if (port) found(`http://demo.localhost:${port[1]}`);
      });
      this.process.once("exit", (code) => failed(new Error(`the program ended with ${code}: ${out}${this.logged()}`)));
      setTimeout(() => failed(new Error(`the program does not listen: ${out}${this.logged()}`)), 30_000).unref();
    });
  }

  /// Restarts it with other settings, on the same port, and does this; what it logged meanwhile.
  async restart(settings, during) {
    await this.end();
    fs.truncateSync(path.join(this.folder, "log"));
    const { port } = new URL(this.url);
    Object.assign(this.env, settings, { RUSTOK_LISTEN: `127.0.0.1:${port}` });
    await this.serve();
    await during();
    return this.logged();
  }

  logged() {
    return fs.readFileSync(path.join(this.folder, "log"), "utf8");
  }

  /// A command beside the server; its output.
  command(...args) {
    return new Promise((done, failed) => {
      execFile(program, args, { cwd: this.folder, env: this.env }, (error, out, log) => error ? failed(new Error(`${args.join(" ")}: ${log}`)) : done(out));
    });
  }

  /// A member with this role, and the password of all.
  async member(role, email = emailOf(role), name = `Jane ${role}`) {
    const file = path.join(this.folder, "password");
    fs.writeFileSync(file, PASSWORD, { mode: 0o600 });
    await this.command("user", "create", email, "--name", name, "--tenant", "demo", "--role", role, "--password-file", file);
    return email;
  }

  async end() {
    this.process.removeAllListeners("exit");
    const ended = this.process.exitCode === null && once(this.process, "exit");
    this.process.kill("SIGTERM");
    if (ended) await ended;
  }

  /// Stops it as a service manager does; fails when it does not end well, or has logged an error.
  async stop() {
    await this.end();
    const log = this.logged();
    fs.rmSync(this.folder, { recursive: true, force: true });
    if (this.process.exitCode !== 0 || /\bERROR\b/.test(log)) throw new Error(`the program ended with ${this.process.exitCode}:\n${log}`);
  }
}
