// For each line, a JSON text, one line: the queries that following it would make, as words, an author, an organisation.
import { createInterface } from "node:readline";

const { wish } = await import(process.argv[2]);
const kinds = ["words", "author", "organisation"];
for await (const line of createInterface({ input: process.stdin })) {
  const selection = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(kinds.map((kind) => wish(kind, selection).text ?? null))}\n`);
}
