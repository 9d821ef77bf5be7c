import { assertEquals, assertStringIncludes } from "@std/assert";
import { AgentProcess } from "./_agent.ts";

Deno.test("agent has the page and its files in itself", async () => {
  const agent = await AgentProcess.start(["--event-log=none"]);
  try {
    const response = await fetch(`${agent.url}/`);
    const html = await response.text();
    assertStringIncludes(html, "<title>cgwatch</title>");
    for (const [, file] of html.matchAll(/(?:href|src)="(web\/[^"]+)"/g)) {
      const { status, body } = await fetch(`${agent.url}/${file}`);
      assertEquals(status, 200, file);
      await body?.cancel();
    }
    const etag = response.headers.get("etag") ?? "";
    const again = await fetch(`${agent.url}/`, {
      headers: { "if-none-match": etag },
    });
    assertEquals(again.status, 304);
    const moved = await fetch(`${agent.url}/containers/a`, {
      redirect: "manual",
    });
    assertEquals(moved.headers.get("location"), "../#/container/a");
    await moved.body?.cancel();
  } finally {
    await agent.stop();
  }
});
