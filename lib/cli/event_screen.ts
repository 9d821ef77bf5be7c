import type { Agent } from "../agent.ts";
import type { Config } from "../config/config.ts";
import { EventPrinter } from "./event_table.ts";
import type { Terminal } from "./terminal.ts";

/** Prints one line of state, then one per event, until the agent ends. */
export async function showEvents(
  { addresses, watchEvents }: Pick<Agent, "addresses" | "watchEvents">,
  { basePath, metricsPath }: Pick<Config, "basePath" | "metricsPath">,
  terminal: Terminal,
): Promise<void> {
  const printer = new EventPrinter(terminal, "table");
  const watch = watchEvents({ sinceSeq: 0 });
  const found = watch.size;
  let containers = 0;
  const others = [];
  for (let taken = 0; taken < found;) {
    const batch = watch.take(found - taken);
    taken += batch.length;
    for (const { event } of batch) {
      if (event.event_type === "containerCreation") containers++;
      else others.push(event);
    }
    if (batch.length === 0) break;
  }
  const address = addresses.find((one) => one.startsWith("http")) ??
    addresses[0];
  terminal.write(
    `${containers} containers found. API: ${address}${basePath}/api/v2.1/machine, metrics: ${address}${basePath}${metricsPath}. Ctrl-C ends.\n`,
  );
  for (const event of others) printer.print(event);
  for await (const batch of watch) {
    for (const { event } of batch) printer.print(event);
  }
}
