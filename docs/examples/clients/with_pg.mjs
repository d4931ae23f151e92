// pg: the pool takes a function for the password and none for the user, so give it a Client that reads both.
import { readFileSync } from "node:fs";
import pg from "pg";
import { read } from "./secret.mjs";

/** A client that logs in with the credential of now. */
class Client extends pg.Client {
  connect(callback) {
    const opened = read().then((now) => {
      this.user = this.connectionParameters.user = now.username;
      this.password = now.password;
      return super.connect();
    });
    return callback ? void opened.then(() => callback(), callback) : opened;
  }
}

const place = await read();
export const pool = new pg.Pool({
  Client,
  host: place.host,
  port: place.port,
  database: place.dbname,
  ssl: { ca: readFileSync(process.env.DATABASE_CA) },
});
pool.on("error", () => {}); // an idle connection has ended: the pool opens another one

/** Return a statement's first row. */
export async function query(statement) {
  return (await pool.query(statement)).rows[0];
}
