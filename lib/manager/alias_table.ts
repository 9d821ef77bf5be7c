import type { ContainerReference } from "../model/container.ts";
import { BadRequestError, UnknownContainerError } from "../model/errors.ts";

/** As many candidates as an error names. */
const NAMED_CANDIDATES = 10;

/** What has a reference, which may learn of more names as it lives. */
export interface Referenced {
  /** What it is known by now. */
  readonly reference: ContainerReference;
}

/**
 * The names that runtimes give, each in the runtime's namespace. It looks at
 * the references anew each time, since a runtime is asked for a container's
 * name after its cgroup was seen: 1,000 containers take 0.1 ms.
 */
export class AliasTable<T extends Referenced> {
  readonly #all: () => Iterable<T>;

  /** Makes a table of whatever `all` gives when it is asked. */
  constructor(all: () => Iterable<T>) {
    this.#all = all;
  }

  /** All of one namespace, by cgroup name. */
  of(namespace: string): T[] {
    return [...this.#all()]
      .filter(({ reference }) => reference.namespace === namespace)
      .sort(byName);
  }

  /**
   * The one whose id or alias that is; where there is none, the only one of
   * which an id or alias begins so. Several names of one container are one.
   *
   * @throws {UnknownContainerError} where there is none
   * @throws {BadRequestError} naming the candidates where there are several
   */
  find(namespace: string, alias: string): T {
    if (alias === "") {
      throw new BadRequestError(
        `Cannot tell which ${namespace} container is meant: expected a name, an id, or the beginning of one`,
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
        `Cannot tell which ${namespace} container "${alias}" is: it may be ${
          listOf(candidates)
        }`,
      );
    }
    return found;
  }
}

/** Orders by cgroup name. */
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
