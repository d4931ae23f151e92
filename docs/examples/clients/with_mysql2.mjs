// mysql2: its pool takes no function for user or password, so tell it both before it may open a connection.
import { readFileSync } from "node:fs";
import mysql from "mysql2/promise";
import { read } from "./secret.mjs";

const place = await read();
export const pool = mysql.createPool({
  host: place.host,
  port: place.port,
  database: place.dbname,
  ssl: { ca: readFileSync(process.env.DATABASE_CA), verifyIdentity: true },
});

/** Return a statement's first row. */
export async function query(statement) {
  const now = await read();
  Object.assign(pool.pool.config.connectionConfig, { user: now.username, password: now.password });
  const [rows] = await pool.query(statement);
  return rows[0];
}
