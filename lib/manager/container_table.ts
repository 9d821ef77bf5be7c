import {
  type CgroupName,
  isDescendant,
  parentOf,
  ROOT,
} from "../model/cgroup.ts";
import type { ContainerReference, RequestOptions } from "../model/container.ts";
import { BadRequestError, UnknownContainerError } from "../model/errors.ts";
import { AliasTable } from "./alias_table.ts";
import type { ManagedContainer } from "./managed_container.ts";

/** Containers by name. */
export class ContainerTable {
  readonly #byName = new Map<CgroupName, ManagedContainer>();
  readonly #children = new Map<CgroupName, Set<CgroupName>>();
  readonly #aliases = new AliasTable(() => this.all());

  get size(): number {
    return this.#byName.size;
  }

  all(): Iterable<ManagedContainer> {
    return this.#byName.values();
  }

  get(name: CgroupName): ManagedContainer | undefined {
    return this.#byName.get(name);
  }

  /** @throws {UnknownContainerError} if there is none */
  find(name: CgroupName): ManagedContainer {
    const container = this.#byName.get(name);
    if (container === undefined) throw new UnknownContainerError(name);
    return container;
  }

  add(container: ManagedContainer): void {
    const { name } = container.reference;
    this.#byName.set(name, container);
    if (name === ROOT) return;
    const siblings = this.#children.get(parentOf(name));
    if (siblings !== undefined) siblings.add(name);
    else this.#children.set(parentOf(name), new Set([name]));
  }

  remove(name: CgroupName): ManagedContainer | undefined {
    const container = this.#byName.get(name);
    if (container === undefined) return undefined;
    this.#byName.delete(name);
    const siblings = this.#children.get(parentOf(name));
    siblings?.delete(name);
    if (siblings?.size === 0) this.#children.delete(parentOf(name));
    return container;
  }

  /** Returns references, sorted by name. */
  childrenOf(name: CgroupName): ContainerReference[] {
    return [...this.#children.get(name) ?? []].toSorted()
      .map((child) => this.find(child).reference);
  }

  /**
   * Sorted by name.
   *
   * @throws {UnknownContainerError} if there is none
   */
  withDescendants(name: CgroupName): ManagedContainer[] {
    const found: ManagedContainer[] = [];
    for (const [other, container] of this.#byName) {
      if (other === name || isDescendant(other, name)) found.push(container);
    }
    if (found.length === 0) throw new UnknownContainerError(name);
    return found.sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Returns the container with that alias; for `/`, all of the runtime. */
  inNamespace(namespace: string, alias: CgroupName): ManagedContainer[] {
    return alias === ROOT
      ? this.#aliases.of(namespace)
      : [this.#aliases.find(namespace, alias.slice(1))];
  }

  /**
   * Returns the containers of a v2 request, by cgroup name or by a runtime's
   * alias.
   *
   * @throws {UnknownContainerError} if there is none
   * @throws {BadRequestError} if a prefix matches several, or descendants of a
   * runtime's container are requested
   */
  requested(name: CgroupName, options: RequestOptions): ManagedContainer[] {
    const { type = "name", recursive = false } = options;
    if (type === "name") {
      return recursive ? this.withDescendants(name) : [this.find(name)];
    }
    if (!recursive) return [this.#aliases.find(type, name.slice(1))];
    if (name === ROOT) return this.#aliases.of(type);
    throw new BadRequestError(
      `Cannot list descendants of ${type} container "${name}": "recursive" requires the name "/"`,
    );
  }
}
