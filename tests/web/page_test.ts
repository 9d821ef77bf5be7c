import { assert, assertEquals, assertLess } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { pageFile } from "../../lib/web/page.ts";

const FOLDER = fromFileUrl(new URL("../../lib/web", import.meta.url));

function names(): string[] {
  return [...Deno.readDirSync(FOLDER)].map(({ name }) => name).toSorted();
}

function linesOf(name: string): number {
  return Deno.readTextFileSync(`${FOLDER}/${name}`).split("\n").length - 1;
}

async function gzippedBytes(text: string): Promise<number> {
  const stream = new Blob([text]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).bytes()).length;
}

Deno.test("page has every file that its HTML and its modules name, and no other", async () => {
  const served = names().filter((name) => /\.(?:js|css|svg|html)$/.test(name));
  for (const name of served) {
    const file = await pageFile(name === "index.html" ? "/" : `/${name}`);
    assertEquals(
      file?.text,
      await Deno.readTextFile(`${FOLDER}/${name}`),
      `${name} is served`,
    );
    const found = file?.text.matchAll(
      /(?:from "\.\/|(?:href|src)="web\/)([\w.]+)"/g,
    );
    for (const [, other = ""] of found ?? []) {
      assert(served.includes(other), `${name} needs ${other}`);
    }
    assert(!/https?:\/\/(?!www\.w3\.org)/.test(file?.text ?? ""), name);
  }
  assertEquals(await pageFile("/page.ts"), undefined);
  assertEquals(await pageFile("/index.html"), undefined);
});

Deno.test("page builds no markup from strings", async () => {
  for (const name of names().filter((name) => name.endsWith(".js"))) {
    const { text = "" } = await pageFile(`/${name}`) ?? {};
    const found = text.match(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function/,
    );
    assertEquals(found, null, name);
  }
});

Deno.test("page is small: 1,800 lines, charts 300 of them, 40 KB to load", async () => {
  const lines = names().reduce((sum, name) => sum + linesOf(name), 0);
  assertLess(lines, 1_801);
  assertLess(linesOf("charts.js"), 301);
  let bytes = 0;
  for (const name of names()) {
    const file = await pageFile(name === "index.html" ? "/" : `/${name}`);
    if (file !== undefined) bytes += await gzippedBytes(file.text);
  }
  assertLess(bytes, 40_000);
});
