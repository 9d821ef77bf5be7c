import { assertEquals } from "@std/assert";
import { parseKmsgRecord } from "../../lib/kernfs/kmsg_record.ts";

function parse(text: string) {
  return parseKmsgRecord(new TextEncoder().encode(text));
}

Deno.test("parseKmsgRecord() parses a record of the kernel", () => {
  assertEquals(
    parse("6,1691,1760246773,-;oom-kill:constraint=CONSTRAINT_NONE\n"),
    {
      priority: 6,
      facility: 0,
      sequence: 1691,
      usecSinceBoot: 1760246773,
      flag: "-",
      text: "oom-kill:constraint=CONSTRAINT_NONE",
    },
  );
});

Deno.test("parseKmsgRecord() distinguishes records of user space by facility", () => {
  const record = parse("11,346,1340871,-;Out of memory: Killed process 1 (x)");
  assertEquals(record?.facility, 1);
  assertEquals(record?.priority, 3);
  assertEquals(parse("191,1,2,-;local7.debug")?.facility, 23);
});

Deno.test("parseKmsgRecord() parses the caller and ignores unknown fields", () => {
  const record = parse("4,7,8,c,caller=T1204,later=x;text; with; more");
  assertEquals(record?.caller, "T1204");
  assertEquals(record?.flag, "c");
  assertEquals(record?.text, "text; with; more");
  assertEquals(parse("4,7,8,-,later=x,caller=C3;t")?.caller, "C3");
  assertEquals(parse("4,7,8,-;,caller=T1;t")?.caller, undefined);
});

Deno.test("parseKmsgRecord() parses the header of Linux 3.5, without flag", () => {
  const record = parse("6,339,5140900;NET: Registered protocol family 10, x");
  assertEquals(record?.flag, "-");
  assertEquals(record?.usecSinceBoot, 5140900);
  assertEquals(record?.text, "NET: Registered protocol family 10, x");
});

Deno.test("parseKmsgRecord() ignores the dictionary after the text", () => {
  const record = parse(
    "6,500,42,-;usb 1-1: new device\n SUBSYSTEM=usb\n DEVICE=c189:1\n",
  );
  assertEquals(record?.text, "usb 1-1: new device");
});

Deno.test("parseKmsgRecord() decodes the kernel's escapes", () => {
  assertEquals(
    parse(String.raw`6,1,2,-;app\x5cx2dweb \xc3\xa9\x0anext`)?.text,
    "app\\x2dweb é\nnext",
  );
  assertEquals(parse(String.raw`6,1,2,-;\x5c`)?.text, "\\");
});

Deno.test("parseKmsgRecord() replaces invalid UTF-8", () => {
  assertEquals(parse(String.raw`6,1,2,-;a\xffb\xc3`)?.text, "a\ufffdb\ufffd");
  const bytes = new TextEncoder().encode("6,1,2,-;a?b");
  bytes[9] = 0xfe;
  assertEquals(parseKmsgRecord(bytes)?.text, "a\ufffdb");
});

Deno.test("parseKmsgRecord() keeps text similar to an escape", () => {
  assertEquals(parse(String.raw`6,1,2,-;\x4`)?.text, String.raw`\x4`);
  assertEquals(parse(String.raw`6,1,2,-;\xg0\y\x`)?.text, String.raw`\xg0\y\x`);
});

Deno.test("parseKmsgRecord() accepts an empty text", () => {
  assertEquals(parse("4,12,13,+;")?.text, "");
  assertEquals(parse("4,12,13,-;\n")?.text, "");
});

Deno.test("parseKmsgRecord() returns undefined for invalid input", () => {
  for (
    const text of [
      "",
      ";",
      "6;text",
      "6,1;text",
      "6,1,2,-",
      ",1,2,-;text",
      "6,,2,-;text",
      "6,1,,-;text",
      "x,1,2,-;text",
      "6,-1,2,-;text",
      "6,1,2x,-;text",
      "6, 1,2,-;text",
      "6,99999999999999999999,2,-;text",
      "Nov 23 06:31:13 n1 kernel: text; more, and, more",
      " SUBSYSTEM=usb",
    ]
  ) assertEquals(parse(text), undefined, text);
});

Deno.test("parseKmsgRecord() never throws for random bytes", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647);
  const base = new TextEncoder().encode(
    String.raw`6,1691,1760246773,-,caller=T1;oom\x5c-kill:\xc3\xa9` +
      "\n A=b\n",
  );
  for (let round = 0; round < 5000; round++) {
    const bytes = base.slice(0, random() % (base.length + 1));
    for (let i = random() % 4; i > 0 && bytes.length > 0; i--) {
      bytes[random() % bytes.length] = random() % 256;
    }
    parseKmsgRecord(bytes);
  }
});
