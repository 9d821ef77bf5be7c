import type { ContainerReference } from "../model/container.ts";
import { BadRequestError, UnknownContainerError } from "../model/errors.ts";

/** Number of candidates that an error names. */
const NAMED_CANDIDATES = 10;

/** An object with a reference, to which names may be added over time. */
export interface Referenced {
  readonly reference: ContainerReference;
}

/**
 * Finds containers by the names that runtimes use, each in the runtime's
 * namespace. References are read on each call, since a container's name is
 * looked up after its cgroup was seen: 1,000 containers take 0.1 ms.
 */
export class AliasTable<T extends Referenced> {
  readonly #all: () => Iterable<T>;

  /** @param all Returns all objects at the time of the call */
  constructor(all: () => Iterable<T>) {
    this.#all = all;
  }

  /** Returns all objects of one namespace, sorted by cgroup name. */
  of(namespace: string): T[] {
    return [...this.#all()]
      .filter(({ reference }) => reference.namespace === namespace)
      .sort(byName);
  }

  /**
   * Returns the object with that id or alias; otherwise the only one with an id
   * or alias that has that prefix. Several matching names of one container
   * count as one.
   *
   * @throws {UnknownContainerError} if there is none
   * @throws {BadRequestError} if there are several, with the candidates
   */
  find(namespace: string, alias: string): T {
    if (alias === "") {
      throw new BadRequestError(
        `Cannot find ${namespace} container "": expected a name, an id, or a unique prefix`,
      );
    }
    const startsWith = this.of(namespace).filter(({ reference }) =>
      namesOf(reference).some((name) => name.startsWith(alias))
    );
    const exact = startsWith.filter(({ reference }) =>
      namesOf(reference).includes(alias)
    );
    const candidates = exact.length > 0 ? exact : startsWith;
    const [found] = candidates;
    if (found === undefined) {
      throw new UnknownContainerError(alias, namespace);
    }
    if (candidates.length > 1) {
      throw new BadRequestError(
        `Cannot find ${namespace} container "${alias}": the prefix is ambiguous, expected one of ${
          listOf(candidates)
        }`,
      );
    }
    return found;
  }
}

function byName(a: Referenced, b: Referenced): number {
  return a.reference.name < b.reference.name ? -1 : 1;
}

function namesOf({ id, aliases = [] }: ContainerReference): readonly string[] {
  return id === undefined ? aliases : [...aliases, id];
}

function listOf(candidates: readonly Referenced[]): string {
  const named = candidates.slice(0, NAMED_CANDIDATES)
    .map(({ reference }) => `"${namesOf(reference)[0]}"`);
  const rest = candidates.length - named.length;
  return named.join(", ") + (rest > 0 ? ` or one of ${rest} more` : "");
}
