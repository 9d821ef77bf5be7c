/**
 * A model of a terminal's screen for the few escape sequences that the verbs
 * use; all others are recorded as unexpected.
 *
 * @module
 */
import { widthOf } from "../../lib/model/text.ts";

// deno-lint-ignore no-control-regex
const SEQUENCE_REGEXP = /^\x1b\[([?0-9;]*)([A-Za-z])/;

/** The screen of a terminal. */
export class ScreenModel {
  rows: number;
  columns: number;
  /** Unexpected control characters and sequences. */
  readonly strange: string[] = [];
  /** Whether the alternate screen is shown. */
  isAlternate = false;
  isCursorShown = true;
  /** Number of characters written beyond the last column. */
  overflows = 0;
  #cells: string[][] = [];
  #row = 0;
  #column = 0;
  #rest = "";

  constructor(rows: number, columns: number) {
    this.rows = rows;
    this.columns = columns;
    this.#clear();
  }

  /** Lines without trailing spaces. */
  get lines(): string[] {
    return this.#cells.map((cells) => cells.join("").trimEnd());
  }

  /** The whole screen. */
  get text(): string {
    return this.lines.join("\n");
  }

  resize(rows: number, columns: number): void {
    this.rows = rows;
    this.columns = columns;
    this.#clear();
  }

  write(text: string): void {
    let rest = this.#rest + text;
    this.#rest = "";
    while (rest !== "") {
      const [char = ""] = rest;
      if (char === "\x1b") {
        const [whole, parameters = "", command = ""] =
          SEQUENCE_REGEXP.exec(rest) ?? [];
        if (whole === undefined) {
          if (rest.length < 16) this.#rest = rest;
          else this.strange.push(rest.slice(0, 16));
          return;
        }
        this.#command(parameters, command);
        rest = rest.slice(whole.length);
      } else {
        this.#put(char);
        rest = rest.slice(char.length);
      }
    }
  }

  #put(char: string): void {
    if (char === "\r") this.#column = 0;
    else if (char === "\n") this.#row++;
    else if (/[\p{Cc}\p{Cf}]/u.test(char)) this.strange.push(char);
    else {
      const width = widthOf(char);
      const cells = this.#cells[Math.min(this.#row, this.rows - 1)];
      if (this.#column + width > this.columns) this.overflows++;
      else if (cells !== undefined) {
        if (width === 0) {
          cells[this.#column - 1] += char;
        } else {
          cells[this.#column] = char;
          if (width === 2) cells[this.#column + 1] = "";
        }
      }
      this.#column += width;
    }
  }

  #command(parameters: string, command: string): void {
    if (command === "m") return;
    if (command === "H") {
      const [row = 1, column = 1] = parameters.split(";").filter(Boolean)
        .map(Number);
      [this.#row, this.#column] = [row - 1, column - 1];
    } else if (command === "J" && ["", "0", "2"].includes(parameters)) {
      if (parameters === "2") this.#clear();
      else this.#clear(this.#row);
    } else if (command === "K" && parameters === "") {
      // After a full line the cursor is on its last character.
      const column = Math.min(this.#column, this.columns - 1);
      this.#cells[this.#row]?.fill(" ", column);
    } else if (parameters === "?1049" && /[hl]/.test(command)) {
      this.isAlternate = command === "h";
      this.#clear();
    } else if (parameters === "?25" && /[hl]/.test(command)) {
      this.isCursorShown = command === "h";
    } else if (!["?7", "?2026"].includes(parameters) || !/[hl]/.test(command)) {
      this.strange.push(`CSI ${parameters}${command}`);
    }
  }

  #clear(from = 0): void {
    for (let row = from; row < this.rows; row++) {
      this.#cells[row] = Array.from({ length: this.columns }, () => " ");
    }
    this.#cells.length = this.rows;
  }
}
